"""Several ways to a driver: one after the other, each once, none after one that arrived."""

from dataclasses import dataclass, field, replace
from datetime import datetime, time

import pytest

from pipeline.bus import EventPublisher, open_subscriber
from pipeline.case import TRANSITIONS, Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.events import ViolationSuspected
from pipeline.notify import Channels
from pipeline.notify.channel import Accepted, SendResult, SendUncertainError
from pipeline.notify.contacts import Contact, RegisterUnavailableError
from pipeline.policy import Rulebook
from pipeline.policy.entries import ChannelKind, QuietHours, Step
from pipeline.reminder import DeliveryStatus, Failure, Reminder
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage
from pipeline.worker import Worker
from tests.builders import NOON, PLATE, a_departure, a_sighting, a_suspicion, seconds
from tests.fakes import DictContactBook, RecordingChannel

STEPS = (
    Step(channel=ChannelKind.VOICE),
    Step(channel=ChannelKind.VOICE, after_s=60),
    Step(channel=ChannelKind.SMS, after_s=10),
)


def with_steps(book: Rulebook, *steps: Step, quiet: QuietHours | None = None) -> Rulebook:
    tries = book.contact_steps[0].model_copy(update={"value": steps or STEPS})
    hours = book.quiet_hours[0].model_copy(update={"value": quiet})
    return book.model_copy(update={"contact_steps": (tries,), "quiet_hours": (hours,)})


@dataclass
class MoodyBook:
    """A register that may be away, or hold another number later."""

    book: DictContactBook = field(default_factory=lambda: DictContactBook(PLATE))
    is_away: bool = False

    def find(self, plate_text: str) -> Contact | None:
        if self.is_away:
            raise RegisterUnavailableError("register: away")
        return self.book.find(plate_text)


@dataclass
class Town:
    worker: Worker
    storage: Storage
    publisher: EventPublisher
    clock: ManualClock
    voice: RecordingChannel
    sms: RecordingChannel
    contacts: MoodyBook
    suspicion: ViolationSuspected = field(default_factory=a_suspicion)

    def settle(self) -> None:
        for _ in range(20):
            if not self.worker.run_once():
                return
        raise AssertionError("the worker never comes to rest")

    def begin(self) -> None:
        self.publisher.publish([self.suspicion])
        self.settle()

    def pass_time(self, span_s: float) -> None:
        """Time goes by and the camera goes on seeing the vehicle."""
        self.clock.advance(seconds(span_s))
        self.publisher.publish([a_sighting(self.suspicion, self.clock.now())])
        self.settle()

    def told(self, channel: RecordingChannel, key: str, word: str) -> None:
        with self.storage.begin() as uow:
            uow.registry.add_callback(channel.name, f"{key} {word}")
            uow.commit()
        self.settle()

    @property
    def case(self) -> Case:
        with self.storage.read() as uow:
            (case,) = uow.cases.find()
        return case

    @property
    def messages(self) -> list[Reminder]:
        with self.storage.read() as uow:
            return uow.outbox.of_case(self.case.id)


@pytest.fixture
def town(
    storage: Storage,
    queue: ReminderQueue,
    bus_url: str,
    publisher: EventPublisher,
    clock: ManualClock,
) -> Town:
    voice, sms = RecordingChannel(clock), RecordingChannel(clock)
    voice.name, sms.name = "voice", "sms"
    channels, contacts = Channels(voice, sms), MoodyBook()
    queue = replace(
        queue, kinds=channels.kinds, contacts=contacts, rulebook=with_steps(queue.rulebook)
    )
    worker = Worker(
        subscriber=open_subscriber(bus_url),
        storage=storage,
        queue=queue,
        delivery=Delivery(storage=storage, channels=channels, queue=queue),
    )
    return Town(worker, storage, publisher, clock, voice, sms, contacts)


def test_two_calls_that_nobody_answers_are_followed_by_a_message(town: Town) -> None:
    town.voice.failure = Failure.TEMPORARY
    town.begin()
    first = town.case.reminder_key
    town.told(town.voice, first, "failed")
    town.pass_time(30)
    calls_before_its_time = len(town.voice.calls)
    town.pass_time(31)
    town.told(town.voice, town.case.reminder_key, "failed")
    town.pass_time(11)

    assert calls_before_its_time == 1
    assert len(town.voice.accepted) == 2
    assert len(town.sms.accepted) == 1
    assert [one.channel for one in town.messages] == ["voice", "voice", "sms"]
    assert [one.position for one in town.messages] == [0, 1, 2]
    assert len({one.key for one in town.messages}) == 3


def test_a_number_that_can_never_be_called_is_not_called_again(town: Town) -> None:
    town.begin()
    town.told(town.voice, town.case.reminder_key, "failed")
    town.pass_time(11)

    assert len(town.voice.accepted) == 1
    assert [one.channel for one in town.messages] == ["voice", "sms"]


def test_who_answered_the_call_gets_no_message(town: Town) -> None:
    town.begin()
    town.told(town.voice, town.case.reminder_key, "delivered")
    town.pass_time(15)

    assert town.case.status is CaseStatus.GRACE
    assert town.sms.accepted == {}


def test_who_leaves_between_two_tries_gets_no_second_one(town: Town) -> None:
    town.begin()
    town.told(town.voice, town.case.reminder_key, "failed")
    town.clock.advance(seconds(5))
    town.publisher.publish([a_departure(town.suspicion, town.clock.now())])
    town.settle()
    town.clock.advance(seconds(60))
    town.settle()

    assert town.case.disposition is Disposition.CLEARED
    assert town.sms.accepted == {}


def test_a_call_that_arrived_after_all_ends_the_tries(town: Town) -> None:
    town.begin()
    first = town.case.reminder_key
    town.told(town.voice, first, "failed")
    town.told(town.voice, first, "delivered")
    town.pass_time(11)

    assert town.case.status is CaseStatus.GRACE
    assert town.sms.accepted == {}


def test_a_try_that_fails_after_an_earlier_one_arrived_is_followed_by_nothing(town: Town) -> None:
    town.voice.failure = Failure.TEMPORARY
    town.begin()
    first = town.case.reminder_key
    town.told(town.voice, first, "failed")

    def arrives_meanwhile() -> None:
        with town.storage.begin() as uow:
            uow.registry.add_callback("voice", f"{first} delivered")
            uow.commit()

    town.voice.before_answer = arrives_meanwhile
    town.pass_time(61)
    second = town.case.reminder_key
    town.told(town.voice, second, "failed")
    town.pass_time(15)

    assert [one.status for one in town.messages] == [
        DeliveryStatus.DELIVERED,
        DeliveryStatus.FAILED,
    ]
    assert town.case.status is CaseStatus.GRACE
    assert town.sms.accepted == {}


def test_a_call_that_arrived_after_all_ends_the_question_to_the_operator(town: Town) -> None:
    town.begin()
    first = town.case.reminder_key
    town.told(town.voice, first, "failed")
    town.pass_time(11)
    town.told(town.sms, town.case.reminder_key, "failed")
    asked = town.case.asks_operator
    town.told(town.voice, first, "delivered")

    assert asked
    assert not town.case.asks_operator
    assert town.case.status is CaseStatus.GRACE


def test_who_said_that_the_vehicle_is_not_theirs_stays_nobody_s_reminder(town: Town) -> None:
    town.begin()
    key = town.case.reminder_key
    town.told(town.voice, key, "not_mine")
    town.told(town.voice, key, "delivered")
    town.pass_time(60)

    assert town.case.no_reminder_cause == "contact_doubtful"
    assert town.case.asks_operator
    assert town.sms.accepted == {}


def test_two_providers_may_call_their_messages_by_the_same_number(town: Town) -> None:
    for channel in (town.voice, town.sms):
        channel.accepted["1"] = NOON
        channel.before_answer = lambda: Accepted(provider_ref="1")
    town.begin()
    town.told(town.voice, "1", "failed")
    town.pass_time(11)
    town.told(town.sms, "1", "delivered")

    assert [one.status for one in town.messages] == [
        DeliveryStatus.FAILED,
        DeliveryStatus.DELIVERED,
    ]
    assert [one.sent_by for one in town.messages] == ["voice", "sms"]
    assert town.case.status is CaseStatus.GRACE


def test_a_call_that_was_perhaps_placed_is_followed_by_a_question_and_not_by_the_next_try(
    town: Town,
) -> None:
    def taken_in_silence() -> SendResult | None:
        (message,) = town.messages
        town.voice.accepted[message.key] = town.clock.now()
        raise SendUncertainError("no answer")

    town.voice.before_answer = taken_in_silence
    town.begin()
    town.pass_time(2)

    assert len(town.voice.calls) == 1
    assert [one.status for one in town.messages] == [DeliveryStatus.ACCEPTED]


def test_when_no_try_is_left_a_person_is_asked(town: Town) -> None:
    town.begin()
    town.told(town.voice, town.case.reminder_key, "failed")
    town.pass_time(11)
    town.told(town.sms, town.case.reminder_key, "failed")

    assert town.case.asks_operator
    assert town.case.no_reminder_cause == "not_delivered"
    town.pass_time(400)
    assert town.case.status is CaseStatus.SUSPECTED


def test_a_failure_told_in_the_grace_period_takes_it_back_and_the_next_try_goes_out(
    town: Town,
) -> None:
    town.begin()
    key = town.case.reminder_key
    town.pass_time(11)
    before = town.case.status
    town.told(town.voice, key, "failed")
    town.pass_time(10)

    assert (before, town.case.status) == (CaseStatus.GRACE, CaseStatus.REMINDER_DUE)
    assert town.case.grace_ends_at is None
    assert len(town.sms.accepted) == 1
    with town.storage.read() as uow:
        chain = [one.note for one in uow.audit.of_case(town.case.id)]
    ways = [(CaseStatus(one.from_status), CaseStatus(one.to_status)) for one in chain]
    assert all(end is start or end in TRANSITIONS[start] for start, end in ways)


def test_a_contact_whose_vehicle_it_is_not_was_nobody_s_reminder(town: Town) -> None:
    town.begin()
    key = town.case.reminder_key
    town.told(town.voice, key, "delivered")
    town.told(town.voice, key, "not_mine")
    town.pass_time(60)

    assert town.case.no_reminder_cause == "contact_doubtful"
    assert town.case.asks_operator
    assert town.case.grace_ends_at is None
    assert town.sms.accepted == {}


def test_nobody_is_without_a_contact_because_the_register_is_away(town: Town) -> None:
    town.contacts.is_away = True
    town.begin()
    assert (town.case.status, town.case.no_reminder_cause) == (CaseStatus.SUSPECTED, None)
    assert not town.case.asks_operator

    town.contacts.is_away = False
    town.pass_time(11)
    assert len(town.voice.accepted) == 1


def test_a_register_that_goes_away_before_the_call_only_delays_it(town: Town) -> None:
    def away() -> SendResult:
        town.contacts.is_away = True
        raise AssertionError("never called without a contact")

    town.contacts.is_away = False
    town.publisher.publish([town.suspicion])
    find, found = town.contacts.find, []

    def twice(plate_text: str) -> Contact | None:
        found.append(plate_text)
        if len(found) > 1:
            raise RegisterUnavailableError("register: away")
        return find(plate_text)

    town.contacts.find = twice  # type: ignore[method-assign]
    town.settle()
    assert town.voice.accepted == {}
    town.contacts.find = find  # type: ignore[method-assign]
    town.pass_time(5)
    assert len(town.voice.accepted) == 1


def test_an_answer_faster_than_the_record_of_the_call_waits_for_it(town: Town) -> None:
    def answer_at_once() -> SendResult | None:
        with town.storage.begin() as uow:
            (message,) = uow.outbox.recent()
            uow.registry.add_callback("voice", f"{message.key} delivered")
            uow.commit()
        town.voice.accepted[message.key] = town.clock.now()
        return Accepted(provider_ref=message.key)

    town.voice.before_answer = answer_at_once
    town.begin()
    town.clock.advance(seconds(3))
    town.settle()

    assert town.case.status is CaseStatus.GRACE
    assert town.messages[0].status is DeliveryStatus.DELIVERED


def test_at_night_nobody_is_rung_up_and_in_the_morning_only_who_still_stands_there(
    town: Town,
) -> None:
    midnight_at_the_site = datetime.fromisoformat("2026-03-02T16:00:00+00:00")
    quiet = QuietHours.model_validate(
        {"from": time(22), "to": time(7), "channels": list(ChannelKind)}
    )
    queue = replace(town.worker.queue, rulebook=with_steps(town.worker.queue.rulebook, quiet=quiet))
    town.worker.queue = queue
    town.worker.delivery = replace(town.worker.delivery, queue=queue)
    longest = queue.rulebook.longest_wait[0].model_copy(update={"value": 24, "unit": "h"})
    object.__setattr__(
        queue, "rulebook", queue.rulebook.model_copy(update={"longest_wait": (longest,)})
    )
    town.clock.advance(midnight_at_the_site - NOON)
    town.suspicion = a_suspicion(at=town.clock.now())
    town.begin()
    town.pass_time(3600)
    assert town.voice.accepted == town.sms.accepted == {}
    assert town.case.status is CaseStatus.SUSPECTED

    town.pass_time(6 * 3600)
    assert len(town.voice.accepted) == 1
