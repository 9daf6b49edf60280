"""All that policy may look at, and the entries of the rulebook that are in force for it."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from pipeline.case import Case, Reason
from pipeline.events.violation import VehicleClass
from pipeline.policy.deadlines import WorkingCalendar
from pipeline.policy.entries import Act, ChannelKind, Entry
from pipeline.policy.parameters import Rulebook
from pipeline.reminder import DeliveryStatus, Failure
from pipeline.sites import Site

__all__ = ["Attempt", "ContactState", "Situation"]

E = TypeVar("E", bound=Entry)


class ContactState(StrEnum):
    """Whether the register knows whom to remind."""

    FOUND = "found"
    NONE = "none"
    DOUBTFUL = "doubtful"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to reach the driver of this case; `ended_at` is when it was known to have failed.

    `is_disowned` says that it reached somebody whose vehicle it is not.
    """

    channel: ChannelKind
    position: int
    status: DeliveryStatus
    failure: Failure | None = None
    ended_at: datetime | None = None
    is_disowned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that policy may look at; the caller fetches it.

    Attributes:
        case: What is known of it.
        site: The camera's legal state; None when it is not registered.
        rulebook: Of the region.
        calendar: Which days are worked.
        now: The database's time.
        contact: Whether the register knows whom to remind.
        registered_class: The class of vehicle that the register has under this plate.
        permit: What allows this vehicle to stand here, if anything does.
        channels: By which one can reach drivers from here.
        attempts: The present tries to reach the driver, the first one first.
        reminded_today: Cases in which this plate was reminded on the site's day.
        reminded_this_month: The same in the site's calendar month.
        earlier_records: Cases against this plate that a person confirmed within the look-back.
        zone: The site's time zone.
        day: The site's day on which the camera saw it; it picks the rulebook's entries.
    """

    case: Case
    site: Site | None
    rulebook: Rulebook
    calendar: WorkingCalendar
    now: datetime
    contact: ContactState
    registered_class: VehicleClass | None = None
    permit: str | None = None
    channels: frozenset[ChannelKind] = frozenset(ChannelKind)
    attempts: tuple[Attempt, ...] = ()
    reminded_today: int = 0
    reminded_this_month: int = 0
    earlier_records: int = 0
    zone: ZoneInfo = field(init=False)
    day: date = field(init=False)

    def __post_init__(self) -> None:
        """Look once at what every rule asks for."""
        zone = ZoneInfo(self.site.time_zone if self.site else "UTC")
        object.__setattr__(self, "zone", zone)
        object.__setattr__(self, "day", self.case.suspected_at.astimezone(zone).date())

    @property
    def today(self) -> date:
        """The site's day now."""
        return self.now.astimezone(self.zone).date()

    @property
    def today_began_at(self) -> datetime:
        """Midnight at the site."""
        return datetime.combine(self.today, time(), tzinfo=self.zone)

    @property
    def month_began_at(self) -> datetime:
        """Midnight of the first of the month at the site."""
        return datetime.combine(self.today.replace(day=1), time(), tzinfo=self.zone)

    @property
    def look_back_began_at(self) -> datetime:
        """Since when earlier records count."""
        first_day = self.in_force(self.rulebook.first_offence).before(self.day)
        return datetime.combine(first_day, time(), tzinfo=self.zone)

    @property
    def delivery(self) -> DeliveryStatus | None:
        """Whether any message arrived, else the state of the newest; None when there is none."""
        states = [one.status for one in self.attempts]
        if DeliveryStatus.DELIVERED in states:
            return DeliveryStatus.DELIVERED
        return states[-1] if states else None

    @property
    def is_disowned(self) -> bool:
        """Whether a message reached somebody whose vehicle it is not."""
        return any(one.is_disowned for one in self.attempts)

    @property
    def act(self) -> Act | None:
        """What the law called it on the day of the pictures."""
        return self.in_force(self.rulebook.acts).value.get(self.case.violation_type)

    def in_force(self, entries: tuple[E, ...]) -> E:
        """The entry of one of the rulebook's lists for the day of the pictures.

        Raises:
            RulebookError: the list starts later.
        """
        return self.rulebook.in_force(entries, self.day)

    def reason(
        self, rule: str, name: str, entry: Entry, *, detail: str = "", source: str | None = None
    ) -> Reason:
        """A reason that names an entry of the rulebook, its region where that is another."""
        inherited = entry.region and entry.region != self.rulebook.region
        of = f" of {entry.region}" if inherited else ""
        return Reason(
            rule=rule,
            entry=f"{name}{detail}{of} from {entry.valid_from.isoformat()}",
            source=source or entry.source,
            edition=self.rulebook.edition,
        )
