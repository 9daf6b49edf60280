"""Wiring of the worker: from settings to bus, storage, channel, contacts, rulebook and alerts."""

from datetime import timedelta
from pathlib import Path

from pipeline.alert_rules import Limits
from pipeline.alert_watch import AlertWatch
from pipeline.bus import open_subscriber
from pipeline.clock import Clock, SystemClock
from pipeline.delivery import Delivery
from pipeline.failures import Failures, WatchedChannel, WatchedContactBook
from pipeline.metrics import WorkerMetrics
from pipeline.notify import (
    Channels,
    ContactBook,
    ContactBookError,
    open_channel,
    open_staff_alerts,
)
from pipeline.notify.contact_keys import ContactKeys
from pipeline.notify.registers import open_contacts
from pipeline.notify.templates import Agency, load_texts
from pipeline.own_contacts import OverlaidContactBook, OwnContacts
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.policy.permits import NO_PERMITS, load_permits
from pipeline.reminder_queue import ReminderQueue
from pipeline.settings import PipelineSettings
from pipeline.storage import Storage, open_storage
from pipeline.worker import Worker

__all__ = ["build_watch", "build_worker", "open_book"]


def open_book(url: str | None, *, key_file: Path | None, storage: Storage) -> ContactBook:
    """The register at `url`, with the opt-outs and doubts that the database keeps.

    Args:
        url: See `open_contacts`; None is an error.
        key_file: The keys of what the database keeps; None where it keeps nothing yet.
        storage: The database.

    Raises:
        ContactBookError: register or keys cannot be used; says why.
        StorageUnavailableError: the database cannot be reached.
    """
    if url is None:
        raise ContactBookError(
            "no contacts: set REMINDFIRST_CONTACTS to a CSV file of contacts, or a register's URL"
        )
    if key_file is None:
        with storage.read() as uow:
            if uow.contacts.fingerprint() is not None:
                raise ContactBookError(
                    "the database keeps opt-outs, doubts or contacts: set "
                    "REMINDFIRST_CONTACTS_KEY_FILE (`contacts_key_file` for `up`) to their keys"
                )
        return open_contacts(url)
    own = open_own(key_file, storage=storage)
    book = open_contacts(url, table=own)
    return own if book is own else OverlaidContactBook(book, own)


def open_own(key_file: Path, *, storage: Storage) -> OwnContacts:
    """The contacts, opt-outs and doubts that the database keeps.

    Raises:
        ContactBookError: the keys cannot be used; says why.
    """
    return OwnContacts(storage, ContactKeys.read(key_file))


def build_worker(
    settings: PipelineSettings, *, clock: Clock | None = None, failures: Failures | None = None
) -> Worker:
    """A worker ready to run; `clock` replaces all clocks in tests.

    Args:
        settings: What it works with.
        clock: Replaces all clocks, in tests.
        failures: Where failures of its channels and its register are noted.

    Raises:
        PipelineError: something that the settings name cannot be used; the message says what.
    """
    key_file = settings.contacts_key_file
    storage = open_storage(settings.storage_url, clock=clock)
    now, failures = clock or SystemClock(), failures or Failures(clock or SystemClock())
    opened = (open_channel(url, clock=now) for url in settings.channel_url.split())
    channels = Channels(*(WatchedChannel(one, failures) for one in opened))
    book = open_book(settings.contacts, key_file=key_file, storage=storage)
    queue = ReminderQueue(
        storage=storage,
        contacts=WatchedContactBook(book, failures),
        rulebook=load_rulebook(settings.rulebook),
        calendar=load_calendar(settings.calendar),
        agency=Agency(
            name=settings.agency_name,
            phone=settings.agency_phone,
            language=settings.reminder_language,
        ),
        kinds=channels.kinds,
        texts=load_texts(settings.texts),
        permits=load_permits(settings.permits) if settings.permits else NO_PERMITS,
    )

    def due_timers() -> tuple[int, timedelta]:
        with storage.read() as uow:
            return uow.cases.due_timers()

    return Worker(
        subscriber=open_subscriber(settings.bus_url),
        storage=storage,
        queue=queue,
        delivery=Delivery(
            storage=storage,
            channels=channels,
            queue=queue,
            own_contacts=open_own(key_file, storage=storage) if key_file else None,
            metrics=WorkerMetrics(due_timers),
        ),
    )


def build_watch(settings: PipelineSettings, worker: Worker, failures: Failures) -> AlertWatch:
    """The watch over `worker`, which tells staff what needs a person.

    Raises:
        PermanentError: the file of addresses cannot be used; names the line.
    """
    return AlertWatch(
        storage=worker.storage,
        alerts=open_staff_alerts(settings.staff_alerts_file),
        failures=failures,
        read_lag=worker.metrics.lag,
        calendar=worker.queue.calendar,
        limits=Limits(
            again_after=timedelta(hours=settings.alert_again_h),
            failures=settings.alert_failures,
            failures_within=timedelta(minutes=settings.alert_failures_min),
            lag=settings.alert_lag_events,
            lag_for=timedelta(minutes=settings.alert_lag_min),
            operator_after=timedelta(minutes=settings.alert_operator_min),
        ),
    )
