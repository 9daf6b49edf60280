"""What became of each case in columns, which file belongs to which case, and what is to be deleted.

Filled from the documents of the cases that are there.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from pipeline.storage.tables import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BATCH = 500
_PICTURE = re.compile(r'"sha256":\s*"([0-9a-f]{64})"')
_INSTANTS = ("suspected_at", "accepted_at", "delivered_at", "grace_ends_at", "left_at")


def upgrade() -> None:
    """Apply."""
    fact = op.create_table(
        "case_fact",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("camera_id", sa.String(100), nullable=False),
        sa.Column("suspected_at", UtcDateTime(), nullable=False),
        sa.Column("has_plate", sa.Boolean(), nullable=False),
        sa.Column("accepted_at", UtcDateTime()),
        sa.Column("delivered_at", UtcDateTime()),
        sa.Column("delivered_after_s", sa.Float()),
        sa.Column("grace_ends_at", UtcDateTime()),
        sa.Column("left_at", UtcDateTime()),
        sa.Column("is_referred", sa.Boolean(), nullable=False),
        sa.Column("decided_at", UtcDateTime()),
        sa.Column("disposition", sa.String(24)),
        sa.Column("ended_at", UtcDateTime()),
        sa.Column("pictures_deleted_at", UtcDateTime()),
        sa.Column("person_deleted_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.PrimaryKeyConstraint("case_id"),
    )
    use = op.create_table(
        "picture_use",
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.PrimaryKeyConstraint("sha256", "case_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "picture_to_delete",
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sqlite_with_rowid=False,
    )
    op.add_column("inbox", sa.Column("episode_id", sa.Uuid()))
    _fill(fact, use)
    op.create_index("ix_fact_suspected", "case_fact", ["suspected_at"])
    for part in ("pictures", "person"):
        is_kept = sa.text(f"ended_at IS NOT NULL AND {part}_deleted_at IS NULL")
        op.create_index(
            f"ix_fact_{part}_kept",
            "case_fact",
            ["disposition", "ended_at", "case_id"],
            sqlite_where=is_kept,
            postgresql_where=is_kept,
        )
    op.create_index("ix_inbox_handled", "inbox", ["handled_at"])
    op.create_index("ix_inbox_episode", "inbox", ["episode_id"])


def _fill(fact: sa.Table, use: sa.Table) -> None:
    connection = op.get_bind()
    case = sa.table("case_file", sa.column("id", sa.Uuid()), sa.column("document", sa.Text()))
    for rows in _portions(connection, case.c.id, case.c.document):
        connection.execute(
            sa.insert(fact), [_fact(case_id, json.loads(doc)) for case_id, doc in rows]
        )
        connection.execute(
            sa.insert(use),
            [
                {"sha256": bytes.fromhex(sha256), "case_id": case_id}
                for case_id, doc in rows
                for sha256 in sorted(set(_PICTURE.findall(doc)))
            ],
        )
    inbox = sa.table(
        "inbox",
        sa.column("event_id", sa.String()),
        sa.column("raw", sa.Text()),
        sa.column("episode_id", sa.Uuid()),
    )
    about = (
        sa.update(inbox)
        .where(inbox.c.event_id == sa.bindparam("id"))
        .values(episode_id=sa.bindparam("episode"))
    )
    for rows in _portions(connection, inbox.c.event_id, inbox.c.raw):
        told = [(event_id, json.loads(raw)["data"].get("episode_id")) for event_id, raw in rows]
        changed = [{"id": event_id, "episode": UUID(one)} for event_id, one in told if one]
        if changed:
            connection.execute(about, changed)


def _portions(
    connection: sa.Connection, key: sa.ColumnClause[Any], value: sa.ColumnClause[Any]
) -> Iterator[list[tuple[Any, str]]]:
    """All rows of a table, some at a time: a city's do not fit into memory."""
    after = None
    while True:
        query = sa.select(key, value).order_by(key).limit(_BATCH)
        rows = connection.execute(query if after is None else query.where(key > after)).all()
        if not rows:
            return
        yield [(one, text) for one, text in rows]
        after = rows[-1][0]


def _fact(case_id: UUID, case: dict[str, Any]) -> dict[str, object]:
    decision = case.get("decision") or {}
    is_open = case["status"] not in {"decided", "closed"}
    ended_at = None if is_open else case.get("closed_at") or decision.get("decided_at")
    grace_ends_at = case.get("grace_ends_at")
    told: dict[str, Any] = {
        "suspected_at": case["sightings"][0]["captured_at"],
        "accepted_at": case.get("reminder_accepted_at"),
        "delivered_at": case.get("reminder_delivered_at") if grace_ends_at else None,
        "grace_ends_at": grace_ends_at,
        "left_at": case.get("left_at"),
    }
    at = {name: _instant(told[name]) for name in _INSTANTS}
    suspected_at, delivered_at = at["suspected_at"], at["delivered_at"]
    after_s = None
    if delivered_at is not None and suspected_at is not None:
        after_s = round(max((delivered_at - suspected_at).total_seconds(), 0.0), 1)
    is_agreed = case["plate"]["status"] == "agreed" and not case.get("is_plate_contradicted")
    return {
        **at,
        "case_id": case_id,
        "camera_id": case["camera_id"],
        "has_plate": is_agreed,
        "delivered_after_s": after_s,
        "is_referred": case.get("review_due_at") is not None,
        "decided_at": _instant(decision.get("decided_at")),
        "disposition": case.get("disposition"),
        "ended_at": _instant(ended_at) if case.get("disposition") else None,
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
