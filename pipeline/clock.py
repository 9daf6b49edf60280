"""The one place of the pipeline that reads a clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved; for tests and rehearsals."""

    def __init__(self, at: datetime) -> None:
        """Start at `at`, an aware instant."""
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was last moved to."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move on by `by`, which may be negative to play a clock that was set back."""
        self._at += by
