"""The road of simulated traffic: lanes as paths over the plane, a junction, and a camera's view.

Road coordinates are those of `viewpoint.py`: x to the right with the kerb's face at 0, y along the
road, away from the camera. Own traffic drives away from the camera in the lanes left of the kerb
strip, and stops at a stop line ahead; oncoming traffic comes from behind the junction.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from detector.detection import FloatArray
from detector.simulator.viewpoint import Viewpoint, look_along_street

__all__ = ["LANE_M", "STRIP_X_M", "Lane", "LaneName", "Road", "RoadPoint", "choose_view"]

LANE_M = 3.3
STRIP_X_M = -1.05
"""Middle of the strip at the kerb, where nobody may park."""
_STRIP_EDGE_M = -2.2
_BEGIN_M = -35.0
_END_M = 170.0
_JUNCTION_M = 22.0
_PICTURE_SHARE = 0.375

RoadPoint = tuple[float, float, float]
"""x, y in metres and the heading in radians, 0 along the road, clockwise."""


class LaneName(StrEnum):
    """The lanes, from the kerb to the far side; then those that cross."""

    KERB = "kerb"
    MIDDLE = "middle"
    TURN = "turn"
    ONCOMING_FAST = "oncoming_fast"
    ONCOMING_SLOW = "oncoming_slow"
    SIDE = "side"
    CROSS = "cross"


@dataclass(frozen=True, eq=False)
class Lane:
    """A path that vehicles follow from its first point to its last.

    Attributes:
        name: Which lane it is.
        points_m: Shape (n, 2), x and y.
    """

    name: LaneName
    points_m: FloatArray

    @cached_property
    def _along_m(self) -> FloatArray:
        steps = np.linalg.norm(np.diff(self.points_m, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def length_m(self) -> float:
        """From its first point to its last."""
        return float(self._along_m[-1])

    def at(self, along_m: float, aside_m: float) -> RoadPoint:
        """The place `along_m` from its beginning and `aside_m` to the right of the path."""
        i = int(np.clip(np.searchsorted(self._along_m, along_m) - 1, 0, len(self.points_m) - 2))
        (x1, y1), (x2, y2) = self.points_m[i], self.points_m[i + 1]
        length = self._along_m[i + 1] - self._along_m[i]
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        over_m = along_m - self._along_m[i]
        x_m, y_m = x1 + dx * over_m + dy * aside_m, y1 + dy * over_m - dx * aside_m
        return float(x_m), float(y_m), float(np.arctan2(dx, dy))


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """Where everything lies along the road, in metres of y.

    Attributes:
        stop_line_m: Stop line of the own traffic.
        oncoming_line_m: Stop line of oncoming traffic; None where it drives through.
        side_m: Where the side street meets the kerb lane.
        bus_stop_m: Where the front of a bus stands at its stop; None where there is none.
    """

    stop_line_m: float
    oncoming_line_m: float | None
    side_m: float
    bus_stop_m: float | None

    def lanes(self) -> dict[LaneName, Lane]:
        """All lanes."""
        line, side = self.stop_line_m, self.side_m
        kerb_x, middle_x, turn_x = (_STRIP_EDGE_M - LANE_M * (n + 0.5) for n in range(3))
        fast_x, slow_x = turn_x - LANE_M, turn_x - 2 * LANE_M
        bend = np.linspace(0, np.pi / 2, 8)
        left = [(turn_x - 9 * (1 - np.cos(a)), line + 5 + 9 * np.sin(a)) for a in bend.tolist()]
        into = [(kerb_x + 8 * (1 - np.sin(a)), side + 8 * (1 - np.cos(a))) for a in bend.tolist()]
        paths = {
            LaneName.KERB: [(kerb_x, _BEGIN_M), (kerb_x, _END_M)],
            LaneName.MIDDLE: [(middle_x, _BEGIN_M), (middle_x, _END_M)],
            LaneName.TURN: [(turn_x, _BEGIN_M), *left, (turn_x - 60, line + 14)],
            LaneName.ONCOMING_FAST: [(fast_x, _END_M), (fast_x, _BEGIN_M)],
            LaneName.ONCOMING_SLOW: [(slow_x, _END_M), (slow_x, _BEGIN_M)],
            LaneName.SIDE: [(kerb_x + 40, side), *into],
            LaneName.CROSS: [(60.0, line + 9), (-70.0, line + 9)],
        }
        return {name: Lane(name, np.array(points)) for name, points in paths.items()}

    def strip_m(self, *, wider_m: float = 0.0) -> FloatArray:
        """Shape (n, 2): the strip at the kerb within view, reaching `wider_m` into the lane."""
        left = _STRIP_EDGE_M - wider_m
        return np.array([[left, 13], [0.3, 13], [0.3, 48], [left, 48]], float)

    def roadway_m(self) -> FloatArray:
        """Shape (n, 2): all lanes along the road, from the camera to behind the junction."""
        left = _STRIP_EDGE_M - 5 * LANE_M
        far = self.stop_line_m + _JUNCTION_M
        corners = [[left, 13], [_STRIP_EDGE_M, 13], [_STRIP_EDGE_M, far], [left, far]]
        return np.array(corners, float)


def choose_view(rng: np.random.Generator, *, is_across: bool | None = None) -> Viewpoint:
    """A camera on a mast at the kerb, or across the road: there lanes lie before the strip."""
    across = bool(rng.integers(2)) if is_across is None else is_across
    x_m = float(rng.uniform(-20, -15) if across else rng.uniform(0.5, 3.0))
    height_m = float(rng.uniform(6.0, 9.5))
    left_px = rng.uniform(250, 420) if across else rng.uniform(700, 860)
    view = look_along_street(
        focal_px=float(rng.uniform(950, 1150)),
        position_m=(x_m, 0.0, height_m),
        vanishing_px=(float(left_px), float(rng.uniform(60, 110))),
    )
    return replace(
        view,
        width_px=round(view.width_px * _PICTURE_SHARE),
        height_px=round(view.height_px * _PICTURE_SHARE),
        focal_px=view.focal_px * _PICTURE_SHARE,
    )
