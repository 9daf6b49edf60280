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
from pipeline.storage.tables import inbox, request
from tests.faults.history import Line
from tests.faults.receipts import Handed
from tests.faults.street import Visit

__all__ = ["IN_FLIGHT_S", "Record", "Violation", "record_of", "step_of"]

IN_FLIGHT_S = 2.0
"""Between the last look at a case and the provider's answer another worker may commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant that did not hold."""

    invariant: str
    told: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a checker may look at.

    Attributes:
        began_at: The street's first second, in seconds since 1970.
        grace_s: The rulebook's grace period.
        receipt_wait_s: How long a provider may say nothing, by the rulebook.
        is_calm: Whether no clock was wrong and nobody died.
        slack_s: How much later than a role looks at the clock its line may say.
        visits: The truth.
        history: What the roles said, by time.
        handed: What the providers say was handed to them, by time.
        cases: All cases.
        reminders: All messages, by case, in the order of their steps.
        chains: The audit chain of each case.
        inbox: The ids of the events that were handled.
        dead: The ids of those that could not be.
        positions: The next offset by partition, as the database has it.
        ends: The next offset by partition, as the bus has it.
        waiting: The call-backs that no worker has read yet.
        bounds: What must be small and how small, as (name, size, limit).
        may_be_open: Cases that wait for an end that a wrong clock has put far away.
    """

    began_at: float
    grace_s: float
    receipt_wait_s: float
    slack_s: float
    is_calm: bool
    visits: Sequence[Visit]
    history: Sequence[Line]
    handed: Sequence[Handed]
    cases: Sequence[Case]
    reminders: dict[UUID, list[Reminder]]
    chains: dict[UUID, list[AuditEntry]]
    inbox: frozenset[str]
    dead: frozenset[str]
    positions: dict[int, int]
    ends: dict[int, int]
    waiting: frozenset[str] = frozenset()
    bounds: Sequence[tuple[str, float, float]] = ()
    may_be_open: frozenset[UUID] = frozenset()


def record_of(
    storage: Storage,
    storage_url: str,
    *,
    topic: str,
    ends: dict[int, int],
    history: Sequence[Line],
    handed: Sequence[Handed],
    visits: Sequence[Visit],
    began_at: datetime,
    grace_s: float,
    receipt_wait_s: float,
    slack_s: float = 0.001,
    is_calm: bool = False,
    bounds: Sequence[tuple[str, float, float]] = (),
) -> Record:
    """Gather what the database has, beside what the others say."""
    engine = make_engine(storage_url)
    with engine.connect() as connection:
        handled = frozenset(connection.execute(sa.select(inbox.c.event_id)).scalars())
        bodies = connection.execute(sa.select(request.c.body)).scalars()
        waiting = frozenset(json.loads(one)["body"] for one in bodies)
    engine.dispose()
    with storage.read() as uow:
        cases = uow.cases.find(limit=10**6)
        return Record(
            began_at=began_at.timestamp(),
            grace_s=grace_s,
            receipt_wait_s=receipt_wait_s,
            slack_s=slack_s,
            is_calm=is_calm,
            visits=visits,
            history=history,
            handed=sorted(handed, key=lambda one: one.at),
            cases=cases,
            reminders={case.id: sorted(uow.outbox.of_case(case.id), key=step_of) for case in cases},
            chains={case.id: uow.audit.of_case(case.id) for case in cases},
            inbox=handled,
            dead=frozenset(_id_of(one.raw) for one in uow.inbox.dead_letters()),
            positions={part: uow.inbox.next_offset(topic, part) for part in ends},
            ends=ends,
            waiting=waiting,
            bounds=bounds,
            may_be_open=frozenset(
                case.id
                for case in cases
                if any(at and at > uow.now() for at in (case.opened_at, case.grace_ends_at))
            ),
        )


def step_of(reminder: Reminder) -> int:
    """Which of its case's steps a message is."""
    return int(reminder.key.split(":")[2])


def _id_of(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["id"])
    except (ValueError, KeyError, TypeError):
        return ""
