"""The case world in one process: a street, a bus, two workers, and every fault at a chosen moment.

There is one true time, which only `pass_time` moves; the workers read a clock that may be wrong.
"""

import random
import shutil
import sqlite3
import tempfile
from collections import Counter, deque
from contextlib import closing
from dataclasses import dataclass, replace
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
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage, open_storage
from pipeline.storage.clock_guard import accept_clock
from pipeline.storage.sql import make_engine
from pipeline.worker import Worker
from tests.builders import NOON, a_site, seconds
from tests.fakes import DictContactBook, Killed, PassingChannel
from tests.faults.checker import Violation, violations
from tests.faults.history import History, WitnessedStorage
from tests.faults.provider import FaultyProvider, Mood
from tests.faults.record import Record, record_of
from tests.faults.street import Deed, Visit, events_of, plates_of, visits

__all__ = ["CAMERAS", "Played", "World", "play", "play_clock_set_back"]

CAMERAS = ("cam-1", "cam-2")
# The rulebook "demo".
GRACE_S = 20.0
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

    def __init__(self, known_plates: list[str], *, is_repeatable: bool) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="world-", dir=_fast_disk()))
        self.true = ManualClock(NOON)
        self.clock = _WrongClock(self.true)
        self.provider = FaultyProvider(
            self._folder / "provider.db",
            is_repeatable=is_repeatable,
            true_now=self.true.now,
            pause=lambda pause_s: self.true.advance(seconds(pause_s)),
        )
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
        self._points_left: int | None = None
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

    def work(self, number: int, *, dies_at_point: int | None = None) -> bool:
        """One round of a worker; True when it died, at the n-th point that it passed."""
        self._points_left = dies_at_point
        # Leases run by the machine's clock, which a world in fast motion leaves behind.
        self._workers[number].subscriber._renew_at = 0.0  # type: ignore[attr-defined]
        try:
            self._workers[number].run_once()
        except Killed:
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
        if not off_by_s:
            engine = make_engine(self._storage_url)
            with engine.begin() as connection:
                accept_clock(connection, self.true.now())
            engine.dispose()

    def quiesce(self) -> list[Violation]:
        """End all faults, wait until everything must have come to its end, and judge."""
        self.provider.set_mood(Mood.FINE)
        self.is_link_up = True
        self.set_clock(0)
        while self.now_s < self.last_s + 5:
            self.rounds(2, each_s=2)
        until = self.true.now() + _LONGEST_WAIT + timedelta(seconds=GRACE_S) + 3 * _CLAIM
        while self.true.now() < until:
            self.rounds(_CLAIM.total_seconds(), each_s=_CLAIM.total_seconds())
        return violations(self.record())

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
            delivered=self.provider.delivered(),
            visits=self.visits,
            began_at=NOON,
            grace_s=GRACE_S,
        )

    def rounds(self, for_s: float, *, each_s: float = 1.0) -> None:
        """Let true time pass while all work and nobody dies."""
        for _ in range(round(for_s / each_s)):
            self.pass_time(each_s)
            for number in range(len(self._workers)):
                for _ in range(2):
                    self.work(number)

    def _pass_point(self, _name: str) -> None:
        if self._points_left is None:
            return
        self._points_left -= 1
        if self._points_left <= 0:
            raise Killed

    def _start(self) -> Worker:
        storage: Any = WitnessedStorage(self._storage, self._history, self._pass_point)
        queue = ReminderQueue(
            storage=storage,
            contacts=self._contacts,
            rulebook=load_rulebook("demo"),
            calendar=load_calendar(),
            agency=Agency(name="演示交警", phone="000-0000"),
            kinds=Channels(self.provider).kinds,
        )
        channel = PassingChannel(self.provider, self._pass_point)
        return Worker(
            subscriber=open_subscriber(self._bus_url),
            storage=storage,
            queue=queue,
            delivery=Delivery(storage=storage, channels=Channels(channel), queue=queue),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one seed."""

    cases: int
    faults: Counter[str]
    violations: list[Violation]


def play(seed: int, *, count: int = 30) -> Played:
    """A few minutes of a street under faults, all chosen by the seed."""
    dice, faults = random.Random(seed), Counter[str]()
    to_come = deque(visits(seed, count=count, cameras=CAMERAS, span_s=4.0 * count))
    with World(plates_of(to_come), is_repeatable=bool(seed % 2)) as world:
        while to_come or world.now_s < world.last_s + 5:
            while to_come and to_come[0].parked_at_s <= world.now_s:
                world.park(to_come.popleft())
            world.pass_time(dice.choice((0.25, 0.5, 1.0)))
            _disturb(world, dice, faults)
            for number in range(2):
                dies_at_point = dice.randrange(1, 12) if dice.random() < _DIES else None
                has_died = world.work(number, dies_at_point=dies_at_point)
                faults["worker killed"] += has_died
        found = world.quiesce()
        return Played(cases=len(world.visits), faults=faults, violations=found)


_DIES = 0.1


def play_clock_set_back() -> Played:
    """The clock is set back, a message waits for its provider, and its camera falls silent."""
    (visit,) = (
        replace(one, deed=Deed.STAYS, parked_at_s=5.0, left_at_s=60.0)
        for one in visits(0, count=1, cameras=CAMERAS, span_s=0)
    )
    with World([visit.plate], is_repeatable=True) as world:
        world.rounds(5)
        world.set_clock(-900)
        world.provider.set_mood(Mood.BUSY)
        world.park(visit)
        world.rounds(1)
        world.is_link_up = False
        world.rounds(12)
        world.provider.set_mood(Mood.FINE)
        world.rounds(8)
        world.set_clock(0)
        world.is_link_up = True
        found = world.quiesce()
    return Played(cases=1, faults=Counter({"clock -900 s": 1}), violations=found)


def _disturb(world: World, dice: random.Random, faults: Counter[str]) -> None:
    """Begin or end a fault, now and then."""
    at = dice.random()
    if at < 0.04:
        world.is_link_up = not world.is_link_up
        faults["link down"] += not world.is_link_up
    elif at < 0.12:
        world.publish_again(dice.randrange(1000))
        faults["published again"] += 1
    elif at < 0.20:
        mood = dice.choice(list(Mood))
        world.provider.set_mood(mood)
        faults[f"provider {mood}"] += mood is not Mood.FINE
    elif at < 0.28:
        off_by_s = dice.choice((0, 0, 0, -900, 7200))
        world.set_clock(off_by_s)
        faults[f"clock {off_by_s:+} s"] += bool(off_by_s)


def _fast_disk() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108
    return memory if memory.is_dir() else None
