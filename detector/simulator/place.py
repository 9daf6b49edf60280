"""The places of the drawn scenes: where the camera hangs, what is painted, where one may drive."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from detector.detection import FloatArray, ImageArray
from detector.simulator.light import Light
from detector.simulator.motorway import (
    MOTORWAY_LANES_X_M,
    MOTORWAY_LEFT_X_M,
    SHOULDER_X_M,
    draw_motorway,
)
from detector.simulator.plan import YELLOW, Plan, arrow, bar, box, line, zebra
from detector.simulator.road import FAR_LANE_X_M, KERB_LANE_X_M, KERB_PLAN, ONCOMING_LANE_X_M
from detector.simulator.route import Route, across, away, oncoming, turning_left
from detector.simulator.street import draw_front, draw_street
from detector.simulator.viewpoint import STREET_VIEW, Viewpoint, look_along_street

__all__ = ["Place", "PlaceName", "RoadZone", "ZoneKind", "open_place"]


class PlaceName(StrEnum):
    """Where scenes play."""

    KERB = "kerb"
    OPPOSITE = "opposite"
    CROSSING = "crossing"
    APPROACH = "approach"
    JUNCTION = "junction"
    MOTORWAY = "motorway"


class ZoneKind(StrEnum):
    """What a zone means, in the words of the truth files."""

    NO_STOPPING = "no_stopping"
    CROSSWALK = "crosswalk"
    JUNCTION_BOX = "junction_box"
    EMERGENCY_LANE = "emergency_lane"
    ROADWAY = "roadway"
    QUEUE = "queue"
    STOP_LINE = "stop_line"
    LANE_DIRECTION = "lane_direction"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadZone:
    """A zone on the road; `span_x_m` and `span_y_m` bound it, a line has no width in y."""

    zone_id: str
    kind: ZoneKind
    span_x_m: tuple[float, float]
    span_y_m: tuple[float, float]

    def outline_px(self, view: Viewpoint) -> FloatArray:
        """The zone on the camera's picture, cut at the picture's edges, shape (n, 2)."""
        (left, right), (near, far) = self.span_x_m, self.span_y_m
        corners = [(left, near), (right, near), (right, far), (left, far)]
        if near == far:
            corners = corners[:2]
        points_m = np.array([(x_m, y_m, 0.0) for x_m, y_m in corners])
        pixels, _ = view.project(points_m)
        if near == far:
            return np.asarray(np.clip(pixels, 0, (view.width_px, view.height_px)))
        frame = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * (view.width_px, view.height_px)
        _, inside = cv2.intersectConvexConvex(
            pixels.astype(np.float32), frame.astype(np.float32), handleNested=True
        )
        return np.asarray(inside[:, 0], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place, seen from one camera.

    Attributes:
        view: The camera.
        plan: What lies on the ground of a street; None for the motorway.
        routes: Where vehicles drive, by name.
        zones: What a person would draw on its picture.
        stop_y_m: The stop line of the traffic that drives away from the camera.
        signal_y_m: Where the lights for that traffic hang; None where there are none.
    """

    view: Viewpoint
    plan: Plan | None
    routes: Mapping[str, Route]
    zones: tuple[RoadZone, ...]
    stop_y_m: float | None = None
    signal_y_m: float | None = None

    @property
    def road_x_m(self) -> tuple[float, float]:
        """From and to where the asphalt reaches."""
        return (MOTORWAY_LEFT_X_M if self.plan is None else self.plan.left_kerb_x_m), 0.0

    def empty(self, light: Light, rng: np.random.Generator) -> ImageArray:
        """The place without any vehicle, BGR."""
        if self.plan is None:
            return draw_motorway(self.view, light, rng)
        return draw_street(self.view, self.plan, light, rng)

    def front(self) -> tuple[float, ImageArray] | None:
        """What stands before a street that crosses, as a mask, and from which y on it hides."""
        if self.plan is None or self.plan.crossing_y_m is None:
            return None
        return self.plan.crossing_y_m[0], draw_front(self.view, self.plan)


def _zone(
    zone_id: str, kind: ZoneKind, x_m: tuple[float, float], y_m: tuple[float, float]
) -> RoadZone:
    return RoadZone(zone_id=zone_id, kind=kind, span_x_m=x_m, span_y_m=y_m)


_STREET_ROUTES = {
    "kerb": away(KERB_LANE_X_M),
    "far": away(FAR_LANE_X_M),
    "oncoming": oncoming(ONCOMING_LANE_X_M),
}


def _street_zones(
    *more: RoadZone, kerb_y_m: tuple[float, float] = (7.2, 40.0)
) -> tuple[RoadZone, ...]:
    return (
        _zone("kerb", ZoneKind.NO_STOPPING, (-3.25, 0.0), kerb_y_m),
        _zone("carriageway", ZoneKind.ROADWAY, (-10.2, 0.0), (7.2, 60.0)),
        _zone("far-lane", ZoneKind.LANE_DIRECTION, (-6.6, -3.35), (7.2, 60.0)),
        *more,
    )


def _kerb() -> Place:
    return Place(view=STREET_VIEW, plan=KERB_PLAN, routes=_STREET_ROUTES, zones=_street_zones())


def _opposite() -> Place:
    """The same street from the other pavement: what drives in between hides the kerb."""
    view = look_along_street(
        focal_px=1420.0, position_m=(-10.4, 0.0, 4.3), vanishing_px=(190.0, 120.0)
    )
    return Place(view=view, plan=KERB_PLAN, routes=_STREET_ROUTES, zones=_street_zones())


_ZEBRA_Y_M = (19.0, 23.5)


def _crossing() -> Place:
    plan = Plan(
        lanes_x_m=KERB_PLAN.lanes_x_m,
        left_kerb_x_m=KERB_PLAN.left_kerb_x_m,
        marks=(
            line(-3.35, is_dashed=True, span_y_m=(-20.0, 16.0)),
            line(-3.35, is_dashed=True, span_y_m=(26.0, 300.0)),
            *(line(x_m, colour=YELLOW, span_y_m=(-20.0, 16.5)) for x_m in (-6.62, -6.86)),
            *(line(x_m, colour=YELLOW, span_y_m=(26.0, 300.0)) for x_m in (-6.62, -6.86)),
            line(-0.36, width_m=0.15, colour=YELLOW),
            bar(17.2, (-6.5, -0.5)),
            bar(25.3, (-10.0, -6.95)),
            zebra(_ZEBRA_Y_M, (-10.0, -0.2)),
        ),
    )
    view = look_along_street(
        focal_px=1420.0, position_m=(-4.6, 0.0, 6.3), vanishing_px=(600.0, 40.0)
    )
    return Place(
        view=view,
        plan=plan,
        routes=_STREET_ROUTES,
        zones=_street_zones(
            _zone("zebra", ZoneKind.CROSSWALK, (-10.1, -0.1), _ZEBRA_Y_M),
            # Each place on the road is in one zone of standing: the zebra is its own.
            kerb_y_m=(_ZEBRA_Y_M[1] + 1.0, 48.0),
        ),
        stop_y_m=17.0,
    )


_KERB_STRIP_X_M, _RIGHT_X_M, _LEFT_X_M, _OPPOSITE_X_M = -1.25, -4.1, -7.4, -11.3


def _crossroads(crossing_y_m: tuple[float, float]) -> Plan:
    """Two lanes, a strip at the kerb where nobody may stop, and a box where the streets cross."""
    near, far = crossing_y_m
    before, beyond = (-30.0, near - 8.0), (far + 7.0, 300.0)
    sides = []
    for span_y_m in (before, beyond):
        sides += [line(x_m, colour=YELLOW, span_y_m=span_y_m) for x_m in (-9.18, -9.42)]
        sides += [
            line(-0.36, width_m=0.15, colour=YELLOW, span_y_m=span_y_m),
            line(-2.45, width_m=0.15, span_y_m=span_y_m),
        ]
    return Plan(
        lanes_x_m=(_RIGHT_X_M, _LEFT_X_M, _OPPOSITE_X_M),
        left_kerb_x_m=-13.4,
        marks=(
            *sides,
            line(-5.75, is_dashed=True, span_y_m=(-30.0, near - 26.0)),
            line(-5.75, width_m=0.15, span_y_m=(near - 26.0, near - 8.0)),
            line(-5.75, is_dashed=True, span_y_m=beyond),
            arrow(_RIGHT_X_M, near - 17.5),
            arrow(_LEFT_X_M, near - 17.5, is_left=True),
            bar(near - 8.0, (-9.0, -2.5)),
            zebra((near - 6.4, near - 2.0), (-13.0, -0.4)),
            zebra((far + 2.0, far + 6.4), (-13.0, -0.4)),
            box((-13.0, -0.4), (near + 0.6, far - 0.6)),
        ),
        crossing_y_m=crossing_y_m,
    )


def _crossroads_routes(crossing_y_m: tuple[float, float]) -> dict[str, Route]:
    near, far = crossing_y_m
    middle = (near + far) / 2
    return {
        "kerb": away(_KERB_STRIP_X_M),
        "right": away(_RIGHT_X_M),
        "left": away(_LEFT_X_M),
        "oncoming": oncoming(_OPPOSITE_X_M),
        "rightwards": across(middle - 3.4, is_rightwards=True),
        "leftwards": across(middle + 3.4, is_rightwards=False),
        "turning": turning_left(_LEFT_X_M, middle + 3.4, radius_m=7.0),
    }


def _crossroads_zones(crossing_y_m: tuple[float, float]) -> tuple[RoadZone, ...]:
    near, far = crossing_y_m
    start = max(8.0, near - 32.0)
    stop = near - 8.0
    zones = [
        _zone("crossing-near", ZoneKind.CROSSWALK, (-13.0, -0.4), (near - 6.4, near - 2.0)),
        _zone("box", ZoneKind.JUNCTION_BOX, (-13.0, -0.4), (near + 0.6, far - 0.6)),
        _zone("carriageway", ZoneKind.ROADWAY, (-13.4, 0.0), (start, far + 30.0)),
        _zone("stop-line", ZoneKind.STOP_LINE, (-9.0, -2.5), (stop, stop)),
    ]
    if stop - start > 6:
        zones.append(_zone("kerb", ZoneKind.NO_STOPPING, (-2.45, 0.0), (start, stop)))
        zones.append(_zone("queue", ZoneKind.QUEUE, (-9.1, -2.5), (start, stop)))
        zones.append(_zone("lanes", ZoneKind.LANE_DIRECTION, (-9.1, -2.5), (start, stop)))
    return tuple(zones)


def _seen_crossroads(view: Viewpoint, crossing_y_m: tuple[float, float]) -> Place:
    return Place(
        view=view,
        plan=_crossroads(crossing_y_m),
        routes=_crossroads_routes(crossing_y_m),
        zones=_crossroads_zones(crossing_y_m),
        stop_y_m=crossing_y_m[0] - 8.2,
        signal_y_m=crossing_y_m[1] + 8.0,
    )


def _approach() -> Place:
    view = look_along_street(
        focal_px=1480.0, position_m=(-3.2, 0.0, 6.4), vanishing_px=(800.0, 95.0)
    )
    return _seen_crossroads(view, (44.0, 58.0))


def _junction() -> Place:
    view = look_along_street(
        focal_px=1260.0, position_m=(-5.6, 0.0, 8.6), vanishing_px=(690.0, 20.0)
    )
    return _seen_crossroads(view, (21.0, 35.0))


def _motorway() -> Place:
    view = look_along_street(
        focal_px=1650.0, position_m=(-4.6, 0.0, 7.2), vanishing_px=(700.0, 110.0)
    )
    lanes = {f"lane-{n}": away(x_m) for n, x_m in enumerate(MOTORWAY_LANES_X_M, start=1)}
    return Place(
        view=view,
        plan=None,
        routes={
            "shoulder": away(SHOULDER_X_M),
            **lanes,
            "oncoming-1": oncoming(-20.3),
            "oncoming-2": oncoming(-24.1),
        },
        zones=(
            _zone("shoulder", ZoneKind.EMERGENCY_LANE, (-3.1, 0.0), (14.0, 110.0)),
            _zone("carriageway", ZoneKind.ROADWAY, (-14.4, -3.1), (14.0, 110.0)),
            _zone("lanes", ZoneKind.LANE_DIRECTION, (-14.4, -3.1), (14.0, 110.0)),
        ),
    )


_PLACES = {
    PlaceName.KERB: _kerb,
    PlaceName.OPPOSITE: _opposite,
    PlaceName.CROSSING: _crossing,
    PlaceName.APPROACH: _approach,
    PlaceName.JUNCTION: _junction,
    PlaceName.MOTORWAY: _motorway,
}


def open_place(name: PlaceName) -> Place:
    """One place of the simulator."""
    return _PLACES[name]()
