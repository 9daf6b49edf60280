"""One case under one rulebook: policy is asked at each recorded fact and at each timer.

Decisions change the case as they do in the reminder queue (`policy/effect.py`). What the record
cannot answer ends the replay, with the reason why.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.case import (
    AT_THE_DESK,
    FINAL,
    Case,
    CaseStatus,
    Disposition,
    move,
    with_entered_plate,
)
from pipeline.events.plate import PlateReading
from pipeline.events.violation import VehicleClass
from pipeline.policy.deadlines import WorkingCalendar
from pipeline.policy.decision import AskOperator, Decision, ReferToReview, SendReminder
from pipeline.policy.effect import begin_grace, effect_of, hold_uncertain
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import Rulebook
from pipeline.policy.situation import ContactState, Situation
from pipeline.rehearsal.facts import (
    ClosedByOperator,
    ContactKnown,
    Decided,
    Left,
    PlateEntered,
    PlateRead,
    Seen,
    SiteStopped,
)
from pipeline.rehearsal.in_flight import Happening, InFlight
from pipeline.rehearsal.ledger import Ledger
from pipeline.rehearsal.outcome import (
    CannotBeKnownError,
    Ending,
    Move,
    Played,
    Unknowable,
    label_of,
)
from pipeline.rehearsal.reach import is_known_at_the_desk, require_same_reminders, require_seen
from pipeline.rehearsal.recorded import Recorded
from pipeline.rehearsal.sure import answer_of, day_and_month, possible
from pipeline.reminder import DeliveryStatus
from pipeline.review import PLATE_CAUSES
from pipeline.sites import Site

__all__ = ["World", "replay"]

_FACT, _TIMER, _MESSAGE = range(3)
_TWO_WHEELS = frozenset({VehicleClass.MOTORCYCLE, VehicleClass.BICYCLE})


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


def replay(recorded: Recorded, world: World, *, grace_lag: timedelta = timedelta()) -> Played:
    """Let policy decide a recorded case by the rulebook of `world`.

    `grace_lag` is how much later than its message grace really began: clocks differ.
    """
    return _Replay(recorded, world, grace_lag).run()


class _Step(NamedTuple):
    """What comes next: `order` is what kind of thing it is."""

    at: datetime
    order: int
    do: Callable[[], None]


class _Replay:
    """The state of one replay."""

    def __init__(self, recorded: Recorded, world: World, grace_lag: timedelta) -> None:
        self._recorded = recorded
        self._world = world
        self._grace_lag = grace_lag
        self._earlier = world.ledger.earlier(recorded)
        self._messages = InFlight()
        self._now = recorded.case.opened_at
        self._case = recorded.opening
        self._stand_at(recorded.site)
        self._contact = recorded.contact
        self._seen = len(recorded.opening.sightings)
        self._facts, self._round = 0, 0
        self._timer_at: datetime | None = None
        self._is_asked_now = True
        self._path, self._moves = [CaseStatus.SUSPECTED], list[Move]()
        self._may_be_reminded_at: datetime | None = None
        self._referred_at: datetime | None = None
        self._is_decided, self._needs_decision = False, False

    def run(self) -> Played:
        kind = None
        try:
            while self._case.status not in FINAL and not self._is_decided:
                step = self._next()
                if step is None or not self._is_known(step):
                    break
                self._now = max(step.at, self._now)
                step.do()
        except CannotBeKnownError as exc:
            kind = exc.kind
        return self._played(kind)

    def _stand_at(self, site: Site | None) -> None:
        self._site = site
        self._zone = ZoneInfo(site.time_zone if site else "UTC")
        self._day = self._recorded.case.suspected_at.astimezone(self._zone).date()

    def _next(self) -> _Step | None:
        """The earliest of what comes; of one instant facts first, then timers, then messages."""
        step = None
        if self._facts < len(self._recorded.facts):
            step = _Step(self._recorded.facts[self._facts].at, _FACT, self._take_fact)
        timer_at = self._now if self._is_asked_now else self._timer_at
        if timer_at is not None and (step is None or timer_at < step.at):
            step = _Step(timer_at, _TIMER, self._fire)
        word = self._messages.next
        if word is not None and (step is None or word.at < step.at):
            step = _Step(word.at, _MESSAGE, self._take_message)
        return step

    def _is_known(self, step: _Step) -> bool:
        """Whether the record reaches as far as this step; False where nothing has ended yet.

        Raises:
            CannotBeKnownError: it does not, and something might have happened.
        """
        recorded, case = self._recorded, self._case
        if case.status in AT_THE_DESK:
            is_deadline = step.order == _TIMER and not self._is_asked_now
            is_known = is_known_at_the_desk(recorded, case, step.at, is_deadline=is_deadline)
            # Whether a person would have decided by another deadline is not known.
            self._needs_decision = is_deadline and not is_known and not recorded.case.is_open
            return is_known
        if recorded.case.is_open and step.at > recorded.known_until:
            return False
        require_same_reminders(recorded, case, step.at, self._messages.reached)
        fact = recorded.facts[self._facts] if step.order == _FACT else None
        require_seen(recorded, step.at, fact)
        return True

    def _take_fact(self) -> None:
        fact = self._recorded.facts[self._facts]
        self._facts += 1
        match fact:
            case Seen(count=count):
                self._see(count)
            case Left(left_at=left_at, departure=departure):
                self._fold(left_at=left_at, departure=departure)
                self._ask()
            case PlateRead(plate=plate, is_contradicted=is_contradicted):
                self._read(plate, is_contradicted=is_contradicted)
            case ContactKnown(contact=contact):
                self._contact, self._is_asked_now = contact, True
            case SiteStopped(site=site):
                self._stand_at(site)
                self._is_asked_now = True
            case PlateEntered() | ClosedByOperator() | Decided():
                self._take_person(fact)

    def _take_person(self, fact: PlateEntered | ClosedByOperator | Decided) -> None:
        """What a person did counts only where that person is asked for it."""
        match fact:
            case PlateEntered():
                self._enter_plate(fact)
            case ClosedByOperator() if self._case.asks_operator:
                closed = move(self._case, CaseStatus.CLOSED)
                self._become(replace(closed, disposition=Disposition.REJECTED))
            case Decided():
                self._is_decided = self._case.status in AT_THE_DESK

    def _see(self, count: int) -> None:
        if self._case.status in AT_THE_DESK:
            return
        self._seen = count
        ends_at = self._case.grace_ends_at
        is_in_grace = self._case.status is CaseStatus.GRACE and not self._messages.has_failed
        # No sighting counts before grace is over, and then policy is asked anyway.
        if is_in_grace and ends_at is not None and self._now < ends_at:
            self._see_more(ends_at)
        else:
            self._ask()

    def _see_more(self, ends_at: datetime) -> None:
        """Take in at once the sightings that come before anything else."""
        word, facts = self._messages.next, self._recorded.facts
        due = (ends_at, self._timer_at, word and word.at, self._now if self._is_asked_now else None)
        until = min(at for at in due if at is not None)
        while self._facts < len(facts):
            fact = facts[self._facts]
            if not isinstance(fact, Seen) or fact.at >= until:
                return
            self._seen, self._now = fact.count, fact.at
            self._facts += 1

    def _read(self, plate: PlateReading, *, is_contradicted: bool) -> None:
        if self._case.status not in AT_THE_DESK:
            self._case = replace(self._case, plate=plate, is_plate_contradicted=is_contradicted)
            self._is_asked_now = True

    def _enter_plate(self, fact: PlateEntered) -> None:
        case, person = self._case, self._recorded.case.plate_entered_by
        is_asked = case.asks_operator and case.status is CaseStatus.SUSPECTED
        if not is_asked or case.no_reminder_cause not in PLATE_CAUSES or person is None:
            return
        self._case = with_entered_plate(case, fact.plate, person)
        self._contact = fact.contact or self._contact
        self._round += 1
        self._messages.begin_round()
        self._is_asked_now = True

    def _take_message(self) -> None:
        word, case = self._messages.next, self._case
        is_due = case.status is CaseStatus.REMINDER_DUE
        one = word and self._messages.hear(word, is_wanted=is_due and case.left_at is None)
        if word is None or one is None:
            return
        if word.what is Happening.ACCEPTED:
            self._case = replace(case, reminder_accepted_at=self._now)
            book = self._world.rulebook
            wait = book.in_force(book.receipt_wait, self._now.date()).length
            self._messages.wait_for_receipt(word, wait)
        elif word.what is Happening.DELIVERED:
            self._begin_grace(self._now)
        elif word.what is Happening.SILENT and is_due:
            self._begin_grace(None)
        elif word.what is Happening.ENDED:
            if is_due and one.status is DeliveryStatus.UNCERTAIN:
                self._become(hold_uncertain(case))
            self._ask()

    def _begin_grace(self, delivered_at: datetime | None) -> None:
        case, book = self._case, self._world.rulebook
        entry = book.in_force(book.grace_period, self._day)
        last_seen_at = self._recorded.case.sightings[self._seen - 1].captured_at
        begins_at = max(self._now + self._grace_lag, last_seen_at)
        begun = begin_grace(case, entry, begins_at=begins_at, delivered_at=delivered_at)
        if begun is not case:
            self._moves.append(
                Move(
                    action="grace",
                    rule="start_grace",
                    entry=f"grace_period from {entry.valid_from.isoformat()}",
                    value=str(entry.length_at(case.place_class)),
                )
            )
            self._become(begun)
        self._ask()

    def _fire(self) -> None:
        self._is_asked_now, self._timer_at = False, None
        self._ask()

    def _ask(self) -> None:
        """Ask policy and do what it says."""
        if len(self._case.sightings) != self._seen:
            self._fold()
        while True:
            situation = self._situation()
            decision = self._decide(situation)
            effect = effect_of(situation, decision)
            if effect.action is not None:
                self._note(decision, effect.action)
            self._become(effect.case)
            if not isinstance(decision, SendReminder):
                self._timer_at = effect.timer_at
                return
            self._send(decision)

    def _fold(self, **changes: Any) -> None:
        """Take facts into the case, the sightings since policy was last asked with them."""
        seen = self._recorded.case.sightings[: self._seen]
        self._case = replace(self._case, sightings=seen, **changes)

    def _become(self, case: Case) -> None:
        self._case = case
        if case.status is not self._path[-1]:
            self._path.append(case.status)

    def _note(self, decision: Decision, action: str) -> None:
        self._moves += [
            Move(action=action, rule=one.rule, entry=one.entry) for one in decision.reasons
        ]
        if isinstance(decision, ReferToReview):
            self._referred_at = self._now
        if isinstance(decision, AskOperator) and not self._recorded.asked_operator:
            raise CannotBeKnownError(Unknowable.OPERATOR)

    def _situation(self) -> Situation:
        case = self._case
        registered = None
        if self._recorded.is_other_vehicle:
            is_two_wheeled = case.vehicle_class in _TWO_WHEELS
            registered = VehicleClass.CAR if is_two_wheeled else VehicleClass.MOTORCYCLE
        reached = self._messages.reached.values()
        own = [any(at >= since for at in reached) for since in self._began()] if reached else []
        today, month = own or (False, False)
        return Situation(
            case=case,
            site=self._site,
            rulebook=self._world.rulebook,
            calendar=self._world.calendar,
            now=self._now,
            contact=self._told() or ContactState.FOUND,
            registered_class=registered,
            permit=self._recorded.permit,
            channels=self._world.kinds,
            attempts=self._messages.attempts,
            reminded_today=int(today),
            reminded_this_month=int(month),
        )

    def _told(self) -> ContactState | None:
        """What the register says, where it is asked at all; None when that is not known."""
        case = self._case
        is_asked = case.status is CaseStatus.SUSPECTED or self._messages.has_failed
        return self._contact if is_asked and case.has_agreed_plate else ContactState.NONE

    def _began(self) -> tuple[datetime, datetime]:
        """When the site's day and its month began."""
        return day_and_month(self._now.astimezone(self._zone).date(), self._zone)

    def _decide(self, situation: Situation) -> Decision:
        """Policy's answer, where all that may have been gives the same one.

        Raises:
            CannotBeKnownError: it depends on what is not known.
        """
        decision, is_sure = answer_of(
            possible(situation, self._told(), self._earlier, self._began())
        )
        if is_sure:
            return decision
        self._note(decision, "unknown")
        if self._told() is not None:
            raise CannotBeKnownError(Unknowable.OTHER_CASE)
        if isinstance(decision, SendReminder):
            self._may_be_reminded_at = self._now
            raise CannotBeKnownError(Unknowable.NEWLY_REMINDED)
        raise CannotBeKnownError(Unknowable.CONTACT)

    def _send(self, decision: SendReminder) -> None:
        found = self._recorded.tries.get((self._round, decision.channel, decision.position))
        if found is not None:
            self._messages.queue(found, self._now)
            return
        self._messages.sent += 1
        self._may_be_reminded_at = self._now
        was_reminded = bool(self._recorded.tries)
        raise CannotBeKnownError(
            Unknowable.OTHER_TRY if was_reminded else Unknowable.NEWLY_REMINDED
        )

    def _played(self, kind: Unknowable | None) -> Played:
        case, recorded = self._case, self._recorded.case
        label = label_of(case, kind)
        proposal = case.proposal.outcome if case.proposal else None
        old = recorded.proposal.outcome if recorded.proposal else None
        was_decided_else = self._is_decided and proposal is not old
        is_new = recorded.decision is None and not recorded.is_open
        is_referred = label.ending is Ending.REFERRED
        return Played(
            label=label,
            path=tuple(self._path),
            disposition=case.disposition,
            moves=tuple(self._moves),
            messages=self._messages.sent,
            reminded_at=tuple(self._messages.reached.values()),
            may_be_reminded_at=self._may_be_reminded_at,
            referred_at=self._referred_at,
            proposal=proposal if is_referred else None,
            needs_decision=is_referred and (self._needs_decision or is_new or was_decided_else),
        )
