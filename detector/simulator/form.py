"""The outer measures of the vehicles that drive through the drawn street, in metres."""

from dataclasses import dataclass

import numpy as np

from detector.detection import FloatArray

__all__ = ["CAR_KINDS", "FORMS", "Form"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One kind of vehicle; y runs from the rear bumper (0) to the front (`length_m`).

    Attributes:
        length_m: Overall length.
        width_m: Overall width without mirrors.
        sill_z_m: Height of the body's lower edge.
        tail_z_m: Height of the body above the rear lamps.
        belt_z_m: Height of the lower edge of the side windows.
        nose_z_m: Height of the bonnet's front edge.
        roof_z_m: Height of the roof.
        cabin_y_m: Rear foot, rear roof edge, front roof edge and front foot of the cabin.
        roof_ratio: Width of the roof as a share of the body's.
        axles_y_m: Rear and front axle.
        wheel_radius_m: Radius of the tyres.
        plate_z_m: Height of the middle of the rear plate.
        shoulder_ratio: Width of the cabin's foot as a share of the body's.
        side_panes: Windows on each side.
    """

    length_m: float
    width_m: float
    sill_z_m: float
    tail_z_m: float
    belt_z_m: float
    nose_z_m: float
    roof_z_m: float
    cabin_y_m: tuple[float, float, float, float]
    roof_ratio: float
    axles_y_m: tuple[float, float]
    wheel_radius_m: float
    plate_z_m: float
    shoulder_ratio: float = 0.92
    side_panes: int = 2

    def top_z_m(self, y_m: FloatArray) -> FloatArray:
        """Upper edge of the body, without the cabin, along the vehicle."""
        rear, _, _, front = self.cabin_y_m
        return np.interp(
            y_m,
            [0.0, max(rear, 0.02), front, front + 0.75 * (self.length_m - front), self.length_m],
            [
                self.tail_z_m,
                self.belt_z_m,
                self.belt_z_m,
                self.nose_z_m + 0.10,
                self.nose_z_m - 0.04,
            ],
        )


_SEDAN = Form(
    length_m=4.62,
    width_m=1.80,
    sill_z_m=0.21,
    tail_z_m=0.96,
    belt_z_m=1.00,
    nose_z_m=0.74,
    roof_z_m=1.46,
    cabin_y_m=(0.52, 1.22, 2.68, 3.52),
    roof_ratio=0.70,
    axles_y_m=(0.98, 3.66),
    wheel_radius_m=0.325,
    plate_z_m=0.80,
)
_HATCHBACK = Form(
    length_m=4.10,
    width_m=1.76,
    sill_z_m=0.22,
    tail_z_m=0.98,
    belt_z_m=1.00,
    nose_z_m=0.78,
    roof_z_m=1.50,
    cabin_y_m=(0.10, 0.48, 2.42, 3.22),
    roof_ratio=0.72,
    axles_y_m=(0.68, 3.26),
    wheel_radius_m=0.315,
    plate_z_m=0.80,
)
_SUV = Form(
    length_m=4.58,
    width_m=1.85,
    sill_z_m=0.28,
    tail_z_m=1.12,
    belt_z_m=1.14,
    nose_z_m=0.96,
    roof_z_m=1.70,
    cabin_y_m=(0.10, 0.50, 2.72, 3.48),
    roof_ratio=0.76,
    axles_y_m=(0.86, 3.60),
    wheel_radius_m=0.36,
    plate_z_m=0.90,
)
_VAN = Form(
    length_m=4.85,
    width_m=1.80,
    sill_z_m=0.26,
    tail_z_m=1.14,
    belt_z_m=1.16,
    nose_z_m=1.00,
    roof_z_m=1.94,
    cabin_y_m=(0.06, 0.22, 3.72, 4.42),
    roof_ratio=0.84,
    axles_y_m=(0.92, 3.90),
    wheel_radius_m=0.33,
    plate_z_m=0.84,
)
_BUS = Form(
    length_m=10.8,
    width_m=2.50,
    sill_z_m=0.34,
    tail_z_m=1.28,
    belt_z_m=1.32,
    nose_z_m=1.24,
    roof_z_m=3.10,
    cabin_y_m=(0.05, 0.12, 10.56, 10.66),
    roof_ratio=0.90,
    axles_y_m=(2.9, 8.2),
    wheel_radius_m=0.48,
    plate_z_m=0.72,
    shoulder_ratio=0.945,
    side_panes=6,
)
CAR_KINDS = ("hatchback", "sedan", "suv", "van")
FORMS = {"bus": _BUS, "hatchback": _HATCHBACK, "sedan": _SEDAN, "suv": _SUV, "van": _VAN}
