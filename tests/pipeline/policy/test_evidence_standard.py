"""The evidence standard: what passes, what fails, what a machine cannot check."""

from dataclasses import replace
from datetime import datetime

import pytest

from pipeline.case import Case, Sighting
from pipeline.events import PlateStatus, VehicleClass, ViolationType
from pipeline.policy.evidence_standard import (
    Clause,
    Finding,
    Result,
    check_evidence,
    has_panorama_pair,
    missing,
)
from pipeline.policy.picture_plan import Shows, picture_plan
from tests.builders import NOON, a_case, a_plate, a_ref, a_suspicion, seconds


def a_pack(*, apart_s: float = 20, size_px: tuple[int, int] | None = (1280, 720)) -> Case:
    """A case with two sightings whose panoramas are whole, large and drawn on."""
    case = a_case()
    first = case.sightings[0]
    width_px, height_px = size_px or (None, None)

    def seen(at: datetime, digit: str) -> Sighting:
        panorama = a_ref(at, digit).model_copy(
            update={"width_px": width_px, "height_px": height_px}
        )
        drawn = a_ref(at, "c").model_copy(update={"derived_from": panorama.sha256})
        return replace(
            first, captured_at=at, panorama=panorama, drawn=drawn, observed_s=5 + apart_s
        )

    return replace(case, sightings=(seen(NOON, "1"), seen(NOON + seconds(apart_s), "2")))


def finding(case: Case, clause: Clause) -> Finding:
    (found,) = [one for one in check_evidence(case) if one.clause is clause]
    return found


def test_a_whole_pack_fails_nothing_and_says_what_only_a_person_can_see() -> None:
    findings = check_evidence(a_pack())

    assert [one.clause for one in findings] == list(Clause)
    assert {one.clause for one in findings if one.result is not Result.PASSED} == {
        Clause.CLOCK,
        Clause.COLOUR,
    }
    assert all(one.source for one in findings)


@pytest.mark.parametrize(
    ("case", "clause", "numbers"),
    [
        (a_pack(apart_s=9.9), Clause.SPACING, {"apart_s": "9.9", "needed_s": "10"}),
        (
            replace(a_pack(), sightings=a_pack().sightings[:1]),
            Clause.PANORAMAS,
            {"count": "1", "needed": "2"},
        ),
        (
            a_pack(size_px=(640, 360)),
            Clause.SIZE,
            {"size": "640x360", "least": "1280x720"},
        ),
        (a_pack(size_px=(1280, 700)), Clause.SIZE, {"size": "1280x700", "least": "1280x720"}),
        (replace(a_pack(), opened_at=NOON - seconds(1.2)), Clause.CLOCK, {"ahead_s": "1.2"}),
        (
            replace(a_pack(), plate=a_plate(PlateStatus.DOUBTFUL)),
            Clause.PLATE,
            {"agreeing": "5", "reads": "5"},
        ),
        (replace(a_pack(), vehicle_class=VehicleClass.VEHICLE), Clause.VEHICLE_TYPE, {}),
        (replace(a_pack(), dwell_limit_s=60), Clause.FACTS, {"observed_s": "25", "limit_s": "60"}),
    ],
)
def test_what_is_not_met_is_said_with_its_numbers(
    case: Case, clause: Clause, numbers: dict[str, str]
) -> None:
    found = finding(case, clause)

    assert found.result is Result.FAILED
    assert dict(found.numbers) == numbers


@pytest.mark.parametrize("box", [(0.0, 0.3, 0.5, 0.6), (0.2, 0.3, 0.5, 1.0)])
def test_a_vehicle_that_the_edge_cuts_is_not_whole(box: tuple[float, float, float, float]) -> None:
    first, second = a_pack().sightings
    found = finding(
        replace(a_pack(), sightings=(replace(first, box=box), second)), Clause("whole_vehicle")
    )

    assert (found.result, dict(found.numbers)) == (Result.FAILED, {"cut": "1", "count": "2"})


def test_a_panorama_without_a_drawn_copy_does_not_show_its_place() -> None:
    first, second = a_pack().sightings
    undrawn = replace(second, drawn=a_ref(second.captured_at, "e"))
    found = finding(replace(a_pack(), sightings=(first, undrawn)), Clause.PLACE)

    assert (found.result, dict(found.numbers)) == (Result.FAILED, {"drawn": "1", "count": "2"})


def test_the_smallest_picture_counts_and_an_unknown_size_is_not_guessed() -> None:
    large, small = a_pack().sightings[0], a_pack(size_px=(640, 360)).sightings[1]
    mixed = replace(a_pack(), sightings=(large, small))

    assert finding(mixed, Clause.SIZE).result is Result.FAILED
    assert finding(a_pack(size_px=None), Clause.SIZE).result is Result.NOT_CHECKABLE


def test_a_clock_up_to_a_second_ahead_is_in_order_and_a_late_arrival_says_nothing() -> None:
    ahead = replace(a_pack(), opened_at=NOON - seconds(1))
    late = replace(a_pack(), opened_at=NOON + seconds(600))

    assert finding(ahead, Clause.CLOCK).result is Result.NOT_CHECKABLE
    assert finding(late, Clause.CLOCK).result is Result.NOT_CHECKABLE


def test_only_what_the_rulebook_holds_necessary_stands_in_the_way() -> None:
    small = a_pack(size_px=(640, 360))
    strict = replace(small, evidence_needed=("size", "clock", "colour"))

    assert missing(small) == ()
    assert [one.clause for one in missing(strict)] == [Clause.SIZE]
    assert missing(replace(a_pack(), evidence_needed=tuple(Clause))) == ()


def test_two_panoramas_of_one_instant_are_no_pair() -> None:
    assert has_panorama_pair(a_pack(apart_s=10))
    assert not has_panorama_pair(a_pack(apart_s=0))
    assert not has_panorama_pair(a_case())


@pytest.mark.parametrize(
    ("act", "shows"),
    [
        (ViolationType.PARKED, Shows.STANDING_WITH_SIGN),
        (ViolationType.STOPPED_ON_CROSSING, Shows.ON_THE_CROSSING),
        (ViolationType.BLOCKED_JUNCTION, Shows.IN_THE_JUNCTION_HELD_AHEAD),
        (ViolationType.EMERGENCY_LANE, Shows.IN_THE_EMERGENCY_LANE),
        (ViolationType.CYCLE_LANE, Shows.STANDING_WITH_SIGN),
    ],
)
def test_every_act_of_standing_has_its_pictures(act: ViolationType, shows: Shows) -> None:
    plan = picture_plan(act)

    assert plan.shows[0] is shows
    assert (plan.panoramas, plan.apart) == (2, seconds(10))


def test_a_suspicion_alone_is_one_picture() -> None:
    assert finding(a_case(a_suspicion()), Clause.PANORAMAS).result is Result.FAILED
