"""One case under one rulebook: policy is asked at each recorded fact and at each timer.

Decisions change the case as they do in the reminder queue (`policy/effect.py`). What the record
cannot answer ends the replay, with the reason why.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

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
from pipeline.policy.decision import AskOperator, Decision, ReferToReview, SendReminder
from pipeline.policy.effect import begin_grace, effect_of, hold_uncertain
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
from pipeline.rehearsal.in_flight import Happening
from pipeline.rehearsal.moment import Moment, World
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
from pipeline.reminder import DeliveryStatus
from pipeline.review import PLATE_CAUSES

__all__ = ["replay"]

_FACT, _TIMER, _MESSAGE = range(3)


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
    """What happens in one replay."""

    def __init__(self, recorded: Recorded, world: World, grace_lag: timedelta) -> None:
        self._recorded = recorded
        self._rulebook = world.rulebook
        self._grace_lag = grace_lag
        self._here = Moment(recorded, world)
        self._round = 0
        self._path, self._moves = [CaseStatus.SUSPECTED], list[Move]()
        self._may_be_reminded_at: datetime | None = None
        self._referred_at: datetime | None = None
        self._is_decided, self._needs_decision = False, False

    def run(self) -> Played:
        kind, here = None, self._here
        try:
            while here.case.status not in FINAL and not self._is_decided:
                step = self._next()
                if step is None or not self._is_known(step):
                    break
                here.now = max(step.at, here.now)
                step.do()
        except CannotBeKnownError as exc:
            kind = exc.kind
        return self._played(kind)

    def _next(self) -> _Step | None:
        """The earliest of what comes; of one instant facts first, then timers, then messages."""
        here, step = self._here, None
        if (fact := here.next_fact) is not None:
            step = _Step(fact.at, _FACT, self._take_fact)
        timer_at = here.now if here.is_asked_now else here.timer_at
        if timer_at is not None and (step is None or timer_at < step.at):
            step = _Step(timer_at, _TIMER, self._fire)
        word = here.messages.next
        if word is not None and (step is None or word.at < step.at):
            step = _Step(word.at, _MESSAGE, self._take_message)
        return step

    def _is_known(self, step: _Step) -> bool:
        """Whether the record reaches as far as this step; False where nothing has ended yet.

        Raises:
            CannotBeKnownError: it does not, and something might have happened.
        """
        recorded, here = self._recorded, self._here
        if here.case.status in AT_THE_DESK:
            is_deadline = step.order == _TIMER and not here.is_asked_now
            is_known = is_known_at_the_desk(recorded, here.case, step.at, is_deadline=is_deadline)
            # Whether a person would have decided by another deadline is not known.
            self._needs_decision = is_deadline and not is_known and not recorded.case.is_open
            return is_known
        if recorded.case.is_open and step.at > recorded.known_until:
            return False
        require_same_reminders(recorded, here.case, step.at, here.messages.reached)
        require_seen(recorded, step.at, here.next_fact if step.order == _FACT else None)
        return True

    def _take_fact(self) -> None:
        here = self._here
        match here.take_fact():
            case Seen() as sighting:
                if here.case.status not in AT_THE_DESK and not here.see(sighting):
                    self._ask()
            case Left(left_at=left_at, departure=departure):
                here.fold(left_at=left_at, departure=departure)
                self._ask()
            case PlateRead(plate=plate, is_contradicted=is_contradicted):
                self._read(plate, is_contradicted=is_contradicted)
            case ContactKnown(contact=contact):
                here.contact, here.is_asked_now = contact, True
            case SiteStopped(site=site):
                here.stand_at(site, here.case.suspected_at)
                here.is_asked_now = True
            case PlateEntered() | ClosedByOperator() | Decided() as act:
                self._take_act(act)

    def _take_act(self, act: PlateEntered | ClosedByOperator | Decided) -> None:
        """What a person did counts only where that person is asked for it."""
        here = self._here
        match act:
            case PlateEntered():
                self._enter_plate(act)
            case ClosedByOperator() if here.case.asks_operator:
                closed = move(here.case, CaseStatus.CLOSED)
                self._become(replace(closed, disposition=Disposition.REJECTED))
            case Decided():
                self._is_decided = here.case.status in AT_THE_DESK

    def _read(self, plate: PlateReading, *, is_contradicted: bool) -> None:
        here = self._here
        if here.case.status not in AT_THE_DESK:
            here.case = replace(here.case, plate=plate, is_plate_contradicted=is_contradicted)
            here.is_asked_now = True

    def _enter_plate(self, act: PlateEntered) -> None:
        here, person = self._here, self._recorded.case.plate_entered_by
        is_asked = here.case.asks_operator and here.case.status is CaseStatus.SUSPECTED
        if is_asked and here.case.no_reminder_cause in PLATE_CAUSES and person is not None:
            here.case = with_entered_plate(here.case, act.plate, person)
            here.contact = act.contact or here.contact
            here.messages.begin_round()
            here.is_asked_now = True
            self._round += 1

    def _take_message(self) -> None:
        here, case = self._here, self._here.case
        word, is_due = here.messages.next, case.status is CaseStatus.REMINDER_DUE
        one = word and here.messages.hear(word, is_wanted=is_due and case.left_at is None)
        if word is None or one is None:
            return
        if word.what is Happening.ACCEPTED:
            book = self._rulebook
            wait = book.in_force(book.receipt_wait, here.now.date()).length
            here.messages.wait_for_receipt(word, wait)
        elif word.what is Happening.DELIVERED:
            self._begin_grace(here.now)
        elif word.what is Happening.SILENT and is_due:
            self._begin_grace(None)
        elif word.what is Happening.ENDED:
            if is_due and one.status is DeliveryStatus.UNCERTAIN:
                self._become(hold_uncertain(case))
            self._ask()

    def _begin_grace(self, delivered_at: datetime | None) -> None:
        here, case, book = self._here, self._here.case, self._rulebook
        entry = book.in_force(book.grace_period, here.day)
        begins_at = max(here.now + self._grace_lag, here.last_seen_at)
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
        self._here.is_asked_now, self._here.timer_at = False, None
        self._ask()

    def _ask(self) -> None:
        """Ask policy and do what it says.

        Raises:
            CannotBeKnownError: what it says depends on what is not known.
        """
        here = self._here
        while True:
            situation, decision, is_sure = here.ask()
            if not is_sure:
                self._give_up(decision)
            effect = effect_of(situation, decision)
            if effect.action is not None:
                self._note(decision, effect.action)
            self._become(effect.case)
            if not isinstance(decision, SendReminder):
                here.timer_at = effect.timer_at
                return
            self._send(decision)

    def _give_up(self, decision: Decision) -> None:
        self._note(decision, "unknown")
        if self._here.told is not None:
            raise CannotBeKnownError(Unknowable.OTHER_CASE)
        if isinstance(decision, SendReminder):
            self._may_be_reminded_at = self._here.now
            raise CannotBeKnownError(Unknowable.NEWLY_REMINDED)
        raise CannotBeKnownError(Unknowable.CONTACT)

    def _become(self, case: Case) -> None:
        self._here.case = case
        if case.status is not self._path[-1]:
            self._path.append(case.status)

    def _note(self, decision: Decision, action: str) -> None:
        self._moves += [
            Move(action=action, rule=one.rule, entry=one.entry) for one in decision.reasons
        ]
        if isinstance(decision, ReferToReview):
            self._referred_at = self._here.now
        if isinstance(decision, AskOperator) and not self._recorded.asked_operator:
            raise CannotBeKnownError(Unknowable.OPERATOR)

    def _send(self, decision: SendReminder) -> None:
        here = self._here
        found = self._recorded.tries.get((self._round, decision.channel, decision.position))
        if found is not None:
            here.messages.queue(found, here.now)
            return
        here.messages.sent += 1
        self._may_be_reminded_at = here.now
        was_reminded = bool(self._recorded.tries)
        raise CannotBeKnownError(
            Unknowable.OTHER_TRY if was_reminded else Unknowable.NEWLY_REMINDED
        )

    def _played(self, kind: Unknowable | None) -> Played:
        case, recorded = self._here.case, self._recorded.case
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
            messages=self._here.messages.sent,
            reminded_at=tuple(self._here.messages.reached.values()),
            may_be_reminded_at=self._may_be_reminded_at,
            referred_at=self._referred_at,
            proposal=proposal if is_referred else None,
            needs_decision=is_referred and (self._needs_decision or is_new or was_decided_else),
        )
