from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from pipeline.audit import AuditNote, seal
from pipeline.case import (
    Case,
    CaseStatus,
    Disposition,
    Outcome,
    RejectReason,
    ReviewDecision,
)
from pipeline.events import LocalName, PlateStatus
from pipeline.evidence.retention import (
    DELETED,
    Part,
    anonymous,
    deletion_of,
    due_reason,
    ended_by,
    unused,
    without,
)
from pipeline.policy.entries import Kept, RetentionEntry
from pipeline.policy.parameters import Rulebook, RulebookError, load_rulebook
from pipeline.reminder import DeliveryStatus, Failure, Reminder
from pipeline.staff import ReviewerId
from tests.builders import NOON, PLATE, a_case

HUBEI = load_rulebook("hubei")
DAY = date(2026, 3, 2)
PHONE = "13800000001"


def days(n: float) -> timedelta:
    return timedelta(days=n)


def an_ended(disposition: Disposition, **changes: Any) -> Case:
    told = {"status": CaseStatus.CLOSED, "disposition": disposition, "closed_at": NOON}
    return a_case(None, **{**told, **changes})


def due(case: Case, part: Part, now: datetime, rulebook: Rulebook = HUBEI) -> bool:
    return due_reason(case, part, day=DAY, rulebook=rulebook, now=now) is not None


@pytest.mark.parametrize(
    ("disposition", "pictures", "person"),
    [
        (Disposition.CLEARED, 0, 30),
        (Disposition.EXEMPT, 7, 30),
        (Disposition.REJECTED, 15, 180),
        (Disposition.CONFIRMED, 1095, 1825),
    ],
)
def test_each_way_to_end_has_its_own_time(
    disposition: Disposition, pictures: int, person: int
) -> None:
    case = an_ended(disposition)

    for part, kept in ((Part.PICTURES, pictures), (Part.PERSON, person)):
        assert not due(case, part, NOON + days(kept) - timedelta(seconds=1))
        assert due(case, part, NOON + days(kept))


@pytest.mark.parametrize("status", [one for one in CaseStatus if a_case(status=one).is_open])
def test_nothing_of_an_open_case_is_ever_due(status: CaseStatus) -> None:
    for disposition in (None, Disposition.CLEARED):
        case = a_case(status=status, disposition=disposition, closed_at=NOON)
        assert not due(case, Part.PICTURES, NOON + days(9999))
        assert not due(case, Part.PERSON, NOON + days(9999))


def test_a_case_of_which_nobody_says_how_it_ended_is_kept() -> None:
    assert not due(a_case(status=CaseStatus.CLOSED, closed_at=NOON), Part.PICTURES, NOON + days(99))
    without_end = an_ended(Disposition.CLEARED, closed_at=None)
    assert not due(without_end, Part.PICTURES, NOON + days(99))


def a_decision(**changes: object) -> ReviewDecision:
    told = {"reviewer_id": ReviewerId("li"), "decided_at": NOON, "case_version": 3}
    return ReviewDecision(**{**told, **changes})  # type: ignore[arg-type]


def test_the_time_of_a_record_runs_from_its_decision() -> None:
    decision = a_decision(outcome=Outcome.WARNING)
    case = an_ended(
        Disposition.CONFIRMED, status=CaseStatus.DECIDED, closed_at=None, decision=decision
    )

    assert not due(case, Part.PICTURES, NOON + days(1094))
    assert due(case, Part.PICTURES, NOON + days(1095))


def test_what_is_gone_is_not_due_again() -> None:
    case = an_ended(Disposition.CLEARED)
    for part in Part:
        assert not due(without(part, case, at=NOON), part, NOON + days(99))


def a_rulebook(*first_days: tuple[date, int]) -> Rulebook:
    entries = tuple(
        RetentionEntry(
            **{"from": first_day},
            value={one: Kept(pictures=kept, person=kept + 1) for one in Disposition},
            unit="days",
            source=f"the order of {first_day}",
            region="hubei",
        )
        for first_day, kept in first_days
    )
    return HUBEI.model_copy(update={"retention": entries})


def test_the_entry_in_force_on_the_case_s_day_counts_and_is_named() -> None:
    rulebook = a_rulebook((date(2021, 1, 1), 5), (date(2026, 3, 3), 1))
    case = an_ended(Disposition.CLEARED)

    def reason_on(day: date) -> str | None:
        reason = due_reason(case, Part.PICTURES, day=day, rulebook=rulebook, now=NOON + days(2))
        return f"{reason.rule}: {reason.entry}, by {reason.source}" if reason else None

    assert reason_on(date(2026, 3, 2)) is None
    assert reason_on(date(2026, 3, 3)) == (
        "delete_pictures: retention.cleared.pictures = 1 days from 2026-03-03, "
        "by the order of 2026-03-03"
    )


def test_an_entry_of_the_region_above_is_named_as_its() -> None:
    county = HUBEI.model_copy(update={"region": "county", "name": LocalName(zh="县", en="C")})
    case = an_ended(Disposition.CLEARED)
    reason = due_reason(case, Part.PERSON, day=DAY, rulebook=county, now=NOON + days(30))

    assert reason is not None
    assert reason.entry == "retention.cleared.person = 30 days of hubei from 2021-01-01"
    assert reason.edition == county.edition


def test_a_day_before_the_first_entry_is_no_reason_to_guess() -> None:
    with pytest.raises(RulebookError, match="nothing in force on 2020-12-31"):
        due_reason(
            an_ended(Disposition.CLEARED),
            Part.PICTURES,
            day=date(2020, 12, 31),
            rulebook=HUBEI,
            now=NOON,
        )


def test_no_case_that_ended_later_can_be_due_under_any_entry() -> None:
    rulebook = a_rulebook((date(2021, 1, 1), 5), (date(2022, 1, 1), 1), (date(2023, 1, 1), 9))

    assert ended_by(Part.PICTURES, Disposition.CLEARED, rulebook=rulebook, now=NOON) == (
        NOON - days(1)
    )
    assert ended_by(Part.PERSON, Disposition.CLEARED, rulebook=rulebook, now=NOON) == (
        NOON - days(2)
    )


def test_without_its_pictures_a_case_still_names_them() -> None:
    case = an_ended(Disposition.CLEARED)

    assert without(Part.PICTURES, case, at=NOON) == replace(case, pictures_deleted_at=NOON)


def test_without_its_person_a_case_tells_times_and_places_and_nobody() -> None:
    case = an_ended(
        Disposition.REJECTED,
        operator_note=f"{PLATE} belongs to my neighbour",
        decision=a_decision(reject_reason=RejectReason.OTHER, note=f"I know {PLATE}"),
    )

    left = without(Part.PERSON, case, at=NOON)

    assert PLATE not in str(left)
    assert (left.plate.status, left.plate.reads) == (PlateStatus.AGREED, case.plate.reads)
    assert not left.has_agreed_plate
    assert left.operator_note == DELETED
    assert left.decision is not None
    assert left.decision.note == DELETED
    assert left.decision.reject_reason is RejectReason.OTHER
    kept = ("id", "camera_id", "sightings", "disposition", "closed_at", "reasons", "zone_id")
    assert [getattr(left, name) for name in kept] == [getattr(case, name) for name in kept]


def test_what_nobody_wrote_is_not_said_to_be_deleted() -> None:
    decided = an_ended(
        Disposition.REJECTED, decision=a_decision(reject_reason=RejectReason.TOO_SHORT)
    )
    left = without(Part.PERSON, decided, at=NOON)

    assert left.operator_note == ""
    assert left.decision == decided.decision
    assert without(Part.PERSON, an_ended(Disposition.CLEARED), at=NOON).decision is None


def test_an_anonymous_message_tells_when_and_what_became_of_it() -> None:
    message = Reminder(
        key="reminder:1:1",
        case_id=uuid4(),
        plate=PLATE,
        channel="sms",
        contact_masked="138******01",
        text=f"{PLATE}: please move",
        status=DeliveryStatus.FAILED,
        created_at=NOON,
        accepted_at=NOON,
        provider_ref=f"sent to {PHONE}",
        failure_kind=Failure.PERMANENT,
        failure=f"{PHONE} is off",
        answer=f"this is {PHONE}",
        answered_at=NOON,
    )

    left = anonymous(message)

    for secret in (PLATE, PHONE, "138"):
        assert secret not in str(left)
    assert (left.status, left.failure_kind) == (DeliveryStatus.FAILED, Failure.PERMANENT)
    assert (left.accepted_at, left.answered_at) == (NOON, NOON)
    assert anonymous(left) == left


def test_a_file_goes_with_the_last_case_that_refers_to_it() -> None:
    one, other = UUID(int=1), UUID(int=2)
    users = {"a": {one}, "b": {one, other}}

    assert unused({"a", "b", "c"}, users) == {"c"}
    assert unused({"a", "b", "c"}, users, gone={one}) == {"a", "c"}
    assert unused({"a", "b", "c"}, users, gone={one, other}) == {"a", "b", "c"}


def test_a_chain_says_what_was_deleted() -> None:
    note = AuditNote(
        case_id=uuid4(),
        at=NOON,
        actor="pipeline",
        action="pictures deleted",
        from_status="closed",
        to_status="closed",
        case_version=1,
        cause="delete_pictures",
    )
    first = seal(replace(note, action="opened"), after=None)
    second = seal(note, after=first)

    assert deletion_of(Part.PICTURES, [first, second]) == second
    assert deletion_of(Part.PERSON, [first, second]) is None
    third = seal(replace(note, action="personal data deleted"), after=second)
    assert deletion_of(Part.PERSON, [first, second, third]) == third
