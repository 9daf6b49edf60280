"""The roles of a run, one process each: `python -m tests.faults.roles ROLE FOLDER NAME`."""

import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event as Flag
from typing import Any

from pipeline import delivery, reminder_queue, worker
from pipeline.bus import BusUnavailableError, open_publisher, open_subscriber
from pipeline.delivery import Delivery
from pipeline.errors import PipelineError, RetryableError
from pipeline.notify import CsvContactBook
from pipeline.notify.channels import Channels
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import open_storage
from pipeline.telemetry import configure_logging
from pipeline.worker import Worker
from tests.fakes import PassingChannel
from tests.faults.history import History, WitnessedStorage
from tests.faults.plan import CLAIM, OffsetClock, Plan, true_now
from tests.faults.street import events_of

log = logging.getLogger(__name__)

_RETRY_S = 0.2


def detect(folder: Path, name: str, stop: Flag) -> None:
    """Tell what the cameras of one detector see, when they see it; go on after a sudden death."""
    plan = Plan.read(folder)
    mine = [visit for visit in plan.visits() if visit.camera_id in plan.cameras[name]]
    told = sorted(
        (one for visit in mine for one in events_of(visit, plan.began)), key=lambda one: one[0]
    )
    already = sum(line.role == name and line.kind == "published" for line in History.read(folder))
    history = History(folder / f"{name}.history", role=name, true_now=true_now)
    publisher = open_publisher(plan.bus_url, source=name, state_dir=folder)
    for at_s, event in told[already:]:
        while (left_s := plan.began_at + at_s - true_now().timestamp()) > 0 and not stop.is_set():
            stop.wait(min(left_s, _RETRY_S))
        while not stop.is_set():
            try:
                (envelope,) = publisher.publish([event])
            except BusUnavailableError as exc:
                log.warning("event waits", extra={"error": str(exc)})
                stop.wait(_RETRY_S)
                continue
            history.write("published", event_id=envelope.id)
            break
    stop.wait()
    publisher.close()
    history.close()


def work(folder: Path, name: str, stop: Flag, *, dies_at_point: int | None) -> None:
    """The product's worker, with providers that have faults and a clock that may be wrong."""
    plan = Plan.read(folder)
    delivery.CLAIM = reminder_queue.CLAIM = CLAIM  # type: ignore[attr-defined]
    worker.EARLY = CLAIM
    points = 0

    def passing(_name: str) -> None:
        nonlocal points
        points += 1
        if points == dies_at_point:
            os.kill(os.getpid(), signal.SIGKILL)

    history = History(folder / f"{name}.history", role=name, true_now=true_now)
    providers = plan.providers(folder).values()
    channels = Channels(*(PassingChannel(one, passing) for one in providers))
    clock = OffsetClock(folder)
    storage: Any = WitnessedStorage(open_storage(plan.storage_url, clock=clock), history, passing)
    queue = ReminderQueue(
        storage=storage,
        contacts=CsvContactBook(folder / "contacts.csv"),
        rulebook=load_rulebook(str(folder / "rulebook.yaml")),
        calendar=load_calendar(),
        agency=Agency(name="演示交警", phone="000-0000"),
        kinds=channels.kinds,
    )
    at_work = Worker(
        subscriber=open_subscriber(plan.bus_url),
        storage=storage,
        queue=queue,
        delivery=Delivery(storage=storage, channels=channels, queue=queue),
    )
    at_work.run(stop)
    at_work.subscriber.close()
    storage.close()


def main(role: str, folder: str, name: str, dies_at_point: str = "") -> None:
    """Run a role until it is told to stop."""
    configure_logging(logging.WARNING)
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        if role == "detector":
            detect(Path(folder), name, stop)
        else:
            point = int(dies_at_point) if dies_at_point else None
            work(Path(folder), name, stop, dies_at_point=point)
    except PipelineError as exc:
        log.exception("role ends")
        sys.exit(75 if isinstance(exc, RetryableError) else 2)


if __name__ == "__main__":
    main(*sys.argv[1:])
