"""The review queue: list, claim, decide; and what is open for the operator.

The only way to a record: `decide`, by a named and qualified person, about the version they saw.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from pipeline.audit import AuditNote
from pipeline.case import (
    Case,
    CaseStatus,
    Disposition,
    Outcome,
    RejectReason,
    ReviewDecision,
    move,
    with_entered_plate,
)
from pipeline.errors import PermanentError
from pipeline.events.plate import PlateNumber, PlateReading, PlateStatus
from pipeline.policy.entries import Cause
from pipeline.policy.evidence_standard import missing
from pipeline.staff import NotQualifiedError, Reviewer, ReviewerId, Role
from pipeline.storage.base import ReviewLease, StaleCaseError, UnitOfWork

__all__ = [
    "LEASE",
    "PLATE_CAUSES",
    "CaseNotFoundError",
    "DeadlinePassedError",
    "EvidenceIncompleteError",
    "LeaseHeldError",
    "NotOpenError",
    "SiteNotInUseError",
    "Verdict",
    "case_by_number",
    "claim",
    "close_without_reminder",
    "decide",
    "enter_plate",
    "is_overdue",
    "next_case",
    "operator_tasks",
    "queue",
    "record_view",
    "release",
    "require_may_decide",
]

LEASE = timedelta(minutes=5)
NUMBER_LENGTH = 8
PLATE_CAUSES = frozenset({Cause.PLATE_UNREADABLE, Cause.PLATE_DOUBTFUL, Cause.NO_CONTACT})


class CaseNotFoundError(PermanentError):
    """No case has this id."""


class EvidenceIncompleteError(PermanentError):
    """The case does not meet the evidence standard; it cannot be confirmed."""


class NotOpenError(PermanentError):
    """The case is not, or no longer, waiting for this."""


class SiteNotInUseError(PermanentError):
    """The site was suspended, or was never in order on the day of the case."""


class DeadlinePassedError(PermanentError):
    """The legal deadline is over; the case can only expire."""


class LeaseHeldError(PermanentError):
    """Another person has the case open."""

    def __init__(self, lease: ReviewLease) -> None:
        """Name the holder and the end of the lease."""
        super().__init__(f"case {lease.case_id} is held by {lease.reviewer_id} until {lease.until}")
        self.lease = lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the person at the desk chose: an outcome, or a reason why it is not shown."""

    outcome: Outcome | None = None
    reject_reason: RejectReason | None = None
    note: str = ""


def queue(uow: UnitOfWork) -> list[Case]:
    """Cases in review, the earliest due first."""
    return uow.cases.find([CaseStatus.IN_REVIEW])


def operator_tasks(uow: UnitOfWork) -> list[Case]:
    """Open cases about which policy asks the operator, oldest first."""
    return uow.cases.find(asks_operator=True)


def _get(uow: UnitOfWork, case_id: UUID) -> Case:
    case = uow.cases.get(case_id)
    if case is None:
        raise CaseNotFoundError(f"no case {case_id}")
    return case


def case_by_number(uow: UnitOfWork, number: str) -> Case:
    """The one case with this id, or with the number that people use for it.

    Raises:
        CaseNotFoundError: none has it, or several.
    """
    try:
        case = uow.cases.get(UUID(number))
        found = [case] if case else []
    except ValueError:
        found = uow.cases.by_number(number) if len(number) <= NUMBER_LENGTH else []
    if len(found) != 1:
        raise CaseNotFoundError(
            f"{'no case' if not found else 'several cases'} with number {number!r}; "
            "give the id as the page of the case shows it"
        )
    return found[0]


def require_may_decide(uow: UnitOfWork, person: Reviewer, camera_id: str) -> None:
    """Pass when `person` may decide cases of this camera today.

    Raises:
        NotQualifiedError: no reviewer, or no qualification valid on the site's day.
    """
    site = uow.registry.site(camera_id)
    person.require_may_decide(site.day_of(uow.now()) if site else uow.now().date())


def claim(uow: UnitOfWork, case_id: UUID, person: Reviewer) -> ReviewLease:
    """Hold a case in review for five minutes, or renew the hold.

    Raises:
        CaseNotFoundError: there is none.
        NotOpenError: it is not in review.
        NotQualifiedError: this person may not decide it.
        LeaseHeldError: another person has it.
    """
    case = _get(uow, case_id)
    if case.status is not CaseStatus.IN_REVIEW:
        raise NotOpenError(f"case {case_id} is {case.status}, not in review")
    require_may_decide(uow, person, case.camera_id)
    lease = uow.registry.take_lease(case_id, person.id, uow.now() + LEASE)
    if lease.reviewer_id != person.id:
        raise LeaseHeldError(lease)
    return lease


def release(uow: UnitOfWork, case_id: UUID, person: Reviewer) -> None:
    """Give a case back to the queue untouched."""
    uow.registry.drop_lease(case_id, person.id)


def next_case(uow: UnitOfWork, person: Reviewer) -> Case | None:
    """The earliest due case that nobody else holds; None when there is nothing to do.

    A case whose deadline is over is not offered: it can only expire.
    """
    held = {lease.case_id for lease in uow.registry.leases() if lease.reviewer_id != person.id}
    now = uow.now()
    return next(
        (case for case in queue(uow) if case.id not in held and not is_overdue(case, now)), None
    )


def is_overdue(case: Case, now: datetime) -> bool:
    """Whether the legal deadline of a case in review is over."""
    return case.review_due_at is None or now >= case.review_due_at


def decide(
    uow: UnitOfWork,
    case_id: UUID,
    person: Reviewer,
    verdict: Verdict,
    *,
    seen_version: int,
    verified: Collection[str],
) -> Case:
    """Decide a case that this person holds, as it stood at `seen_version`.

    `verified` are the SHA-256 of the evidence that the caller has just read back whole.

    Raises:
        CaseNotFoundError: there is none.
        NotOpenError: it is no longer in review.
        NotQualifiedError: this person may not decide it.
        LeaseHeldError: another person took it over.
        StaleCaseError: it changed since it was shown.
        EvidenceIncompleteError: shown, but a file is missing or changed, or a clause of the
            evidence standard that the rulebook holds necessary is not met.
        SiteNotInUseError: shown, but the site may no longer refer cases.
        DeadlinePassedError: too late; the case can only expire.
        ValueError: the verdict is not complete.
    """
    claim(uow, case_id, person)
    case = _get(uow, case_id)
    if case.version != seen_version:
        raise StaleCaseError(f"case {case_id}: shown version {seen_version}, now {case.version}")
    decision = ReviewDecision(
        reviewer_id=person.id,
        decided_at=uow.now(),
        case_version=seen_version,
        outcome=verdict.outcome,
        reject_reason=verdict.reject_reason,
        note=verdict.note.strip(),
    )
    if is_overdue(case, decision.decided_at):
        raise DeadlinePassedError(f"case {case.id}: was due {case.review_due_at}")
    is_shown = decision.outcome is not None
    if decision.outcome is not None:
        _require_may_confirm(uow, case, verified, decision.outcome)
    decided = replace(
        move(case, CaseStatus.DECIDED if is_shown else CaseStatus.CLOSED),
        decision=decision,
        disposition=decision.disposition,
        closed_at=None if is_shown else decision.decided_at,
    )
    saved = uow.cases.save(decided)
    uow.cases.set_timer(case_id, None)
    cause = verdict.outcome or verdict.reject_reason or ""
    _note(uow, case, saved, person.id, "decided", str(cause))
    uow.registry.drop_lease(case_id, person.id)
    return saved


def _require_may_confirm(
    uow: UnitOfWork, case: Case, verified: Collection[str], outcome: Outcome
) -> None:
    broken = {ref.sha256 for ref in case.evidence} - set(verified)
    if broken:
        raise EvidenceIncompleteError(f"case {case.id}: not whole: {', '.join(sorted(broken))}")
    failed = [f"{one.clause} ({one.source})" for one in missing(case)]
    if failed:
        raise EvidenceIncompleteError(f"case {case.id}: not met: {', '.join(failed)}")
    site = uow.registry.site(case.camera_id)
    day = site.day_of(case.suspected_at) if site else None
    if site is None or day is None or not site.may_refer(day):
        raise SiteNotInUseError(f"case {case.id}: its site {case.camera_id} is not in use")
    if outcome is Outcome.PENALTY and not site.may_penalise(day):
        raise SiteNotInUseError(
            f"case {case.id}: its site {case.camera_id} is in its warning phase; no penalty yet"
        )


def enter_plate(
    uow: UnitOfWork, case_id: UUID, person: Reviewer, text: str, *, seen_step: int
) -> Case:
    """The operator reads the plate from the picture; policy is then asked anew.

    Raises:
        CaseNotFoundError: there is none.
        NotOpenError: nothing is asked of the operator, or not the plate.
        NotQualifiedError: this person is no operator.
        StaleCaseError: another operator was faster.
        ValueError: not a plate by any known pattern.
    """
    case = _asked(uow, case_id, person, seen_step)
    if case.status is not CaseStatus.SUSPECTED or case.no_reminder_cause not in PLATE_CAUSES:
        raise NotOpenError(f"case {case_id}: its plate is not what is missing")
    plate = PlateNumber.parse(text)
    reading = PlateReading(
        status=PlateStatus.AGREED,
        text=plate.text,
        agreeing=case.plate.agreeing,
        reads=case.plate.reads,
    )
    saved = uow.cases.save(with_entered_plate(case, reading, person.id))
    uow.cases.set_timer(case_id, uow.now())
    _note(uow, case, saved, person.id, "plate entered", "operator")
    return saved


def close_without_reminder(
    uow: UnitOfWork, case_id: UUID, person: Reviewer, note: str, *, seen_step: int
) -> Case:
    """The operator ends a case about which nobody can be reminded; it leaves no record.

    Raises:
        CaseNotFoundError: there is none.
        NotOpenError: nothing is asked of the operator.
        NotQualifiedError: this person is no operator.
        StaleCaseError: another operator was faster.
        ValueError: the note is empty.
    """
    case = _asked(uow, case_id, person, seen_step)
    if not note.strip():
        raise ValueError("closing without a reminder needs a note")
    closed = replace(
        move(case, CaseStatus.CLOSED),
        disposition=Disposition.REJECTED,
        closed_at=uow.now(),
        asks_operator=False,
        operator_note=note.strip(),
    )
    saved = uow.cases.save(closed)
    uow.cases.set_timer(case_id, None)
    _note(uow, case, saved, person.id, "closed by operator", "operator")
    return saved


def _asked(uow: UnitOfWork, case_id: UUID, person: Reviewer, seen_step: int) -> Case:
    """The case, if this is still what the operator was asked; sightings meanwhile do not matter."""
    case = _get(uow, case_id)
    if Role.OPERATOR not in person.roles:
        raise NotQualifiedError(f"{person.id} is not an operator")
    if not case.asks_operator or not case.is_open:
        raise NotOpenError(f"case {case_id}: nothing is asked of the operator")
    if case.reminder_step != seen_step:
        raise StaleCaseError(f"case {case_id}: shown step {seen_step}, now {case.reminder_step}")
    return case


def record_view(uow: UnitOfWork, case: Case, person_id: ReviewerId, what: str) -> None:
    """Log that a person looked at something of this case."""
    _note(uow, case, case, person_id, "viewed", what)


def _note(uow: UnitOfWork, before: Case, after: Case, actor: str, action: str, cause: str) -> None:
    uow.audit.append(
        AuditNote(
            case_id=after.id,
            at=uow.now(),
            actor=actor,
            action=action,
            from_status=before.status,
            to_status=after.status,
            case_version=after.version,
            cause=cause,
        )
    )
