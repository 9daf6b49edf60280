"""All that is left of a run, gathered when it is over."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from pipeline.audit import AuditEntry
from pipeline.case import Case
from pipeline.reminder import Reminder
from pipeline.storage import Storage
from pipeline.storage.sql import make_engine
from pipeline.storage.tables import inbox
from tests.faults.history import Line
from tests.faults.provider import Delivered
from tests.faults.street import Visit

__all__ = ["Record", "record_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a checker may look at.

    Attributes:
        began_at: The street's first second, in seconds since 1970.
        grace_s: The rulebook's grace period.
        visits: The truth.
        history: What the roles said, by time.
        delivered: What the provider says reached a phone.
        cases: All cases.
        reminders: All messages, by case.
        chains: The audit chain of each case.
        inbox: The ids of the events that were handled.
        dead: The ids of those that could not be.
        positions: The next offset by partition, as the database has it.
        ends: The next offset by partition, as the bus has it.
        bounds: What must be small and how small, as (name, size, limit).
        may_be_open: Cases that wait for an end that a wrong clock has put far away.
    """

    began_at: float
    grace_s: float
    visits: Sequence[Visit]
    history: Sequence[Line]
    delivered: Sequence[Delivered]
    cases: Sequence[Case]
    reminders: dict[UUID, list[Reminder]]
    chains: dict[UUID, list[AuditEntry]]
    inbox: frozenset[str]
    dead: frozenset[str]
    positions: dict[int, int]
    ends: dict[int, int]
    bounds: Sequence[tuple[str, float, float]] = ()
    may_be_open: frozenset[UUID] = frozenset()


def record_of(
    storage: Storage,
    storage_url: str,
    *,
    topic: str,
    ends: dict[int, int],
    history: Sequence[Line],
    delivered: Sequence[Delivered],
    visits: Sequence[Visit],
    began_at: datetime,
    grace_s: float,
    bounds: Sequence[tuple[str, float, float]] = (),
) -> Record:
    """Gather what the database has, beside what the others say."""
    engine = make_engine(storage_url)
    with engine.connect() as connection:
        handled = frozenset(connection.execute(sa.select(inbox.c.event_id)).scalars())
    engine.dispose()
    with storage.read() as uow:
        cases = uow.cases.find(limit=10**6)
        return Record(
            began_at=began_at.timestamp(),
            grace_s=grace_s,
            visits=visits,
            history=history,
            delivered=delivered,
            cases=cases,
            reminders={case.id: uow.outbox.of_case(case.id) for case in cases},
            chains={case.id: uow.audit.of_case(case.id) for case in cases},
            inbox=handled,
            dead=frozenset(_id_of(one.raw) for one in uow.inbox.dead_letters()),
            positions={part: uow.inbox.next_offset(topic, part) for part in ends},
            ends=ends,
            bounds=bounds,
            may_be_open=frozenset(
                case.id
                for case in cases
                if any(at and at > uow.now() for at in (case.opened_at, case.grace_ends_at))
            ),
        )


def _id_of(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["id"])
    except (ValueError, KeyError, TypeError):
        return ""
