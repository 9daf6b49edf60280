"""What happened to a case from outside, one fact each; policy answers to them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.events.plate import PlateReading
from pipeline.events.violation import DepartureKind
from pipeline.policy.entries import ChannelKind
from pipeline.policy.situation import ContactState
from pipeline.reminder import DeliveryStatus, Failure
from pipeline.sites import Site

__all__ = [
    "ClosedByOperator",
    "ContactKnown",
    "Decided",
    "Fact",
    "Left",
    "PlateEntered",
    "PlateRead",
    "Seen",
    "SiteStopped",
    "Try",
    "TryKey",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """From `at` on the case has its first `count` sightings."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """At `at` it was known that the vehicle had left at `left_at`."""

    at: datetime
    left_at: datetime
    departure: DepartureKind | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateRead:
    """The vote on the plate changed."""

    at: datetime
    plate: PlateReading
    is_contradicted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactKnown:
    """The register said something else than before."""

    at: datetime
    contact: ContactState


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStopped:
    """The site was no longer in use."""

    at: datetime
    site: Site | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateEntered:
    """The operator read the plate from the picture; `contact` is what the register said of it."""

    at: datetime
    plate: PlateReading
    contact: ContactState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedByOperator:
    """The operator ended a case about which nobody could be reminded."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A person decided at the desk."""

    at: datetime


Fact = (
    Seen | Left | PlateRead | ContactKnown | SiteStopped | PlateEntered | ClosedByOperator | Decided
)


TryKey = tuple[int, ChannelKind, int]
"""After how many entered plates, by which channel, and the try's place in the rulebook's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """What became of one message, each as long after it was queued as it really took.

    Attributes:
        key: Which try it was.
        status: What is known of it at last.
        accepted_at: When the provider took it; None when it never did.
        accepted_after: The same as a length.
        delivered_after: Until the receipt; None without one.
        ended_after: Until it was known to have failed, or not to be known.
        failure: What kind of failure it was.
        is_disowned: Whether it reached somebody whose vehicle it is not.
    """

    key: TryKey
    status: DeliveryStatus
    accepted_at: datetime | None
    accepted_after: timedelta | None
    delivered_after: timedelta | None
    ended_after: timedelta | None
    failure: Failure | None
    is_disowned: bool

    @property
    def has_reached(self) -> bool:
        """Whether, as far as anybody knows, the driver got it."""
        is_sent = self.status in {DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED}
        return is_sent and self.accepted_at is not None
