"""What storage promises to who looks back: the cases of a time span, each with its whole story."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID
from zlib import crc32

from pipeline.case import Case
from pipeline.reminder import Reminder

__all__ = ["WHOLE", "AuditLine", "History", "PlateFact", "Share", "StoredCase"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One of `of` parts that the vehicles are in; all cases of a vehicle are in the same one."""

    number: int
    of: int

    def has(self, vehicle: str) -> bool:
        """Whether a vehicle, by its plate or by the id of its case, is in this part."""
        return self.of == 1 or crc32(vehicle.encode()) % self.of == self.number


WHOLE = Share(number=0, of=1)


class AuditLine(NamedTuple):
    """An entry of an audit chain without its hashes."""

    at: datetime
    actor: str
    action: str
    to_status: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCase:
    """A case as it stands, its messages and its audit chain, each oldest first."""

    case: Case
    reminders: tuple[Reminder, ...]
    lines: tuple[AuditLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateFact:
    """That a reminder to a plate was accepted at `at`, or a case against it confirmed."""

    plate: str
    case_id: UUID
    opened_at: datetime
    at: datetime


class History(Protocol):
    """Looks back over a time span; all spans are of when a case was opened, the end not in them."""

    def count(self, since: datetime, until: datetime, *, camera_id: str | None = None) -> int:
        """How many cases were opened, at one camera or at all."""
        ...

    def cases(
        self,
        since: datetime,
        until: datetime,
        *,
        camera_id: str | None = None,
        share: Share = WHOLE,
    ) -> Iterator[StoredCase]:
        """The cases with their stories, the oldest first; a page of them at a time is in memory."""
        ...

    def reminded(
        self, since: datetime, until: datetime, *, share: Share = WHOLE
    ) -> Iterator[PlateFact]:
        """Reminders that were accepted and did not fail."""
        ...

    def confirmed(
        self, since: datetime, until: datetime, *, share: Share = WHOLE
    ) -> Iterator[PlateFact]:
        """Cases that a person has confirmed."""
        ...
