"""The one implementation of storage: SQLAlchemy Core, for SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from pipeline.case import case_id_of, reminder_key_of
from pipeline.clock import Clock
from pipeline.events.camera import CameraStatus
from pipeline.events.envelope import Envelope
from pipeline.events.violation import VehicleDeparted
from pipeline.storage.base import StaleCaseError, StorageError, StorageUnavailableError
from pipeline.storage.clock_guard import ClockGuard
from pipeline.storage.sql_alerts import SqlAlerts
from pipeline.storage.sql_cases import SqlAuditLog, SqlCaseRepository
from pipeline.storage.sql_contacts import SqlContacts
from pipeline.storage.sql_figures import SqlFigures
from pipeline.storage.sql_history import SqlHistory
from pipeline.storage.sql_outbox import SqlOutbox
from pipeline.storage.sql_registry import SqlInbox, SqlRegistry
from pipeline.storage.sql_retention import SqlRetention
from pipeline.storage.work import DueCursors, Work

__all__ = ["SqlStorage", "SqlUnitOfWork", "away_or_closed", "make_engine", "read_clock"]


# Who died inside a transaction must not hold its rows for ever.
_POSTGRES = {
    "application_name": "remindfirst",
    "connect_timeout": 5,
    "options": "-c idle_in_transaction_session_timeout=30s -c timezone=UTC",
}
_READ_ONLY = "25006"
# libpq tells no code for what fails before there is a connection.
_NO_ENTRY = ("password authentication failed", "no password supplied")


def make_engine(url: str) -> sa.Engine:
    """The engine for `url`, with what SQLite needs to survive a kill and share one file.

    Raises:
        StorageError: the URL names no database that SQLAlchemy knows.
    """
    options: dict[str, Any] = {}
    if url.startswith("postgresql"):
        # A server that was restarted costs one try, not one error for each open connection.
        options = {"pool_pre_ping": True, "connect_args": _POSTGRES}
    try:
        # Parameters hold plates; they must not reach a log with an error.
        engine = sa.create_engine(url, hide_parameters=True, **options)
    except ModuleNotFoundError as exc:
        raise StorageError(f"{exc.name} is missing: pip install 'remindfirst[postgres]'") from exc
    except sa.exc.ArgumentError as exc:
        raise StorageError(
            f"storage {url.split('@')[-1]!r}: {exc}; use sqlite:///FILE or postgresql+psycopg://..."
        ) from exc
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later could not be upgraded beside another writer.
    only_reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as exc:
        raise away_or_closed(exc, "database") from exc
    except IntegrityError as exc:
        # Of two who write the same row at one moment the slower one looks again.
        raise StaleCaseError(f"database: {_words(exc)}") from exc
    except DBAPIError as exc:
        is_read_only = getattr(exc.orig, "sqlstate", None) == _READ_ONLY
        if exc.connection_invalidated or is_read_only:
            raise StorageUnavailableError(f"database: {_words(exc)}") from exc
        raise StorageError(f"database: {_words(exc)}") from exc


def away_or_closed(exc: OperationalError, where: str) -> StorageUnavailableError | StorageError:
    """What a failed connection means: the database is away, or it does not let us in."""
    told = f"{where}: {_words(exc)}"
    if any(one in str(exc.orig) for one in _NO_ENTRY):
        return StorageError(f"{told}; check the user and the file that PGPASSFILE names")
    return StorageUnavailableError(told)


def _words(exc: DBAPIError) -> str:
    """What the database says; PostgreSQL's further lines quote the row, which may hold a plate."""
    return (str(exc.orig).splitlines() or [type(exc.orig).__name__])[0]


def read_clock(connection: sa.Connection, clock: Clock | None) -> datetime:
    """The instant that `clock` says, or else the database."""
    if clock is not None:
        return clock.now()
    at: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return at


class SqlUnitOfWork:
    """One transaction of a SQL database."""

    def __init__(
        self,
        engine: sa.Engine,
        clock: Clock | None,
        *,
        guard: ClockGuard | None,
        due: DueCursors,
    ) -> None:
        """Begin on `engine` when entered; `clock` replaces the database's in tests and SQLite."""
        self._engine = engine
        self._clock = clock
        self._guard = guard
        self._due = due

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            StorageUnavailableError: the database cannot be reached.
        """
        with _translated():
            self._connection = self._engine.connect()
            try:
                self._transaction = self._connection.begin()
            except BaseException:
                self._connection.close()
                raise
        self._read_at: tuple[datetime, float] | None = None
        work = Work(
            connection=self._connection,
            now=self.now,
            write=self._write,
            forget_reminded=lambda: self.cases.forget_reminded(),
            due=self._due,
        )
        self.cases = SqlCaseRepository(work)
        self.outbox = SqlOutbox(work)
        self.audit = SqlAuditLog(work)
        self.inbox = SqlInbox(work)
        self.registry = SqlRegistry(work)
        self.contacts = SqlContacts(work)
        self.retention = SqlRetention(work)
        self.figures = SqlFigures(work)
        self.history = SqlHistory(work)
        self.alerts = SqlAlerts(work)
        return self

    def read_ahead(self, envelopes: Sequence[Envelope]) -> None:
        """Read in a few queries what taking these events asks for; see `UnitOfWork.read_ahead`."""
        events = [one.data for one in envelopes]
        about = [one for one in events if not isinstance(one, CameraStatus)]
        episodes = {one.episode_id for one in about}
        case_ids = {case_id_of(one) for one in episodes}
        plates = {
            one.plate.text
            for one in about
            if not isinstance(one, VehicleDeparted) and one.plate.text
        }
        self.inbox.read_ahead({one.id for one in envelopes}, episodes)
        self.registry.read_ahead({one.camera_id for one in events})
        self._read_ahead_cases(case_ids, plates)

    def read_ahead_cases(self, case_ids: Collection[UUID]) -> None:
        """Read in a few queries what asking about these cases takes."""
        self._read_ahead_cases(set(case_ids), set())

    def read_ahead_messages(self, keys: Collection[str], *, with_chains: bool = False) -> None:
        """Lock and read these messages, and read their cases; see `UnitOfWork`."""
        self.outbox.lock_ahead(set(keys))
        messages = filter(None, map(self.outbox.get, keys))
        case_ids = {one.case_id for one in messages}
        if with_chains:
            self._read_ahead_cases(case_ids, set())
        else:
            self.cases.read_ahead(case_ids)

    def _read_ahead_cases(self, case_ids: set[UUID], plates: set[str]) -> None:
        self.cases.read_ahead(case_ids)
        known = [case for case in map(self.cases.get, case_ids) if case]
        self.cases.count_ahead(plates | {case.plate.text for case in known if case.plate.text})
        first = {reminder_key_of(case_id, 1) for case_id in case_ids}
        self.outbox.read_ahead(first | {case.reminder_key for case in known})
        self.audit.read_ahead(case_ids)

    def _write(self) -> None:
        """Write what waits, in the order in which rows need one another."""
        self.cases.write_cases()
        self.audit.write()
        self.outbox.write()
        self.cases.write_timers()
        self.inbox.write()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Undo what was not committed and give the connection back.

        Raises:
            StorageUnavailableError: the work in the block failed because of the database.
        """
        if self._transaction.is_active:
            with _translated():
                self._transaction.rollback()
        self._connection.close()
        if isinstance(error, DBAPIError):
            with _translated():
                raise error

    def now(self) -> datetime:
        """The database's time, aware UTC; see `UnitOfWork.now`."""
        at = self._clock.now() if self._clock is not None else self._database_time()
        return at if self._guard is None else self._guard.check(at)

    def _database_time(self) -> datetime:
        """Read once in a transaction; from there on this machine measures how long it lasts."""
        if self._read_at is None:
            self._read_at = read_clock(self._connection, None), monotonic()
        read, since_s = self._read_at
        return read + timedelta(seconds=monotonic() - since_s)

    def commit(self) -> None:
        """Make it all true; see `UnitOfWork.commit`."""
        with _translated():
            self._write()
            self._transaction.commit()


class SqlStorage:
    """Begins units of work on one database."""

    def __init__(self, engine: sa.Engine, clock: Clock | None) -> None:
        """Use `engine`, whose tables are those of the newest migration."""
        self._engine = engine
        self._clock = clock
        self._guard = ClockGuard()
        self._due = DueCursors()

    def begin(self) -> SqlUnitOfWork:
        """A new transaction, to be used in a `with` block.

        Raises:
            ClockSetBackError: the database's clock was set back.
            StorageUnavailableError: the database cannot be reached.
        """
        if self._guard.is_due:
            with _translated(), self._engine.begin() as connection:
                self._guard.keep(connection, read_clock(connection, self._clock))
        return SqlUnitOfWork(self._engine, self._clock, guard=self._guard, due=self._due)

    def begin_unguarded(self) -> SqlUnitOfWork:
        """A new transaction that no clock stops; see `Storage.begin_unguarded`."""
        return SqlUnitOfWork(self._engine, self._clock, guard=None, due=self._due)

    def read(self) -> SqlUnitOfWork:
        """A transaction that only looks; see `Storage.read`."""
        options: dict[str, Any] = {"only_reads": True}
        if self._engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        engine = self._engine.execution_options(**options)
        return SqlUnitOfWork(engine, self._clock, guard=None, due=self._due)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
