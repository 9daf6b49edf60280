"""Each measurement of the pipeline, on one form: a rate, a latency, a time or a size."""

import asyncio
import statistics
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic, sleep
from unittest.mock import Mock

import sqlalchemy as sa
from kafka import KafkaConsumer

from benchmarks.pipeline_load import (
    BATCH,
    CAMERAS,
    Form,
    Watch,
    a_story,
    database,
    many,
    opened_publisher,
    publish,
    register,
    run_sql,
    tell_steadily,
    workers,
)
from benchmarks.quick_worker import QuickProvider, phone_of, quick_worker
from pipeline.bus.kafka import KafkaAddress
from pipeline.case import CaseStatus, open_case, with_sighting
from pipeline.clock import SystemClock
from pipeline.events import ViolationSuspected
from pipeline.storage import open_storage
from tests.builders import a_sighting, a_suspicion
from tests.servers.postgres import PostgresServer

__all__ = [
    "Rush",
    "bare_rate",
    "event_rate",
    "failover_s",
    "latency_s",
    "memory_mib",
    "open_cases",
    "procrastinate_rate",
    "rush",
    "timer_rate",
]

# Workers have their partitions after so long.
_JOINED_AFTER_S = 8

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


def event_rate(form: Form, stories: int) -> float:
    """Events a second with all their effects."""
    register(form)
    total = publish(form, stories)
    with closing(Watch(form)) as watch, workers(form):
        return watch.rate(total)


def bare_rate(stories: int) -> float:
    """Messages a second of a loop of kafka-python that does nothing with them."""
    with many(0) as form:
        total = publish(form, stories)
        address = KafkaAddress.parse(form.bus_url)
        reader = KafkaConsumer(
            address.topic,
            **address.client(),
            group_id=f"{address.group}.bare",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=BATCH,
        )
        with closing(reader):
            first = 0
            while not first:
                first = sum(map(len, reader.poll(timeout_ms=500).values()))
            read, began_s = first, monotonic()
            while read < total:
                read += sum(map(len, reader.poll(timeout_ms=500).values()))
            return (total - first) / (monotonic() - began_s)


def latency_s(form: Form, *, for_s: float, per_s: float) -> tuple[float, float]:
    """Median and 99th percentile, in seconds, at a steady stream of events."""
    register(form)
    with closing(Watch(form)) as watch, workers(form):
        sleep(_JOINED_AFTER_S)
        tell_steadily(form, for_s=for_s, per_s=per_s)
        sleep(5)
        found = sorted(watch.latencies_s())
    return statistics.median(found), found[int(len(found) * 0.99)]


def memory_mib(form: Form, *, minutes: float, per_s: float) -> list[float]:
    """MiB of the largest worker in each tenth of a time of steady load."""
    register(form)
    with workers(form) as processes:
        sleep(_JOINED_AFTER_S)
        teller = Thread(
            target=tell_steadily,
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


def failover_s(form: Form) -> float:
    """Seconds from the sudden death of a worker until all partitions go on."""
    register(form)
    with (
        opened_publisher(form) as publisher,
        closing(Watch(form)) as watch,
        workers(form) as processes,
    ):
        stop = Flag()

        def tell() -> None:
            for number in count():
                if stop.wait(0.02):
                    return
                publisher.publish(a_story(number, SystemClock().now())[:1])

        Thread(target=tell, daemon=True).start()
        sleep(_JOINED_AFTER_S + 4)
        processes[0].kill()
        killed_s = monotonic()
        # What it had begun is on its way for a moment.
        sleep(1)
        at_death = watch.handled()
        while any(now <= then for now, then in zip(watch.handled(), at_death, strict=True)):
            sleep(0.05)
        took_s = monotonic() - killed_s
        stop.set()
        sleep(0.1)
    return took_s


def open_cases(form: Form, *, pending: int, due: int) -> None:
    """Put cases in their grace period into PostgreSQL; for some of them it is over now."""
    with closing(open_storage(form.storage_url)) as storage:
        at = SystemClock().now() - timedelta(minutes=5)
        suspicion = a_suspicion(at=at, camera_id=CAMERAS[0])
        case = with_sighting(
            open_case(suspicion, opened_at=at), a_sighting(suspicion, at + timedelta(minutes=3))
        )
        case = replace(case, status=CaseStatus.GRACE, grace_ends_at=at + timedelta(minutes=2))
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.commit()
    engine = sa.create_engine(form.storage_url)
    with engine.begin() as connection:
        for far, rows in ((-timedelta(minutes=1), due), (timedelta(hours=10), pending - due)):
            connection.execute(_COPY_CASE, {"id": case.id, "rows": rows, "far": far})
    engine.dispose()
    run_sql("VACUUM ANALYZE", form.storage_url)


def timer_rate(form: Form, *, pending: int, due: int) -> float:
    """Timers a second: claimed, policy asked, the case brought to a desk, all recorded."""
    register(form)
    open_cases(form, pending=pending, due=due)
    engine = sa.create_engine(form.storage_url, isolation_level="AUTOCOMMIT")
    query = sa.text("SELECT count(*) FROM case_file WHERE status = 'in_review'")
    with engine.connect() as connection, workers(form):

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


def procrastinate_rate(jobs: int) -> float | None:
    """No-op jobs a second of procrastinate, ten at a time; None where it is not installed."""
    try:
        import procrastinate
    except ModuleNotFoundError:
        return None
    with database() as name:
        conninfo = PostgresServer().url_of(name).replace("+psycopg", "")
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))
        task = app.task(name="nothing")(lambda: None)

        async def run() -> float:
            async with app.open_async():
                await app.schema_manager.apply_schema_async()
                await task.batch_defer_async(*[{} for _ in range(jobs)])
                began_s = monotonic()
                await app.run_worker_async(
                    concurrency=10, wait=False, install_signal_handlers=False
                )
                return jobs / (monotonic() - began_s)

        return asyncio.run(run())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rush:
    """How a crowd of vehicles that stop at one moment is carried, in seconds."""

    median_s: float
    p99_s: float
    timers_p99_s: float
    timers: int


def rush(form: Form, vehicles: int, *, within_s: float, for_s: float) -> Rush:
    """So many vehicles come within a time, are reminded, and stay until after their grace period.

    The provider is in the process; each vehicle is seen again every 20 s.
    """
    register(form)
    provider, stop = QuickProvider(), Flag()
    with closing(open_storage(form.storage_url)) as storage, opened_publisher(form) as publisher:
        worker = quick_worker(form.bus_url, storage, provider)
        noted = worker.metrics.timer_lateness.observe = Mock()  # type: ignore[method-assign]
        working = Thread(target=worker.run, args=(stop,), daemon=True)
        working.start()
        # Made first: a camera's picture is told of at once.
        stories = (a_story(n, SystemClock().now())[0] for n in range(vehicles))
        first = [one for one in stories if isinstance(one, ViolationSuspected)]
        stands: list[ViolationSuspected] = []
        began_s, came_at = monotonic(), dict[str, datetime]()
        for tick in count():
            passed_s = monotonic() - began_s
            if passed_s >= for_s:
                break
            due = vehicles if passed_s >= within_s else int(vehicles * passed_s / within_s)
            at = SystemClock().now()
            new = [one.model_copy(update={"captured_at": at}) for one in first[len(stands) : due]]
            came_at |= {phone_of(one.plate.text or ""): at for one in new}
            for n in range(0, len(new), BATCH):
                publisher.publish(new[n : n + BATCH])
            # A twentieth of those who stand are seen again in each second.
            again = stands[tick % 200 :: 200]
            publisher.publish([a_sighting(one, SystemClock().now()) for one in again])
            stands += new
            sleep(max(0.0, began_s + (tick + 1) / 10 - monotonic()))
        stop.set()
        working.join(timeout=60)
        worker.subscriber.close()
        waits = sorted(
            (taken - came_at[phone]).total_seconds() for phone, taken in provider.taken_at.items()
        )
    late = sorted(call.args[0] for call in noted.call_args_list)
    if len(waits) < vehicles:
        raise RuntimeError(f"{len(waits)} of {vehicles} were reminded")
    return Rush(
        median_s=statistics.median(waits),
        p99_s=waits[int(len(waits) * 0.99)],
        timers_p99_s=late[int(len(late) * 0.99)],
        timers=len(late),
    )
