"""Cases and everything that must change together with them; opened by URL."""

import fcntl
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.clock import Clock, SystemClock
from pipeline.storage import clock_guard
from pipeline.storage.base import (
    ClockSetBackError,
    StaleCaseError,
    Storage,
    StorageError,
    StorageUnavailableError,
    UnitOfWork,
)
from pipeline.storage.sql import SqlStorage, away_or_closed, make_engine, read_clock

__all__ = [
    "ClockSetBackError",
    "StaleCaseError",
    "Storage",
    "StorageError",
    "StorageUnavailableError",
    "UnitOfWork",
    "accept_clock",
    "check",
    "open_storage",
    "upgrade",
]


# Any number, as long as all who upgrade one database use the same.
_UPGRADE_LOCK = 0x52454D49


def open_storage(url: str, *, clock: Clock | None = None, must_exist: bool = False) -> Storage:
    """Open the database at `url`: `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/DATABASE`.

    An SQLite file is made and brought up to date; a server's tables are left to `upgrade`.

    With `must_exist` no file is made, for those who only look. `clock` replaces the database's own
    time; SQLite has none but the machine's.

    Raises:
        StorageError: unknown URL, or tables newer or older than this code.
        StorageUnavailableError: the database cannot be reached.
    """
    engine = make_engine(url)
    if must_exist:
        _require_file(engine)
    if engine.dialect.name == "sqlite":
        upgrade(url)
        clock = clock or SystemClock()
    _require_newest(engine)
    return SqlStorage(engine, clock)


def upgrade(url: str) -> None:
    """Bring the tables at `url` to the newest migration; safe when several processes start at once.

    Raises:
        StorageError: the tables are newer than this code.
        StorageUnavailableError: the database cannot be reached or written.
    """
    engine = make_engine(url)
    config = _alembic()
    file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    try:
        if file is None:
            _upgrade(engine, config)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_name(f"{file.name}.upgrade-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _upgrade(engine, config)
    except OSError as exc:
        raise StorageUnavailableError(f"database {engine.url.database}: {exc.strerror}") from exc
    except sa.exc.OperationalError as exc:
        raise away_or_closed(exc, f"database {engine.url.database}") from exc
    except sa.exc.DatabaseError as exc:
        remedy = "not a database file; move it away" if file else "the tables cannot be made"
        raise StorageError(f"database {engine.url.database}: {remedy} ({exc.orig})") from exc
    finally:
        engine.dispose()


def check(url: str) -> str:
    """The version of the tables at `url`, which is this program's; changes nothing.

    Raises:
        StorageError: no database, or tables newer or older than this code.
        StorageUnavailableError: the database cannot be reached.
    """
    engine = make_engine(url)
    try:
        _require_file(engine)
        return _require_newest(engine)
    finally:
        engine.dispose()


def accept_clock(url: str) -> datetime:
    """Believe the clock of the database at `url` as it is now; returns what it says.

    Raises:
        StorageError: no database, or tables newer or older than this code.
        StorageUnavailableError: the database cannot be reached.
    """
    check(url)
    engine = make_engine(url)
    clock = SystemClock() if engine.dialect.name == "sqlite" else None
    try:
        with engine.begin() as connection:
            now = read_clock(connection, clock)
            clock_guard.accept_clock(connection, now)
    finally:
        engine.dispose()
    return now


def _require_file(engine: sa.Engine) -> None:
    file = engine.url.database or ""
    if engine.dialect.name == "sqlite" and not Path(file).exists():
        raise StorageError(f"database {file}: there is none; say where it is")


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _versions(connection: sa.Connection) -> tuple[str | None, str | None]:
    found = MigrationContext.configure(connection).get_current_revision()
    return found, ScriptDirectory.from_config(_alembic()).get_current_head()


def _upgrade(engine: sa.Engine, config: Config) -> None:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        found, newest = _versions(connection)
        known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise StorageError(
                f"database {engine.url.database}: its tables are of version {found}, which this "
                "program does not know; use the newer program that made them"
            )
        if found != newest:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _require_newest(engine: sa.Engine) -> str:
    try:
        with engine.connect() as connection:
            found, newest = _versions(connection)
    except sa.exc.OperationalError as exc:
        raise away_or_closed(exc, f"database {engine.url.database}") from exc
    if found is None or found != newest:
        version = f"tables of version {found}" if found else "no tables"
        raise StorageError(
            f"database {engine.url.database}: {version}, this program needs version "
            f"{newest}; run `remindfirst db upgrade` first"
        )
    return found
