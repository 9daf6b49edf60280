"""A SQLite file of events; every write is a transaction."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.bus.base import BusError, BusUnavailableError

__all__ = ["BusFullError", "LogFile", "next_epoch"]

_WAIT_S = 30.0


class BusFullError(BusUnavailableError):
    """There is no room; nothing was published."""


class LogFile:
    """One connection to the file; what is committed survives kill -9 and loss of power."""

    def __init__(
        self, file: Path, schema: str, *, max_bytes: int | None = None, is_shared: bool = True
    ) -> None:
        """Open the file, or make it.

        Args:
            file: Where it is, on a disk of this machine.
            schema: SQL that makes the tables that are missing.
            max_bytes: Writes fail when the file would grow beyond this.
            is_shared: Other processes may have it open at the same time.

        Raises:
            BusUnavailableError: the file cannot be opened or written, or another process has it.
            BusError: the file is something else.
        """
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                file,
                timeout=_WAIT_S if is_shared else 0,
                isolation_level=None,
                check_same_thread=False,
            )
            if not is_shared:
                self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            if max_bytes is not None:
                (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
                self._connection.execute(f"PRAGMA max_page_count={max_bytes // page_bytes}")
            self._connection.executescript(schema)
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                is_taken = not is_shared and exc.sqlite_errorcode == sqlite3.SQLITE_BUSY
                told = "another process has it; give each its own" if is_taken else str(exc)
                raise BusUnavailableError(f"bus {file}: {told}") from exc
            raise BusError(f"bus {file}: not a bus file ({exc}); move it away") from exc
        except OSError as exc:
            raise BusUnavailableError(f"bus {file}: {exc.strerror}") from exc

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that commits at the end of the block or not at all.

        Raises:
            BusFullError: nothing was written: the file is as large as it may be, or the disk full.
            BusUnavailableError: nothing was written, for another reason.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk has rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as exc:
            is_full = getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            kind = BusFullError if is_full else BusUnavailableError
            raise kind(f"bus {self._file}: {exc}") from exc

    def read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """All rows of a query.

        Raises:
            BusUnavailableError: the file cannot be read.
        """
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as exc:
            raise BusUnavailableError(f"bus {self._file}: {exc}") from exc

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


def next_epoch(rows: sqlite3.Connection, table: str, source: str) -> int:
    """The number of this run of `source`, greater than that of every run before.

    The first one in a file is the second it began in: after a disk was replaced a new file must not
    give ids that an old one gave.
    """
    # Only a number that rises; no event depends on what time it is.
    now_s = int(time.time())  # noqa: TID251
    found = rows.execute(
        f"INSERT INTO {table} VALUES (?, ?) "  # noqa: S608
        "ON CONFLICT (source) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
        (source, now_s),
    ).fetchone()
    return int(found[0])
