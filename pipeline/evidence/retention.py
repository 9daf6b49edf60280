"""Which evidence is due for deletion, and what stays of a case afterwards; pure.

The rulebook says per disposition for how many days after its end a case keeps its pictures and what
tells of a person; the entry in force on the case's own day counts, as it does for every decision.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from pipeline.audit import AuditEntry, Reason
from pipeline.case import Case, Disposition
from pipeline.policy.entries import Kept
from pipeline.policy.parameters import Rulebook
from pipeline.reminder import Reminder

__all__ = [
    "DELETED",
    "Part",
    "anonymous",
    "deletion_of",
    "due_reason",
    "ended_by",
    "unused",
    "without",
]

DELETED = "[deleted]"
"""In place of words that somebody wrote."""


class Part(StrEnum):
    """What the rulebook sets a time for."""

    PICTURES = "pictures"
    PERSON = "person"
    """Plate, messages, notes: all that tells of a person."""


_RULES = {Part.PICTURES: "delete_pictures", Part.PERSON: "delete_person"}
_ACTIONS = {Part.PICTURES: "pictures deleted", Part.PERSON: "personal data deleted"}


def due_reason(
    case: Case, part: Part, *, day: date, rulebook: Rulebook, now: datetime
) -> Reason | None:
    """Why a part of a case is to be deleted now; None when it is kept, or gone already.

    Args:
        case: Open or not; nothing of an open one is ever due.
        part: What may be due.
        day: The site's day of the case, which picks the entry.
        rulebook: Of the region.
        now: The database's time.

    Raises:
        RulebookError: nothing is in force on that day.
    """
    ended_at, disposition = case.ended_at, case.disposition
    if ended_at is None or disposition is None or _deleted_at(case, part) is not None:
        return None
    entry = rulebook.in_force(rulebook.retention, day)
    days = _days(entry.value[disposition], part)
    if now < ended_at + timedelta(days=days):
        return None
    inherited = entry.region and entry.region != rulebook.region
    of = f" of {entry.region}" if inherited else ""
    return Reason(
        rule=_RULES[part],
        entry=f"retention.{disposition}.{part} = {days} days{of} from {entry.valid_from}",
        source=entry.source,
        edition=rulebook.edition,
    )


def ended_by(
    part: Part, disposition: Disposition, *, rulebook: Rulebook, now: datetime
) -> datetime:
    """No case with this disposition that ended later is due, whatever its day."""
    fewest = min(_days(entry.value[disposition], part) for entry in rulebook.retention)
    return now - timedelta(days=fewest)


def without(part: Part, case: Case, *, at: datetime) -> Case:
    """The case after a part of it was deleted; times, places, reasons and hashes stay."""
    match part:
        case Part.PICTURES:
            return replace(case, pictures_deleted_at=at)
        case Part.PERSON:
            decision = case.decision
            if decision is not None:
                decision = replace(decision, note=_blank(decision.note))
            return replace(
                case,
                # Whether it was readable is no secret, and numbers are made of it.
                plate=case.plate.model_copy(update={"text": None}),
                operator_note=_blank(case.operator_note),
                decision=decision,
                person_deleted_at=at,
            )
        case _:
            assert_never(part)


def anonymous(reminder: Reminder) -> Reminder:
    """The message without whom it was for and what it said; times and what became of it stay."""
    return replace(
        reminder,
        plate="",
        contact_masked="",
        text="",
        provider_ref=None,
        # A provider's words may quote the number.
        failure="",
        answer=None,
    )


def unused(
    pictures: Collection[str],
    users: Mapping[str, Collection[UUID]],
    *,
    gone: Collection[UUID] = frozenset(),
) -> frozenset[str]:
    """Of these pictures, by hash, those that no case refers to but such as are `gone`."""
    left = set(gone)
    return frozenset(one for one in pictures if not set(users.get(one, ())) - left)


def deletion_of(part: Part, chain: Sequence[AuditEntry]) -> AuditEntry | None:
    """The entry that says that a part was deleted, and by which rule; None when none does."""
    action = _ACTIONS[part]
    return next((entry for entry in chain if entry.note.action == action), None)


def _days(kept: Kept, part: Part) -> int:
    return kept.pictures if part is Part.PICTURES else kept.person


def _deleted_at(case: Case, part: Part) -> datetime | None:
    return case.pictures_deleted_at if part is Part.PICTURES else case.person_deleted_at


def _blank(words: str) -> str:
    return DELETED if words else ""
