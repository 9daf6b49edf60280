"""The curved skins of a vehicle, body and cabin, as functions of height and of place around."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from detector.detection import FloatArray
from detector.simulator.form import Form

__all__ = [
    "Faces",
    "Lamp",
    "Look",
    "Shell",
    "body_rings",
    "body_shell",
    "cabin_rings",
    "cabin_shell",
]

_PAINT_SHINE = 0.085


class Lamp(IntEnum):
    """What a surface does besides reflecting light."""

    NONE = 0
    TAIL = 1
    BRAKE = 2
    TURN_LEFT = 3
    TURN_RIGHT = 4
    HEAD = 5


class Look(NamedTuple):
    """Colour (BGR; None for the vehicle's paint), share mirrored, and lamp of a face."""

    colour: tuple[float, float, float] | None = None
    mirror_ratio: float = 0.0
    lamp: Lamp = Lamp.NONE


PAINTED = Look(mirror_ratio=_PAINT_SHINE)


class Faces:
    """Flat faces in the order they are drawn."""

    def __init__(self) -> None:
        self.points_m: list[FloatArray] = []
        self.inside_m: list[FloatArray] = []
        self.looks: list[Look] = []

    def add(self, points_m: FloatArray, inside_m: FloatArray, look: Look) -> None:
        """Add one face of shape (n, 3); `inside_m` is any point on the side that nobody sees."""
        self.points_m.append(points_m)
        self.inside_m.append(inside_m)
        self.looks.append(look)

    def skin(self, rings: list[FloatArray], inside_m: FloatArray) -> None:
        """Add painted quadrilaterals between neighbouring rings of points."""
        for low, high in pairwise(rings):
            next_low, next_high = np.roll(low, -1, axis=0), np.roll(high, -1, axis=0)
            for corners in np.stack([low, next_low, next_high, high], axis=1):
                self.add(corners, inside_m, PAINTED)

    def normals(self) -> FloatArray:
        """Outward unit normals, shape (n, 3). Source: Newell's method."""
        found = np.zeros((len(self.points_m), 3))
        for rank, (points, inside) in enumerate(zip(self.points_m, self.inside_m, strict=True)):
            normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
            normal /= np.linalg.norm(normal) + 1e-12
            outward = points.mean(axis=0) - inside
            found[rank] = normal if normal @ outward >= 0 else -normal
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A part's half width, rear end and front end over the share `v` of its height, 0 to 1.

    Attributes:
        form: The vehicle's measures.
        v: Shape (n,), the heights at which the next three are given.
        half_width_m: Shape (n,).
        rear_y_m: Shape (n,).
        front_y_m: Shape (n,).
        corner_m: Radii of the rounded corners, across and along.
        bow_m: How much further the middle of the rear stands out than its edges.
        z_range_m: Lower and upper end; None as upper end follows the body's side line.
        steps: Points across half the rear, around a corner and along half the side.
    """

    form: Form
    v: FloatArray
    half_width_m: FloatArray
    rear_y_m: FloatArray
    front_y_m: FloatArray
    corner_m: tuple[float, float]
    bow_m: float
    z_range_m: tuple[float, float | None]
    steps: tuple[int, int, int]

    def at(self, v: float) -> tuple[float, float, float]:
        """Half width, rear end and front end at one height."""
        return (
            float(np.interp(v, self.v, self.half_width_m)),
            float(np.interp(v, self.v, self.rear_y_m)),
            float(np.interp(v, self.v, self.front_y_m)),
        )

    def z_m(self, y_m: FloatArray, v: float) -> FloatArray:
        """Height above the road at places along the vehicle."""
        low, high = self.z_range_m
        top = self.form.top_z_m(y_m) if high is None else np.full(len(y_m), high)
        return low + v * (top - low)

    def rear(self, x_m: FloatArray, v: float) -> FloatArray:
        """Where the rear face is at a distance from the middle line."""
        half_m, rear_m, _ = self.at(v)
        corner_x_m, corner_y_m = self.corner_m
        beyond = np.clip((np.abs(x_m) - half_m + corner_x_m) / corner_x_m, 0, 1)
        bow = self.bow_m * (x_m / half_m) ** 2
        return np.asarray(rear_m + bow + corner_y_m * (1 - np.sqrt(1 - beyond**2)))

    def front(self, x_m: FloatArray, v: float) -> FloatArray:
        """Where the front face is at a distance from the middle line."""
        _, rear_m, front_m = self.at(v)
        return np.asarray(front_m - (self.rear(x_m, v) - rear_m))

    def ring(self, v: float) -> FloatArray:
        """Points around the part at one height, shape (n, 3), from the rear's middle leftwards."""
        half_m, rear_m, front_m = self.at(v)
        corner_x_m = self.corner_m[0]
        n_across, n_turn, n_side = self.steps
        across = np.linspace(0, 1, n_across, endpoint=False) * (half_m - corner_x_m)
        bend = half_m - corner_x_m * (1 - np.sin(np.linspace(0, np.pi / 2, n_turn)))
        rear_x = np.concatenate([across, bend])
        middle_m = (rear_m + front_m) / 2
        rear_y = self.rear(rear_x, v)
        side_y = np.linspace(rear_y[-1], middle_m, n_side + 1)[1:]
        x_m = np.concatenate([rear_x, np.full(n_side, half_m)])
        y_m = np.concatenate([rear_y, side_y])
        left = np.concatenate(
            [np.stack([-x_m, y_m], axis=1), np.stack([-x_m, 2 * middle_m - y_m], axis=1)[-2::-1]]
        )
        around = np.concatenate([left, (left * (-1, 1))[-2:0:-1]])
        return np.column_stack([around, self.z_m(around[:, 1], v)])


def _heights(values: Iterable[float], *, is_coarse: bool) -> FloatArray:
    every = np.array(list(values))
    return every[[0, 2, 4, -1]] if is_coarse else every


def body_shell(form: Form, *, is_coarse: bool) -> Shell:
    """The body from the sill to the side line, bumpers included."""
    v = np.array([0.0, 0.12, 0.34, 0.45, 0.62, 0.82, 0.93, 1.0])
    rear = np.array([0.10, 0.03, 0.0, 0.035, 0.05, 0.05, 0.07, 0.12])
    nose = np.array([0.16, 0.06, 0.0, 0.02, 0.05, 0.10, 0.16, 0.26])
    width = np.array([0.93, 0.97, 0.995, 1.0, 1.0, 0.985, 0.965, 0.93])
    return Shell(
        form=form,
        v=_heights(v, is_coarse=is_coarse),
        half_width_m=_heights(width, is_coarse=is_coarse) * form.width_m / 2,
        rear_y_m=_heights(rear, is_coarse=is_coarse),
        front_y_m=form.length_m - _heights(nose, is_coarse=is_coarse),
        corner_m=(0.30, 0.24),
        bow_m=0.06,
        z_range_m=(form.sill_z_m, None),
        steps=(2, 3, 3) if is_coarse else (4, 8, 6),
    )


def cabin_shell(form: Form, *, is_coarse: bool) -> Shell:
    """The cabin from the foot of its windows to the edge of the roof."""
    v = np.array([0.0, 0.3, 0.6, 0.85, 0.95, 1.0])
    lean = _heights((0.0, 0.27, 0.56, 0.84, 0.97, 1.06), is_coarse=is_coarse)
    narrow = _heights((0.0, 0.24, 0.54, 0.84, 0.98, 1.10), is_coarse=is_coarse)
    rear_foot, rear_roof, front_roof, front_foot = form.cabin_y_m
    return Shell(
        form=form,
        v=_heights(v, is_coarse=is_coarse),
        half_width_m=(form.shoulder_ratio - (form.shoulder_ratio - form.roof_ratio) * narrow)
        * form.width_m
        / 2,
        rear_y_m=rear_foot + (rear_roof - rear_foot) * lean,
        front_y_m=front_foot + (front_roof - front_foot) * lean,
        corner_m=(0.16, 0.22),
        bow_m=0.10,
        z_range_m=(form.belt_z_m - 0.02, form.roof_z_m - 0.05),
        steps=(2, 3, 2) if is_coarse else (4, 6, 5),
    )


def body_rings(shell: Shell, *, is_coarse: bool) -> list[FloatArray]:
    """Rings of the body, closed above by bonnet and boot lid."""
    rings = [shell.ring(float(v)) for v in shell.v]
    edge = rings[-1]
    _, rear_m, front_m = shell.at(1.0)
    from_end = np.minimum(edge[:, 1] - rear_m, front_m - edge[:, 1])
    swell_m = 0.05 * np.clip(from_end / 0.4, 0, 1)
    for share in (0.5, 0.0) if is_coarse else (0.85, 0.6, 0.3, 0.0):
        z_m = edge[:, 2] + swell_m * (1 - share**2)
        rings.append(np.column_stack([edge[:, 0] * share, edge[:, 1], z_m]))
    return rings


def cabin_rings(shell: Shell, *, is_coarse: bool) -> list[FloatArray]:
    """Rings of the cabin, closed above by the roof."""
    rings = [shell.ring(float(v)) for v in shell.v]
    edge = rings[-1]
    middle_y_m = edge[:, 1].mean()
    for share in (0.7, 0.0) if is_coarse else (0.93, 0.8, 0.55, 0.25, 0.0):
        y_m = middle_y_m + (edge[:, 1] - middle_y_m) * (0.3 + 0.7 * share)
        z_m = edge[:, 2] + 0.05 * (1 - share**2)
        rings.append(np.column_stack([edge[:, 0] * share, y_m, z_m]))
    return rings
