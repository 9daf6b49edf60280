"""Wiring of the worker: from settings to bus, storage, channel, contacts and rulebook."""

from datetime import timedelta
from pathlib import Path

from pipeline.bus import open_subscriber
from pipeline.clock import Clock, SystemClock
from pipeline.delivery import Delivery
from pipeline.metrics import WorkerMetrics
from pipeline.notify import Channels, ContactBook, ContactBookError, open_channel
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

__all__ = ["build_worker", "open_book"]


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


def build_worker(settings: PipelineSettings, *, clock: Clock | None = None) -> Worker:
    """A worker ready to run; `clock` replaces all clocks in tests.

    Raises:
        PipelineError: something that the settings name cannot be used; the message says what.
    """
    key_file = settings.contacts_key_file
    storage = open_storage(settings.storage_url, clock=clock)
    channels = Channels(
        *(open_channel(url, clock=clock or SystemClock()) for url in settings.channel_url.split())
    )
    queue = ReminderQueue(
        storage=storage,
        contacts=open_book(settings.contacts, key_file=key_file, storage=storage),
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
