"""The tables; their history is in `migrations/`."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
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
    "clock_mark",
    "contact",
    "contact_key",
    "dead_letter",
    "inbox",
    "metadata",
    "parked_event",
    "person",
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
)

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
