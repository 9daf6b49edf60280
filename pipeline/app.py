"""Wiring of the worker: from settings to bus, storage, channel, contacts and rulebook."""

from datetime import timedelta

from pipeline.bus import open_subscriber
from pipeline.clock import Clock, SystemClock
from pipeline.delivery import Delivery
from pipeline.errors import PermanentError
from pipeline.metrics import WorkerMetrics
from pipeline.notify import CsvContactBook, open_channel
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder_queue import ReminderQueue
from pipeline.settings import PipelineSettings
from pipeline.storage import open_storage
from pipeline.worker import Worker

__all__ = ["build_worker"]


def build_worker(settings: PipelineSettings, *, clock: Clock | None = None) -> Worker:
    """A worker ready to run; `clock` replaces all clocks in tests.

    Raises:
        PipelineError: something that the settings name cannot be used; the message says what.
    """
    if settings.contacts is None:
        raise PermanentError("no contacts: set REMINDFIRST_CONTACTS to a CSV file of contacts")
    storage = open_storage(settings.storage_url, clock=clock)
    channel = open_channel(settings.channel_url, clock=clock or SystemClock())
    queue = ReminderQueue(
        storage=storage,
        contacts=CsvContactBook(settings.contacts),
        rulebook=load_rulebook(settings.rulebook),
        calendar=load_calendar(),
        agency=Agency(
            name=settings.agency_name,
            phone=settings.agency_phone,
            language=settings.reminder_language,
        ),
        channel_name=channel.name,
    )

    def due_timers() -> tuple[int, timedelta]:
        with storage.read() as uow:
            return uow.cases.due_timers()

    return Worker(
        subscriber=open_subscriber(settings.bus_url),
        storage=storage,
        queue=queue,
        delivery=Delivery(
            storage=storage, channel=channel, queue=queue, metrics=WorkerMetrics(due_timers)
        ),
    )
