"""Reminders, and what is due of them, in SQL."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.storage import tables
from pipeline.storage.base import DueReminder
from pipeline.storage.work import Work, unreadable

__all__ = ["SqlOutbox", "read_reminder"]

_REMINDER = TypeAdapter(Reminder)


class SqlOutbox:
    """Reminders and what is due of them; see `Outbox`. New ones wait for `write`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection
        self._now = work.now
        self._known: dict[str, Reminder | None] = {}
        self._new: list[dict[str, object]] = []

    def read_ahead(self, keys: Collection[str]) -> None:
        """Read the messages that will be asked for."""
        query = sa.select(tables.reminder.c.document).where(tables.reminder.c.key.in_(keys))
        found = [read_reminder(one) for one in self._connection.execute(query).scalars()]
        self._known |= {**dict.fromkeys(keys), **{one.key: one for one in found}}

    def write(self) -> None:
        """Write the new messages."""
        if self._new:
            self._connection.execute(sa.insert(tables.reminder), self._new)
            self._new = []

    def add(self, reminder: Reminder, *, due_at: datetime) -> bool:
        """Queue a message; see `Outbox.add`."""
        if self.get(reminder.key) is not None:
            return False
        row = {**reminder_row(reminder), "due_at": due_at, "epoch": 0, "attempts": 0}
        self._new.append(row)
        self._known[reminder.key] = reminder
        return True

    def get(self, key: str) -> Reminder | None:
        """One message."""
        if key not in self._known:
            self._known[key] = self._one(tables.reminder.c.key == key)
        return self._known[key]

    def by_provider_ref(self, provider_ref: str) -> Reminder | None:
        """The message that a provider's receipt names."""
        self._work.write()
        return self._one(tables.reminder.c.provider_ref == provider_ref, is_locked=True)

    def of_case(self, case_id: UUID) -> list[Reminder]:
        """All messages of a case, oldest first."""
        self._work.write()
        query = (
            sa.select(tables.reminder.c.document)
            .where(tables.reminder.c.case_id == case_id)
            .order_by(tables.reminder.c.created_at)
        )
        return [read_reminder(one) for one in self._connection.execute(query).scalars()]

    def recent(self, *, limit: int = 100) -> list[Reminder]:
        """The newest messages, newest first."""
        self._work.write()
        query = (
            sa.select(tables.reminder.c.document)
            .order_by(tables.reminder.c.created_at.desc())
            .limit(limit)
        )
        return [read_reminder(one) for one in self._connection.execute(query).scalars()]

    def count(self, *statuses: DeliveryStatus) -> int:
        """How many messages have one of these states."""
        self._work.write()
        query = sa.select(sa.func.count()).where(
            tables.reminder.c.status.in_([one.value for one in statuses])
        )
        return int(self._connection.execute(query).scalar_one())

    def claim_due(self, *, limit: int, lease: timedelta) -> list[DueReminder]:
        """Messages that are due; see `Outbox.claim_due`."""
        self._work.write()
        now = self._now()
        table = tables.reminder
        query = (
            sa.select(table.c.key, table.c.epoch, table.c.attempts, table.c.due_at)
            .where(table.c.due_at <= now)
            .order_by(table.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        after = self._work.due.messages.bound(now)
        if after is not None:
            query = query.where(table.c.due_at > after)
        rows = self._connection.execute(query).all()
        if rows:
            self._work.due.messages.claimed(rows[0].due_at, lease)
        due = [
            DueReminder(key=row.key, epoch=row.epoch + 1, attempts=row.attempts + 1) for row in rows
        ]
        self._connection.execute(
            sa.update(tables.reminder)
            .where(tables.reminder.c.key.in_([one.key for one in due]))
            .values(
                due_at=now + lease,
                epoch=tables.reminder.c.epoch + 1,
                attempts=tables.reminder.c.attempts + 1,
            )
        )
        return due

    def finish(self, claimed: DueReminder, reminder: Reminder, *, due_at: datetime | None) -> bool:
        """Record what came of a claimed message; see `Outbox.finish`."""
        self._changed(reminder.key)
        update = (
            sa.update(tables.reminder)
            .where(tables.reminder.c.key == claimed.key, tables.reminder.c.epoch == claimed.epoch)
            .values({**reminder_row(reminder), "due_at": due_at})
        )
        return self._connection.execute(update).rowcount == 1

    def put_back(self, claimed: DueReminder, reminder: Reminder) -> None:
        """Let a claimed message be claimed again at once; see `Outbox.put_back`."""
        self._changed(reminder.key)
        table = tables.reminder
        update = (
            sa.update(table)
            .where(table.c.key == claimed.key, table.c.epoch == claimed.epoch)
            .values(
                {
                    **reminder_row(reminder),
                    "due_at": self._now(),
                    "attempts": table.c.attempts - 1,
                }
            )
        )
        self._connection.execute(update)

    def lock(self, key: str) -> Reminder | None:
        """One message as it stands now; see `Outbox.lock`."""
        self._work.write()
        self._known[key] = self._one(tables.reminder.c.key == key, is_locked=True)
        return self._known[key]

    def save(self, reminder: Reminder) -> None:
        """Record a receipt or an answer."""
        self._changed(reminder.key)
        update = sa.update(tables.reminder).where(tables.reminder.c.key == reminder.key)
        self._connection.execute(update.values(reminder_row(reminder)))

    def _changed(self, key: str) -> None:
        self._work.write()
        self._known.pop(key, None)
        self._work.forget_reminded()

    def _one(self, where: sa.ColumnElement[bool], *, is_locked: bool = False) -> Reminder | None:
        query = sa.select(tables.reminder.c.document).where(where)
        if is_locked:
            query = query.with_for_update()
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else read_reminder(document)


def reminder_row(reminder: Reminder) -> dict[str, object]:
    """The columns of a message that follow from it."""
    return {
        "key": reminder.key,
        "case_id": reminder.case_id,
        "status": reminder.status.value,
        "provider_ref": reminder.provider_ref,
        "created_at": reminder.created_at,
        "accepted_at": reminder.accepted_at,
        "document": _REMINDER.dump_json(reminder).decode(),
    }


def read_reminder(document: str) -> Reminder:
    """The message of a stored document.

    Raises:
        StorageError: it is none.
    """
    try:
        return _REMINDER.validate_json(document)
    except ValidationError as exc:
        raise unreadable("reminder", exc) from None
