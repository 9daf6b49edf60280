"""The cases of a time span with their stories, in SQL."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from pipeline.case import Disposition
from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.storage import tables
from pipeline.storage.history import WHOLE, AuditLine, PlateFact, Share, StoredCase
from pipeline.storage.sql_cases import read_case
from pipeline.storage.sql_outbox import read_reminder
from pipeline.storage.work import Work

__all__ = ["SqlHistory"]

_PAGE = 500
_REACHED = [one.value for one in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)]
_DECIDED = "decided"


class SqlHistory:
    """Looks back; see `History`."""

    def __init__(self, work: Work) -> None:
        """Look inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection

    def count(self, since: datetime, until: datetime, *, camera_id: str | None = None) -> int:
        """How many cases were opened; see `History.count`."""
        self._work.write()
        query = sa.select(sa.func.count()).select_from(tables.case)
        query = query.where(*_opened(since, until, camera_id))
        return int(self._connection.execute(query).scalar_one())

    def cases(
        self,
        since: datetime,
        until: datetime,
        *,
        camera_id: str | None = None,
        share: Share = WHOLE,
    ) -> Iterator[StoredCase]:
        """The cases with their stories; see `History.cases`."""
        self._work.write()
        case = tables.case
        by_key = sa.tuple_(case.c.opened_at, case.c.id)
        query = (
            sa.select(case.c.opened_at, case.c.id, case.c.document, case.c.plate)
            .where(*_opened(since, until, camera_id))
            .order_by(case.c.opened_at, case.c.id)
            .limit(_PAGE)
        )
        page = self._connection.execute(query).all()
        while page:
            ours = [row for row in page if share.has(row.plate or str(row.id))]
            yield from self._with_stories(ours)
            last = sa.tuple_(
                sa.literal(page[-1].opened_at, case.c.opened_at.type),
                sa.literal(page[-1].id, case.c.id.type),
            )
            page = self._connection.execute(query.where(by_key > last)).all()

    def _with_stories(
        self, page: Sequence[sa.Row[datetime, UUID, str, str | None]]
    ) -> Iterator[StoredCase]:
        case_ids = [row.id for row in page]
        reminders, lines = self._reminders(case_ids), self._lines(case_ids)
        for row in page:
            yield StoredCase(
                case=read_case(row.document),
                reminders=tuple(reminders.get(row.id, ())),
                lines=tuple(lines.get(row.id, ())),
            )

    def _reminders(self, case_ids: list[UUID]) -> dict[UUID, list[Reminder]]:
        table = tables.reminder
        query = (
            sa.select(table.c.case_id, table.c.document)
            .where(table.c.case_id.in_(case_ids))
            .order_by(table.c.created_at)
        )
        found: defaultdict[UUID, list[Reminder]] = defaultdict(list)
        for case_id, document in self._connection.execute(query):
            found[case_id].append(read_reminder(document))
        return found

    def _lines(self, case_ids: list[UUID]) -> dict[UUID, list[AuditLine]]:
        audit = tables.audit
        query = (
            sa.select(
                audit.c.case_id,
                audit.c.at,
                audit.c.actor,
                audit.c.action,
                audit.c.to_status,
                audit.c.cause,
            )
            .where(audit.c.case_id.in_(case_ids))
            .order_by(audit.c.case_id, audit.c.number)
        )
        found: defaultdict[UUID, list[AuditLine]] = defaultdict(list)
        for case_id, *line in self._connection.execute(query):
            found[case_id].append(AuditLine(*line))
        return found

    def reminded(
        self, since: datetime, until: datetime, *, share: Share = WHOLE
    ) -> Iterator[PlateFact]:
        """Reminders that were accepted and did not fail; see `History.reminded`."""
        self._work.write()
        case, reminder = tables.case, tables.reminder
        query = (
            sa.select(case.c.plate, case.c.id, case.c.opened_at, reminder.c.accepted_at)
            .select_from(reminder.join(case))
            .where(
                *_opened(since, until),
                case.c.plate.is_not(None),
                reminder.c.accepted_at.is_not(None),
                reminder.c.status.in_(_REACHED),
            )
        )
        return self._plate_facts(query, share)

    def confirmed(
        self, since: datetime, until: datetime, *, share: Share = WHOLE
    ) -> Iterator[PlateFact]:
        """Cases that a person has confirmed; see `History.confirmed`."""
        self._work.write()
        case, audit = tables.case, tables.audit
        query = (
            sa.select(case.c.plate, case.c.id, case.c.opened_at, audit.c.at)
            .select_from(case.join(audit, audit.c.case_id == case.c.id))
            .where(
                *_opened(since, until),
                case.c.plate.is_not(None),
                case.c.disposition == Disposition.CONFIRMED.value,
                audit.c.action == _DECIDED,
            )
        )
        return self._plate_facts(query, share)

    def _plate_facts(self, query: sa.Select[Any], share: Share) -> Iterator[PlateFact]:
        for plate, case_id, opened_at, at in self._connection.execute(query):
            if share.has(plate):
                yield PlateFact(plate=plate, case_id=case_id, opened_at=opened_at, at=at)


def _opened(
    since: datetime, until: datetime, camera_id: str | None = None
) -> list[sa.ColumnElement[bool]]:
    opened_at = tables.case.c.opened_at
    within = [opened_at >= since, opened_at < until]
    return within if camera_id is None else [*within, tables.case.c.camera_id == camera_id]
