from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from detector.camera_config import shapes_in_pixels
from detector.rules import StandingRule, Suspicion
from detector.stays import Situation, Stay
from detector.traffic import PlaceFlow
from pipeline.events import (
    CameraDocument,
    Day,
    NotWaiting,
    UnseenReason,
    UnseenSpan,
    VehicleClass,
)
from tests.detector.builders import (
    HEIGHT,
    WIDTH,
    Box,
    a_camera,
    a_camera_with_zone,
    a_situation,
    a_stay,
    at,
)

FAR_AWAY: Box = (100.0, 10.0, 160.0, 60.0)
REACHES_IN: Box = (100.0, 40.0, 160.0, 90.0)
REACHES_OUT: Box = (100.0, 180.0, 160.0, 230.0)
# The camera's clock shows eight hours more than UTC.
NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FROM_NINE = a_camera_with_zone(hours=[{"begin": time(9), "end": time(17)}])


def a_rule(camera: CameraDocument | None = None) -> StandingRule:
    return StandingRule(shapes_in_pixels(camera or a_camera(), width_px=WIDTH, height_px=HEIGHT))


def judged(
    stay: Stay, camera: CameraDocument | None = None, situation: Situation | None = None
) -> Suspicion | None:
    return a_rule(camera).judge(stay, stay.last_seen_at, lambda: situation or a_situation())


@pytest.mark.parametrize(
    ("stay", "is_suspected"),
    [
        (a_stay(), True),
        (a_stay(observed_s=9.9), False),
        (a_stay(vehicle_class=VehicleClass.MOTORCYCLE), False),
        (a_stay(vehicle_class=VehicleClass.VEHICLE), True),
        (a_stay(FAR_AWAY), False),
        (a_stay(REACHES_IN), True),
        (a_stay(REACHES_OUT), False),
    ],
    ids=["stands", "too short", "motorcycle", "unknown class", "outside", "foot in", "foot out"],
)
def test_a_vehicle_of_the_zone_that_stands_in_it_for_its_dwell_is_suspected(
    stay: Stay, is_suspected: bool
) -> None:
    suspicion = judged(stay)
    assert (suspicion is not None) is is_suspected
    if suspicion is not None:
        assert suspicion.zone.shape.zone_id == "kerb"
        assert suspicion.stay is stay


def test_the_suspicion_states_what_speaks_for_parked() -> None:
    stay = a_stay(passed_by=4, heading=np.array([1.0, 0.0]))
    suspicion = judged(stay, situation=a_situation(PlaceFlow(over=6.4, beside=9.0)))
    assert suspicion is not None
    assert suspicion.evidence.basis is NotWaiting.PASSED
    assert (suspicion.evidence.passed_by, suspicion.evidence.drove_over) == (4, 6)
    assert suspicion.evidence.is_arrival_seen


def test_one_who_waits_in_traffic_is_not_suspected() -> None:
    assert judged(a_stay(), situation=a_situation(PlaceFlow(over=6.0))) is None


def test_the_surroundings_are_looked_at_only_when_the_dwell_is_over() -> None:
    def nobody_asks() -> Situation:
        raise AssertionError

    assert a_rule().judge(a_stay(observed_s=9.9), at(12), nobody_asks) is None
    assert a_rule(FROM_NINE).judge(a_stay(), NINE - timedelta(hours=1), nobody_asks) is None


def test_where_zones_overlap_the_first_that_is_broken_counts() -> None:
    first, *_ = a_camera().zones
    long, roadway = (
        first.model_dump() | {"zone_id": "long", "dwell_s": 3600},
        first.model_dump() | {"zone_id": "roadway", "is_roadway": True},
    )
    suspicion = judged(a_stay(), a_camera(zones=[long, roadway, first.model_dump()]))
    assert suspicion is not None
    assert suspicion.zone.shape.zone_id == "kerb"


@pytest.mark.parametrize(
    ("until_s", "gaps_s", "is_suspected"),
    [
        (-1, {}, False),
        (9, {}, False),
        (10, {}, True),
        (15, {-600: -30}, True),
        (15, {-6: 6}, False),
        (16, {-6: 6}, True),
        (15, {2: 8}, False),
        (16, {2: 8}, True),
    ],
    ids=[
        "before the hours",
        "not for the dwell within them",
        "for the dwell within them",
        "unseen before them",
        "unseen as they began",
        "unseen as they began, seen for the dwell",
        "unseen within them",
        "unseen within them, seen for the dwell",
    ],
)
def test_who_stood_before_the_hours_begin_counts_from_then_on(
    until_s: float, gaps_s: Mapping[float, float], is_suspected: bool
) -> None:
    def since_nine(seconds: float) -> datetime:
        return NINE + timedelta(seconds=seconds)

    unseen = tuple(
        UnseenSpan(since=since_nine(begin), until=since_nine(end), reason=UnseenReason.MISSED)
        for begin, end in gaps_s.items()
    )
    stay = a_stay(
        stood_since_at=since_nine(-3600),
        last_seen_at=since_nine(until_s),
        observed_s=3600 + until_s - sum(end - begin for begin, end in gaps_s.items()),
        unseen=unseen,
    )
    assert (judged(stay, FROM_NINE) is not None) is is_suspected


def test_a_zone_is_in_force_in_the_local_time_of_its_camera() -> None:
    zone = shapes_in_pixels(FROM_NINE, width_px=WIDTH, height_px=HEIGHT).zones[0]
    at_home = a_rule(FROM_NINE)
    in_utc = a_rule(a_camera(zones=FROM_NINE.zones, time_zone="UTC"))
    assert [at_home.is_in_force(zone, NINE), in_utc.is_in_force(zone, NINE)] == [True, False]
    holiday = a_camera_with_zone(hours=[{"begin": time(9), "end": time(17), "days": [Day.MON]}])
    closed = holiday.model_copy(update={"calendar": {date(2026, 3, 2): Day.HOLIDAY}})
    zone = shapes_in_pixels(holiday, width_px=WIDTH, height_px=HEIGHT).zones[0]
    assert a_rule(holiday).is_in_force(zone, NINE)
    assert not a_rule(closed).is_in_force(zone, NINE)
