"""The review queue, and what is open for the operator."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pipeline.case import Case, CaseStatus
from pipeline.review import PLATE_CAUSES, operator_tasks, queue
from pipeline.staff import Reviewer, Role
from pipeline.storage.base import ReviewLease, UnitOfWork
from review_ui.presenters.badges import Badge, reminder_badge, skips_reminder
from review_ui.presenters.evidence import evidence_url, seen_again
from review_ui.presenters.people import why_read_only
from review_ui.presenters.words import Words

__all__ = ["QueuePage", "QueueRow", "TaskCard", "present_queue"]

DUE_SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One case that waits for a decision."""

    number: str
    url: str
    picture_url: str
    act: str
    zone: str
    camera: str
    seen_at: str
    seen_ago: str
    reminder: Badge
    seen_again: str
    due: str
    due_in: str
    is_due_soon: bool
    holder: str | None
    is_mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCard:
    """One case about which the operator is asked; `asks_plate` when a plate would help it on."""

    id: UUID
    number: str
    step: int
    asks_plate: bool
    file_url: str
    crop_url: str
    panorama_url: str
    camera: str
    zone: str
    cause: str
    advice: str
    reads: str
    seen_at: str
    seen_ago: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """All of the page; `read_only` says why this person cannot decide, None when they can."""

    rows: list[QueueRow]
    tasks: list[TaskCard]
    mine: int
    free: int
    oldest: str | None
    read_only: str | None
    is_operator: bool
    saved: str | None


def present_queue(
    uow: UnitOfWork, words: Words, person: Reviewer, *, just_decided: UUID | None = None
) -> QueuePage:
    """The page as it stands now."""
    leases = {lease.case_id: lease for lease in uow.registry.leases()}
    cases = queue(uow)
    rows = [_row(case, words, leases.get(case.id), person) for case in cases]
    tasks = [_task(case, words) for case in operator_tasks(uow) if case.is_open]
    oldest = min((case.opened_at for case in cases), default=None)
    return QueuePage(
        rows=rows,
        tasks=tasks,
        mine=sum(row.is_mine for row in rows),
        free=sum(row.holder is None or row.is_mine for row in rows),
        oldest=words.relative(oldest) if oldest else None,
        read_only=why_read_only(person, words),
        is_operator=Role.OPERATOR in person.roles,
        saved=saved_sentence(uow, words, just_decided),
    )


def saved_sentence(uow: UnitOfWork, words: Words, case_id: UUID | None) -> str | None:
    """What was just decided, so that nobody has to wonder."""
    case = uow.cases.get(case_id) if case_id else None
    if case is None or case.disposition is None:
        return None
    decision = case.decision
    if decision is None:
        return words.t("queue.saved_closed", number=case.number)
    if decision.outcome is not None:
        what = words.t(f"outcome.{decision.outcome}")
    else:
        what = words.t(f"reject.{decision.reject_reason}")
    return words.t("queue.saved", number=case.number, what=what)


def _row(case: Case, words: Words, lease: ReviewLease | None, person: Reviewer) -> QueueRow:
    local = words.at_site(case.camera_id)
    again = seen_again(case)
    is_mine = lease is not None and lease.reviewer_id == person.id
    due_at = case.review_due_at
    return QueueRow(
        number=case.number,
        url=f"/review/{case.id}",
        picture_url=evidence_url(case, case.sightings[-1].drawn),
        act=words.t(f"act.{case.violation_type}"),
        zone=words.name(case.zone_name),
        camera=words.camera(case.camera_id),
        seen_at=local.time(case.suspected_at),
        seen_ago=words.relative(case.suspected_at),
        reminder=reminder_badge(case, local),
        seen_again=local.time(again.captured_at) if again else words.t(_not_seen(case)),
        due=local.time(due_at) if due_at else words.t("queue.no_deadline"),
        due_in=words.relative(due_at) if due_at else "",
        is_due_soon=due_at is not None and due_at - words.now < DUE_SOON,
        holder=_holder(lease, local),
        is_mine=is_mine,
    )


def _not_seen(case: Case) -> str:
    return "queue.not_asked" if skips_reminder(case) else "queue.not_seen"


def _holder(lease: ReviewLease | None, words: Words) -> str | None:
    if lease is None:
        return None
    name = words.person_name(lease.reviewer_id)
    return words.t("queue.held_by", name=name, time=words.time(lease.until))


def _task(case: Case, words: Words) -> TaskCard:
    local = words.at_site(case.camera_id)
    cause = case.no_reminder_cause or case.status
    return TaskCard(
        id=case.id,
        number=case.number,
        step=case.reminder_step,
        asks_plate=case.status is CaseStatus.SUSPECTED and cause in PLATE_CAUSES,
        file_url=f"/cases/{case.id}",
        crop_url=evidence_url(case, case.crop),
        panorama_url=evidence_url(case, case.sightings[-1].drawn),
        camera=words.camera(case.camera_id),
        zone=words.name(case.zone_name),
        cause=words.cause(cause),
        advice=words.texts.find(f"advice.{cause}") or words.t("advice.unnamed"),
        reads=words.plate_agreement(case),
        seen_at=local.time(case.suspected_at),
        seen_ago=words.relative(case.suspected_at),
    )
