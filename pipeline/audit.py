"""The record of every change: one hash chain per case, in which a changed byte shows."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

__all__ = ["GENESIS", "AuditEntry", "AuditNote", "Reason", "first_broken", "reaches", "seal"]

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something was decided: the rule, the rulebook entry and the entry's source.

    `edition` names the text of the rulebook; `params` are the numbers for the sentence on the
    page, as (name, text) pairs.
    """

    rule: str
    entry: str
    source: str
    edition: str = ""
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNote:
    """What happened to a case; holds no plate and no phone, so that erasure stays possible.

    `actor` is `pipeline` or a person's id; `cause` an event id, a rule or what the person did;
    `reasons` why policy decided so: rules, entries of the rulebook and their sources.
    """

    case_id: UUID
    at: datetime
    actor: str
    action: str
    from_status: str
    to_status: str
    case_version: int
    cause: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A note in its place in the chain.

    `digest` is the SHA-256 over the note, its number and the digest of the entry before.
    """

    note: AuditNote
    number: int
    previous: str
    digest: str


_values_of = attrgetter(
    *(field.name for field in dataclasses.fields(AuditNote) if field.name != "reasons")
)


def _digest(note: AuditNote, number: int, previous: str) -> str:
    values: list[object] = [str(value) for value in _values_of(note)]
    if note.reasons:
        values.append([dataclasses.astuple(reason) for reason in note.reasons])
    canonical = json.dumps([number, previous, *values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def seal(note: AuditNote, *, after: AuditEntry | None) -> AuditEntry:
    """Put `note` at the end of its case's chain, behind `after`."""
    number = after.number + 1 if after else 1
    previous = after.digest if after else GENESIS
    return AuditEntry(
        note=note, number=number, previous=previous, digest=_digest(note, number, previous)
    )


def first_broken(chain: Sequence[AuditEntry]) -> AuditEntry | None:
    """The first entry whose digest, number or link to the one before is wrong; None when whole."""
    previous = GENESIS
    for number, entry in enumerate(chain, start=1):
        is_whole = (
            entry.number == number
            and entry.previous == previous
            and entry.digest == _digest(entry.note, number, previous)
        )
        if not is_whole:
            return entry
        previous = entry.digest
    return None


def reaches(chain: Sequence[AuditEntry], *, version: int, status: str) -> bool:
    """Whether the chain goes up to the case as it stands; a chain whose end was cut does not."""
    if not chain:
        return False
    last = chain[-1].note
    return last.case_version == version and last.to_status == status
