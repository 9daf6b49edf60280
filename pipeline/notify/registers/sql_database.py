"""A register in another database, asked by a query of the place's own; it is only read.

The query is one statement with the parameter `:plate`. It answers with no row, or with one that has
the columns `phone` and `opted_out` and may have `vehicle_class`, `colour` and `push`.
"""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from pipeline.notify.contacts import Contact, ContactBookError, RegisterUnavailableError
from pipeline.notify.registers.address import RegisterAddress
from pipeline.notify.registers.answer import contact_from

__all__ = ["SqlContactBook"]

_LIBPQ = {"psycopg", "psycopg2"}
_MYSQL = {"pymysql", "mysqldb"}


class SqlContactBook:
    """Asks a database; see this module's first words for what it must answer."""

    def __init__(self, address: RegisterAddress) -> None:
        """Be ready to ask; the database need not answer yet.

        Raises:
            ContactBookError: no such kind of database, or a file that is not what it should be.
        """
        self._register = str(address)
        self._query = _query(self._register, address.files["query_file"])
        self._engine = _engine(address)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        rows = self._ask(plate_text)
        if len(rows) > 1:
            raise RegisterUnavailableError(f"{self._register}: more than one row for one plate")
        return contact_from(self._register, rows[0]) if rows else None

    def _ask(self, plate_text: str) -> list[Mapping[str, object]]:
        try:
            connection = self._engine.connect()
        except SQLAlchemyError as exc:
            told = str(exc.orig if isinstance(exc, DBAPIError) else exc).partition("\n")[0]
            raise RegisterUnavailableError(f"{self._register}: away: {told}") from exc
        try:
            with connection:
                found = connection.execute(self._query, {"plate": plate_text})
                # Leaving the block undoes whatever the query did.
                return [{**row} for row in found.mappings().fetchmany(2)]
        except SQLAlchemyError as exc:
            # From here on the database's words may quote the plate, also in a traceback.
            code = getattr(getattr(exc, "orig", None), "sqlstate", None)
            told = f"{type(exc).__name__} {code}" if code else type(exc).__name__
        raise RegisterUnavailableError(f"{self._register}: the query failed: {told}")


def _query(register: str, file: Path) -> sa.TextClause:
    try:
        query = sa.text(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ContactBookError(f"{register}: query_file {file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ContactBookError(f"{register}: query_file {file}: not UTF-8") from exc
    if set(query.compile().params) != {"plate"}:
        raise ContactBookError(f"{register}: query_file {file}: its one parameter must be :plate")
    return query


def _engine(address: RegisterAddress) -> sa.Engine:
    try:
        url = sa.make_url(address.target)
        if url.password is not None:
            raise ContactBookError(f"{address}: no secret in a URL; use ?password_file=FILE")
        url = _read_only_file(url.set(password=_password(address)))
        engine = sa.create_engine(
            url,
            hide_parameters=True,
            connect_args=_limits(url, address.timeout_s),
            **_pool(url, address.timeout_s),
        )
    except ModuleNotFoundError as exc:
        raise ContactBookError(f"{address}: the driver {exc.name} is not installed") from exc
    except ArgumentError as exc:
        raise ContactBookError(f"{address}: no URL that SQLAlchemy knows") from exc
    if engine.dialect.name in {"mysql", "mariadb"}:
        sa.event.listen(engine, "connect", _only_read_mysql)
    return engine


def _password(address: RegisterAddress) -> str | None:
    file = address.files.get("password_file")
    try:
        return file.read_text(encoding="utf-8").strip() if file else None
    except OSError as exc:
        raise ContactBookError(f"{address}: password_file {file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ContactBookError(f"{address}: password_file {file}: not UTF-8") from exc


def _read_only_file(url: sa.URL) -> sa.URL:
    if url.get_backend_name() != "sqlite" or "uri" in url.query:
        return url
    options = {**url.query, "mode": "ro", "uri": "true"}
    return url.set(database=f"file:{quote(url.database or '')}", query=options)


def _pool(url: sa.URL, timeout_s: float) -> dict[str, Any]:
    # SQLite's pool takes none of these.
    if url.get_backend_name() == "sqlite":
        return {}
    return {"pool_pre_ping": True, "pool_timeout": timeout_s}


def _limits(url: sa.URL, timeout_s: float) -> dict[str, Any]:
    """The time-outs in the words of the driver; one that is not here takes its own from the URL."""
    whole_s, ms = ceil(timeout_s), ceil(1000 * timeout_s)
    if url.get_backend_name() == "sqlite":
        return {"timeout": timeout_s}
    if url.get_driver_name() in _LIBPQ:
        return {
            "connect_timeout": whole_s,
            "tcp_user_timeout": ms,
            "keepalives_idle": whole_s,
            "keepalives_interval": 1,
            "keepalives_count": 1,
            "options": f"-c statement_timeout={ms} -c default_transaction_read_only=on",
        }
    if url.get_driver_name() in _MYSQL:
        return {"connect_timeout": whole_s, "read_timeout": whole_s}
    return {}


def _only_read_mysql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
