"""The traffic lights of a junction: mast, heads and lamps, facing the camera."""

from typing import Self

import cv2
import numpy as np

from detector.detection import FloatArray, ImageArray
from detector.simulator.drive import Signal
from detector.simulator.light import Light, fade_to_haze
from detector.simulator.script import Script
from detector.simulator.viewpoint import Viewpoint

__all__ = ["SignalHeads", "Spot"]

Spot = tuple[FloatArray, float, tuple[float, float, float]]
"""Place in the picture (x, y), radius in pixels, and colour, BGR."""

_MAST_X_M = 1.4
_ARM_Z_M = 6.3
_LAMP_M = 0.15
_STEP_M = 0.42
_LAMPS = {
    "red": (0, (46.0, 44.0, 246.0)),
    "amber": (1, (40.0, 178.0, 252.0)),
    "green": (2, (156.0, 232.0, 60.0)),
}
_STEEL = np.array([150.0, 148.0, 142.0])
_CASE = np.array([34.0, 33.0, 32.0])
_FINE = 16


class SignalHeads:
    """One head over each lane, on an arm beyond the junction."""

    def __init__(self, view: Viewpoint, y_m: float, lanes: list[tuple[float, Signal]]) -> None:
        """Hang a head over each lane's middle, given by x, that shows the lane's signal."""
        self._view = view
        self._y_m = y_m
        self._lanes = lanes

    @classmethod
    def of(cls, script: Script) -> Self | None:
        """The heads for the traffic that drives away from the camera; None where none hang."""
        place = script.place
        lanes = [
            (float(place.routes[name].points_m[0, 0]), script.signals[name])
            for name in ("right", "left")
            if name in script.signals
        ]
        if place.signal_y_m is None or not lanes:
            return None
        return cls(place.view, place.signal_y_m, lanes)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals shown, in the order of the heads."""
        return tuple(signal for _, signal in self._lanes)

    def lamp_px(self, head: int, state: str) -> FloatArray:
        """Where a lamp of a head is in the picture, shape (2,)."""
        x_m = self._lanes[head][0]
        z_m = _ARM_Z_M + (1 - _LAMPS[state][0]) * _STEP_M
        return self._at(x_m, z_m)

    def hang(self, picture: ImageArray, light: Light) -> None:
        """Draw mast, arm and dark heads onto the empty place."""
        scale = self._scale_px()
        bright = float(np.mean(light.sky + light.sun * 0.6))
        steel = fade_to_haze(_STEEL * bright, self._y_m, light).tolist()
        case = fade_to_haze(_CASE * bright, self._y_m, light).tolist()
        reach_x_m = min(x_m for x_m, _ in self._lanes) - 0.8
        foot, top = self._at(_MAST_X_M, 0.14), self._at(_MAST_X_M, _ARM_Z_M + 0.3)
        arm = (self._at(_MAST_X_M, _ARM_Z_M), self._at(reach_x_m, _ARM_Z_M + 0.15))
        for (start, end), width_m in (((foot, top), 0.24), (arm, 0.16)):
            width_px = max(2, round(width_m * scale))
            cv2.line(picture, _fixed(start), _fixed(end), steel, width_px, cv2.LINE_AA, 4)
        for rank in range(len(self._lanes)):
            middle = self.lamp_px(rank, "amber")
            half = np.array([0.26, 0.72]) * scale
            cv2.rectangle(picture, _fixed(middle - half), _fixed(middle + half), case, -1, 4, 4)
            for state in _LAMPS:
                radius = round(_LAMP_M * scale * _FINE)
                lamp = _fixed(self.lamp_px(rank, state))
                cv2.circle(picture, lamp, radius, (52, 50, 50), -1, cv2.LINE_AA, 4)

    def light(self, picture: ImageArray, at_s: float) -> None:
        """Light the lamps of an instant."""
        for middle, radius_px, colour in self.spots(at_s):
            radius = round(radius_px * _FINE)
            cv2.circle(picture, _fixed(middle), radius, colour, -1, cv2.LINE_AA, 4)
            core = tuple(255 - (255 - part) * 0.35 for part in colour)
            cv2.circle(picture, _fixed(middle), radius // 2, core, -1, cv2.LINE_AA, 4)

    def spots(self, at_s: float) -> list[Spot]:
        """The lit lamps of an instant."""
        found = []
        for rank, (_, signal) in enumerate(self._lanes):
            state = signal.state(at_s)
            radius_px = _LAMP_M * 1.15 * self._scale_px()
            found.append((self.lamp_px(rank, state), radius_px, _LAMPS[state][1]))
        return found

    def _scale_px(self) -> float:
        _, depth_m = self._view.project(np.array([[_MAST_X_M, self._y_m, _ARM_Z_M]]))
        return self._view.focal_px / float(depth_m[0])

    def _at(self, x_m: float, z_m: float) -> FloatArray:
        return np.asarray(self._view.project(np.array([[x_m, self._y_m, z_m]]))[0][0])


def _fixed(point_px: FloatArray) -> list[int]:
    fixed: list[int] = np.round(point_px * _FINE).astype(int).tolist()
    return fixed
