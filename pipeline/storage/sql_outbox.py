"""Reminders, and what is due of them, in SQL."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.storage import tables
from pipeline.storage.base import DueReminder
from pipeline.storage.work import Work, unreadable

__all__ = ["SqlOutbox", "read_reminder"]

_REMINDER = TypeAdapter(Reminder)
_LOCKED = sa.select(
    tables.reminder.c.document,
    tables.reminder.c.due_at,
    tables.reminder.c.epoch,
    tables.reminder.c.attempts,
).with_for_update()
_CHANGE = (
    sa.update(tables.reminder)
    .where(tables.reminder.c.key == sa.bindparam("read_key"))
    .values(
        {
            name: sa.bindparam(name)
            for name in ("status", "provider_ref", "accepted_at", "document", "due_at", "attempts")
        }
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What else the row of a message says, which nobody else changes in this transaction."""

    due_at: datetime | None
    epoch: int
    attempts: int


class SqlOutbox:
    """Reminders and what is due of them; see `Outbox`. What changes waits for `write`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection
        self._now = work.now
        self._known: dict[str, Reminder | None] = {}
        self._held: dict[str, _Held] = {}
        self._new: list[dict[str, object]] = []
        self._changed: dict[str, dict[str, object]] = {}

    def read_ahead(self, keys: Collection[str]) -> None:
        """Read the messages that will be asked for."""
        unknown = [key for key in keys if key not in self._known]
        query = sa.select(tables.reminder.c.document).where(tables.reminder.c.key.in_(unknown))
        found = [read_reminder(one) for one in self._connection.execute(query).scalars()]
        self._known |= {**dict.fromkeys(unknown), **{one.key: one for one in found}}

    def lock_ahead(self, keys: Collection[str]) -> None:
        """Lock the messages that will be changed, and read them as they stand."""
        if self._new or self._changed:
            self._work.write()
        # All transactions lock rows in one order, so that no two wait for one another.
        query = _LOCKED.where(tables.reminder.c.key.in_(keys)).order_by(tables.reminder.c.key)
        self._known |= dict.fromkeys(keys)
        for row in self._connection.execute(query):
            self._hold(row)

    def _hold(self, row: sa.Row[Any, Any, Any, Any]) -> Reminder:
        reminder = read_reminder(row.document)
        self._known[reminder.key] = reminder
        self._held[reminder.key] = _Held(due_at=row.due_at, epoch=row.epoch, attempts=row.attempts)
        return reminder

    def write(self) -> None:
        """Write the new messages and the changed ones."""
        if self._new:
            self._connection.execute(sa.insert(tables.reminder), self._new)
            self._new = []
        if self._changed:
            self._connection.execute(_CHANGE, [row for _, row in sorted(self._changed.items())])
            self._changed = {}

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

    def by_provider_ref(self, channel: str, provider_ref: str) -> Reminder | None:
        """The message that a provider calls so; see `Outbox.by_provider_ref`."""
        self._work.write()
        query = _LOCKED.where(tables.reminder.c.provider_ref == _name_of(channel, provider_ref))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._hold(row)

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
        self._held.clear()
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
        held = self._held_as(claimed)
        if held is None:
            return False
        self._change(reminder, replace(held, due_at=due_at))
        return True

    def put_back(self, claimed: DueReminder, reminder: Reminder) -> None:
        """Let a claimed message be claimed again at once; see `Outbox.put_back`."""
        held = self._held_as(claimed)
        if held is not None:
            self._change(reminder, replace(held, due_at=self._now(), attempts=held.attempts - 1))

    def lock(self, key: str) -> Reminder | None:
        """One message as it stands now; see `Outbox.lock`."""
        if key not in self._held:
            self.lock_ahead([key])
        return self._known[key]

    def save(self, reminder: Reminder) -> None:
        """Record a receipt or an answer."""
        self.lock(reminder.key)
        held = self._held.get(reminder.key)
        if held is not None:
            self._change(reminder, held)

    def _held_as(self, claimed: DueReminder) -> _Held | None:
        """The row of a claimed message; None when somebody claimed it since."""
        self.lock(claimed.key)
        held = self._held.get(claimed.key)
        return held if held is not None and held.epoch == claimed.epoch else None

    def _change(self, reminder: Reminder, held: _Held) -> None:
        self._known[reminder.key], self._held[reminder.key] = reminder, held
        row = {**reminder_row(reminder), "due_at": held.due_at, "attempts": held.attempts}
        self._changed[reminder.key] = {**row, "read_key": reminder.key}
        self._work.forget_reminded()

    def _one(self, where: sa.ColumnElement[bool]) -> Reminder | None:
        query = sa.select(tables.reminder.c.document).where(where)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else read_reminder(document)


def reminder_row(reminder: Reminder) -> dict[str, object]:
    """The columns of a message that follow from it."""
    return {
        "key": reminder.key,
        "case_id": reminder.case_id,
        "status": reminder.status.value,
        "provider_ref": _name_of(reminder.sent_by, reminder.provider_ref),
        "created_at": reminder.created_at,
        "accepted_at": reminder.accepted_at,
        "document": _REMINDER.dump_json(reminder).decode(),
    }


def _name_of(channel: str | None, provider_ref: str | None) -> str | None:
    """What a provider calls a message, as one name among those of all providers, however long."""
    if provider_ref is None:
        return None
    return hashlib.sha256(f"{channel or ''} {provider_ref}".encode()).hexdigest()


def read_reminder(document: str) -> Reminder:
    """The message of a stored document.

    Raises:
        StorageError: it is none.
    """
    try:
        return _REMINDER.validate_json(document)
    except ValidationError as exc:
        raise unreadable("reminder", exc) from None
