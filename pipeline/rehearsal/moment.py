"""Where a replay stands: what is known by now, and what policy says to that."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.case import CaseStatus
from pipeline.events.violation import VehicleClass
from pipeline.policy.deadlines import WorkingCalendar
from pipeline.policy.decision import Decision
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import Rulebook
from pipeline.policy.situation import ContactState, Situation
from pipeline.rehearsal.facts import Fact, Seen
from pipeline.rehearsal.in_flight import InFlight
from pipeline.rehearsal.ledger import Ledger
from pipeline.rehearsal.recorded import Recorded
from pipeline.rehearsal.sure import answer_of, day_and_month, gist, possible
from pipeline.sites import Site

__all__ = ["Moment", "World"]

_TWO_WHEELS = frozenset({VehicleClass.MOTORCYCLE, VehicleClass.BICYCLE})
_FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a case is replayed under.

    Attributes:
        rulebook: Its values.
        calendar: Which days are worked.
        kinds: By which ways drivers can be reached.
        ledger: What is known of the other cases of a vehicle.
    """

    rulebook: Rulebook
    calendar: WorkingCalendar
    kinds: frozenset[ChannelKind]
    ledger: Ledger


class Moment:
    """Moves through a record from its opening on.

    Attributes:
        now: The database's time.
        case: As it is now, but for sightings that policy was not told of yet.
        contact: What the register says; None when it was never asked.
        timer_at: When policy is asked again.
        is_asked_now: Whether it is asked at once, when the facts of this instant are taken in.
        messages: The tries to reach the driver.
        day: The site's day of the pictures.
    """

    def __init__(self, recorded: Recorded, world: World) -> None:
        """Stand at the opening, where policy is asked for the first time."""
        self.now = recorded.case.opened_at
        self.case = recorded.opening
        self.contact = recorded.contact
        self.timer_at: datetime | None = None
        self.is_asked_now = True
        self.messages = InFlight()
        self.stand_at(recorded.site, recorded.case.suspected_at)
        self._recorded = recorded
        self._world = world
        self._earlier = world.ledger.earlier(recorded)
        self._seen = len(recorded.opening.sightings)
        self._taken = 0
        self._answer: tuple[object, ...] = ()
        self._looked_until = self.now

    def stand_at(self, site: Site | None, suspected_at: datetime) -> None:
        """Be at a site in this state."""
        self._site = site
        self._zone = ZoneInfo(site.time_zone if site else "UTC")
        self.day = suspected_at.astimezone(self._zone).date()

    @property
    def next_fact(self) -> Fact | None:
        """What becomes known next."""
        facts = self._recorded.facts
        return facts[self._taken] if self._taken < len(facts) else None

    def take_fact(self) -> Fact | None:
        """The same, and it is known now."""
        fact = self.next_fact
        self._taken += fact is not None
        return fact

    def fold(self, **changes: Any) -> None:
        """Take facts into the case, the sightings since policy was last asked with them."""
        seen = self._recorded.case.sightings[: self._seen]
        self.case = replace(self.case, sightings=seen, **changes)

    @property
    def last_seen_at(self) -> datetime:
        """The latest sighting that is known."""
        return self._recorded.case.sightings[self._seen - 1].captured_at

    def ask(self) -> tuple[Situation, Decision, bool]:
        """What policy says now, and whether all that may have been gives the same answer."""
        if len(self.case.sightings) != self._seen:
            self.fold()
        situation = self._situation()
        decision, is_sure = answer_of(possible(situation, self.told, self._earlier, self._began))
        self._answer = gist(decision)
        return situation, decision, is_sure

    def see(self, sighting: Seen) -> bool:
        """Take in a sighting, and those after it as far as they change nothing; else False."""
        self._seen = sighting.count
        case = self.case
        if case.status is CaseStatus.GRACE and not self.messages.has_failed:
            # No sighting counts before grace is over, and then policy is asked anyway.
            is_early = case.grace_ends_at is not None and self.now < case.grace_ends_at
            if is_early:
                self._go_on_to(self._only_sightings_until(case.grace_ends_at))
            return is_early
        is_waiting = case.no_reminder_cause is not None and self.timer_at is not None
        return is_waiting and self.now >= self._looked_until and self._is_waiting_still()

    def _is_waiting_still(self) -> bool:
        """Go on to the last of many sightings, if policy says to it what it has said before.

        Nobody can be reminded: then what one sighting changes, no later one changes back.
        """
        here = self.now, self._seen, self._taken
        answer, number = self._answer, self._only_sightings_until(self.timer_at)
        if number - self._taken < _FEW:
            return False
        self._go_on_to(number)
        self._looked_until = self.now
        _, _, is_sure = self.ask()
        if is_sure and self._answer == answer:
            return True
        self.now, self._seen, self._taken = here
        self._answer = answer
        return False

    def _only_sightings_until(self, until: datetime | None) -> int:
        """Up to which fact there are only sightings, before anything else and before `until`."""
        word, facts, number = self.messages.next, self._recorded.facts, self._taken
        due = (until, self.timer_at, word and word.at, self.now if self.is_asked_now else None)
        first_at = min(at for at in due if at is not None)
        while number < len(facts) and isinstance(facts[number], Seen):
            if facts[number].at >= first_at:
                break
            number += 1
        return number

    def _go_on_to(self, number: int) -> None:
        last = self._recorded.facts[number - 1]
        if isinstance(last, Seen) and number > self._taken:
            self.now, self._seen, self._taken = last.at, last.count, number

    @property
    def told(self) -> ContactState | None:
        """What the register says, where it is asked at all; None when that is not known."""
        is_asked = self.case.status is CaseStatus.SUSPECTED or self.messages.has_failed
        return self.contact if is_asked and self.case.has_agreed_plate else ContactState.NONE

    @property
    def _began(self) -> tuple[datetime, datetime]:
        """When the site's day and its month began."""
        return day_and_month(self.now.astimezone(self._zone).date(), self._zone)

    def _situation(self) -> Situation:
        registered = None
        if self._recorded.is_other_vehicle:
            is_two_wheeled = self.case.vehicle_class in _TWO_WHEELS
            registered = VehicleClass.CAR if is_two_wheeled else VehicleClass.MOTORCYCLE
        reached = self.messages.reached.values()
        own = [any(at >= since for at in reached) for since in self._began] if reached else []
        today, month = own or (False, False)
        return Situation(
            case=self.case,
            site=self._site,
            rulebook=self._world.rulebook,
            calendar=self._world.calendar,
            now=self.now,
            contact=self.told or ContactState.FOUND,
            registered_class=registered,
            permit=self._recorded.permit,
            channels=self._world.kinds,
            attempts=self.messages.attempts,
            reminded_today=int(today),
            reminded_this_month=int(month),
        )
