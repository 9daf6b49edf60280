"""Whether one who stands waits in traffic: in a queue, at a light, at a stop sign, for a turn.

Who waits is not parked. What rules waiting out is named with the suspicion; while nothing does, a
vehicle on the roadway is held to wait.
"""

from collections.abc import Sequence

from detector.camera_config import LanePolygon, Zone
from detector.geometry import ground_point, polygon_contains
from detector.stays import Situation, Stay
from detector.traffic import PlaceFlow
from pipeline.events import NotWaiting, ViolationType

__all__ = ["why_not_waiting"]

# A lane is what two drove over, who fade a little with time, and so large a share of those beside:
# the boxes of large vehicles reach over its edge.
_LANE_VEHICLES = 1.5
_LANE_RATIO = 0.2

# Where at most half a vehicle (they fade), or so small a share of those beside, drove, nobody does.
_STRAY_VEHICLES = 0.5
_STRAY_RATIO = 0.05

_PASSED_BY = 3
_PASSED_BY_IN_DOUBT = 5
_PASSED_BY_WHERE_NOBODY_WAITS = 2
_BESIDE_FOR_S = 30.0

LONGEST_HOLD_S = 180.0
"""No light holds traffic longer; who has not moved for this long has missed a green."""


def why_not_waiting(
    stay: Stay, situation: Situation, zone: Zone, lanes: Sequence[LanePolygon]
) -> NotWaiting | None:
    """What shows that the vehicle does not wait in traffic; None while nothing does."""
    match zone.shape.violation_type:
        case ViolationType.PARKED:
            return _why_parked(stay, situation, zone, lanes)
        case ViolationType.BLOCKED_JUNCTION:
            return _why_blocking(stay, situation, zone)
        case _:
            # On a crossing or an emergency lane nobody may wait either.
            return NotWaiting.PLACE if _is_surely_in(zone, situation) else None


def _why_parked(
    stay: Stay, situation: Situation, zone: Zone, lanes: Sequence[LanePolygon]
) -> NotWaiting | None:
    flow = situation.flow
    is_lane = _is_driven(flow.over, flow) or _is_driven(flow.ahead, flow) or _is_marked(stay, lanes)
    if not (is_lane or zone.shape.is_roadway) and _is_surely_in(zone, situation):
        return NotWaiting.PLACE
    if _stands_beside(stay, situation) and not _is_marked(stay, lanes):
        return NotWaiting.BESIDE_TRAFFIC
    is_passed = stay.passed_by >= _PASSED_BY_WHERE_NOBODY_WAITS
    if situation.is_alone and is_passed and not zone.shape.is_roadway:
        return NotWaiting.PASSED
    return NotWaiting.OUTLASTED if _has_outlasted(stay, situation) else None


def _why_blocking(stay: Stay, situation: Situation, zone: Zone) -> NotWaiting | None:
    """Those before it stand beyond the junction; else it may wait for its turn."""
    points = (ground_point(box) for box in situation.ahead_px or ())
    if any(not polygon_contains(zone.polygon_px, point) for point in points):
        return NotWaiting.HELD_AHEAD
    return NotWaiting.OUTLASTED if stay.observed_s >= LONGEST_HOLD_S else None


def _has_outlasted(stay: Stay, situation: Situation) -> bool:
    """Whether it has stood longer than any light holds traffic, and nobody stands before it.

    Who stands behind another may wait for that one, however long, even while a third drives by.
    """
    if stay.observed_s < LONGEST_HOLD_S:
        return False
    is_first = situation.ahead_px is not None and not situation.ahead_px
    return situation.is_alone or (is_first and stay.passed_by >= _PASSED_BY)


def _is_surely_in(zone: Zone, situation: Situation) -> bool:
    """Whether it stands in the zone wherever its wheels are, if a nearer one hides them."""
    foot = situation.hidden_foot_px
    return foot is None or polygon_contains(zone.polygon_px, foot)


def _is_driven(vehicles: float, flow: PlaceFlow) -> bool:
    """Whether where so many drove is a lane."""
    return vehicles >= max(_LANE_VEHICLES, _LANE_RATIO * flow.beside)


def _is_marked(stay: Stay, lanes: Sequence[LanePolygon]) -> bool:
    point = ground_point(stay.place_px)
    return any(polygon_contains(lane.polygon_px, point) for lane in lanes)


def _stands_beside(stay: Stay, situation: Situation) -> bool:
    """Whether traffic drove past its place, and never over it nor on either side in its line.

    One who was seen to come and stands close to others may wait with them in a lane that is not
    known yet, all the more where nobody else drove the way by which it came.
    """
    flow = situation.flow
    strays = max(_STRAY_VEHICLES, _STRAY_RATIO * flow.beside)
    is_beside = flow.in_line is not None and max(flow.over, flow.in_line) <= strays
    if not is_beside or _is_driven(flow.ahead, flow) or stay.observed_s < _BESIDE_FOR_S:
        return False
    if flow.on_its_way is None:
        return stay.passed_by >= _PASSED_BY
    doubts = (not situation.is_alone) + (flow.on_its_way <= strays)
    return doubts < 2 and stay.passed_by >= (_PASSED_BY_IN_DOUBT if doubts else _PASSED_BY)
