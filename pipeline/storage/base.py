"""What storage promises: everything one step changes is one transaction, or nothing of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from pipeline.audit import AuditEntry, AuditNote
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.errors import PermanentError, RetryableError
from pipeline.events.camera import CameraStatus
from pipeline.events.envelope import Envelope
from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.sites import Site
from pipeline.staff import Reviewer, ReviewerId
from pipeline.storage.alerts import Alerts
from pipeline.storage.contacts import Contacts
from pipeline.storage.figure_queries import Figures
from pipeline.storage.history import History
from pipeline.storage.retention import HandledEvent, Retention
from pipeline.storage.rows import DeadLetter, DueReminder, Request, RequestKind, ReviewLease

__all__ = [
    "Alerts",
    "AuditLog",
    "CaseRepository",
    "ClockSetBackError",
    "Contacts",
    "DeadLetter",
    "DueReminder",
    "Figures",
    "HandledEvent",
    "Inbox",
    "Outbox",
    "Registry",
    "Request",
    "RequestKind",
    "Retention",
    "ReviewLease",
    "StaleCaseError",
    "Storage",
    "StorageError",
    "StorageUnavailableError",
    "UnitOfWork",
]


class StorageError(PermanentError):
    """The database is not what this code expects."""


class StorageUnavailableError(RetryableError):
    """The database cannot be reached or written now; nothing was changed."""


class ClockSetBackError(StorageUnavailableError):
    """The database's clock says less than it has said before; who acts by it acts too early."""


class StaleCaseError(RetryableError):
    """Somebody changed the case since it was read."""


class CaseRepository(Protocol):
    """Cases and the one timer each of them may have."""

    def get(self, case_id: UUID) -> Case | None:
        """The case, or None."""
        ...

    def by_number(self, number: str) -> list[Case]:
        """The cases whose number, the first eight characters of the id, begins with `number`."""
        ...

    def add(self, case: Case) -> None:
        """Store a new case."""
        ...

    def save(self, case: Case) -> Case:
        """Store a changed case; returns it with its version raised by one.

        Raises:
            StaleCaseError: the stored version is not `case.version`.
        """
        ...

    def find(
        self,
        statuses: Sequence[CaseStatus] | None = None,
        *,
        disposition: Disposition | None = None,
        asks_operator: bool | None = None,
        newest_first: bool = False,
        limit: int = 200,
    ) -> list[Case]:
        """Cases by due date, then by age, oldest first; or simply the newest first."""
        ...

    def count(self, *statuses: CaseStatus) -> int:
        """How many cases have one of these states."""
        ...

    def reminded_since(self, plate_text: str, since: datetime) -> int:
        """In how many cases a reminder to this plate was accepted since `since`, and not failed."""
        ...

    def records_since(self, plate_text: str, since: datetime) -> int:
        """How many cases against this plate, opened since `since`, a person has confirmed."""
        ...

    def set_timer(self, case_id: UUID, due_at: datetime | None) -> None:
        """Ask policy again at `due_at`; None takes the timer away."""
        ...

    def due_timers(self) -> tuple[int, timedelta]:
        """How many timers are due, and for how long the oldest of them has been; 0 without one."""
        ...

    def claim_due(self, *, limit: int, lease: timedelta) -> dict[UUID, timedelta]:
        """Cases whose timer is due, oldest first, and for how long it has been.

        Each is pushed back by `lease`, so a crash only delays it.
        """
        ...


class Inbox(Protocol):
    """Which events were handled, and those that came before their case."""

    def contains(self, event_id: str) -> bool:
        """Whether this event was handled before."""
        ...

    def add(self, event_id: str, envelope: Envelope) -> None:
        """Remember the event as handled."""
        ...

    def park(self, episode_id: UUID, envelope: Envelope) -> None:
        """Keep an event whose case is not there yet."""
        ...

    def take_parked(self, episode_id: UUID) -> list[Envelope]:
        """The events kept for this episode; they are gone from here afterwards."""
        ...

    def next_offset(self, topic: str, partition: int) -> int:
        """Where this partition goes on; 0 at first."""
        ...

    def advance(self, topic: str, partition: int, *, start: int, to: int) -> bool:
        """Move the offset from `start` to `to`; False when it no longer stands at `start`."""
        ...

    def add_dead_letter(self, letter: DeadLetter) -> None:
        """Keep a message that cannot be handled, with its reason."""
        ...

    def dead_letters(self) -> list[DeadLetter]:
        """All of them, oldest first."""
        ...


class Outbox(Protocol):
    """Reminders, and which of them are due for sending or for a receipt."""

    def add(self, reminder: Reminder, *, due_at: datetime) -> bool:
        """Queue a message; False when its key is already there, which changes nothing."""
        ...

    def get(self, key: str) -> Reminder | None:
        """One message."""
        ...

    def by_provider_ref(self, channel: str, provider_ref: str) -> Reminder | None:
        """The message that the provider of a channel calls so; others may call theirs the same."""
        ...

    def of_case(self, case_id: UUID) -> list[Reminder]:
        """All messages of a case, oldest first."""
        ...

    def recent(self, *, limit: int = 100) -> list[Reminder]:
        """The newest messages, newest first."""
        ...

    def count(self, *statuses: DeliveryStatus) -> int:
        """How many messages have one of these states."""
        ...

    def claim_due(self, *, limit: int, lease: timedelta) -> list[DueReminder]:
        """Messages that are due; each is pushed back by `lease`, and its epoch goes up."""
        ...

    def finish(self, claimed: DueReminder, reminder: Reminder, *, due_at: datetime | None) -> bool:
        """Record what came of a claimed message; False when somebody claimed it since."""
        ...

    def put_back(self, claimed: DueReminder, reminder: Reminder) -> None:
        """Let a claimed message be claimed again at once; this claim does not count as a try."""
        ...

    def lock(self, key: str) -> Reminder | None:
        """One message as it stands now; nobody else changes it until this transaction ends."""
        ...

    def save(self, reminder: Reminder) -> None:
        """Record a receipt or an answer."""
        ...


class AuditLog(Protocol):
    """The hash chain of each case."""

    def append(self, note: AuditNote) -> AuditEntry:
        """Add to the end of the case's chain."""
        ...

    def of_case(self, case_id: UUID) -> list[AuditEntry]:
        """The whole chain, oldest first."""
        ...


class Registry(Protocol):
    """Sites, cameras, people and what they hold open."""

    def site(self, camera_id: str) -> Site | None:
        """The legal state of a camera's site."""
        ...

    def sites(self) -> list[Site]:
        """All sites by camera id."""
        ...

    def save_site(self, site: Site) -> None:
        """Add or change a site."""
        ...

    def camera_status(self, camera_id: str) -> CameraStatus | None:
        """The newest word from one camera."""
        ...

    def camera_statuses(self) -> dict[str, CameraStatus]:
        """The newest word from each camera."""
        ...

    def save_camera_status(self, status: CameraStatus) -> None:
        """Keep it if it is newer than what is known."""
        ...

    def person(self, person_id: str) -> Reviewer | None:
        """A member of staff."""
        ...

    def password_hash(self, person_id: str) -> str | None:
        """The Argon2 hash, or None for an unknown person."""
        ...

    def save_person(self, person: Reviewer, password_hash: str) -> None:
        """Add or change a member of staff; another password ends all sessions."""
        ...

    def open_session(self, token_hash: str, person_id: str, until: datetime) -> None:
        """Remember a signed-in browser by the hash of its token."""
        ...

    def session_person(self, token_hash: str) -> Reviewer | None:
        """Who is signed in with this token; None when unknown or ended."""
        ...

    def close_session(self, token_hash: str) -> None:
        """Sign out."""
        ...

    def lease(self, case_id: UUID) -> ReviewLease | None:
        """Who holds the case now; None when nobody does or the time is over."""
        ...

    def leases(self) -> list[ReviewLease]:
        """All leases that still run."""
        ...

    def take_lease(self, case_id: UUID, reviewer_id: ReviewerId, until: datetime) -> ReviewLease:
        """Take or renew the lease; the answer names whoever holds it afterwards."""
        ...

    def drop_lease(self, case_id: UUID, reviewer_id: ReviewerId) -> None:
        """Give it back; nothing happens when it is not held by this person."""
        ...

    def add_callback(
        self,
        channel: str,
        body: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """Leave a provider's call-back for the worker, as it came."""
        ...

    def count_requests(self) -> int:
        """How many requests wait for a worker."""
        ...

    def next_request(self) -> Request | None:
        """The oldest request that may be looked at now and that no other worker looks at."""
        ...

    def put_off_request(self, request_id: int, until: datetime) -> None:
        """Look at a request again at `until`: what it is about is not known yet."""
        ...

    def drop_request(self, request_id: int) -> None:
        """Forget a request that was answered, or never can be."""
        ...


class UnitOfWork(Protocol):
    """One transaction; leaving the block without `commit` undoes everything."""

    @property
    def cases(self) -> CaseRepository:
        """Cases and their timers."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Handled events."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Reminders."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Hash chains."""
        ...

    @property
    def registry(self) -> Registry:
        """Sites, cameras, people."""
        ...

    @property
    def contacts(self) -> Contacts:
        """Contacts, opt-outs and doubts."""
        ...

    @property
    def retention(self) -> Retention:
        """What has been kept long enough."""
        ...

    @property
    def figures(self) -> Figures:
        """Answers to published queries."""
        ...

    @property
    def history(self) -> History:
        """Cases of a time span, for who looks back."""
        ...

    @property
    def alerts(self) -> Alerts:
        """What staff were told."""
        ...

    def read_ahead(self, envelopes: Sequence[Envelope]) -> None:
        """Read, in few queries, what taking these events asks for; it changes no answer."""
        ...

    def read_ahead_cases(self, case_ids: Collection[UUID]) -> None:
        """Read, in few queries, what asking policy about these cases takes."""
        ...

    def read_ahead_messages(self, keys: Collection[str], *, with_chains: bool = False) -> None:
        """Lock and read, in few queries, these messages, and read their cases.

        Args:
            keys: Which messages.
            with_chains: Also what changing the cases takes.
        """
        ...

    def now(self) -> datetime:
        """The database's time, aware UTC; the only clock that timers and states use.

        Raises:
            ClockSetBackError: the clock was set back since anybody read it, and this is no `read`.
        """
        ...

    def commit(self) -> None:
        """Make it all true.

        Raises:
            StorageUnavailableError: nothing was changed.
        """
        ...

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; undo what was not committed."""
        ...


class Storage(Protocol):
    """Begins units of work."""

    def begin(self) -> UnitOfWork:
        """A new transaction, to be used in a `with` block."""
        ...

    def begin_unguarded(self) -> UnitOfWork:
        """As `begin`, even when the database's clock was set back: to keep that staff were told."""
        ...

    def read(self) -> UnitOfWork:
        """A transaction that only looks, at one moment; it stands in nobody's way."""
        ...

    def close(self) -> None:
        """Release the database."""
        ...
