"""Cases and their audit chains in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from pipeline.audit import AuditEntry, AuditNote, Reason, seal
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.reminder import DeliveryStatus
from pipeline.storage import tables
from pipeline.storage.base import StaleCaseError
from pipeline.storage.sql_facts import SqlCaseFacts
from pipeline.storage.upsert import upsert_all
from pipeline.storage.work import Work, unreadable

__all__ = ["SqlAuditLog", "SqlCaseRepository", "read_case"]

_CASE = TypeAdapter(Case)
_REASONS = TypeAdapter(tuple[Reason, ...])

_REMINDED_SPAN = timedelta(days=33)
"""What is read ahead reaches beyond the first of any site's month."""
_REACHED = [one.value for one in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)]

_IS_RECORD = tables.case.c.disposition == Disposition.CONFIRMED.value

_RAISE_CASE = (
    sa.update(tables.case)
    .where(
        tables.case.c.id == sa.bindparam("read_id"),
        tables.case.c.version == sa.bindparam("read_version"),
    )
    .values({column.name: sa.bindparam(column.name) for column in tables.case.c})
)


def read_case(document: str) -> Case:
    """The case of a stored document.

    Raises:
        StorageError: it is none.
    """
    try:
        return _CASE.validate_json(document)
    except ValidationError as exc:
        raise unreadable("case", exc) from None


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
    """Cases and their timers; see `CaseRepository`.

    What was read is remembered and what was changed waits for `write`, so that a batch of events
    costs a few statements and not a few for each event.
    """

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection
        self._now = work.now
        self._known: dict[UUID, Case | None] = {}
        # The version that the database has of each changed case; 0 where it has none.
        self._stored: dict[UUID, int] = {}
        self._facts = SqlCaseFacts(work.connection)
        self._timers: dict[UUID, datetime | None] = {}
        # When each plate was reminded, with the case of it.
        self._reminded: dict[str, list[tuple[datetime, UUID]]] = {}
        self._reminded_since: datetime | None = None
        # When each plate's confirmed cases were opened.
        self._records: dict[str, list[datetime]] = {}

    def read_ahead(self, case_ids: Collection[UUID]) -> None:
        """Read the cases that will be asked for."""
        unknown = [one for one in case_ids if one not in self._known]
        query = sa.select(tables.case.c.document).where(tables.case.c.id.in_(unknown))
        found = [read_case(one) for one in self._connection.execute(query).scalars()]
        self._known |= {**dict.fromkeys(unknown), **{case.id: case for case in found}}

    def count_ahead(self, plates: Collection[str]) -> None:
        """Read how often these plates were reminded, and what was recorded against them."""
        self._reminded_since = self._now() - _REMINDED_SPAN
        self._reminded = {plate: [] for plate in plates}
        self._records = {plate: [] for plate in plates}
        reminded = (
            sa.select(tables.case.c.plate, tables.reminder.c.accepted_at, tables.case.c.id)
            .select_from(tables.reminder.join(tables.case))
            .where(
                tables.case.c.plate.in_(self._reminded),
                tables.reminder.c.accepted_at >= self._reminded_since,
                tables.reminder.c.status.in_(_REACHED),
            )
        )
        for plate, at, case_id in self._connection.execute(reminded):
            self._reminded[plate].append((at, case_id))
        records = sa.select(tables.case.c.plate, tables.case.c.opened_at).where(
            tables.case.c.plate.in_(self._records), _IS_RECORD
        )
        for plate, at in self._connection.execute(records):
            self._records[plate].append(at)

    def write_cases(self) -> None:
        """Write the changed cases.

        Raises:
            StaleCaseError: somebody changed one of them since it was read.
        """
        # All transactions lock rows in one order, so that no two wait for one another.
        in_order = sorted(self._stored.items())
        changed = [(self._known[case_id], stored) for case_id, stored in in_order]
        new = [_case_row(case) for case, stored in changed if case and not stored]
        raised = [
            {**_case_row(case), "read_id": case.id, "read_version": stored}
            for case, stored in changed
            if case and stored
        ]
        if new:
            self._connection.execute(sa.insert(tables.case), new)
        if raised and self._connection.execute(_RAISE_CASE, raised).rowcount != len(raised):
            raise StaleCaseError(f"of {len(raised)} cases one was changed meanwhile")
        self._facts.write()
        self._require_unchanged({*self._timers} - {*self._stored})
        self._stored.clear()

    def _require_unchanged(self, case_ids: Collection[UUID]) -> None:
        """A timer is set by what its case was when it was read; if that changed, it is wrong."""
        read = {one: case.version for one in case_ids if (case := self._known.get(one))}
        if not read:
            return
        query = (
            sa.select(tables.case.c.id, tables.case.c.version)
            .where(tables.case.c.id.in_(read))
            .order_by(tables.case.c.id)
            .with_for_update(read=True)
        )
        stored = {row.id: row.version for row in self._connection.execute(query)}
        if stored != read:
            raise StaleCaseError(f"of {len(read)} cases with timers one was changed meanwhile")

    def write_timers(self) -> None:
        """Write the timers, which need their cases."""
        set_ = [{"case_id": one, "due_at": at} for one, at in sorted(self._timers.items()) if at]
        gone = [one for one, at in self._timers.items() if not at]
        upsert_all(self._connection, tables.timer, set_)
        if gone:
            is_gone = tables.timer.c.case_id.in_(gone)
            self._connection.execute(sa.delete(tables.timer).where(is_gone))
        self._timers.clear()

    def forget_reminded(self) -> None:
        """Count anew from here on: a message was accepted, or failed."""
        self._reminded.clear()

    def get(self, case_id: UUID) -> Case | None:
        """The case, or None."""
        if case_id not in self._known:
            query = sa.select(tables.case.c.document).where(tables.case.c.id == case_id)
            document = self._connection.execute(query).scalar_one_or_none()
            self._known[case_id] = None if document is None else read_case(document)
        return self._known[case_id]

    def by_number(self, number: str) -> list[Case]:
        """The cases whose number begins with `number`; see `CaseRepository.by_number`."""
        self._work.write()
        id_text = sa.cast(tables.case.c.id, sa.String)
        query = sa.select(tables.case.c.document).where(
            id_text.startswith(number[:8].lower(), autoescape=True)
        )
        documents = self._connection.execute(query.limit(2)).scalars()
        return [read_case(document) for document in documents]

    def add(self, case: Case) -> None:
        """Store a new case."""
        self._facts.change(None, case)
        self._known[case.id] = case
        self._stored[case.id] = 0

    def save(self, case: Case) -> Case:
        """Store a changed case; see `CaseRepository.save`."""
        known = self.get(case.id)
        if known is None or known.version != case.version:
            raise StaleCaseError(f"case {case.id} is no longer at version {case.version}")
        raised = replace(case, version=case.version + 1)
        self._facts.change(known, raised)
        self._stored.setdefault(case.id, known.version)
        self._known[case.id] = raised
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
        self._work.write()
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
        return [read_case(document) for document in documents]

    def count(self, *statuses: CaseStatus) -> int:
        """How many cases have one of these states."""
        self._work.write()
        query = sa.select(sa.func.count()).where(
            tables.case.c.status.in_([one.value for one in statuses])
        )
        return int(self._connection.execute(query).scalar_one())

    def reminded_since(self, plate_text: str, since: datetime) -> int:
        """In how many cases this plate was reminded; see `CaseRepository.reminded_since`."""
        read_since = self._reminded_since
        if plate_text in self._reminded and read_since is not None and since >= read_since:
            return len({case_id for at, case_id in self._reminded[plate_text] if at >= since})
        self._work.write()
        query = (
            sa.select(sa.func.count(tables.case.c.id.distinct()))
            .select_from(tables.reminder.join(tables.case))
            .where(
                tables.case.c.plate == plate_text,
                tables.reminder.c.accepted_at >= since,
                tables.reminder.c.status.in_(_REACHED),
            )
        )
        return int(self._connection.execute(query).scalar_one())

    def records_since(self, plate_text: str, since: datetime) -> int:
        """How many confirmed cases this plate has; see `CaseRepository.records_since`."""
        if plate_text in self._records:
            return sum(at >= since for at in self._records[plate_text])
        self._work.write()
        query = sa.select(sa.func.count()).where(
            tables.case.c.plate == plate_text, _IS_RECORD, tables.case.c.opened_at >= since
        )
        return int(self._connection.execute(query).scalar_one())

    def set_timer(self, case_id: UUID, due_at: datetime | None) -> None:
        """Ask policy again at `due_at`; None takes the timer away."""
        self._timers[case_id] = due_at

    def due_timers(self) -> tuple[int, timedelta]:
        """How many timers are due; see `CaseRepository.due_timers`."""
        self._work.write()
        now = self._now()
        due_at = tables.timer.c.due_at
        query = sa.select(sa.func.count(), sa.func.min(due_at)).where(due_at <= now)
        count, oldest_at = self._connection.execute(query).one()
        return count, now - (oldest_at or now)

    def claim_due(self, *, limit: int, lease: timedelta) -> dict[UUID, timedelta]:
        """Cases whose timer is due; see `CaseRepository.claim_due`."""
        self._work.write()
        now = self._now()
        query = (
            sa.select(tables.timer.c.case_id, tables.timer.c.due_at)
            .where(tables.timer.c.due_at <= now)
            .order_by(tables.timer.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        after = self._work.due.timers.bound(now)
        if after is not None:
            query = query.where(tables.timer.c.due_at > after)
        due = {case_id: now - due_at for case_id, due_at in self._connection.execute(query)}
        if due:
            self._work.due.timers.claimed(now - max(due.values()), lease)
        self._connection.execute(
            sa.update(tables.timer)
            .where(tables.timer.c.case_id.in_(list(due)))
            .values(due_at=now + lease)
        )
        return due


class SqlAuditLog:
    """The hash chain of each case; see `AuditLog`. New entries wait for `write`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection
        self._last: dict[UUID, AuditEntry | None] = {}
        self._new: list[dict[str, object]] = []

    def read_ahead(self, case_ids: Collection[UUID]) -> None:
        """Read the ends of the chains that will grow."""
        audit = tables.audit
        newest = (
            sa.select(audit.c.case_id, sa.func.max(audit.c.number).label("number"))
            .where(audit.c.case_id.in_(case_ids))
            .group_by(audit.c.case_id)
            .subquery()
        )
        is_newest = (audit.c.case_id == newest.c.case_id) & (audit.c.number == newest.c.number)
        query = sa.select(audit).join(newest, is_newest)
        found = [_entry(row) for row in self._connection.execute(query)]
        ends = {one.note.case_id: one for one in found}
        self._last |= {**dict.fromkeys(case_ids), **ends}

    def write(self) -> None:
        """Write the new entries."""
        if self._new:
            self._connection.execute(sa.insert(tables.audit), self._new)
            self._new = []

    def append(self, note: AuditNote) -> AuditEntry:
        """Add to the end of the case's chain."""
        if note.case_id not in self._last:
            self.read_ahead([note.case_id])
        entry = seal(note, after=self._last[note.case_id])
        self._last[note.case_id] = entry
        self._new.append(
            {
                "case_id": note.case_id,
                "at": note.at,
                "actor": note.actor,
                "action": note.action,
                "from_status": note.from_status,
                "to_status": note.to_status,
                "case_version": note.case_version,
                "cause": note.cause,
                "reasons": _REASONS.dump_json(note.reasons).decode() if note.reasons else None,
                "number": entry.number,
                "previous": entry.previous,
                "digest": entry.digest,
            }
        )
        return entry

    def of_case(self, case_id: UUID) -> list[AuditEntry]:
        """The whole chain, oldest first."""
        self._work.write()
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
        reasons=_REASONS.validate_json(row.reasons) if row.reasons else (),
    )
    return AuditEntry(note=note, number=row.number, previous=row.previous, digest=row.digest)
