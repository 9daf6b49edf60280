"""What the pipeline carries: events with all their effects, timers, and how long a reminder takes.

Run from the repository's root, with the servers of the tests up for the second form:
`make kafka-up postgres-up`, then `python -m benchmarks.pipeline`. Every number stands beside one
of the same run: a bare kafka-python loop, procrastinate's no-op jobs. The provider answers at once.
"""

import multiprocessing
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread
from time import monotonic, sleep
from typing import Annotated, Any
from uuid import uuid4

import sqlalchemy as sa
import typer
from kafka import KafkaConsumer
from pydantic import SecretStr
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.bus import create_topic, open_publisher, open_subscriber
from pipeline.bus.kafka import KafkaAddress
from pipeline.case import CaseStatus, open_case, with_sighting
from pipeline.clock import SystemClock
from pipeline.delivery import Delivery
from pipeline.events import Event, PlateReading, PlateStatus
from pipeline.notify import Message, UnreadableCallbackError
from pipeline.notify.channel import Accepted, Answer, SendResult
from pipeline.notify.contacts import Contact
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder import DeliveryStatus, Receipt
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import open_storage, upgrade
from pipeline.worker import Worker
from tests.builders import a_departure, a_sighting, a_site, a_suspicion
from tests.servers.kafka import KafkaServer, delete_topic
from tests.servers.postgres import PostgresServer

__all__ = ["main"]

_PARTITIONS = 4
_BATCH = 500
_CAMERAS = [f"cam-{n}" for n in range(32)]
_SIGHTINGS = 2


# Copies one case, with its timer due after a while.
_COPY_CASE = sa.text(
    "WITH made AS (INSERT INTO case_file (id, version, status, disposition, camera_id, plate, "
    "asks_operator, opened_at, review_due_at, document) "
    "SELECT g.id, version, status, disposition, camera_id, plate, asks_operator, opened_at, "
    "review_due_at, replace(document, case_file.id::text, g.id::text) FROM case_file, "
    "(SELECT gen_random_uuid() AS id FROM generate_series(1, :rows)) AS g "
    "WHERE case_file.id = :id RETURNING id) "
    "INSERT INTO timer SELECT id, clock_timestamp() + :far FROM made"
)


class _EverybodyBook:
    """A `ContactBook` in which each plate has a phone."""

    def find(self, plate_text: str) -> Contact | None:
        return Contact(phone=SecretStr(f"138000{plate_text[-5:]}"))


@dataclass(slots=True)
class _QuickProvider:
    """A `Channel` that takes everything at once and notes when."""

    name: str = "quick"
    is_repeatable: bool = True
    taken: dict[str, datetime] = field(default_factory=dict)

    def send(self, message: Message) -> SendResult:
        self.taken.setdefault(message.key, SystemClock().now())
        return Accepted(provider_ref=message.key)

    def fetch_receipt(self, provider_ref: str) -> Receipt | None:
        return Receipt(
            provider_ref=provider_ref,
            status=DeliveryStatus.DELIVERED,
            provider_at=SystemClock().now(),
        )

    def read_callback(self, body: str) -> Receipt | Answer:
        raise UnreadableCallbackError(f"{len(body)} bytes from nobody")


def _story(number: int, at: datetime) -> list[Event]:
    """One vehicle: suspected, seen twice more, gone; half of its events are sightings."""
    plate = PlateReading(
        status=PlateStatus.AGREED, text=f"鄂A{number % 100_000:05d}", agreeing=5, reads=5
    )
    suspicion = a_suspicion(
        at=at, camera_id=_CAMERAS[number % len(_CAMERAS)], episode_id=uuid4(), plate=plate
    )
    seen = [a_sighting(suspicion, at + timedelta(seconds=n + 1)) for n in range(_SIGHTINGS)]
    return [suspicion, *seen, a_departure(suspicion, at + timedelta(seconds=_SIGHTINGS + 1))]


def _events(stories: int) -> Iterator[list[Event]]:
    """Batches as detectors publish them: those of many vehicles, mixed."""
    at = SystemClock().now()
    for first in range(0, stories, _BATCH // 4):
        batch = [_story(n, at) for n in range(first, min(stories, first + _BATCH // 4))]
        yield [one for step in zip(*batch, strict=True) for one in step]


def _worker(bus_url: str, storage_url: str, channel: _QuickProvider) -> Worker:
    storage = open_storage(storage_url)
    queue = ReminderQueue(
        storage=storage,
        contacts=_EverybodyBook(),
        rulebook=load_rulebook("demo"),
        calendar=load_calendar(),
        agency=Agency(name="演示交警", phone="000-0000"),
        channel_name=channel.name,
    )
    return Worker(
        subscriber=open_subscriber(bus_url),
        storage=storage,
        queue=queue,
        delivery=Delivery(storage=storage, channel=channel, queue=queue),
    )


def _register(storage_url: str) -> None:
    with closing(open_storage(storage_url)) as storage, storage.begin() as uow:
        for camera_id in _CAMERAS:
            uow.registry.save_site(a_site(camera_id))
        uow.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """Where events and cases are."""

    name: str
    bus_url: str
    storage_url: str
    workers: int


@contextmanager
def _embedded() -> Iterator[_Form]:
    with TemporaryDirectory(prefix="pipeline-") as folder:
        yield _Form(
            name="embedded",
            bus_url=f"sqlite:///{folder}/bus.db",
            storage_url=f"sqlite:///{folder}/state.db",
            workers=1,
        )


@contextmanager
def _many(workers: int) -> Iterator[_Form]:
    name = f"bench_{uuid4().hex[:8]}"
    bus_url = f"{KafkaServer().url}/{name}?partitions={_PARTITIONS}"
    create_topic(bus_url, replicas=1)
    _run_sql(f"CREATE DATABASE {name}")
    storage_url = PostgresServer().url_of(name)
    upgrade(storage_url)
    yield _Form(
        name=f"Kafka + PostgreSQL, {workers} workers",
        bus_url=bus_url,
        storage_url=storage_url,
        workers=workers,
    )
    delete_topic(bus_url)
    _run_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _run_sql(command: str, url: str | None = None) -> None:
    engine = sa.create_engine(url or PostgresServer().url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(command)
    engine.dispose()


def _work(bus_url: str, storage_url: str, stop: Any) -> None:
    """A worker process."""
    worker = _worker(bus_url, storage_url, _QuickProvider())
    try:
        worker.run(stop)
    finally:
        worker.subscriber.close()
        worker.storage.close()


@contextmanager
def _workers(form: _Form) -> Iterator[list[Any]]:
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    processes = [
        spawn.Process(target=_work, args=(form.bus_url, form.storage_url, stop), daemon=True)
        for _ in range(form.workers)
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


class _Watch:
    """How many events are handled, by partition."""

    def __init__(self, form: _Form) -> None:
        self._storage = open_storage(form.storage_url)
        is_kafka = form.bus_url.startswith("kafka")
        self._topic = KafkaAddress.parse(form.bus_url).topic if is_kafka else "remindfirst.obs.v1"

    def handled(self) -> list[int]:
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
        self._storage.close()


def _publish(form: _Form, stories: int) -> int:
    total = 0
    with (
        TemporaryDirectory(prefix="spool-") as folder,
        closing(open_publisher(form.bus_url, source="bench", state_dir=Path(folder))) as publisher,
    ):
        for batch in _events(stories):
            total += len(publisher.publish(batch))
        # A spool may hold more than closing waits for.
        flush = getattr(publisher, "flush", None)
        if flush is not None:
            flush(within_s=600)
    return total


def _measure_events(form: _Form, stories: int) -> float:
    """Events a second with all their effects."""
    _register(form.storage_url)
    total = _publish(form, stories)
    with closing(_Watch(form)) as watch, _workers(form):
        return watch.rate(total)


def _measure_bare(stories: int) -> float:
    """Messages a second of a loop that does nothing with them."""
    with _many(0) as form:
        total = _publish(form, stories)
        address = KafkaAddress.parse(form.bus_url)
        reader = KafkaConsumer(
            address.topic,
            **address.client(),
            group_id=f"{address.group}.bare",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=_BATCH,
        )
        with closing(reader):
            first = 0
            while not first:
                first = sum(map(len, reader.poll(timeout_ms=500).values()))
            read, began_s = first, monotonic()
            while read < total:
                read += sum(map(len, reader.poll(timeout_ms=500).values()))
            return (total - first) / (monotonic() - began_s)


def _tell_steadily(form: _Form, *, for_s: float, per_s: float) -> None:
    """Publish whole stories, so many events a second."""
    with (
        TemporaryDirectory(prefix="spool-") as folder,
        closing(open_publisher(form.bus_url, source="bench", state_dir=Path(folder))) as publisher,
    ):
        began_s = monotonic()
        for number in count():
            at_s = number * 4 / per_s
            if at_s > for_s:
                return
            sleep(max(0.0, began_s + at_s - monotonic()))
            for event in _story(number, SystemClock().now()):
                publisher.publish([event])


def _measure_latency(form: _Form, *, for_s: float, per_s: float) -> tuple[float, float]:
    """Median and 99th percentile, in seconds, at a steady stream of events."""
    _register(form.storage_url)
    with closing(_Watch(form)) as watch, _workers(form):
        sleep(8)
        _tell_steadily(form, for_s=for_s, per_s=per_s)
        sleep(5)
        found = sorted(watch.latencies_s())
    return statistics.median(found), found[int(len(found) * 0.99)]


def _measure_memory(form: _Form, *, minutes: float, per_s: float) -> list[float]:
    """MiB of the largest worker in each tenth of a time of steady load."""
    _register(form.storage_url)
    with _workers(form) as processes:
        sleep(8)
        teller = Thread(
            target=_tell_steadily,
            args=(form,),
            kwargs={"for_s": minutes * 60, "per_s": per_s},
            daemon=True,
        )
        teller.start()
        found = []
        for _ in range(10):
            sleep(minutes * 6)
            found.append(max(_resident_mib(one.pid) for one in processes))
        teller.join()
    return found


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _measure_failover(form: _Form) -> float:
    """Seconds from the sudden death of a worker until all partitions go on."""
    _register(form.storage_url)
    with (
        TemporaryDirectory(prefix="spool-") as folder,
        closing(open_publisher(form.bus_url, source="bench", state_dir=Path(folder))) as publisher,
        closing(_Watch(form)) as watch,
        _workers(form) as processes,
    ):
        stop = Flag()

        def tell() -> None:
            for number in count():
                if stop.wait(0.02):
                    return
                publisher.publish(_story(number, SystemClock().now())[:1])

        Thread(target=tell, daemon=True).start()
        sleep(12)
        processes[0].kill()
        killed_s, at_death = monotonic(), watch.handled()
        sleep(1)
        at_death = watch.handled()
        while any(now <= then for now, then in zip(watch.handled(), at_death, strict=True)):
            sleep(0.05)
        took_s = monotonic() - killed_s
        stop.set()
        sleep(0.1)
    return took_s


def _open_cases(form: _Form, *, count_: int, due: int) -> None:
    """Cases in their grace period in PostgreSQL, some of which it is over for now."""
    with closing(open_storage(form.storage_url)) as storage:
        at = SystemClock().now() - timedelta(minutes=5)
        suspicion = a_suspicion(at=at, camera_id=_CAMERAS[0])
        case = with_sighting(
            open_case(suspicion, opened_at=at), a_sighting(suspicion, at + timedelta(minutes=3))
        )
        case = replace(case, status=CaseStatus.GRACE, grace_ends_at=at + timedelta(minutes=2))
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.commit()
    engine = sa.create_engine(form.storage_url)
    with engine.begin() as connection:
        for far, rows in ((-timedelta(minutes=1), due), (timedelta(hours=10), count_ - due)):
            connection.execute(_COPY_CASE, {"id": case.id, "rows": rows, "far": far})
    engine.dispose()
    _run_sql("VACUUM ANALYZE", form.storage_url)


def _measure_timers(form: _Form, *, pending: int, due: int) -> float:
    """Timers a second: claimed, policy asked, the case brought to a desk, all recorded."""
    _register(form.storage_url)
    _open_cases(form, count_=pending, due=due)
    engine = sa.create_engine(form.storage_url, isolation_level="AUTOCOMMIT")
    query = sa.text("SELECT count(*) FROM case_file WHERE status = 'in_review'")
    with engine.connect() as connection, _workers(form):

        def fired() -> int:
            return int(connection.execute(query).scalar_one())

        while (first := fired()) == 0:
            sleep(0.01)
        began_s = monotonic()
        while (now := fired()) < due:
            sleep(0.05)
        took_s = monotonic() - began_s
    engine.dispose()
    return (now - first) / took_s


def _measure_procrastinate(jobs: int) -> float | None:
    """No-op jobs a second of procrastinate, ten at a time; None where it is not installed."""
    try:
        import asyncio

        import procrastinate
    except ModuleNotFoundError:
        return None
    name = f"bench_{uuid4().hex[:8]}"
    _run_sql(f"CREATE DATABASE {name}")
    conninfo = PostgresServer().url_of(name).replace("+psycopg", "")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))

    task = app.task(name="nothing")(lambda: None)

    async def run() -> float:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            await task.batch_defer_async(*[{} for _ in range(jobs)])
            began_s = monotonic()
            await app.run_worker_async(concurrency=10, wait=False, install_signal_handlers=False)
            return jobs / (monotonic() - began_s)

    rate = asyncio.run(run())
    _run_sql(f"DROP DATABASE {name} WITH (FORCE)")
    return rate


def main(
    stories: Annotated[int, typer.Option(help="Vehicles, of four events each.")] = 5000,
    pending: Annotated[int, typer.Option(help="Timers that wait.")] = 1_000_000,
    minutes: Annotated[float, typer.Option(help="Of load, for the memory.")] = 10,
    only: Annotated[
        str, typer.Option(help="events, latency, failover, timers, growth or memory.")
    ] = "",
) -> None:
    """Measure and print."""
    console = Console()
    parts: dict[str, Callable[[], Table]] = {
        "events": lambda: _events_table(stories),
        "latency": _latency_table,
        "failover": _failover_table,
        "timers": lambda: _timers_table(pending),
        "growth": lambda: _growth_table(stories, pending),
        "memory": lambda: _memory_table(minutes),
    }
    for name, measure in parts.items():
        if only in {"", name}:
            with console.status(name):
                table = measure()
            console.print(table)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    table.add_column(first)
    for one in others:
        table.add_column(one, justify="right")
    return table


def _events_table(stories: int) -> Table:
    table = _table("Events with all effects", "form", "events/s", "share of the bare loop")
    bare = _measure_bare(stories * 2)
    table.add_row("bare kafka-python loop", f"{bare:,.0f}", "1.00")
    with _embedded() as form:
        rate = _measure_events(form, stories)
        table.add_row(form.name, f"{rate:,.0f}", f"{rate / bare:.3f}")
    for workers in (1, 2, 4):
        with _many(workers) as form:
            rate = _measure_events(form, stories)
            table.add_row(form.name, f"{rate:,.0f}", f"{rate / bare:.3f}")
    return table


def _latency_table() -> Table:
    table = _table("From the picture to the provider, 200 events/s", "form", "p50 ms", "p99 ms")
    for opened in (_embedded(), _many(2)):
        with opened as form:
            p50, p99 = _measure_latency(form, for_s=30, per_s=200)
            table.add_row(form.name, f"{p50 * 1000:.0f}", f"{p99 * 1000:.0f}")
    return table


def _failover_table() -> Table:
    table = _table("A worker is killed", "form", "all partitions go on after s")
    with _many(2) as form:
        table.add_row(form.name, f"{_measure_failover(form):.1f}")
    return table


def _timers_table(pending: int) -> Table:
    table = _table(f"Timers, {pending:,} pending", "what", "a second", "times procrastinate")
    theirs = _measure_procrastinate(3000)
    if theirs is not None:
        table.add_row("procrastinate, no-op jobs", f"{theirs:,.0f}", "1.0")
    for workers in (1, 2):
        with _many(workers) as form:
            rate = _measure_timers(form, pending=pending, due=5000)
            times = f"{rate / theirs:.1f}" if theirs else "-"
            table.add_row(f"ours, {form.name}", f"{rate:,.0f}", times)
    return table


def _growth_table(stories: int, pending: int) -> Table:
    table = _table("Open cases", "open", "events/s")
    for open_ in (1000, pending):
        with _many(1) as form:
            _open_cases(form, count_=open_, due=0)
            table.add_row(f"{open_:,}", f"{_measure_events(form, stories):,.0f}")
    return table


def _memory_table(minutes: float) -> Table:
    table = _table(
        f"A worker's memory over {minutes:g} minutes, 200 events/s", "form", "MiB in each tenth"
    )
    for opened in (_embedded(), _many(2)):
        with opened as form:
            found = _measure_memory(form, minutes=minutes, per_s=200)
            table.add_row(form.name, " ".join(f"{one:.0f}" for one in found))
    return table


if __name__ == "__main__":
    typer.run(main)
