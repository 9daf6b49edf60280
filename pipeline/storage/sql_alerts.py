"""Marks of alerts, and the counts behind them, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from pipeline.case import AT_THE_DESK, CaseStatus, Disposition
from pipeline.events.camera import CameraState, CameraStatus
from pipeline.storage import tables
from pipeline.storage.alerts import AlertMark, DeadlineCount, Tally
from pipeline.storage.upsert import add_once
from pipeline.storage.work import Work

__all__ = ["SqlAlerts"]

_MARK = tables.alert_mark
_CASE = tables.case
# The states in which a case can ask the operator; the index begins with the state.
_ASKING = (CaseStatus.SUSPECTED.value, CaseStatus.REMINDER_UNCERTAIN.value)


class SqlAlerts:
    """Marks of alerts, and the counts behind them; see `Alerts`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection

    def marks(self) -> list[AlertMark]:
        """All marks."""
        return self._read(sa.select(_MARK))

    def lock(self) -> list[AlertMark]:
        """All marks, for this transaction alone; see `Alerts.lock`."""
        # In one order, so that no two who do this wait for one another.
        in_order = sa.select(_MARK).order_by(_MARK.c.kind, _MARK.c.about)
        return self._read(in_order.with_for_update())

    def add(self, mark: AlertMark) -> bool:
        """Keep a new mark; see `Alerts.add`."""
        return add_once(self._connection, _MARK, asdict(mark))

    def save(self, mark: AlertMark) -> None:
        """Change a mark that is there."""
        self._connection.execute(sa.update(_MARK).where(*_is(mark)).values(asdict(mark)))

    def told(self, mark: AlertMark, at: datetime) -> None:
        """Staff were told of it; see `Alerts.told`."""
        update = sa.update(_MARK).where(*_is(mark))
        self._connection.execute(update.values(told_at=at, claimed_until=None))

    def drop(self, mark: AlertMark) -> None:
        """Forget a trouble that is over."""
        self._connection.execute(sa.delete(_MARK).where(*_is(mark)))

    def deadlines(self, *, since: datetime) -> Sequence[DeadlineCount]:
        """Cases at the desk, and expired ones, by their deadline; see `Alerts.deadlines`."""
        self._work.write()
        is_at_the_desk = _CASE.c.status.in_([one.value for one in AT_THE_DESK])
        has_expired = (
            (_CASE.c.status == CaseStatus.CLOSED.value)
            & (_CASE.c.review_due_at >= since)
            & (_CASE.c.disposition == Disposition.EXPIRED.value)
        )
        count = sa.func.count()
        query = (
            sa.select(_CASE.c.camera_id, _CASE.c.review_due_at, count)
            .where(is_at_the_desk | has_expired, _CASE.c.review_due_at.is_not(None))
            .group_by(_CASE.c.camera_id, _CASE.c.review_due_at)
            .order_by(_CASE.c.camera_id, _CASE.c.review_due_at)
        )
        return [
            DeadlineCount(camera_id=camera_id, due_at=due_at, count=number)
            for camera_id, due_at, number in self._connection.execute(query)
        ]

    def dead_letters(self, *, since: datetime) -> Tally:
        """Messages that were put aside since."""
        at = tables.dead_letter.c.at
        return self._tally(sa.select(sa.func.count(), sa.func.min(at)).where(at >= since))

    def operator_tasks(self, *, opened_until: datetime) -> Tally:
        """Open cases that ask the operator; see `Alerts.operator_tasks`."""
        self._work.write()
        opened_at = _CASE.c.opened_at
        query = sa.select(sa.func.count(), sa.func.min(opened_at)).where(
            _CASE.c.status.in_(_ASKING), _CASE.c.asks_operator, opened_at <= opened_until
        )
        return self._tally(query)

    def held_cameras(self) -> Tally:
        """Cameras whose last word is that events wait; see `Alerts.held_cameras`."""
        document = tables.camera_status.c.document
        # Few of many documents are read whole.
        query = sa.select(document).where(document.contains(f'"{CameraState.HELD.value}"'))
        words = [
            CameraStatus.model_validate_json(one)
            for one in self._connection.execute(query).scalars()
        ]
        since = [one.captured_at for one in words if one.state is CameraState.HELD]
        return Tally(count=len(since), oldest_at=min(since, default=None))

    def _read(self, query: sa.Select[tuple[object, ...]]) -> list[AlertMark]:
        return [AlertMark(**row) for row in self._connection.execute(query).mappings()]

    def _tally(self, query: sa.Select[int, datetime]) -> Tally:
        count, oldest_at = self._connection.execute(query).one()
        return Tally(count=count, oldest_at=oldest_at)


def _is(mark: AlertMark) -> tuple[sa.ColumnElement[bool], ...]:
    return (_MARK.c.kind == mark.kind, _MARK.c.about == mark.about)
