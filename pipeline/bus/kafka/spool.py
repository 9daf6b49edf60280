"""The events of one detector that wait for a broker, on its own disk.

What was appended survives the death of the process and any outage of the broker; events keep their
order, and each has the id it was given here. What the broker has taken stays for a while: a broker
that lost its newest records can be given them again.

A full spool gives up what says least, and counts it: first what the broker has, then sightings
behind which a newer one of the same stay waits, then the words of a camera behind which a newer
one waits. Suspicions and departures are never given up.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pipeline.bus.log_file import BusFullError, LogFile, next_epoch
from pipeline.events.camera import CameraStatus
from pipeline.events.envelope import Envelope, Event, EventId

__all__ = ["KEPT_S", "MAX_BYTES", "Spool", "Spooled"]

log = logging.getLogger(__name__)

MAX_BYTES = 2 << 30
"""About 5.6 million events: 15 hours at 100 a second."""
KEPT_S = 600.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value BLOB NOT NULL,
    kind TEXT NOT NULL, about TEXT NOT NULL, taken_at_s REAL
);
CREATE INDEX IF NOT EXISTS ix_taken ON event (taken_at_s);
CREATE INDEX IF NOT EXISTS ix_waiting ON event (number) WHERE taken_at_s IS NULL;
CREATE TABLE IF NOT EXISTS run (source TEXT PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS gap (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
INSERT INTO gap VALUES ('ViolationOngoing', 0), ('CameraStatus', 0) ON CONFLICT DO NOTHING;
"""

_SUPERSEDED = """
DELETE FROM event WHERE taken_at_s IS NULL AND kind = ? AND number NOT IN (
    SELECT MAX(number) FROM event WHERE taken_at_s IS NULL AND kind = ? GROUP BY about
)
"""
_GIVEN_UP_IN_ORDER = ("ViolationOngoing", "CameraStatus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """One event as it will stand on the bus; numbers rise."""

    number: int
    key: str
    value: bytes


class Spool:
    """The waiting events of one source; threads may share it."""

    def __init__(self, file: Path, *, source: str, max_bytes: int = MAX_BYTES) -> None:
        """Open the file and begin a new epoch of `source`.

        Raises:
            BusUnavailableError: the file cannot be opened or written, or another process has it.
            BusError: the file is something else.
        """
        self._file = LogFile(file, _SCHEMA, max_bytes=max_bytes, is_shared=False)
        self._source = source
        self._seq = 0
        self._lock = Lock()
        with self._file.write() as rows:
            self._epoch = next_epoch(rows, "run", source)

    def append(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        """Give each event its id and keep it; when there is no room, give up what says least.

        Raises:
            BusUnavailableError: nothing was kept: the disk is full, or the spool of what counts.
        """
        with self._lock:
            envelopes = tuple(
                Envelope.wrap(event, EventId(source=self._source, epoch=self._epoch, seq=seq))
                for seq, event in enumerate(events, start=self._seq)
            )
            new = [(one.subject, one.encode(), one.type, _about(one)) for one in envelopes]
            try:
                self._insert(new)
            except BusFullError:
                if not self._make_room():
                    raise
                self._insert(new)
            self._seq += len(envelopes)
        return envelopes

    def _insert(self, new: Sequence[tuple[str, bytes, str, str]]) -> None:
        with self._file.write() as rows:
            rows.executemany("INSERT INTO event (key, value, kind, about) VALUES (?, ?, ?, ?)", new)

    def _make_room(self) -> bool:
        """Give up what says least; False when all that is left counts."""
        with self._file.write() as rows:
            freed = rows.execute("DELETE FROM event WHERE taken_at_s IS NOT NULL").rowcount
            for kind in _GIVEN_UP_IN_ORDER:
                if freed:
                    break
                freed = rows.execute(_SUPERSEDED, (kind, kind)).rowcount
                rows.execute("UPDATE gap SET count = count + ? WHERE kind = ?", (freed, kind))
                if freed:
                    log.error("the spool is full, events are given up", extra={"count": freed})
        return freed > 0

    def given_up(self) -> dict[str, int]:
        """How many events were given up since the spool was made, by type."""
        with self._lock:
            found = self._file.read("SELECT kind, count FROM gap WHERE count > 0")
        return {str(kind): int(str(count)) for kind, count in found}

    def waiting(self, *, limit: int) -> list[Spooled]:
        """The events that the broker has not taken, oldest first."""
        with self._lock:
            found = self._file.read(
                "SELECT number, key, value FROM event WHERE taken_at_s IS NULL "
                "ORDER BY number LIMIT ?",
                limit,
            )
        return [
            Spooled(number=number, key=key, value=value)
            for number, key, value in found
            if isinstance(number, int) and isinstance(key, str) and isinstance(value, bytes)
        ]

    def taken(self, *, up_to: int) -> None:
        """The broker has the events up to a number; those of a while ago are forgotten."""
        # Only a length of time on this disk; no event depends on it.
        now_s = time.time()  # noqa: TID251
        with self._lock, self._file.write() as rows:
            rows.execute(
                "UPDATE event SET taken_at_s = ? WHERE taken_at_s IS NULL AND number <= ?",
                (now_s, up_to),
            )
            rows.execute("DELETE FROM event WHERE taken_at_s < ?", (now_s - KEPT_S,))

    def depth(self) -> int:
        """How many events wait."""
        with self._lock:
            ((count,),) = self._file.read("SELECT COUNT(*) FROM event WHERE taken_at_s IS NULL")
        return int(str(count))

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._file.close()


def _about(envelope: Envelope) -> str:
    """What a newer event of the same type makes needless: a stay, or a camera."""
    event = envelope.data
    return event.camera_id if isinstance(event, CameraStatus) else str(event.episode_id)
