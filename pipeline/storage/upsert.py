"""One statement that adds a row or changes the one that is there, in both databases."""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["add_once", "insert_into", "upsert", "upsert_all"]


def add_once(connection: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> bool:
    """Add a row; False when one with its key is there already, which changes nothing."""
    statement = insert_into(connection, table).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(sa.literal(1))).first() is not None


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    row: Mapping[str, object],
    *,
    where: sa.ColumnElement[bool] | None = None,
) -> bool:
    """Add a row or change the one with its primary key.

    Args:
        connection: Its transaction.
        table: The table.
        row: All its columns.
        where: What must hold of the row that is there for it to be changed.

    Returns:
        False when a row is there that must not be changed.
    """
    keys = [column.name for column in table.primary_key]
    insert = insert_into(connection, table).values(row)
    statement = insert.on_conflict_do_update(index_elements=keys, set_=_but(row, keys), where=where)
    return connection.execute(statement.returning(sa.literal(1))).first() is not None


def upsert_all(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Add rows, all with the same columns, or change those with their primary keys."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    insert = insert_into(connection, table)
    changed = {name: insert.excluded[name] for name in _but(rows[0], keys)}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _but(row: Mapping[str, object], keys: Collection[str]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in keys}


def insert_into(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that may say what happens when the row is there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
