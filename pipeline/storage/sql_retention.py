"""Deletion of what has been kept long enough, in SQL."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from pipeline.case import Case, Disposition
from pipeline.reminder import Reminder
from pipeline.storage import tables
from pipeline.storage.base import RequestKind
from pipeline.storage.retention import HandledEvent
from pipeline.storage.sql_cases import read_case
from pipeline.storage.sql_outbox import read_reminder, reminder_row
from pipeline.storage.upsert import insert_into
from pipeline.storage.work import Work

__all__ = ["SqlRetention"]

_FACT, _INBOX, _PARKED = tables.case_fact, tables.inbox, tables.parked_event
_USE, _MARK = tables.picture_use, tables.picture_to_delete

# Any number, as long as all who delete use the same.
_PURGE_LOCK = 0x50555247
_PICTURE = re.compile(r'"sha256":\s*"([0-9a-f]{64})"')
_FORGOTTEN = ""
_SAVE_MESSAGE = (
    sa.update(tables.reminder)
    .where(tables.reminder.c.key == sa.bindparam("its_key"))
    # A sender that claimed it before must not write back what it read.
    .values(epoch=tables.reminder.c.epoch + 1, due_at=None)
)


class SqlRetention:
    """What has been kept long enough; see `Retention`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection

    def hold(self) -> None:
        """Let nobody else delete anything; SQLite has one writer anyway."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PURGE_LOCK)))

    def ended_with_pictures(
        self, disposition: Disposition, *, by: datetime, after: Case | None, limit: int
    ) -> list[Case]:
        """Cases that ended by then and have their pictures; see `Retention`."""
        return self._ended(_FACT.c.pictures_deleted_at, disposition, by, after, limit)

    def ended_with_person(
        self, disposition: Disposition, *, by: datetime, after: Case | None, limit: int
    ) -> list[Case]:
        """Cases that ended by then and tell of a person; see `Retention`."""
        return self._ended(_FACT.c.person_deleted_at, disposition, by, after, limit)

    def _ended(
        self,
        deleted_at: sa.ColumnElement[datetime],
        disposition: Disposition,
        by: datetime,
        after: Case | None,
        limit: int,
    ) -> list[Case]:
        self._work.write()
        ended_at, case_id = _FACT.c.ended_at, _FACT.c.case_id
        query = (
            sa.select(tables.case.c.document)
            .select_from(_FACT.join(tables.case))
            .where(
                _FACT.c.disposition == disposition.value,
                ended_at.is_not(None),
                deleted_at.is_(None),
                ended_at <= by,
            )
            .order_by(ended_at, case_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(_is_behind((ended_at, after.ended_at), (case_id, after.id)))
        return [read_case(one) for one in self._connection.execute(query).scalars()]

    def users_of(self, pictures: Collection[str]) -> dict[str, frozenset[UUID]]:
        """The cases that refer to these files; see `Retention`."""
        self._work.write()
        found: dict[str, set[UUID]] = defaultdict(set)
        for some in _portions(sorted(pictures)):
            query = sa.select(_USE.c.sha256, _USE.c.case_id).where(_USE.c.sha256.in_(_raw(some)))
            for sha256, case_id in self._connection.execute(query):
                found[sha256.hex()].add(case_id)
        return {sha256: frozenset(users) for sha256, users in found.items()}

    def pictures_deleted_at(self, case_ids: Collection[UUID]) -> dict[UUID, datetime]:
        """Since when the pictures of these cases are gone; see `Retention`."""
        self._work.write()
        deleted_at = _FACT.c.pictures_deleted_at
        query = sa.select(_FACT.c.case_id, deleted_at).where(
            _FACT.c.case_id.in_(case_ids), deleted_at.is_not(None)
        )
        return {row.case_id: row.pictures_deleted_at for row in self._connection.execute(query)}

    def messages_of(self, case_ids: Collection[UUID]) -> list[Reminder]:
        """All messages of these cases."""
        self._work.write()
        table = tables.reminder
        query = (
            sa.select(table.c.document).where(table.c.case_id.in_(case_ids)).order_by(table.c.key)
        )
        return [read_reminder(one) for one in self._connection.execute(query).scalars()]

    def save_messages(self, reminders: Sequence[Reminder]) -> None:
        """Keep these messages as they are now; see `Retention.save_messages`."""
        rows = [{**reminder_row(one), "its_key": one.key} for one in reminders]
        if rows:
            changed: dict[str, Any] = {
                name: sa.bindparam(name) for name in rows[0] if name != "its_key"
            }
            self._connection.execute(_SAVE_MESSAGE.values(changed), rows)

    def events_of(self, episode_ids: Collection[UUID]) -> list[HandledEvent]:
        """The events about these episodes whose text is still there; see `Retention.events_of`."""
        query = _events().where(_INBOX.c.episode_id.in_(episode_ids), _INBOX.c.raw != _FORGOTTEN)
        return self._read(query)

    def forget_events_of(self, episode_ids: Collection[UUID]) -> None:
        """Delete the text of these events; see `Retention.forget_events_of`."""
        update = sa.update(_INBOX).where(_INBOX.c.episode_id.in_(episode_ids))
        self._connection.execute(update.values(raw=_FORGOTTEN))
        self._connection.execute(sa.delete(_PARKED).where(_PARKED.c.episode_id.in_(episode_ids)))

    def events_before(
        self, before: datetime, *, after: HandledEvent | None, limit: int
    ) -> list[HandledEvent]:
        """Events handled before then; see `Retention.events_before`."""
        handled_at, event_id = _INBOX.c.handled_at, _INBOX.c.event_id
        query = _events().where(handled_at < before).order_by(handled_at, event_id).limit(limit)
        if after is not None:
            query = query.where(_is_behind((handled_at, after.handled_at), (event_id, after.id)))
        return self._read(query)

    def _read(self, query: sa.Select[Any]) -> list[HandledEvent]:
        self._work.write()
        return [
            HandledEvent(
                id=event_id,
                handled_at=handled_at,
                episode_id=episode_id,
                pictures=frozenset(_PICTURE.findall(raw)),
            )
            for event_id, handled_at, episode_id, raw in self._connection.execute(query)
        ]

    def drop_events(self, event_ids: Collection[str]) -> None:
        """Forget that these events were handled; see `Retention.drop_events`."""
        for table in (_INBOX, _PARKED):
            self._connection.execute(sa.delete(table).where(table.c.event_id.in_(event_ids)))

    def count_requests(self, before: datetime) -> int:
        """How many old call-backs nobody has looked at."""
        query = sa.select(sa.func.count()).where(*_is_old_callback(before))
        return int(self._connection.execute(query).scalar_one())

    def drop_requests(self, before: datetime) -> None:
        """Forget these call-backs."""
        self._connection.execute(sa.delete(tables.request).where(*_is_old_callback(before)))

    def mark_for_deletion(self, pictures: Collection[str]) -> None:
        """Keep in mind that these files must be deleted; see `Retention.mark_for_deletion`."""
        rows = [{"sha256": one} for one in _raw(sorted(pictures))]
        if rows:
            insert = insert_into(self._connection, _MARK).on_conflict_do_nothing()
            self._connection.execute(insert, rows)

    def marked_for_deletion(self, *, after: str, limit: int) -> list[str]:
        """Files that must be deleted; see `Retention.marked_for_deletion`."""
        query = sa.select(_MARK.c.sha256).where(_MARK.c.sha256 > bytes.fromhex(after))
        found = self._connection.execute(query.order_by(_MARK.c.sha256).limit(limit)).scalars()
        return [one.hex() for one in found]

    def unmark(self, pictures: Collection[str]) -> None:
        """These files are gone, or are used again."""
        gone = _MARK.c.sha256.in_(_raw(pictures))
        self._connection.execute(sa.delete(_MARK).where(gone))


def _events() -> sa.Select[Any]:
    return sa.select(_INBOX.c.event_id, _INBOX.c.handled_at, _INBOX.c.episode_id, _INBOX.c.raw)


def _is_behind(
    first: tuple[sa.ColumnElement[Any], object], second: tuple[sa.ColumnElement[Any], object]
) -> sa.ColumnElement[bool]:
    """Whether a row comes behind these two values, by the first and then by the second."""
    (one, at), (two, place) = first, second
    return sa.and_(one >= at, sa.or_(one > at, two > place))


def _is_old_callback(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    table = tables.request
    return (table.c.kind == RequestKind.CALLBACK.value, table.c.requested_at < before)


def _raw(pictures: Collection[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in pictures]


def _portions(pictures: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Databases take only so many values in one statement."""
    for begin in range(0, len(pictures), size):
        yield pictures[begin : begin + size]
