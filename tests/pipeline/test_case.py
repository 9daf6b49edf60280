from dataclasses import replace
from itertools import permutations

import pytest

from pipeline.case import (
    MAX_SIGHTINGS,
    TRANSITIONS,
    Case,
    CaseStatus,
    Disposition,
    IllegalTransitionError,
    Outcome,
    RejectReason,
    ReviewDecision,
    case_id_of,
    move,
    with_departure,
    with_entered_plate,
    with_sighting,
)
from pipeline.events import PlateReading, PlateStatus, VehicleDeparted, ViolationOngoing
from pipeline.staff import ReviewerId
from tests.builders import (
    NOON,
    a_case,
    a_departure,
    a_plate,
    a_sighting,
    a_suspicion,
    seconds,
)


def _fold(case: Case, event: ViolationOngoing | VehicleDeparted) -> Case:
    if isinstance(event, VehicleDeparted):
        return with_departure(case, event)
    return with_sighting(case, event)


def test_the_same_facts_in_any_order_and_twice_give_the_same_case() -> None:
    suspicion = a_suspicion(plate=a_plate(PlateStatus.UNREADABLE, reads=0))
    events: list[ViolationOngoing | VehicleDeparted] = [
        a_sighting(suspicion, NOON + seconds(20), a_plate(reads=4)),
        a_sighting(suspicion, NOON + seconds(40), a_plate(reads=9)),
        a_departure(suspicion, NOON + seconds(50)),
        a_departure(suspicion, NOON + seconds(60)),
    ]
    folded = set()
    for order in permutations(events):
        case = a_case(suspicion)
        for event in (*order, *order):
            case = _fold(case, event)
        folded.add(case)

    (case,) = folded
    assert case.left_at == NOON + seconds(50)
    assert case.last_seen_at == NOON + seconds(40)
    assert case.plate.reads == 9


def test_two_agreed_readings_that_differ_contradict_each_other_in_any_order() -> None:
    suspicion = a_suspicion(plate=a_plate(PlateStatus.DOUBTFUL, reads=20))
    other = PlateReading(status=PlateStatus.AGREED, text="鄂B99999", agreeing=9, reads=9)
    events = [
        a_sighting(suspicion, NOON + seconds(20), a_plate(reads=4)),
        a_sighting(suspicion, NOON + seconds(40), other),
    ]
    folded = {
        with_sighting(with_sighting(a_case(suspicion), first), second)
        for first, second in permutations(events)
    }

    (case,) = folded
    assert case.is_plate_contradicted
    assert not case.has_agreed_plate


def test_an_operators_plate_is_not_replaced_by_a_later_reading() -> None:
    suspicion = a_suspicion()
    case = a_case(suspicion, plate_entered_by=ReviewerId("li"))

    seen = with_sighting(case, a_sighting(suspicion, NOON + seconds(20), a_plate(reads=99)))

    assert seen.plate == case.plate


def test_a_very_long_stay_keeps_its_first_last_and_first_sighting_after_grace() -> None:
    suspicion = a_suspicion()
    case = a_case(suspicion, grace_ends_at=NOON + seconds(605))
    for n in range(1, 500):
        case = with_sighting(case, a_sighting(suspicion, NOON + seconds(10 * n)))

    times = [one.captured_at for one in case.sightings]
    assert len(times) == MAX_SIGHTINGS
    assert times[0] == NOON
    assert times[-1] == NOON + seconds(4990)
    assert NOON + seconds(610) in times


@pytest.mark.parametrize("start", CaseStatus)
@pytest.mark.parametrize("end", CaseStatus)
def test_a_case_moves_only_along_the_published_arrows(start: CaseStatus, end: CaseStatus) -> None:
    case = a_case(status=start)

    if end in TRANSITIONS[start]:
        assert move(case, end).status is end
    else:
        with pytest.raises(IllegalTransitionError, match=f"from {start} to {end}"):
            move(case, end)


def test_one_episode_has_one_case_id() -> None:
    case = a_case()

    assert case.id == case_id_of(case.episode_id)
    assert str(case.id).startswith(case.number)
    assert case.reminder_key == f"reminder:{case.id}:1"


def test_a_case_names_all_its_evidence() -> None:
    assert [ref.sha256[0] for ref in a_case().evidence] == ["b", "a", "c"]


def test_only_decided_and_closed_cases_are_not_open() -> None:
    closed = [status for status in CaseStatus if not a_case(status=status).is_open]

    assert closed == [CaseStatus.DECIDED, CaseStatus.CLOSED]


def test_a_case_has_ended_when_it_was_closed_or_else_when_a_person_decided_it() -> None:
    later = NOON + seconds(5)
    decision = ReviewDecision(
        reviewer_id=ReviewerId("li"), decided_at=NOON, case_version=1, outcome=Outcome.WARNING
    )
    decided = a_case(status=CaseStatus.DECIDED, decision=decision)

    assert a_case(closed_at=NOON).ended_at is None
    assert a_case(status=CaseStatus.CLOSED, closed_at=NOON).ended_at == NOON
    assert decided.ended_at == NOON
    assert replace(decided, status=CaseStatus.CLOSED, closed_at=later).ended_at == later


@pytest.mark.parametrize(
    ("outcome", "reason", "disposition"),
    [
        (Outcome.EDUCATION, None, Disposition.EDUCATION),
        (Outcome.WARNING, None, Disposition.CONFIRMED),
        (Outcome.PENALTY, None, Disposition.CONFIRMED),
        (None, RejectReason.EXEMPT, Disposition.EXEMPT),
        (None, RejectReason.TOO_SHORT, Disposition.REJECTED),
    ],
)
def test_a_decision_says_how_the_case_ends(
    outcome: Outcome | None, reason: RejectReason | None, disposition: Disposition
) -> None:
    decision = ReviewDecision(
        reviewer_id=ReviewerId("li"),
        decided_at=NOON,
        case_version=1,
        outcome=outcome,
        reject_reason=reason,
    )

    assert decision.disposition is disposition


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(None, None), (Outcome.WARNING, RejectReason.OTHER), (None, RejectReason.OTHER)],
)
def test_a_decision_without_one_clear_ground_is_refused(
    outcome: Outcome | None, reason: RejectReason | None
) -> None:
    with pytest.raises(ValueError, match=r"names either|needs a note"):
        ReviewDecision(
            reviewer_id=ReviewerId("li"),
            decided_at=NOON,
            case_version=1,
            outcome=outcome,
            reject_reason=reason,
        )


def test_a_doubtful_plate_is_not_an_agreed_one() -> None:
    case = a_case()

    assert case.has_agreed_plate
    assert not replace(case, plate=a_plate(PlateStatus.DOUBTFUL)).has_agreed_plate


def test_a_plate_that_a_person_read_begins_the_tries_anew() -> None:
    case = a_case(asks_operator=True, no_reminder_cause="plate_doubtful", no_reminder_at=NOON)
    entered = with_entered_plate(case, a_plate(), ReviewerId("li"))

    assert entered.plate_entered_by == "li"
    assert (entered.reminder_step, entered.round_step) == (2, 2)
    assert (entered.no_reminder_cause, entered.asks_operator) == (None, False)
