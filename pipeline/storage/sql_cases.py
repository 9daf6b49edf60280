"""Cases, their reminders and their audit chains in SQL."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from pipeline.audit import AuditEntry, AuditNote, seal
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.storage import tables
from pipeline.storage.base import DueReminder, StaleCaseError, StorageError
from pipeline.storage.upsert import add_once, upsert

__all__ = ["SqlAuditLog", "SqlCaseRepository", "SqlOutbox"]

_CASE = TypeAdapter(Case)
_REMINDER = TypeAdapter(Reminder)


def _read_case(document: str) -> Case:
    try:
        return _CASE.validate_json(document)
    except ValidationError as exc:
        raise _unreadable("case", exc) from None


def _read_reminder(document: str) -> Reminder:
    try:
        return _REMINDER.validate_json(document)
    except ValidationError as exc:
        raise _unreadable("reminder", exc) from None


def _unreadable(what: str, exc: ValidationError) -> StorageError:
    """Names the field but never its value, which may be a plate."""
    places = [".".join(str(part) for part in error["loc"]) for error in exc.errors()]
    return StorageError(f"a stored {what} cannot be read: {', '.join(places)}")


def _case_row(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "version": case.version,
        "status": case.status.value,
        "disposition": case.disposition.value if case.disposition else None,
        "camera_id": case.camera_id,
        "plate": case.plate.text if case.has_agreed_plate else None,
        "asks_operator": case.asks_operator,
        "opened_at": case.opened_at,
        "review_due_at": case.review_due_at,
        "document": _CASE.dump_json(case).decode(),
    }


class SqlCaseRepository:
    """Cases and their timers; see `CaseRepository`."""

    def __init__(self, connection: sa.Connection, now: Callable[[], datetime]) -> None:
        """Work inside the transaction of `connection`."""
        self._connection = connection
        self._now = now

    def get(self, case_id: UUID) -> Case | None:
        """The case, or None."""
        query = sa.select(tables.case.c.document).where(tables.case.c.id == case_id)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else _read_case(document)

    def by_number(self, number: str) -> list[Case]:
        """The cases whose number begins with `number`; see `CaseRepository.by_number`."""
        id_text = sa.cast(tables.case.c.id, sa.String)
        query = sa.select(tables.case.c.document).where(
            id_text.startswith(number[:8].lower(), autoescape=True)
        )
        documents = self._connection.execute(query.limit(2)).scalars()
        return [_read_case(document) for document in documents]

    def add(self, case: Case) -> None:
        """Store a new case."""
        self._connection.execute(sa.insert(tables.case).values(_case_row(case)))

    def save(self, case: Case) -> Case:
        """Store a changed case; see `CaseRepository.save`."""
        raised = replace(case, version=case.version + 1)
        update = (
            sa.update(tables.case)
            .where(tables.case.c.id == case.id, tables.case.c.version == case.version)
            .values(_case_row(raised))
        )
        if self._connection.execute(update).rowcount != 1:
            raise StaleCaseError(f"case {case.id} is no longer at version {case.version}")
        return raised

    def find(
        self,
        statuses: Sequence[CaseStatus] | None = None,
        *,
        disposition: Disposition | None = None,
        asks_operator: bool | None = None,
        newest_first: bool = False,
        limit: int = 200,
    ) -> list[Case]:
        """Cases by due date, then by age, oldest first; or simply the newest first."""
        by_due = (tables.case.c.review_due_at.asc().nulls_last(), tables.case.c.opened_at)
        by_age = (tables.case.c.opened_at.desc(),)
        query = sa.select(tables.case.c.document).order_by(*(by_age if newest_first else by_due))
        if disposition is not None:
            query = query.where(tables.case.c.disposition == disposition.value)
        if statuses is not None:
            query = query.where(tables.case.c.status.in_([one.value for one in statuses]))
        if asks_operator is not None:
            query = query.where(tables.case.c.asks_operator == asks_operator)
        documents = self._connection.execute(query.limit(limit)).scalars()
        return [_read_case(document) for document in documents]

    def reminded_since(self, plate_text: str, since: datetime) -> int:
        """How many delivered or accepted reminders this plate has had since `since`."""
        query = (
            sa.select(sa.func.count())
            .select_from(tables.reminder.join(tables.case))
            .where(tables.case.c.plate == plate_text, tables.reminder.c.accepted_at >= since)
        )
        return int(self._connection.execute(query).scalar_one())

    def set_timer(self, case_id: UUID, due_at: datetime | None) -> None:
        """Ask policy again at `due_at`; None takes the timer away."""
        if due_at is not None:
            upsert(self._connection, tables.timer, {"case_id": case_id, "due_at": due_at})
            return
        self._connection.execute(sa.delete(tables.timer).where(tables.timer.c.case_id == case_id))

    def claim_due(self, *, limit: int, lease: timedelta) -> list[UUID]:
        """Cases whose timer is due; see `CaseRepository.claim_due`."""
        now = self._now()
        query = (
            sa.select(tables.timer.c.case_id)
            .where(tables.timer.c.due_at <= now)
            .order_by(tables.timer.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        due = [*self._connection.execute(query).scalars()]
        self._connection.execute(
            sa.update(tables.timer)
            .where(tables.timer.c.case_id.in_(due))
            .values(due_at=now + lease)
        )
        return due


class SqlOutbox:
    """Reminders and what is due of them; see `Outbox`."""

    def __init__(self, connection: sa.Connection, now: Callable[[], datetime]) -> None:
        """Work inside the transaction of `connection`."""
        self._connection = connection
        self._now = now

    def add(self, reminder: Reminder, *, due_at: datetime) -> bool:
        """Queue a message; see `Outbox.add`."""
        row = {**_reminder_row(reminder), "due_at": due_at, "epoch": 0, "attempts": 0}
        return add_once(self._connection, tables.reminder, row)

    def get(self, key: str) -> Reminder | None:
        """One message."""
        return self._one(tables.reminder.c.key == key)

    def by_provider_ref(self, provider_ref: str) -> Reminder | None:
        """The message that a provider's receipt names."""
        return self._one(tables.reminder.c.provider_ref == provider_ref)

    def of_case(self, case_id: UUID) -> list[Reminder]:
        """All messages of a case, oldest first."""
        query = (
            sa.select(tables.reminder.c.document)
            .where(tables.reminder.c.case_id == case_id)
            .order_by(tables.reminder.c.created_at)
        )
        return [_read_reminder(one) for one in self._connection.execute(query).scalars()]

    def recent(self, *, limit: int = 100) -> list[Reminder]:
        """The newest messages, newest first."""
        query = (
            sa.select(tables.reminder.c.document)
            .order_by(tables.reminder.c.created_at.desc())
            .limit(limit)
        )
        return [_read_reminder(one) for one in self._connection.execute(query).scalars()]

    def count(self, *statuses: DeliveryStatus) -> int:
        """How many messages have one of these states."""
        query = sa.select(sa.func.count()).where(
            tables.reminder.c.status.in_([one.value for one in statuses])
        )
        return int(self._connection.execute(query).scalar_one())

    def claim_due(self, *, limit: int, lease: timedelta) -> list[DueReminder]:
        """Messages that are due; see `Outbox.claim_due`."""
        now = self._now()
        query = (
            sa.select(tables.reminder.c.key, tables.reminder.c.epoch, tables.reminder.c.attempts)
            .where(tables.reminder.c.due_at <= now)
            .order_by(tables.reminder.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        due = [
            DueReminder(key=key, epoch=epoch + 1, attempts=attempts + 1)
            for key, epoch, attempts in self._connection.execute(query)
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
        update = (
            sa.update(tables.reminder)
            .where(tables.reminder.c.key == claimed.key, tables.reminder.c.epoch == claimed.epoch)
            .values({**_reminder_row(reminder), "due_at": due_at})
        )
        return self._connection.execute(update).rowcount == 1

    def save(self, reminder: Reminder) -> None:
        """Record a receipt or an answer."""
        update = sa.update(tables.reminder).where(tables.reminder.c.key == reminder.key)
        self._connection.execute(update.values(_reminder_row(reminder)))

    def _one(self, where: sa.ColumnElement[bool]) -> Reminder | None:
        query = sa.select(tables.reminder.c.document).where(where)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else _read_reminder(document)


def _reminder_row(reminder: Reminder) -> dict[str, object]:
    return {
        "key": reminder.key,
        "case_id": reminder.case_id,
        "status": reminder.status.value,
        "provider_ref": reminder.provider_ref,
        "created_at": reminder.created_at,
        "accepted_at": reminder.accepted_at,
        "document": _REMINDER.dump_json(reminder).decode(),
    }


class SqlAuditLog:
    """The hash chain of each case; see `AuditLog`."""

    def __init__(self, connection: sa.Connection) -> None:
        """Work inside the transaction of `connection`."""
        self._connection = connection

    def append(self, note: AuditNote) -> AuditEntry:
        """Add to the end of the case's chain."""
        query = (
            sa.select(tables.audit)
            .where(tables.audit.c.case_id == note.case_id)
            .order_by(tables.audit.c.number.desc())
            .limit(1)
        )
        last = self._connection.execute(query).one_or_none()
        entry = seal(note, after=_entry(last) if last else None)
        row = {
            "case_id": note.case_id,
            "at": note.at,
            "actor": note.actor,
            "action": note.action,
            "from_status": note.from_status,
            "to_status": note.to_status,
            "case_version": note.case_version,
            "cause": note.cause,
            "number": entry.number,
            "previous": entry.previous,
            "digest": entry.digest,
        }
        self._connection.execute(sa.insert(tables.audit).values(row))
        return entry

    def of_case(self, case_id: UUID) -> list[AuditEntry]:
        """The whole chain, oldest first."""
        query = (
            sa.select(tables.audit)
            .where(tables.audit.c.case_id == case_id)
            .order_by(tables.audit.c.number)
        )
        return [_entry(row) for row in self._connection.execute(query)]


def _entry(row: sa.Row[Any]) -> AuditEntry:
    note = AuditNote(
        case_id=row.case_id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        from_status=row.from_status,
        to_status=row.to_status,
        case_version=row.case_version,
        cause=row.cause,
    )
    return AuditEntry(note=note, number=row.number, previous=row.previous, digest=row.digest)
