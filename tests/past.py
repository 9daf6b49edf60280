"""A past made by the real worker: stories of vehicles, told event by event on a manual clock."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr

from pipeline.bus import open_publisher, open_subscriber
from pipeline.case import Case, Outcome, case_id_of
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.events import Event, PlateReading, ViolationSuspected
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Message,
    Refused,
    SendResult,
    SendUncertainError,
    Sent,
)
from pipeline.notify.channels import Channels
from pipeline.notify.contacts import Contact
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.policy.permits import NO_PERMITS, Permits
from pipeline.reminder import DeliveryStatus, Failure, Receipt
from pipeline.reminder_queue import ReminderQueue
from pipeline.review import (
    NotOpenError,
    Verdict,
    claim,
    close_without_reminder,
    decide,
    enter_plate,
)
from pipeline.sites import Site, SiteState
from pipeline.storage import Storage, UnitOfWork, open_storage, tables
from pipeline.worker import Worker
from tests.builders import NOON, a_departure, a_reviewer, a_sighting, a_site, seconds

__all__ = [
    "DELIVERED",
    "LOST",
    "NOT_ANSWERED",
    "REFUSED",
    "UNCERTAIN",
    "Act",
    "Fate",
    "Past",
    "Story",
    "answer",
    "confirm",
    "enter",
    "give_up",
    "suspend",
]

Act = Callable[[UnitOfWork, Case], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one message, so long after the provider took it; None: nothing is heard."""

    status: DeliveryStatus | None = DeliveryStatus.DELIVERED
    after_s: float = 4
    failure: Failure = Failure.TEMPORARY
    is_refused: bool = False
    is_uncertain: bool = False


DELIVERED = Fate()
NOT_ANSWERED = Fate(status=DeliveryStatus.FAILED, after_s=25)
LOST = Fate(status=None)
REFUSED = Fate(is_refused=True, failure=Failure.PERMANENT)
UNCERTAIN = Fate(is_uncertain=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One vehicle: a suspicion, sightings so many seconds later, and when it leaves.

    `fates` are those of its messages, the last one for all further ones; `acts` what people do;
    `read_s` is when the camera begins to read `reading` from the plate.
    """

    suspicion: ViolationSuspected
    seen_s: Sequence[float] = ()
    left_s: float | None = None
    fates: Sequence[Fate] = (DELIVERED,)
    acts: Sequence[tuple[float, Act]] = ()
    read_s: float = 0
    reading: PlateReading | None = None

    @property
    def case_id(self) -> UUID:
        return case_id_of(self.suspicion.episode_id)

    def happenings(self) -> list[tuple[datetime, Event | Act]]:
        """What happens, each when it is known: a second after the camera saw it."""
        at = self.suspicion.captured_at
        happenings: list[tuple[datetime, Event | Act]] = [(at, self.suspicion)]
        for s in self.seen_s:
            reading = self.reading if s >= self.read_s else None
            seen_at = at + seconds(s)
            happenings.append((seen_at, a_sighting(self.suspicion, seen_at, reading)))
        if self.left_s is not None:
            left_at = at + seconds(self.left_s)
            happenings.append((left_at, a_departure(self.suspicion, left_at)))
        happenings += [(at + seconds(s), act) for s, act in self.acts]
        return [(when + seconds(1), what) for when, what in happenings]


class _Provider:
    """Takes every message; what becomes of it is its story's fate."""

    name = "recording"
    is_repeatable = True

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._fates: dict[str, Fate] = {}
        self._stories: dict[UUID, Story] = {}
        self._numbers: dict[UUID, count[int]] = {}

    def add(self, story: Story) -> None:
        self._stories[story.case_id] = story
        self._numbers[story.case_id] = count()

    def send(self, message: Message) -> SendResult:
        case_id = UUID(message.key.split(":")[1])
        if message.key not in self._fates:
            fates = self._stories[case_id].fates
            number = next(self._numbers[case_id])
            self._fates[message.key] = fates[min(number, len(fates) - 1)]
        if self._fates[message.key].is_refused:
            return Refused(detail="no such number")
        if self._fates[message.key].is_uncertain:
            raise SendUncertainError("time-out")
        return Accepted(provider_ref=message.key)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        if self._fates[message.key].is_uncertain:
            raise SendUncertainError("it knows no keys")
        return Accepted(provider_ref=message.key)

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        fate, now = self._fates[sent.key], self._clock.now()
        if fate.status is None or now < sent.accepted_at + seconds(fate.after_s):
            return None
        is_failed = fate.status is DeliveryStatus.FAILED
        return Receipt(
            provider_ref=sent.provider_ref,
            status=fate.status,
            provider_at=now,
            failure=fate.failure if is_failed else None,
        )

    def read_callback(self, callback: Callback) -> list[Receipt | Answer]:
        key, _, text = callback.body.partition(" ")
        return [Answer(provider_ref=key, text=text)]


class _Everybody:
    """A register that knows every plate but a few."""

    def __init__(self, strangers: Sequence[str], opted_out: Sequence[str]) -> None:
        self._strangers, self._opted_out = strangers, opted_out

    def find(self, plate_text: str) -> Contact | None:
        if plate_text in self._strangers:
            return None
        return Contact(phone=SecretStr("13800000001"), is_opted_out=plate_text in self._opted_out)


class Past:
    """Runs the pipeline in this process from one happening to the next."""

    def __init__(
        self,
        folder: Path,
        *,
        rulebook: str = "hubei",
        begins_at: datetime = NOON,
        sites: Sequence[Site] = (a_site(),),
        strangers: Sequence[str] = (),
        opted_out: Sequence[str] = (),
        permits: Permits = NO_PERMITS,
    ) -> None:
        """Begin in an empty folder."""
        self.url = f"sqlite:///{folder}/state.db"
        self.clock = ManualClock(begins_at)
        self.storage: Storage = open_storage(self.url, clock=self.clock)
        self._provider = _Provider(self.clock)
        self._engine = sa.create_engine(self.url)
        with self.storage.begin() as uow:
            for site in sites:
                uow.registry.save_site(site)
            uow.registry.save_person(a_reviewer(), "no hash")
            uow.commit()
        channels = Channels(self._provider)
        queue = ReminderQueue(
            storage=self.storage,
            contacts=_Everybody(strangers, opted_out),
            rulebook=load_rulebook(rulebook),
            calendar=load_calendar(),
            agency=Agency(name="演示交警", phone="000-0000"),
            kinds=channels.kinds,
            permits=permits,
        )
        bus_url = f"sqlite:///{folder}/bus.db"
        self._publisher = open_publisher(bus_url, source="past", state_dir=folder)
        self._worker = Worker(
            subscriber=open_subscriber(bus_url),
            storage=self.storage,
            queue=queue,
            delivery=Delivery(storage=self.storage, channels=channels, queue=queue),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worker.subscriber.close()
        self.storage.close()
        self._engine.dispose()

    def tell(self, *stories: Story) -> None:
        """Let the stories happen, all that is due in between included."""
        for story in stories:
            self._provider.add(story)
        told = [(at, story, what) for story in stories for at, what in story.happenings()]
        for at, story, what in sorted(told, key=lambda one: one[0]):
            self.wait_until(at)
            if callable(what):
                self._act(story, what)
            else:
                self._publisher.publish([what])
            self._settle()

    def wait_until(self, at: datetime) -> None:
        """Let time pass until then, and happen what is due meanwhile."""
        while (due_at := self._next_due()) is not None and due_at <= at:
            self._move(due_at)
            self._settle()
        self._move(at)

    def wait(self, length: timedelta) -> None:
        """Let so much time pass."""
        self.wait_until(self.clock.now() + length)

    def case(self, story: Story) -> Case:
        """How a story's case stands."""
        with self.storage.read() as uow:
            case = uow.cases.get(story.case_id)
        assert case is not None
        return case

    def _act(self, story: Story, act: Act) -> None:
        """Do what a person does; who comes too late does nothing."""
        with suppress(NotOpenError), self.storage.begin() as uow:
            case = uow.cases.get(story.case_id)
            assert case is not None
            act(uow, case)
            uow.commit()

    def _next_due(self) -> datetime | None:
        with self._engine.connect() as connection:
            dues = [
                connection.execute(sa.select(sa.func.min(table.c.due_at))).scalar_one()
                for table in (tables.timer, tables.reminder)
            ]
        return min((one for one in dues if one is not None), default=None)

    def _move(self, to: datetime) -> None:
        self.clock.advance(max(to - self.clock.now(), timedelta()))

    def _settle(self) -> None:
        for _ in range(50):
            if not self._worker.run_once():
                return
        raise AssertionError("the worker never comes to rest")


def confirm(outcome: Outcome = Outcome.PENALTY) -> Act:
    """A reviewer confirms the case with this outcome."""

    def act(uow: UnitOfWork, case: Case) -> None:
        person = a_reviewer()
        claim(uow, case.id, person)
        decide(
            uow,
            case.id,
            person,
            Verdict(outcome=outcome),
            seen_version=case.version,
            verified=[ref.sha256 for ref in case.evidence],
        )

    return act


def enter(plate: str) -> Act:
    """An operator reads the plate from the picture."""

    def act(uow: UnitOfWork, case: Case) -> None:
        enter_plate(uow, case.id, a_reviewer(), plate, seen_step=case.reminder_step)

    return act


def give_up(uow: UnitOfWork, case: Case) -> None:
    """An operator closes the case."""
    close_without_reminder(uow, case.id, a_reviewer(), "no plate", seen_step=case.reminder_step)


def answer(text: str) -> Act:
    """The driver answers the case's present message."""

    def act(uow: UnitOfWork, case: Case) -> None:
        uow.registry.add_callback("recording", f"{case.reminder_key} {text}")

    return act


def suspend(uow: UnitOfWork, case: Case) -> None:
    """The case's site is suspended."""
    uow.registry.save_site(a_site(case.camera_id, SiteState.SUSPENDED))
