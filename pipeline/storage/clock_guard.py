"""A clock that was set back decides nothing: what was measured with it would end too early.

The latest instant that anybody saw is kept in the database, so that a restart forgets nothing.
"""

from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

import sqlalchemy as sa

from pipeline.storage.base import ClockSetBackError
from pipeline.storage.tables import clock_mark, reminder, request, timer
from pipeline.storage.upsert import upsert

__all__ = ["ClockGuard", "accept_clock"]

# What a time server corrects without harm, the shortest grace period being minutes.
_TOLERANCE = timedelta(seconds=2)
_KEEP_EVERY = timedelta(seconds=1)
_ROW = 1


class ClockGuard:
    """Holds each reading of a clock against the latest one; threads may share it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = Lock()
        self._latest: datetime | None = None
        self._kept: datetime | None = None
        self._keep_at_s = 0.0

    def check(self, now: datetime) -> datetime:
        """Give `now` back.

        Raises:
            ClockSetBackError: it lies before what the clock has said already.
        """
        with self._lock:
            if self._latest is not None and now < self._latest - _TOLERANCE:
                # Somebody may have accepted the clock since.
                self._keep_at_s = 0.0
                raise ClockSetBackError(
                    f"the database's clock says {now.isoformat()}, but has said "
                    f"{self._latest.isoformat()} already; nothing is decided until it is past that "
                    "or until `remindfirst db accept-clock` says that it is right now"
                )
            self._latest = max(now, self._latest or now)
        return now

    @property
    def is_due(self) -> bool:
        """Whether the latest instant should be kept, and heard what others have kept."""
        with self._lock:
            is_ahead = self._latest and (not self._kept or self._latest > self._kept + _KEEP_EVERY)
            return bool(is_ahead) or monotonic() >= self._keep_at_s

    def keep(self, connection: sa.Connection, now: datetime) -> None:
        """Keep the latest instant in the database; what stands there counts for all.

        Raises:
            ClockSetBackError: `now` lies before it.
        """
        upsert(connection, clock_mark, {"id": _ROW, "at": now}, where=clock_mark.c.at < now)
        kept = connection.execute(sa.select(clock_mark.c.at)).scalar_one()
        with self._lock:
            self._latest = self._kept = kept
            self._keep_at_s = monotonic() + _KEEP_EVERY.total_seconds()
        self.check(now)


def accept_clock(connection: sa.Connection, now: datetime) -> None:
    """Believe the clock as it is: somebody has looked at it.

    Whatever waits for an instant is looked at once more, for the wrong clock may have set it.
    """
    upsert(connection, clock_mark, {"id": _ROW, "at": now})
    for at in (timer.c.due_at, reminder.c.due_at, request.c.due_at, request.c.requested_at):
        connection.execute(sa.update(at.table).where(at > now).values({at: now}))
