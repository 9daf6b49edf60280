"""The bus of one machine: a SQLite log that several processes share.

An acknowledged append survives kill -9 and, as far as the disk honours fsync, loss of power;
offsets of a partition are dense. Partitions are given out by leases in the same file.
Local disks only: SQLite's locks do not hold on network file systems.
"""

import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from zlib import crc32

from pipeline.bus.base import BusPositionError, RawBatch
from pipeline.bus.log_file import LogFile, next_epoch
from pipeline.events.envelope import Envelope, Event, EventId

__all__ = ["EmbeddedPublisher", "EmbeddedSubscriber", "forget_in_file"]

TOPIC = "remindfirst.obs.v1"
PARTITIONS = 4
LEASE_S = 15.0
RENEW_S = 5.0
FORGET_AT_ONCE = 500

_TIME = re.compile(rb'"time":\s*"([^"]+)"')

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rec (
    part INTEGER NOT NULL, off INTEGER NOT NULL, key TEXT NOT NULL, val BLOB NOT NULL,
    PRIMARY KEY (part, off)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS producer (source TEXT PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS consumer (id TEXT PRIMARY KEY, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS partition_lease (
    part INTEGER PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL
);
"""


def _partition_of(key: str) -> int:
    """The partition of a key; fixed for the life of the topic."""
    return crc32(key.encode()) % PARTITIONS


class EmbeddedPublisher:
    """Appends events to the log; see `EventPublisher`. Threads may share it."""

    def __init__(self, file: Path, *, source: str) -> None:
        """Open the log and begin a new epoch of `source`.

        Raises:
            BusUnavailableError: the file cannot be opened or written.
            BusError: the file is no bus.
        """
        self._log = LogFile(file, _SCHEMA)
        self._source = source
        self._seq = 0
        self._lock = Lock()
        with self._log.write() as log:
            self._epoch = next_epoch(log, "producer", source)

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        """Append in order; see `EventPublisher.publish`."""
        with self._lock:
            envelopes = tuple(
                Envelope.wrap(event, EventId(source=self._source, epoch=self._epoch, seq=seq))
                for seq, event in enumerate(events, start=self._seq)
            )
            rows = [(one.subject, one.encode()) for one in envelopes]
            with self._log.write() as log:
                for key, value in rows:
                    _append(log, key, value)
            self._seq += len(envelopes)
        return envelopes

    def waiting(self) -> int:
        """Nothing ever waits: the bus is on this machine."""
        return 0

    def close(self) -> None:
        """Release the file."""
        self._log.close()


def _append(log: sqlite3.Connection, key: str, value: bytes) -> None:
    part = _partition_of(key)
    log.execute(
        "INSERT INTO rec SELECT ?, COALESCE(MAX(off) + 1, 0), ?, ? FROM rec WHERE part = ?",
        (part, key, value, part),
    )


class EmbeddedSubscriber:
    """Reads the log; see `EventSubscriber`. One thread at a time."""

    topic = TOPIC

    def __init__(self, file: Path) -> None:
        """Open the log and ask for a share of its partitions.

        Raises:
            BusUnavailableError: the file cannot be opened or written.
            BusError: the file is no bus.
        """
        self._log = LogFile(file, _SCHEMA)
        self._id = uuid.uuid4().hex
        self._renew_at = 0.0
        self._mine: frozenset[int] = frozenset()

    def assigned(self) -> frozenset[int]:
        """The partitions that are this consumer's now, by leases of 15 s renewed each 5 s."""
        # One host, one monotonic clock: all processes that share this file agree on it.
        now = time.monotonic()
        if now >= self._renew_at:
            self._mine = self._share(now)
            self._renew_at = now + RENEW_S
        return self._mine

    def _share(self, now: float) -> frozenset[int]:
        """Keep or take a fair share: all partitions over all living consumers, rounded up."""
        with self._log.write() as log:
            log.execute("DELETE FROM consumer WHERE until <= ? OR until > ?", _window(now))
            log.execute("DELETE FROM partition_lease WHERE until <= ? OR until > ?", _window(now))
            log.execute("INSERT OR REPLACE INTO consumer VALUES (?, ?)", (self._id, now + LEASE_S))
            (consumers,) = log.execute("SELECT COUNT(*) FROM consumer").fetchone()
            fair = -(-PARTITIONS // consumers)
            held = log.execute("SELECT part, owner FROM partition_lease ORDER BY part").fetchall()
            mine = [part for part, owner in held if owner == self._id][:fair]
            free = [part for part in range(PARTITIONS) if part not in {part for part, _ in held}]
            mine += free[: fair - len(mine)]
            log.execute("DELETE FROM partition_lease WHERE owner = ?", (self._id,))
            log.executemany(
                "INSERT INTO partition_lease VALUES (?, ?, ?)",
                [(part, self._id, now + LEASE_S) for part in mine],
            )
        return frozenset(mine)

    def fetch(self, partition: int, offset: int, *, limit: int) -> RawBatch:
        """Up to `limit` messages from `offset` on; see `EventSubscriber.fetch`."""
        rows = self._log.read(
            "SELECT off, val FROM rec WHERE part = ? AND off >= ? ORDER BY off LIMIT ?",
            partition,
            offset,
            limit,
        )
        if not rows or rows[0][0] != offset:
            self._require_on_bus(partition, offset, has_later=bool(rows))
        # Whatever somebody wrote into the file by hand must come out as a dead letter.
        messages = tuple(one if isinstance(one, bytes) else str(one).encode() for _, one in rows)
        return RawBatch(topic=TOPIC, partition=partition, first_offset=offset, messages=messages)

    def backlog(self, partition: int, offset: int) -> int:
        """How many messages stand from `offset` on; see `EventSubscriber.backlog`."""
        return max(self._end(partition) - offset, 0)

    def _end(self, partition: int) -> int:
        ((end,),) = self._log.read(
            "SELECT COALESCE(MAX(off) + 1, 0) FROM rec WHERE part = ?", partition
        )
        return int(str(end))

    def _require_on_bus(self, partition: int, offset: int, *, has_later: bool) -> None:
        end = self._end(partition)
        if has_later or offset > end:
            raise BusPositionError(
                f"partition {partition}: offset {offset} is not on the bus (it ends at {end}); "
                "the bus file was replaced or cut; restore it, or start with a new state database"
            )

    def close(self) -> None:
        """Give the partitions back, so that others need not wait for the leases to end."""
        with self._log.write() as log:
            log.execute("DELETE FROM partition_lease WHERE owner = ?", (self._id,))
            log.execute("DELETE FROM consumer WHERE id = ?", (self._id,))
        self._log.close()


def _window(now: float) -> tuple[float, float]:
    """A lease that ends far in the future is from before a restart of the machine."""
    return now, now + 2 * LEASE_S


def forget_in_file(
    file: Path, read_up_to: Callable[[str, int], int], *, before: datetime, is_rehearsal: bool
) -> int:
    """Delete the events of before then that were read; says how many.

    Args:
        file: The log.
        read_up_to: The position of a topic's partition in the consumers' own database.
        before: By the events' own times.
        is_rehearsal: Only count.

    Raises:
        BusUnavailableError: the file cannot be opened or written.
        BusError: the file is no bus.
    """
    log, forgotten = LogFile(file, _SCHEMA), 0
    try:
        for partition in range(PARTITIONS):
            ends = _forget_up_to(log, partition, read_up_to(TOPIC, partition), before)
            forgotten += _delete(log, partition, ends, is_rehearsal=is_rehearsal)
    finally:
        log.close()
    return forgotten


def _forget_up_to(log: LogFile, partition: int, position: int, before: datetime) -> int:
    """The offset behind the last old event; 0 when there is none.

    One camera whose clock is ahead is no reason to keep what all others said.
    """
    found, after = 0, -1
    while True:
        rows = log.read(
            # The last event of all stays: the next one's offset follows from it.
            "SELECT off, val FROM rec WHERE part = ? AND off > ? AND off < ? "
            "AND off < (SELECT MAX(off) FROM rec WHERE part = ?) ORDER BY off LIMIT ?",
            partition,
            after,
            position,
            partition,
            FORGET_AT_ONCE,
        )
        old = [int(str(off)) for off, value in rows if _is_old(value, before)]
        if not old:
            return found
        found, after = old[-1] + 1, int(str(rows[-1][0]))


def _is_old(value: object, before: datetime) -> bool:
    """Whether an event is older; one that tells no time is a dead letter already."""
    told = _TIME.search(value) if isinstance(value, bytes) else None
    try:
        return told is None or datetime.fromisoformat(told[1].decode()) < before
    except (TypeError, ValueError):
        return True


def _delete(log: LogFile, partition: int, ends: int, *, is_rehearsal: bool) -> int:
    """Delete the events below an offset, some at a time, so that nobody waits for long."""
    condition = "part = ? AND off < ?"
    if is_rehearsal:
        ((count,),) = log.read(f"SELECT COUNT(*) FROM rec WHERE {condition}", partition, ends)  # noqa: S608
        return int(str(count))
    deleted = 0
    while True:
        with log.write() as rows:
            gone = rows.execute(
                f"DELETE FROM rec WHERE {condition} AND off < ? + "  # noqa: S608
                "(SELECT MIN(off) FROM rec WHERE part = ?)",
                (partition, ends, FORGET_AT_ONCE, partition),
            ).rowcount
        if gone <= 0:
            return deleted
        deleted += gone
