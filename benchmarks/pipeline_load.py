"""What the pipeline is given to carry, the two forms that carry it, and how far they are."""

import multiprocessing
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from benchmarks.quick_worker import QuickProvider, quick_worker
from pipeline.bus import SpoolingPublisher, create_topic, open_publisher
from pipeline.bus.kafka import KafkaAddress
from pipeline.clock import SystemClock
from pipeline.events import Event, PlateReading, PlateStatus
from pipeline.storage import open_storage, upgrade
from tests.builders import a_departure, a_sighting, a_site, a_suspicion
from tests.servers.kafka import KafkaServer, delete_topic
from tests.servers.postgres import PostgresServer

__all__ = [
    "BATCH",
    "CAMERAS",
    "Form",
    "Watch",
    "a_story",
    "database",
    "embedded",
    "many",
    "opened_publisher",
    "publish",
    "register",
    "run_sql",
    "tell_steadily",
    "workers",
]

BATCH = 500
CAMERAS = [f"cam-{n}" for n in range(32)]
_PARTITIONS = 4
_SIGHTINGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where events and cases are, and how many workers there are."""

    name: str
    bus_url: str
    storage_url: str
    workers: int


@contextmanager
def embedded() -> Iterator[Form]:
    """All in one folder."""
    with TemporaryDirectory(prefix="pipeline-") as folder:
        yield Form(
            name="embedded",
            bus_url=f"sqlite:///{folder}/bus.db",
            storage_url=f"sqlite:///{folder}/state.db",
            workers=1,
        )


@contextmanager
def many(workers: int) -> Iterator[Form]:
    """A topic and a database of their own on the servers of the tests."""
    with database() as name:
        bus_url = f"{KafkaServer().url}/{name}?partitions={_PARTITIONS}"
        create_topic(bus_url, replicas=1)
        storage_url = PostgresServer().url_of(name)
        upgrade(storage_url)
        try:
            yield Form(
                name=f"Kafka + PostgreSQL, {workers} workers",
                bus_url=bus_url,
                storage_url=storage_url,
                workers=workers,
            )
        finally:
            delete_topic(bus_url)


@contextmanager
def database() -> Iterator[str]:
    """The name of an empty database on PostgreSQL."""
    name = f"bench_{uuid4().hex[:8]}"
    run_sql(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        run_sql(f"DROP DATABASE {name} WITH (FORCE)")


def run_sql(command: str, url: str | None = None) -> None:
    """Run one command outside a transaction, on PostgreSQL."""
    engine = sa.create_engine(url or PostgresServer().url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(command)
    engine.dispose()


def register(form: Form) -> None:
    """Put the cameras' sites into the database."""
    with closing(open_storage(form.storage_url)) as storage, storage.begin() as uow:
        for camera_id in CAMERAS:
            uow.registry.save_site(a_site(camera_id))
        uow.commit()


def a_story(number: int, at: datetime) -> list[Event]:
    """One vehicle: suspected, seen twice more, gone; half of its events are sightings."""
    plate = PlateReading(
        status=PlateStatus.AGREED, text=f"鄂A{number % 100_000:05d}", agreeing=5, reads=5
    )
    suspicion = a_suspicion(
        at=at, camera_id=CAMERAS[number % len(CAMERAS)], episode_id=uuid4(), plate=plate
    )
    seen = [a_sighting(suspicion, at + timedelta(seconds=n + 1)) for n in range(_SIGHTINGS)]
    return [suspicion, *seen, a_departure(suspicion, at + timedelta(seconds=_SIGHTINGS + 1))]


def _batches(stories: int) -> Iterator[list[Event]]:
    """Batches as detectors publish them: those of many vehicles, mixed."""
    at = SystemClock().now()
    for first in range(0, stories, BATCH // 4):
        batch = [a_story(n, at) for n in range(first, min(stories, first + BATCH // 4))]
        yield [one for step in zip(*batch, strict=True) for one in step]


@contextmanager
def opened_publisher(form: Form) -> Iterator[SpoolingPublisher]:
    """A publisher whose spool is thrown away."""
    with (
        TemporaryDirectory(prefix="spool-") as folder,
        closing(open_publisher(form.bus_url, source="bench", state_dir=Path(folder))) as publisher,
    ):
        yield publisher


def publish(form: Form, stories: int) -> int:
    """Publish so many stories as fast as the bus takes them; how many events that are."""
    with opened_publisher(form) as publisher:
        total = sum(len(publisher.publish(batch)) for batch in _batches(stories))
        # A spool may hold more than closing waits for.
        while publisher.waiting():
            sleep(0.05)
    return total


def tell_steadily(form: Form, *, for_s: float, per_s: float) -> None:
    """Publish whole stories, so many events a second."""
    with opened_publisher(form) as publisher:
        began_s = monotonic()
        for number in count():
            at_s = number * 4 / per_s
            if at_s > for_s:
                return
            sleep(max(0.0, began_s + at_s - monotonic()))
            for event in a_story(number, SystemClock().now()):
                publisher.publish([event])


def _work(form: Form, stop: Any) -> None:
    """A worker process."""
    with closing(open_storage(form.storage_url)) as storage:
        worker = quick_worker(form.bus_url, storage, QuickProvider())
        with closing(worker.subscriber):
            worker.run(stop)


@contextmanager
def workers(form: Form) -> Iterator[list[Any]]:
    """The processes of the form's workers, at work."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    processes = [
        spawn.Process(target=_work, args=(form, stop), daemon=True) for _ in range(form.workers)
    ]
    for one in processes:
        one.start()
    try:
        yield processes
    finally:
        stop.set()
        for one in processes:
            one.join(timeout=20)
            one.kill()


class Watch:
    """How far the workers are, by what stands in their database."""

    def __init__(self, form: Form) -> None:
        """Open the database."""
        self._storage = open_storage(form.storage_url)
        is_kafka = form.bus_url.startswith("kafka")
        self._topic = KafkaAddress.parse(form.bus_url).topic if is_kafka else "remindfirst.obs.v1"

    def handled(self) -> list[int]:
        """How many events are handled, by partition."""
        with self._storage.read() as uow:
            return [uow.inbox.next_offset(self._topic, part) for part in range(_PARTITIONS)]

    def rate(self, total: int) -> float:
        """Events a second from the first that is handled to the last."""
        while (first := sum(self.handled())) == 0:
            sleep(0.01)
        began_s = monotonic()
        while sum(self.handled()) < total:
            sleep(0.02)
        return (total - first) / (monotonic() - began_s)

    def latencies_s(self) -> list[float]:
        """From the picture of each suspicion to the provider's acceptance of its reminder."""
        with self._storage.read() as uow:
            return [
                (case.reminder_accepted_at - case.suspected_at).total_seconds()
                for case in uow.cases.find(limit=10**6)
                if case.reminder_accepted_at
            ]

    def close(self) -> None:
        """Close the database."""
        self._storage.close()
