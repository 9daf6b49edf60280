"""Cases and everything that must change together with them; opened by URL."""

import fcntl
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.clock import Clock, SystemClock
from pipeline.storage.base import (
    StaleCaseError,
    Storage,
    StorageError,
    StorageUnavailableError,
    UnitOfWork,
)
from pipeline.storage.sql import SqlStorage, make_engine

__all__ = [
    "StaleCaseError",
    "Storage",
    "StorageError",
    "StorageUnavailableError",
    "UnitOfWork",
    "open_storage",
    "upgrade",
]


def open_storage(url: str, *, clock: Clock | None = None, must_exist: bool = False) -> Storage:
    """Open the database at `url`: `sqlite:///FILE`; an SQLite file is made and brought up to date.

    With `must_exist` no file is made, for those who only look. `clock` replaces the database's own
    time; SQLite has none but the machine's.

    Raises:
        StorageError: unknown URL, or tables newer or older than this code.
        StorageUnavailableError: the database cannot be reached.
    """
    engine = make_engine(url)
    if (
        must_exist
        and engine.dialect.name == "sqlite"
        and not Path(engine.url.database or "").exists()
    ):
        raise StorageError(f"database {engine.url.database}: there is none; say where it is")
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
    except (OSError, sa.exc.OperationalError) as exc:
        told = exc.orig if isinstance(exc, sa.exc.OperationalError) else exc.strerror
        raise StorageUnavailableError(f"database {engine.url.database}: {told}") from exc
    except sa.exc.DatabaseError as exc:
        raise StorageError(
            f"database {engine.url.database}: not a database file ({exc.orig}); move it away"
        ) from exc
    finally:
        engine.dispose()


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _versions(connection: sa.Connection) -> tuple[str | None, str | None]:
    found = MigrationContext.configure(connection).get_current_revision()
    return found, ScriptDirectory.from_config(_alembic()).get_current_head()


def _upgrade(engine: sa.Engine, config: Config) -> None:
    with engine.begin() as connection:
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


def _require_newest(engine: sa.Engine) -> None:
    try:
        with engine.connect() as connection:
            found, newest = _versions(connection)
    except sa.exc.OperationalError as exc:
        raise StorageUnavailableError(f"database {engine.url.database}: {exc.orig}") from exc
    if found != newest:
        raise StorageError(
            f"database {engine.url.database}: tables of version {found}, this program needs "
            f"{newest}; run the upgrade first"
        )
