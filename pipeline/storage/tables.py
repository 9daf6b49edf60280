"""The tables; their history is in `migrations/`."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    Uuid,
)

__all__ = [
    "UtcDateTime",
    "alert_mark",
    "audit",
    "camera_status",
    "case",
    "case_fact",
    "clock_mark",
    "contact",
    "contact_key",
    "dead_letter",
    "inbox",
    "metadata",
    "parked_event",
    "person",
    "picture_to_delete",
    "picture_use",
    "position",
    "reminder",
    "request",
    "review_lease",
    "session",
    "site",
    "timer",
]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant; kept as UTC by databases without time zones too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, refused when it has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"instant without a time zone: {value}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: always aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


metadata = MetaData()

case = Table(
    "case_file",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", String(24), nullable=False),
    Column("disposition", String(24)),
    Column("camera_id", String(100), nullable=False),
    Column("plate", String(20)),
    Column("asks_operator", Boolean, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("review_due_at", UtcDateTime),
    Column("document", Text, nullable=False),
    Index("ix_case_status_due", "status", "review_due_at", "opened_at"),
    Index("ix_case_plate", "plate"),
    # With the disposition, so that who looks for records opens no other row.
    Index("ix_case_opened", "opened_at", "id", "disposition"),
)

case_fact = Table(
    "case_fact",
    metadata,
    Column("case_id", Uuid, ForeignKey("case_file.id"), primary_key=True),
    Column("camera_id", String(100), nullable=False),
    Column("suspected_at", UtcDateTime, nullable=False),
    Column("has_plate", Boolean, nullable=False),
    Column("accepted_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("delivered_after_s", Float),
    Column("grace_ends_at", UtcDateTime),
    Column("left_at", UtcDateTime),
    Column("is_referred", Boolean, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("disposition", String(24)),
    Column("ended_at", UtcDateTime),
    Column("pictures_deleted_at", UtcDateTime),
    Column("person_deleted_at", UtcDateTime),
    Index("ix_fact_suspected", "suspected_at"),
)
"""What became of each case, in columns: what numbers are made of, and what is due for deletion."""

for _part in ("pictures", "person"):
    _is_kept = case_fact.c.ended_at.is_not(None) & case_fact.c[f"{_part}_deleted_at"].is_(None)
    Index(
        f"ix_fact_{_part}_kept",
        case_fact.c.disposition,
        case_fact.c.ended_at,
        case_fact.c.case_id,
        sqlite_where=_is_kept,
        postgresql_where=_is_kept,
    )

picture_use = Table(
    "picture_use",
    metadata,
    Column("sha256", LargeBinary(32), nullable=False),
    Column("case_id", Uuid, ForeignKey("case_file.id"), nullable=False),
    PrimaryKeyConstraint("sha256", "case_id"),
    sqlite_with_rowid=False,
)
"""Which case refers to which file: one that two cases share is deleted with the last of them."""

picture_to_delete = Table(
    "picture_to_delete",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    sqlite_with_rowid=False,
)
"""Files that no case refers to any more; a row goes when its file is gone."""

timer = Table(
    "timer",
    metadata,
    Column("case_id", Uuid, ForeignKey("case_file.id"), primary_key=True),
    Column("due_at", UtcDateTime, nullable=False),
    Index("ix_timer_due", "due_at"),
)

clock_mark = Table(
    "clock_mark",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

reminder = Table(
    "reminder",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("case_id", Uuid, ForeignKey("case_file.id"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("provider_ref", String(120)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("accepted_at", UtcDateTime),
    Column("document", Text, nullable=False),
    Column("due_at", UtcDateTime),
    Column("epoch", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("ix_reminder_due", "due_at"),
    Index("ix_reminder_case", "case_id"),
    Index("ix_reminder_provider", "provider_ref", unique=True),
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", String(140), primary_key=True),
    Column("raw", Text, nullable=False),
    Column("handled_at", UtcDateTime, nullable=False),
    Column("episode_id", Uuid),
    Index("ix_inbox_handled", "handled_at"),
    Index("ix_inbox_episode", "episode_id"),
)

parked_event = Table(
    "parked_event",
    metadata,
    Column("event_id", String(140), primary_key=True),
    Column("episode_id", Uuid, nullable=False),
    Column("raw", Text, nullable=False),
    Index("ix_parked_episode", "episode_id"),
)

position = Table(
    "bus_position",
    metadata,
    Column("topic", String(120), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    PrimaryKeyConstraint("topic", "partition"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("topic", String(120), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("topic", "partition", "offset"),
)

audit = Table(
    "audit",
    metadata,
    Column("case_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("action", String(60), nullable=False),
    Column("from_status", String(24), nullable=False),
    Column("to_status", String(24), nullable=False),
    Column("case_version", Integer, nullable=False),
    Column("cause", String(200), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("reasons", Text),
    PrimaryKeyConstraint("case_id", "number"),
)

site = Table(
    "site",
    metadata,
    Column("camera_id", String(100), primary_key=True),
    Column("document", Text, nullable=False),
)

camera_status = Table(
    "camera_status",
    metadata,
    Column("camera_id", String(100), primary_key=True),
    Column("captured_at", UtcDateTime, nullable=False),
    Column("document", Text, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("document", Text, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", String(100), ForeignKey("person.id"), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

review_lease = Table(
    "review_lease",
    metadata,
    Column("case_id", Uuid, ForeignKey("case_file.id"), primary_key=True),
    Column("reviewer_id", String(100), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

request = Table(
    "request",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime),
)

contact = Table(
    "contact",
    metadata,
    Column("plate_hash", LargeBinary(32), primary_key=True),
    Column("key_id", String(16)),
    Column("phone", LargeBinary),
    Column("push", LargeBinary),
    Column("vehicle_class", String(24)),
    Column("colour", String(40)),
    Column("opted_out", Boolean, nullable=False),
    Column("doubtful_since", UtcDateTime),
    Column("doubtful_reason", LargeBinary),
    Column("updated_at", UtcDateTime, nullable=False),
)

contact_key = Table(
    "contact_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(16), nullable=False),
)

alert_mark = Table(
    "alert_mark",
    metadata,
    Column("kind", String(40), nullable=False),
    Column("about", String(100), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False),
    Column("told_at", UtcDateTime),
    Column("claimed_until", UtcDateTime),
    PrimaryKeyConstraint("kind", "about"),
)
