from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from pipeline import review
from pipeline.case import Case, CaseStatus, Disposition, Outcome, RejectReason
from pipeline.clock import ManualClock
from pipeline.events import PlateStatus
from pipeline.review import (
    CaseNotFoundError,
    DeadlinePassedError,
    EvidenceIncompleteError,
    LeaseHeldError,
    NotOpenError,
    SiteNotInUseError,
    Verdict,
)
from pipeline.sites import SiteState
from pipeline.staff import NotQualifiedError, Qualification, Reviewer, Role
from pipeline.storage import StaleCaseError, Storage
from tests.builders import NOON, a_case, a_plate, a_reviewer, a_site, a_suspicion, seconds

LI, WANG = a_reviewer("li"), a_reviewer("wang")
WHOLE = {ref.sha256 for ref in a_case().evidence}
SHOWN = Verdict(outcome=Outcome.WARNING)
REJECTED = Verdict(reject_reason=RejectReason.TOO_SHORT)


def _stored(storage: Storage, case: Case) -> Case:
    with storage.begin() as uow:
        uow.cases.add(case)
        uow.commit()
    return case


def _in_review(storage: Storage, *, pair_s: float = 10, due_s: float = 3600) -> Case:
    suspicion = a_suspicion()
    case = a_case(suspicion, status=CaseStatus.IN_REVIEW, review_due_at=NOON + seconds(due_s))
    second = a_case(suspicion.model_copy(update={"captured_at": NOON + seconds(pair_s)})).sightings
    return _stored(storage, replace(case, sightings=(*case.sightings, *second)))


def _asking(storage: Storage) -> Case:
    suspicion = a_suspicion(plate=a_plate(PlateStatus.UNREADABLE))
    return _stored(
        storage, a_case(suspicion, asks_operator=True, no_reminder_cause="plate_unreadable")
    )


def test_a_confirmed_case_carries_the_name_of_a_qualified_person(storage: Storage) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        decided = review.decide(uow, case.id, LI, SHOWN, seen_version=case.version, verified=WHOLE)

        assert decided.status is CaseStatus.DECIDED
        assert decided.disposition is Disposition.CONFIRMED
        assert decided.decision is not None
        assert decided.decision.reviewer_id == "li"
        assert uow.audit.of_case(case.id)[-1].note.actor == "li"
        assert uow.registry.leases() == []


def test_a_rejected_case_is_closed_with_its_reason(storage: Storage) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        decided = review.decide(
            uow, case.id, LI, REJECTED, seen_version=case.version, verified=WHOLE
        )

    assert decided.status is CaseStatus.CLOSED
    assert decided.disposition is Disposition.REJECTED
    assert decided.closed_at is not None


def test_pictures_less_than_ten_seconds_apart_confirm_nothing(storage: Storage) -> None:
    case = _in_review(storage, pair_s=9.9)
    with storage.begin() as uow:
        with pytest.raises(EvidenceIncompleteError, match="GA/T 832"):
            review.decide(uow, case.id, LI, SHOWN, seen_version=case.version, verified=WHOLE)
        rejected = review.decide(
            uow, case.id, LI, REJECTED, seen_version=case.version, verified=WHOLE
        )

    assert rejected.disposition is Disposition.REJECTED


def test_a_case_is_decided_once(storage: Storage) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        review.decide(uow, case.id, LI, SHOWN, seen_version=case.version, verified=WHOLE)
        with pytest.raises(NotOpenError, match="decided, not in review"):
            review.decide(uow, case.id, WANG, SHOWN, seen_version=case.version, verified=WHOLE)


def test_a_case_that_changed_since_it_was_shown_is_not_decided(storage: Storage) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        uow.cases.save(case)
        with pytest.raises(StaleCaseError, match="shown version 1, now 2"):
            review.decide(uow, case.id, LI, SHOWN, seen_version=case.version, verified=WHOLE)


def test_two_people_never_hold_the_same_case(storage: Storage, clock: ManualClock) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        review.claim(uow, case.id, LI)
        with pytest.raises(LeaseHeldError) as refused:
            review.decide(uow, case.id, WANG, SHOWN, seen_version=case.version, verified=WHOLE)
        assert refused.value.lease.reviewer_id == "li"
        clock.advance(review.LEASE)
        review.claim(uow, case.id, WANG)


def test_the_next_case_is_the_earliest_due_that_nobody_else_holds(storage: Storage) -> None:
    later, sooner = _in_review(storage, due_s=9000), _in_review(storage, due_s=100)
    with storage.begin() as uow:
        assert [case.id for case in review.queue(uow)] == [sooner.id, later.id]
        review.claim(uow, sooner.id, LI)
        mine, others = review.next_case(uow, LI), review.next_case(uow, WANG)
        assert mine is not None
        assert others is not None
        assert (mine.id, others.id) == (sooner.id, later.id)
        review.release(uow, sooner.id, LI)
        back = review.next_case(uow, WANG)
        assert back is not None
        assert back.id == sooner.id


def _without(qualification: Qualification | None, *roles: Role) -> Reviewer:
    return replace(a_reviewer("li", frozenset(roles)), qualification=qualification)


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (_without(LI.qualification, Role.ADMINISTRATOR), "not a reviewer"),
        (_without(None, Role.REVIEWER), "holds no qualification"),
        (
            _without(
                Qualification(
                    number="Q", valid_from=date(2025, 1, 1), valid_until=date(2026, 3, 1)
                ),
                Role.REVIEWER,
            ),
            "not on 2026-03-02",
        ),
        (
            _without(
                Qualification(
                    number="Q", valid_from=date(2026, 3, 3), valid_until=date(2027, 3, 1)
                ),
                Role.REVIEWER,
            ),
            "not on 2026-03-02",
        ),
    ],
)
def test_only_qualified_reviewers_decide(storage: Storage, person: Reviewer, why: str) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        with pytest.raises(NotQualifiedError, match=why):
            review.decide(uow, case.id, person, SHOWN, seen_version=case.version, verified=WHOLE)
        with pytest.raises(NotQualifiedError, match=why):
            review.claim(uow, case.id, person)


def test_a_qualification_ends_at_midnight_of_the_site(storage: Storage, clock: ManualClock) -> None:
    last_day = Qualification(number="Q", valid_from=date(2025, 1, 1), valid_until=date(2026, 3, 2))
    person, case = _without(last_day, Role.REVIEWER), _in_review(storage)
    with storage.begin() as uow:
        clock.advance(seconds(12 * 3600 - 1))
        review.claim(uow, case.id, person)
        clock.advance(seconds(1))
        with pytest.raises(NotQualifiedError):
            review.claim(uow, case.id, person)


def test_an_unknown_case_is_said_to_be_unknown(storage: Storage) -> None:
    with storage.begin() as uow, pytest.raises(CaseNotFoundError):
        review.claim(uow, uuid4(), LI)


def test_the_plate_that_an_operator_reads_leads_back_to_policy(
    storage: Storage, clock: ManualClock
) -> None:
    case = _asking(storage)
    with storage.begin() as uow:
        assert review.operator_tasks(uow) == [case]
        with pytest.raises(ValueError, match="not a plate"):
            review.enter_plate(uow, case.id, LI, "???", seen_step=1)
        entered = review.enter_plate(uow, case.id, LI, "鄂a·12345", seen_step=1)

        assert entered.plate.text == "鄂A12345"
        assert entered.plate_entered_by == "li"
        assert review.operator_tasks(uow) == []
        assert uow.cases.claim_due(limit=1, lease=seconds(1)) == {case.id: seconds(0)}


def test_an_operator_closes_with_a_note_and_without_a_record(storage: Storage) -> None:
    case = _asking(storage)
    with storage.begin() as uow:
        with pytest.raises(ValueError, match="needs a note"):
            review.close_without_reminder(uow, case.id, LI, "  ", seen_step=1)
        closed = review.close_without_reminder(uow, case.id, LI, "mud", seen_step=1)

        assert closed.disposition is Disposition.REJECTED
        assert closed.operator_note == "mud"
        with pytest.raises(NotOpenError):
            review.close_without_reminder(uow, case.id, LI, "mud", seen_step=1)


def test_only_operators_answer_for_the_operator(storage: Storage) -> None:
    case = _asking(storage)
    reviewer = a_reviewer("li", frozenset({Role.REVIEWER}))
    with storage.begin() as uow:
        with pytest.raises(NotQualifiedError, match="not an operator"):
            review.enter_plate(uow, case.id, reviewer, "鄂A12345", seen_step=1)
        with pytest.raises(StaleCaseError):
            review.enter_plate(uow, case.id, LI, "鄂A12345", seen_step=7)


@pytest.mark.parametrize("state", [SiteState.SUSPENDED, SiteState.TRIAL])
def test_nothing_is_confirmed_from_a_site_that_is_no_longer_active(
    storage: Storage, state: SiteState
) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        uow.registry.save_site(a_site(state=state))
        with pytest.raises(SiteNotInUseError):
            review.decide(uow, case.id, LI, SHOWN, seen_version=case.version, verified=WHOLE)
        review.decide(uow, case.id, LI, REJECTED, seen_version=case.version, verified=())


def test_nobody_is_penalised_from_a_site_in_its_warning_phase(storage: Storage) -> None:
    case = _in_review(storage)
    penalty, warning = Verdict(outcome=Outcome.PENALTY), Verdict(outcome=Outcome.WARNING)
    with storage.begin() as uow:
        uow.registry.save_site(a_site(state=SiteState.WARNING))
        with pytest.raises(SiteNotInUseError, match="warning phase"):
            review.decide(uow, case.id, LI, penalty, seen_version=case.version, verified=WHOLE)
        decided = review.decide(
            uow, case.id, LI, warning, seen_version=case.version, verified=WHOLE
        )
    assert decided.disposition is Disposition.CONFIRMED


@pytest.mark.parametrize("verdict", [SHOWN, REJECTED])
def test_nothing_is_decided_or_offered_after_the_deadline(
    storage: Storage, clock: ManualClock, verdict: Verdict
) -> None:
    case = _in_review(storage, due_s=60)
    clock.advance(seconds(60))
    with storage.begin() as uow:
        assert review.next_case(uow, LI) is None
        with pytest.raises(DeadlinePassedError):
            review.decide(uow, case.id, LI, verdict, seen_version=case.version, verified=WHOLE)


def test_nothing_is_confirmed_unless_every_file_was_read_back_whole(storage: Storage) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        for missing in WHOLE:
            with pytest.raises(EvidenceIncompleteError, match=missing):
                review.decide(
                    uow,
                    case.id,
                    LI,
                    SHOWN,
                    seen_version=case.version,
                    verified=WHOLE - {missing},
                )


def test_a_sighting_does_not_make_the_operators_form_stale(storage: Storage) -> None:
    case = _asking(storage)
    with storage.begin() as uow:
        uow.cases.save(case)
        entered = review.enter_plate(uow, case.id, LI, "鄂A12345", seen_step=1)

    assert entered.reminder_step == 2


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (CaseStatus.REMINDER_UNCERTAIN, None),
        (CaseStatus.SUSPECTED, "not_delivered"),
    ],
)
def test_a_plate_is_entered_only_where_the_plate_is_what_is_missing(
    storage: Storage, status: CaseStatus, cause: str | None
) -> None:
    case = _stored(storage, a_case(status=status, asks_operator=True, no_reminder_cause=cause))
    with storage.begin() as uow, pytest.raises(NotOpenError, match="not what is missing"):
        review.enter_plate(uow, case.id, LI, "鄂A12345", seen_step=1)


def test_looking_at_a_case_is_logged(storage: Storage) -> None:
    case = _in_review(storage)
    with storage.begin() as uow:
        review.record_view(uow, case, LI.id, "case page")

        (entry,) = uow.audit.of_case(case.id)

    assert (entry.note.actor, entry.note.action, entry.note.cause) == ("li", "viewed", "case page")
