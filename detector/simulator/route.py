"""The lines that vehicles follow over a drawn road, measured by the way along them."""

from dataclasses import dataclass

import numpy as np

from detector.detection import FloatArray
from detector.simulator.vehicle import Pose

__all__ = ["Route", "across", "away", "oncoming", "turning_left"]

_BEHIND_M = 34.0
_FAR_M = 210.0
_SIDE_M = 70.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A line from where vehicles appear to where they are lost from sight.

    Attributes:
        points_m: Shape (n, 2), x and y.
        along_m: Shape (n,), the way from the first point to each.
    """

    points_m: FloatArray
    along_m: FloatArray

    @property
    def length_m(self) -> float:
        """The whole way."""
        return float(self.along_m[-1])

    def pose(self, along_m: float, aside_m: float = 0.0) -> Pose:
        """A vehicle whose rear bumper is so far along, and so far to the right of the line."""
        x_m, y_m = self._at(along_m)
        ahead_x_m, ahead_y_m = self._at(along_m + 1.5)
        heading_rad = float(np.arctan2(ahead_x_m - x_m, ahead_y_m - y_m))
        return Pose(
            x_m=x_m + aside_m * float(np.cos(heading_rad)),
            y_m=y_m - aside_m * float(np.sin(heading_rad)),
            heading_rad=heading_rad,
        )

    def along_at(self, point_m: tuple[float, float]) -> float:
        """The way to the point of the line that is nearest to a place."""
        distances_m = np.hypot(*(self.points_m - np.array(point_m)).T)
        return float(self.along_m[int(np.argmin(distances_m))])

    def _at(self, along_m: float) -> tuple[float, float]:
        past_m = along_m - self.length_m
        x_m, y_m = (float(np.interp(along_m, self.along_m, side)) for side in self.points_m.T)
        if past_m <= 0:
            return x_m, y_m
        last = self.points_m[-1] - self.points_m[-2]
        last = last / np.hypot(*last) * past_m
        return x_m + float(last[0]), y_m + float(last[1])


def _route(points_m: FloatArray) -> Route:
    steps_m = np.hypot(*np.diff(points_m, axis=0).T)
    return Route(points_m=points_m, along_m=np.concatenate([[0.0], np.cumsum(steps_m)]))


def _straight(start_m: tuple[float, float], end_m: tuple[float, float]) -> Route:
    length_m = float(np.hypot(end_m[0] - start_m[0], end_m[1] - start_m[1]))
    return _route(np.linspace(start_m, end_m, int(length_m * 4) + 2))


def away(x_m: float) -> Route:
    """From below the camera to the far end of the street."""
    return _straight((x_m, -_BEHIND_M), (x_m, _FAR_M))


def oncoming(x_m: float) -> Route:
    """From the far end of the street towards the camera and past it."""
    return _straight((x_m, _FAR_M), (x_m, -_BEHIND_M))


def across(y_m: float, *, is_rightwards: bool) -> Route:
    """Along the street that crosses."""
    side_m = _SIDE_M if is_rightwards else -_SIDE_M
    return _straight((-side_m, y_m), (side_m, y_m))


def turning_left(x_m: float, y_m: float, *, radius_m: float) -> Route:
    """Away from the camera in the lane at `x_m`, then left into the crossing lane at `y_m`."""
    turn = np.linspace(0, np.pi / 2, 60)[1:]
    bend = np.column_stack(
        [x_m - radius_m * (1 - np.cos(turn)), y_m - radius_m * (1 - np.sin(turn))]
    )
    straight = np.column_stack([np.full(400, x_m), np.linspace(-_BEHIND_M, y_m - radius_m, 400)])
    out = np.column_stack([np.linspace(x_m - radius_m, -_SIDE_M, 200), np.full(200, y_m)])[1:]
    return _route(np.concatenate([straight, bend, out]))
