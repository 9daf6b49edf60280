"""The case world in one process: a street, a bus, two workers, and every fault at a chosen moment.

There is one true time, which only `pass_time` moves; the workers read a clock that may be wrong.
"""

import shutil
import sqlite3
import tempfile
from collections import deque
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.bus import open_publisher, open_subscriber
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.errors import RetryableError
from pipeline.events import Event
from pipeline.notify.channels import Channels
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import Rulebook, load_rulebook
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage, open_storage
from pipeline.storage.clock_guard import accept_clock
from pipeline.storage.sql import make_engine
from pipeline.worker import Worker
from tests.builders import NOON, a_site, seconds
from tests.fakes import DictContactBook, Killed, PassingChannel
from tests.faults.history import History, WitnessedStorage
from tests.faults.plan import STEPS
from tests.faults.provider import CHANNELS, LATE_S, FaultyProvider
from tests.faults.receipts import Kind, Mood
from tests.faults.record import Record, record_of
from tests.faults.street import Visit, events_of

__all__ = ["CAMERAS", "World"]

CAMERAS = ("cam-1", "cam-2")
# The rulebook "demo".
GRACE_S = 20.0
_RECEIPT_WAIT_S = 10.0
_LONGEST_WAIT = timedelta(minutes=10)
_CLAIM = timedelta(seconds=61)


class _WrongClock:
    """The true time and what is wrong with it."""

    def __init__(self, true: ManualClock) -> None:
        self._true = true
        self.off_by = timedelta()

    def now(self) -> datetime:
        return self._true.now() + self.off_by


class World:
    """Everything, in a folder of its own; use it in a `with` block."""

    def __init__(
        self, known_plates: list[str], *, kinds: tuple[Kind, Kind], is_lucky: bool = False
    ) -> None:
        """Begin with nobody on the street.

        Args:
            known_plates: Whose contacts the register has.
            kinds: What the providers of calls and of messages know of keys.
            is_lucky: Every phone is reached.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="world-", dir=_fast_disk()))
        self.true = ManualClock(NOON)
        self.clock = _WrongClock(self.true)
        self.providers = {
            name: FaultyProvider(
                name,
                self._folder,
                kind=kind,
                true_now=self.true.now,
                pause=self._pause,
                is_lucky=is_lucky,
            )
            for name, kind in zip(CHANNELS, kinds, strict=True)
        }
        self._rulebook = _rulebook()
        self._storage_url = f"sqlite:///{self._folder}/state.db"
        self._bus_url = f"sqlite:///{self._folder}/bus.db"
        self._storage: Storage = open_storage(self._storage_url, clock=self.clock)
        with self._storage.begin() as uow:
            for camera_id in CAMERAS:
                uow.registry.save_site(a_site(camera_id))
            uow.commit()
        self._contacts = DictContactBook(*known_plates)
        self._history = History(
            self._folder / "world.history", role="world", true_now=self.true.now
        )
        self._publisher = open_publisher(self._bus_url, source="street", state_dir=self._folder)
        self.visits: list[Visit] = []
        self._to_come: deque[tuple[float, Event]] = deque()
        self._held: list[Event] = []
        self.is_link_up = True
        self._is_calm = True
        self._points_left: int | None = None
        self._at_work = 0
        self._is_busy = False
        self._workers = [self._start() for _ in range(2)]

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()
        for worker in self._workers:
            worker.subscriber.close()
        self._storage.close()
        self._history.close()
        shutil.rmtree(self._folder)

    @property
    def now_s(self) -> float:
        """True seconds since the street's first."""
        return (self.true.now() - NOON).total_seconds()

    @property
    def last_s(self) -> float:
        """When the last of those who came is gone."""
        return max((visit.left_at_s for visit in self.visits), default=0)

    def park(self, visit: Visit) -> None:
        """One more vehicle; its camera will tell of it as true time passes."""
        self.visits.append(visit)
        coming = [*self._to_come, *events_of(visit, NOON)]
        self._to_come = deque(sorted(coming, key=lambda one: one[0]))
        self.pass_time(0)

    def pass_time(self, for_s: float) -> None:
        """Let true time pass; what cameras see meanwhile is published, or waits for the link."""
        self.true.advance(seconds(for_s))
        while self._to_come and self._to_come[0][0] <= self.now_s:
            self._held.append(self._to_come.popleft()[1])
        if self.is_link_up and self._held:
            for envelope in self._publisher.publish(self._held):
                self._history.write("published", event_id=envelope.id)
            self._held = []
        self._ring_back()

    def work(self, number: int, *, dies_at_point: int | None = None) -> bool:
        """One round of a worker; True when it died, at the n-th point that it passed."""
        self._points_left, self._at_work = dies_at_point, number
        # Leases run by the machine's clock, which a world in fast motion leaves behind.
        self._workers[number].subscriber._renew_at = 0.0  # type: ignore[attr-defined]
        try:
            self._is_busy = self._workers[number].run_once()
        except Killed:
            self._is_calm = False
            self._workers[number].subscriber.close()
            self._workers[number] = self._start()
            return True
        except RetryableError:
            self._workers[number]._offsets.clear()
        finally:
            self._points_left = None
        return False

    def publish_again(self, n: int) -> None:
        """The bus carries an old message a second time, behind the newer ones."""
        with closing(sqlite3.connect(self._folder / "bus.db")) as bus, bus:
            rows = bus.execute("SELECT part, key, val FROM rec ORDER BY part, off").fetchall()
            if rows:
                part, key, value = rows[n % len(rows)]
                bus.execute(
                    "INSERT INTO rec SELECT ?, MAX(off) + 1, ?, ? FROM rec WHERE part = ?",
                    (part, key, value, part),
                )

    def set_clock(self, off_by_s: float) -> None:
        """Put the workers' clock wrong, or right again; then an operator looks and says so."""
        self.clock.off_by = timedelta(seconds=off_by_s)
        self._is_calm = self._is_calm and not off_by_s
        if not off_by_s:
            engine = make_engine(self._storage_url)
            with engine.begin() as connection:
                accept_clock(connection, self.true.now())
            engine.dispose()

    def quiesce(self) -> Record:
        """End all faults, and wait until everything must have come to its end."""
        for provider in self.providers.values():
            provider.set_mood(Mood.FINE)
        self.is_link_up = True
        self.set_clock(0)
        while self.now_s < self.last_s + 5:
            self.rounds(2, each_s=2)
        # The last receipt may begin another grace period.
        last_s = max(LATE_S) + GRACE_S
        until = self.true.now() + _LONGEST_WAIT + timedelta(seconds=last_s) + 3 * _CLAIM
        while self.true.now() < until:
            self.rounds(_CLAIM.total_seconds(), each_s=_CLAIM.total_seconds(), most=100)
        return self.record()

    def record(self) -> Record:
        """What is left of the run."""
        with closing(sqlite3.connect(self._folder / "bus.db")) as bus:
            rows = bus.execute("SELECT part, MAX(off) + 1 FROM rec GROUP BY part").fetchall()
        return record_of(
            self._storage,
            self._storage_url,
            topic=self._workers[0].subscriber.topic,
            ends=dict(rows),
            history=History.read(self._folder),
            handed=[one for provider in self.providers.values() for one in provider.handed()],
            visits=self.visits,
            began_at=NOON,
            grace_s=GRACE_S,
            receipt_wait_s=_RECEIPT_WAIT_S,
            is_calm=self._is_calm,
        )

    def rounds(self, for_s: float, *, each_s: float = 1.0, most: int = 2) -> None:
        """Let true time pass while all work, in so many rounds at most, and nobody dies."""
        for _ in range(round(for_s / each_s)):
            self.pass_time(each_s)
            for number in range(len(self._workers)):
                for _ in range(most):
                    self.work(number)
                    if not self._is_busy:
                        break

    def _pause(self, for_s: float) -> None:
        """While a worker waits for a provider, the others read what comes."""
        self.true.advance(seconds(for_s))
        self._ring_back()
        points_left, self._points_left = self._points_left, None
        for number, worker in enumerate(self._workers):
            if number != self._at_work:
                with suppress(RetryableError):
                    worker._answer_next_request()
        self._points_left = points_left

    def _ring_back(self) -> None:
        for provider in self.providers.values():
            provider.ring_back(self._storage)

    def _pass_point(self, _name: str) -> None:
        if self._points_left is None:
            return
        self._points_left -= 1
        if self._points_left <= 0:
            raise Killed

    def _start(self) -> Worker:
        storage: Any = WitnessedStorage(self._storage, self._history, self._pass_point)
        passing = [PassingChannel(one, self._pass_point) for one in self.providers.values()]
        channels = Channels(*passing)
        queue = ReminderQueue(
            storage=storage,
            contacts=self._contacts,
            rulebook=self._rulebook,
            calendar=load_calendar(),
            agency=Agency(name="演示交警", phone="000-0000"),
            kinds=channels.kinds,
        )
        return Worker(
            subscriber=open_subscriber(self._bus_url),
            storage=storage,
            queue=queue,
            delivery=Delivery(storage=storage, channels=channels, queue=queue),
        )


def _rulebook() -> Rulebook:
    """The rulebook "demo" with tries by two channels."""
    book = load_rulebook("demo")
    tries = book.contact_steps[0].model_copy(update={"value": STEPS})
    return book.model_copy(update={"contact_steps": (tries,)})


def _fast_disk() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108
    return memory if memory.is_dir() else None
