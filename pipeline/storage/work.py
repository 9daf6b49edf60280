"""What the repositories of one transaction share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import ValidationError

from pipeline.storage.base import StorageError

__all__ = ["DueCursor", "DueCursors", "Work", "unreadable"]

_EVERYWHERE_EVERY = timedelta(minutes=1)


class DueCursor:
    """Where to look for rows that are due, so that a claim passes over those that were.

    A row that was claimed leaves a dead entry at its old place in the index until the database has
    cleaned up, which a long transaction may hold back for hours. So a claim begins a little before
    the oldest row of the last one, and at the very beginning once a minute.
    """

    def __init__(self) -> None:
        """Look everywhere at first."""
        self._after: datetime | None = None
        self._looked_everywhere_at: datetime | None = None

    def bound(self, now: datetime) -> datetime | None:
        """Rows that are due later than this may be claimed; None when all that are due may."""
        since = self._looked_everywhere_at
        if since is None or not since <= now < since + _EVERYWHERE_EVERY:
            self._looked_everywhere_at, self._after = now, None
        return self._after

    def claimed(self, oldest: datetime, lease: timedelta) -> None:
        """Remember where the oldest row of a claim was."""
        self._after = oldest - 2 * lease


@dataclass(frozen=True, slots=True)
class DueCursors:
    """Those of one process, which outlive its transactions."""

    timers: DueCursor = field(default_factory=DueCursor)
    messages: DueCursor = field(default_factory=DueCursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One transaction, as its repositories see it.

    Attributes:
        connection: To the database.
        now: The database's time.
        write: Writes all that waits, of all repositories; before a query that could miss it.
        forget_reminded: Says that an earlier count of reminders is no longer true.
        due: Where to look for what is due.
    """

    connection: sa.Connection
    now: Callable[[], datetime]
    write: Callable[[], None]
    forget_reminded: Callable[[], None]
    due: DueCursors


def unreadable(what: str, exc: ValidationError) -> StorageError:
    """Names the field but never its value, which may be a plate."""
    places = [".".join(str(part) for part in error["loc"]) for error in exc.errors()]
    return StorageError(f"a stored {what} cannot be read: {', '.join(places)}")
