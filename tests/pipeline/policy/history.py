"""Histories of one case, played without storage, providers or clocks.

What each decision does to the case is written here once more, as `pipeline/reminder_queue.py` and
`pipeline/delivery.py` do it, so that policy is asked in the situations that it would be asked in.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from hypothesis import strategies as st

from pipeline.case import (
    AT_THE_DESK,
    Case,
    CaseStatus,
    move,
    with_departure,
    with_sighting,
)
from pipeline.events import PlateReading, PlateStatus, ViolationOngoing
from pipeline.policy import (
    AskOperator,
    Attempt,
    Cause,
    Close,
    ContactState,
    Decision,
    ReferToReview,
    SendReminder,
    Situation,
    Wait,
    decide,
)
from pipeline.policy.entries import ChannelKind
from pipeline.reminder import DeliveryStatus, Failure
from pipeline.review import PLATE_CAUSES
from pipeline.staff import ReviewerId
from tests.builders import a_departure, a_plate, a_sighting, a_suspicion, seconds
from tests.pipeline.policy.happenings import (
    HAPPENINGS,
    STARTS,
    AnotherCameraReminds,
    AReceiptComes,
    Happening,
    NoReceiptComes,
    SomebodySaysItIsNotTheirs,
    TheContactBecomes,
    TheOperatorReadsThePlate,
    TheProviderIsCalled,
    TheSiteBecomes,
    TheTimerFires,
    TheVehicleIsSeen,
    TheVehicleLeaves,
    TimePasses,
)
from tests.pipeline.policy.scenario import situation_of

MAX_ANSWERS = 50
_SUSPICION = a_suspicion()
_SIGHTING = a_sighting(_SUSPICION, _SUSPICION.captured_at)
_DEPARTURE = a_departure(_SUSPICION, _SUSPICION.captured_at)
_ON_ITS_WAY = frozenset({DeliveryStatus.CREATED, DeliveryStatus.ACCEPTED, DeliveryStatus.UNCERTAIN})


@dataclass(frozen=True)
class Answer:
    """One question to policy, its answer, and the case after it.

    `grace_began_at` is when the grace period began that the case was in.
    """

    situation: Situation
    decision: Decision
    grace_began_at: datetime | None
    after: Case


@dataclass
class Play:
    """One case, from its suspicion on."""

    start: Situation
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.case, self.now = self.start.case, self.start.now
        self.site, self.contact = self.start.site, self.start.contact
        self.messages: dict[int, Attempt] = {}
        self.accepted_at: datetime | None = None
        self.others_today = self.start.reminded_today
        self.others_this_month = self.start.reminded_this_month
        self.grace_began_at: datetime | None = None
        self.timer: datetime | None = None
        self.ask()

    @property
    def round(self) -> tuple[Attempt, ...]:
        """The present tries to reach the driver."""
        steps = range(self.case.round_step, self.case.reminder_step + 1)
        return tuple(self.messages[step] for step in steps if step in self.messages)

    def situation(self) -> Situation:
        last = self.round[-1].status if self.round else None
        is_asked = self.case.status is CaseStatus.SUSPECTED or last is DeliveryStatus.FAILED
        situation = replace(
            self.start,
            case=self.case,
            site=self.site,
            now=self.now,
            contact=self.contact if is_asked else ContactState.NONE,
            attempts=self.round,
        )
        reached = {DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED}
        is_reached = any(one.status in reached for one in self.messages.values())
        at = self.accepted_at if is_reached else None
        return replace(
            situation,
            reminded_today=self.others_today + (at is not None and at >= situation.today_began_at),
            reminded_this_month=self.others_this_month
            + (at is not None and at >= situation.month_began_at),
        )

    # What the queue does with a decision.

    def ask(self) -> None:
        """Ask policy and do what it says; after a reminder once more, for the timer."""
        for _ in range(MAX_ANSWERS):
            if not self.case.is_open:
                return
            situation = self.situation()
            decision = decide(situation)
            began_at = self.grace_began_at
            self._apply(decision)
            self.answers.append(Answer(situation, decision, began_at, self.case))
            if not isinstance(decision, SendReminder):
                return
        raise AssertionError("policy reminds for ever")

    def _apply(self, decision: Decision) -> None:
        match decision:
            case SendReminder(channel=channel, position=position):
                self._queue(channel, position)
            case Wait(until=until, cause=None):
                self.timer = until
                if self.case.status is CaseStatus.SUSPECTED and self.case.no_reminder_cause:
                    self.case = replace(
                        self.case, no_reminder_cause=None, no_reminder_at=None, asks_operator=False
                    )
            case Wait(until=until, cause=Cause() as cause):
                self.timer = until
                self._go_without_reminder(cause, asks_operator=False)
            case AskOperator(until=until, cause=cause):
                self.timer = until
                self._go_without_reminder(cause, asks_operator=True)
            case ReferToReview(due_at=due_at):
                self.timer = due_at
                self.case = replace(
                    move(self.case, CaseStatus.IN_REVIEW),
                    review_due_at=due_at,
                    evidence_needed=decision.evidence_needed,
                    proposal=decision.proposal,
                    asks_operator=False,
                )
            case Close(disposition=disposition):
                self.timer = None
                self.case = replace(
                    move(self.case, CaseStatus.CLOSED),
                    disposition=disposition,
                    closed_at=self.now,
                    asks_operator=False,
                )

    def _queue(self, channel: ChannelKind, position: int) -> None:
        if self.round:
            self.case = replace(self.case, reminder_step=self.case.reminder_step + 1)
        assert self.case.reminder_step not in self.messages, "a step has one message"
        created = Attempt(channel=channel, position=position, status=DeliveryStatus.CREATED)
        self.messages[self.case.reminder_step] = created
        self.grace_began_at = None
        self.case = replace(
            move(self._back(), CaseStatus.REMINDER_DUE),
            reminder_delivered_at=None,
            grace_ends_at=None,
            asks_operator=False,
            no_reminder_cause=None,
            no_reminder_at=None,
        )

    def _go_without_reminder(self, cause: Cause, *, asks_operator: bool) -> None:
        case = self.case
        if case.no_reminder_cause == cause and case.asks_operator == asks_operator:
            return
        self.grace_began_at = None
        self.case = replace(
            self._back(),
            no_reminder_cause=cause,
            no_reminder_at=case.no_reminder_at or self.now,
            asks_operator=asks_operator,
            reminder_delivered_at=None,
            grace_ends_at=None,
        )

    def _back(self) -> Case:
        is_back = self.case.status is CaseStatus.SUSPECTED
        return self.case if is_back else move(self.case, CaseStatus.SUSPECTED)

    def _start_grace(self, *, delivered_at: datetime | None) -> None:
        case = self.case
        if case.status in AT_THE_DESK or not case.is_open:
            return
        started = case if case.status is CaseStatus.GRACE else move(case, CaseStatus.GRACE)
        grace = self.start.in_force(self.start.rulebook.grace_period).length_at(case.place_class)
        self.grace_began_at = self.now
        self.case = replace(
            started,
            reminder_delivered_at=delivered_at,
            grace_ends_at=max(self.now, case.last_seen_at) + grace,
            asks_operator=False,
            no_reminder_cause=None,
            no_reminder_at=None,
        )

    # What happens.

    def happens(self, what: Happening) -> None:
        match what:
            case TimePasses(span_s=span_s):
                self.now += seconds(span_s)
            case TheTimerFires():
                self.now = max(self.now, self.timer or self.now)
            case TheVehicleIsSeen() as seen:
                self._see(seen)
            case TheVehicleLeaves(ago_s=ago_s):
                event = _DEPARTURE.model_copy(update={"left_at": self.now - seconds(ago_s)})
                self.case = with_departure(self.case, event)
            case TheOperatorReadsThePlate(text=text):
                self._enter(text)
            case TheContactBecomes() | TheSiteBecomes() | AnotherCameraReminds():
                self._change_around(what)
            case _:
                self._hear_of_messages(what)
        self.ask()

    def _change_around(
        self, what: TheContactBecomes | TheSiteBecomes | AnotherCameraReminds
    ) -> None:
        match what:
            case TheContactBecomes(contact=contact):
                self.contact = contact
            case TheSiteBecomes(state=state):
                self.site = replace(self.site, state=state) if self.site else None
            case AnotherCameraReminds():
                self.others_today += 1
                self.others_this_month += 1
            case _:
                assert_never(what)

    def _hear_of_messages(
        self,
        what: TheProviderIsCalled | AReceiptComes | NoReceiptComes | SomebodySaysItIsNotTheirs,
    ) -> None:
        match what:
            case TheProviderIsCalled() as call:
                self._call(call)
            case AReceiptComes() as receipt:
                self._take(receipt)
            case NoReceiptComes():
                is_due = self.case.status is CaseStatus.REMINDER_DUE
                if is_due and self._newest(DeliveryStatus.ACCEPTED) is not None:
                    self._start_grace(delivered_at=None)
            case SomebodySaysItIsNotTheirs():
                self._disown()
            case _:
                assert_never(what)

    def _see(self, seen: TheVehicleIsSeen) -> None:
        if self.case.status in AT_THE_DESK or not self.case.is_open:
            return
        text = None if seen.status is PlateStatus.UNREADABLE else seen.text
        plate = a_plate(seen.status).model_copy(update={"text": text})
        self.case = with_sighting(self.case, _sighting(self.now - seconds(seen.ago_s), plate))

    def _enter(self, text: str) -> None:
        case = self.case
        is_asked = case.asks_operator and case.status is CaseStatus.SUSPECTED
        if not is_asked or case.no_reminder_cause not in PLATE_CAUSES:
            return
        self.case = replace(
            case,
            plate=a_plate().model_copy(update={"text": text}),
            plate_entered_by=ReviewerId("li"),
            is_plate_contradicted=False,
            reminder_step=case.reminder_step + 1,
            round_step=case.reminder_step + 1,
            asks_operator=False,
            no_reminder_cause=None,
            no_reminder_at=None,
        )

    def _newest(self, status: DeliveryStatus) -> Attempt | None:
        newest = self.messages.get(self.case.reminder_step)
        return newest if newest is not None and newest.status is status else None

    def _call(self, call: TheProviderIsCalled) -> None:
        message = self._newest(DeliveryStatus.CREATED)
        if message is None:
            return
        is_wanted = self.case.status is CaseStatus.REMINDER_DUE and self.case.left_at is None
        if not is_wanted:
            self._save(message, status=DeliveryStatus.CANCELLED)
        elif call.is_uncertain:
            self._save(message, status=DeliveryStatus.UNCERTAIN, ended_at=self.now)
            moved = move(self.case, CaseStatus.REMINDER_UNCERTAIN)
            self.case = replace(moved, asks_operator=True)
        elif call.failure is not None:
            self._save(
                message, status=DeliveryStatus.FAILED, failure=call.failure, ended_at=self.now
            )
        else:
            self._save(message, status=DeliveryStatus.ACCEPTED)
            self.accepted_at = self.now

    def _take(self, receipt: AReceiptComes) -> None:
        round_ = self.round
        if receipt.back >= len(round_):
            return
        message = round_[-1 - receipt.back]
        if message.status is DeliveryStatus.ACCEPTED and receipt.failure is not None:
            self._save(
                message, status=DeliveryStatus.FAILED, failure=receipt.failure, ended_at=self.now
            )
        elif receipt.failure is None and message.status in {
            DeliveryStatus.ACCEPTED,
            DeliveryStatus.FAILED,
        }:
            self._save(message, status=DeliveryStatus.DELIVERED, failure=None, ended_at=None)
            self._start_grace(delivered_at=self.now)

    def _disown(self) -> None:
        message = self._newest(DeliveryStatus.DELIVERED)
        if message is not None:
            self._save(
                message,
                status=DeliveryStatus.FAILED,
                failure=Failure.PERMANENT,
                ended_at=self.now,
                is_disowned=True,
            )
            self.contact = ContactState.DOUBTFUL

    def _save(self, message: Attempt, **changes: Any) -> None:
        (step,) = [step for step, one in self.messages.items() if one is message]
        self.messages[step] = replace(message, **changes)


def is_on_its_way(message: Attempt) -> bool:
    return message.status in _ON_ITS_WAY


def played(start: dict[str, Any], happenings: list[Happening]) -> Play:
    """A case that begins as the scenario `start` says, after all that happened to it."""
    play = Play(situation_of(start, timedelta()))
    for what in happenings:
        play.happens(what)
    return play


def _sighting(at: datetime, plate: PlateReading) -> ViolationOngoing:
    return _SIGHTING.model_copy(update={"captured_at": at, "plate": plate})


PLAYS = st.builds(played, STARTS, HAPPENINGS)
