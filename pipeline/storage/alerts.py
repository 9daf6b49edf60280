"""What staff were told, and the counts of what they are told about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["AlertMark", "Alerts", "DeadlineCount", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMark:
    """One trouble that some worker has seen, and what staff were told of it.

    Attributes:
        kind: What kind of trouble.
        about: The camera or channel; empty where there is only one of its kind.
        began_at: Since when it has been.
        seen_at: When some worker saw it last.
        count: How many, when it was seen last.
        told_at: When staff were told last; None while nobody could be reached.
        claimed_until: Until when one worker is about to tell; None when none is.
    """

    kind: str
    about: str
    began_at: datetime
    seen_at: datetime
    count: int
    told_at: datetime | None = None
    claimed_until: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is one of."""
        return self.kind, self.about


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineCount:
    """How many cases of one camera have their review due at one instant."""

    camera_id: str
    due_at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many there are, and the instant of the oldest; None without one."""

    count: int
    oldest_at: datetime | None


class Alerts(Protocol):
    """The marks of what staff were told, and the counts behind them."""

    def marks(self) -> list[AlertMark]:
        """All marks, as they were committed last."""
        ...

    def lock(self) -> list[AlertMark]:
        """All marks; nobody else changes them until this transaction ends."""
        ...

    def add(self, mark: AlertMark) -> bool:
        """Keep a new mark; False when another worker was faster, which changes nothing."""
        ...

    def save(self, mark: AlertMark) -> None:
        """Change a mark that is there."""
        ...

    def told(self, mark: AlertMark, at: datetime) -> None:
        """Staff were told of it; what was seen meanwhile stays."""
        ...

    def drop(self, mark: AlertMark) -> None:
        """Forget a trouble that is over."""
        ...

    def deadlines(self, *, since: datetime) -> Sequence[DeadlineCount]:
        """Cases at the desk by their deadline; and those that expired, due `since` or later."""
        ...

    def dead_letters(self, *, since: datetime) -> Tally:
        """Messages that were put aside since."""
        ...

    def operator_tasks(self, *, opened_until: datetime) -> Tally:
        """Open cases that ask the operator and were opened at that instant or before."""
        ...

    def held_cameras(self) -> Tally:
        """Cameras whose last word is that events wait, because nothing takes their pictures."""
        ...
