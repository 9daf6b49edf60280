"""Who stands parked and who waits in traffic, situation by situation."""

from dataclasses import replace

import numpy as np
import pytest

from detector.camera_config import LanePolygon, Zone, shapes_in_pixels
from detector.rules.waiting import LONGEST_HOLD_S, why_not_waiting
from detector.stays import Situation
from detector.traffic import PlaceFlow
from pipeline.events import NotWaiting, ViolationType
from tests.detector.builders import (
    CAR_BOX,
    HEIGHT,
    WIDTH,
    a_camera_with_zone,
    a_situation,
    a_stay,
    moved,
)

MARKED = LanePolygon(
    polygon_px=np.array([[80.0, 120], [200, 120], [200, 150], [80, 150]]),
    direction=np.array([1.0, 0.0]),
)
PAINTED_ELSEWHERE = LanePolygon(
    polygon_px=np.array([[80.0, 160], [200, 160], [200, 190], [80, 190]]),
    direction=np.array([1.0, 0.0]),
)
IN_A_LANE = PlaceFlow(over=6.0, in_line=6.0, beside=6.0)
BESIDE_LANES = PlaceFlow(over=0.0, in_line=0.0, beside=6.0)
UNSEEN_LINE = PlaceFlow(over=0.0, in_line=None, beside=6.0)
IN_A_ROW = (moved(CAR_BOX, 65, 0),)
BEYOND = (moved(CAR_BOX, 65, 0), moved(CAR_BOX, 165, 0))


def a_zone(**changes: object) -> Zone:
    camera = a_camera_with_zone(**changes)
    return shapes_in_pixels(camera, width_px=WIDTH, height_px=HEIGHT).zones[0]


KERB = a_zone()
ROADWAY = a_zone(is_roadway=True)
JUNCTION = a_zone(violation_type=ViolationType.BLOCKED_JUNCTION, is_roadway=True)


def why(
    zone: Zone,
    situation: Situation,
    *lanes: LanePolygon,
    passed_by: int = 0,
    observed_s: float = 60.0,
) -> NotWaiting | None:
    stay = a_stay(passed_by=passed_by, observed_s=observed_s)
    return why_not_waiting(stay, situation, zone, lanes)


@pytest.mark.parametrize(
    ("situation", "passed_by", "expected"),
    [
        (a_situation(), 0, NotWaiting.PLACE),
        (a_situation(is_alone=False), 0, NotWaiting.PLACE),
        (a_situation(PlaceFlow(over=1.0, beside=1.0)), 0, NotWaiting.PLACE),
        (a_situation(PlaceFlow(over=1.9, beside=1.0)), 0, None),
        (a_situation(PlaceFlow(over=11.0, beside=60.0)), 0, NotWaiting.PLACE),
        (a_situation(PlaceFlow(over=13.0, beside=60.0)), 0, None),
        (a_situation(PlaceFlow(ahead=2.0), is_alone=False), 0, None),
        (a_situation(PlaceFlow(ahead=4.0, beside=60.0), is_alone=False), 0, NotWaiting.PLACE),
        (a_situation(IN_A_LANE), 0, None),
        (a_situation(IN_A_LANE), 1, None),
        (a_situation(IN_A_LANE), 2, NotWaiting.PASSED),
        (a_situation(IN_A_LANE, is_alone=False), 2, None),
        (a_situation(IN_A_LANE, is_alone=False), 9, None),
    ],
    ids=[
        "where nobody drives",
        "in a row of parked ones",
        "one strayed over the place",
        "two drove over the place a while ago",
        "few cut over it beside many",
        "a fifth of the traffic drove over it",
        "behind one who stands in a lane",
        "behind one who stands beside all lanes",
        "on a lane, alone",
        "on a lane, passed by one",
        "on a lane, passed by two",
        "in a queue, passed by two",
        "in a queue, passed by many",
    ],
)
def test_in_a_zone_at_the_kerb(
    situation: Situation, passed_by: int, expected: NotWaiting | None
) -> None:
    assert why(KERB, situation, passed_by=passed_by) is expected


@pytest.mark.parametrize(
    ("situation", "passed_by", "observed_s", "expected"),
    [
        (a_situation(), 0, 60, None),
        (a_situation(IN_A_LANE), 9, 60, None),
        (a_situation(IN_A_LANE, is_alone=False), 0, 60, None),
        (a_situation(BESIDE_LANES), 3, 60, NotWaiting.BESIDE_TRAFFIC),
        (a_situation(BESIDE_LANES, is_alone=False), 3, 60, NotWaiting.BESIDE_TRAFFIC),
        (a_situation(BESIDE_LANES), 2, 60, None),
        (a_situation(BESIDE_LANES), 3, 29, None),
        (a_situation(UNSEEN_LINE), 9, 60, None),
        (a_situation(PlaceFlow(over=0.0, in_line=6.0, beside=6.0)), 9, 60, None),
        (a_situation(PlaceFlow(over=0.0, in_line=0.0, beside=6.0, ahead=6.0)), 9, 60, None),
        (
            a_situation(PlaceFlow(over=0.0, in_line=3.0, beside=60.0)),
            9,
            60,
            NotWaiting.BESIDE_TRAFFIC,
        ),
        (a_situation(PlaceFlow(over=0.0, in_line=4.0, beside=60.0)), 9, 60, None),
        (a_situation(PlaceFlow(over=0.9, in_line=0.0, beside=6.0)), 9, 60, None),
        (a_situation(PlaceFlow(over=0.0, in_line=0.9, beside=6.0)), 9, 60, None),
        (
            a_situation(PlaceFlow(over=0.4, in_line=0.4, beside=6.0)),
            9,
            60,
            NotWaiting.BESIDE_TRAFFIC,
        ),
    ],
    ids=[
        "nothing is known",
        "in a lane, passed by many",
        "in a queue",
        "beside all lanes",
        "in a row beside all lanes",
        "beside all lanes, passed by few",
        "beside all lanes, not for long",
        "nothing is known of its line",
        "others drive in its line",
        "behind one who stands in a lane",
        "few cut into its line",
        "some drive in its line",
        "one drove over its place",
        "one drove in its line",
        "one drove there long ago",
    ],
)
def test_in_a_zone_on_the_roadway(
    situation: Situation, passed_by: int, observed_s: float, expected: NotWaiting | None
) -> None:
    assert why(ROADWAY, situation, passed_by=passed_by, observed_s=observed_s) is expected


@pytest.mark.parametrize(
    ("others", "is_alone", "passed_by", "expected"),
    [
        (6.0, True, 3, NotWaiting.BESIDE_TRAFFIC),
        (6.0, False, 4, None),
        (6.0, False, 5, NotWaiting.BESIDE_TRAFFIC),
        (0.0, False, 9, None),
        (0.0, True, 4, None),
        (0.0, True, 5, NotWaiting.BESIDE_TRAFFIC),
    ],
    ids=[
        "pulled over from a lane",
        "pulled over among others, passed by few",
        "pulled over among others",
        "came in a line of its own, among others",
        "came in a line of its own, passed by few",
        "came in a line of its own, stands alone",
    ],
)
def test_one_who_was_seen_to_come_may_wait_in_a_lane_that_is_not_known_yet(
    others: float, is_alone: bool, passed_by: int, expected: NotWaiting | None
) -> None:
    flow = PlaceFlow(over=0.0, in_line=0.0, beside=6.0, on_its_way=others)
    assert why(ROADWAY, a_situation(flow, is_alone=is_alone), passed_by=passed_by) is expected


@pytest.mark.parametrize("zone", [KERB, ROADWAY], ids=["kerb", "roadway"])
@pytest.mark.parametrize(
    ("observed_s", "passed_by", "is_alone", "expected"),
    [
        (LONGEST_HOLD_S, 0, True, NotWaiting.OUTLASTED),
        (LONGEST_HOLD_S - 1, 0, True, None),
        (LONGEST_HOLD_S, 3, False, NotWaiting.OUTLASTED),
        (LONGEST_HOLD_S, 2, False, None),
        (20 * LONGEST_HOLD_S, 0, False, None),
    ],
    ids=["alone", "not yet", "passed in a row", "hardly passed in a row", "in a long queue"],
)
def test_no_light_holds_one_for_minutes(
    zone: Zone, observed_s: float, passed_by: int, is_alone: bool, expected: NotWaiting | None
) -> None:
    situation = a_situation(IN_A_LANE, is_alone=is_alone)
    assert why(zone, situation, passed_by=passed_by, observed_s=observed_s) is expected


def test_one_behind_another_may_wait_for_that_one_for_as_long_as_it_stands() -> None:
    behind = a_situation(IN_A_LANE, is_alone=False, ahead=IN_A_ROW)
    assert why(ROADWAY, behind, passed_by=9, observed_s=20 * LONGEST_HOLD_S) is None
    unknown = replace(behind, ahead_px=None)
    assert why(ROADWAY, unknown, passed_by=9, observed_s=20 * LONGEST_HOLD_S) is None


def test_a_marked_lane_is_a_lane_before_anybody_drove_there() -> None:
    assert why(KERB, a_situation(), MARKED) is None
    assert why(KERB, a_situation(), PAINTED_ELSEWHERE) is NotWaiting.PLACE
    assert why(KERB, a_situation(), MARKED, passed_by=2) is NotWaiting.PASSED
    beside = a_situation(BESIDE_LANES)
    assert why(ROADWAY, beside, MARKED, passed_by=3) is None
    assert why(ROADWAY, beside, PAINTED_ELSEWHERE, passed_by=3) is NotWaiting.BESIDE_TRAFFIC


@pytest.mark.parametrize(
    ("situation", "observed_s", "expected"),
    [
        (a_situation(is_alone=False, ahead=BEYOND), 10, NotWaiting.HELD_AHEAD),
        (a_situation(is_alone=False, ahead=BEYOND[1:]), 10, NotWaiting.HELD_AHEAD),
        (a_situation(is_alone=False, ahead=IN_A_ROW), 10, None),
        (a_situation(), 10, None),
        (a_situation(), LONGEST_HOLD_S, NotWaiting.OUTLASTED),
        (a_situation(is_alone=False, ahead=IN_A_ROW), LONGEST_HOLD_S, NotWaiting.OUTLASTED),
    ],
    ids=[
        "the row before it reaches beyond",
        "one stands beyond",
        "all wait within it",
        "nobody is ahead",
        "nobody is ahead for minutes",
        "all wait within it for minutes",
    ],
)
def test_in_a_junction_that_must_be_kept_clear(
    situation: Situation, observed_s: float, expected: NotWaiting | None
) -> None:
    assert why(JUNCTION, situation, observed_s=observed_s) is expected


@pytest.mark.parametrize(
    "kind", [ViolationType.STOPPED_ON_CROSSING, ViolationType.EMERGENCY_LANE], ids=str
)
@pytest.mark.parametrize("is_roadway", [True, False])
def test_on_a_crossing_or_an_emergency_lane_nobody_may_wait(
    kind: ViolationType, is_roadway: bool
) -> None:
    zone = a_zone(violation_type=kind, is_roadway=is_roadway)
    queue = a_situation(IN_A_LANE, is_alone=False, ahead=IN_A_ROW)
    assert why(zone, queue, MARKED) is NotWaiting.PLACE
