"""From an event on the bus to the end of a case, with the worker between."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from pipeline.bus import EventPublisher
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.events import PlateReading, PlateStatus, ViolationSuspected
from pipeline.notify import Refused
from pipeline.notify.channel import ChannelUnavailableError, SendResult, SendUncertainError
from pipeline.reminder import DeliveryStatus
from pipeline.storage import Storage
from pipeline.storage.base import DueReminder
from pipeline.worker import Worker
from tests.builders import (
    NOON,
    a_departure,
    a_plate,
    a_sighting,
    a_suspicion,
    seconds,
)
from tests.fakes import RecordingChannel

GRACE_S = 20


@dataclass(frozen=True, kw_only=True)
class Story:
    """The pipeline from its bus to its provider, and hands to move it on."""

    publisher: EventPublisher
    worker: Worker
    storage: Storage
    channel: RecordingChannel
    delivery: Delivery
    clock: ManualClock

    def settle(self) -> None:
        for _ in range(20):
            if not self.worker.run_once():
                return
        raise AssertionError("the worker never comes to rest")

    def case(self, suspicion: ViolationSuspected) -> Case:
        with self.storage.read() as uow:
            (case,) = [one for one in uow.cases.find() if one.episode_id == suspicion.episode_id]
        return case

    def call_back(self, body: str) -> None:
        with self.storage.begin() as uow:
            uow.registry.add_callback("recording", body)
            uow.commit()


@pytest.fixture
def story(
    publisher: EventPublisher,
    worker: Worker,
    storage: Storage,
    channel: RecordingChannel,
    delivery: Delivery,
    clock: ManualClock,
) -> Story:
    return Story(
        publisher=publisher,
        worker=worker,
        storage=storage,
        channel=channel,
        delivery=delivery,
        clock=clock,
    )


@pytest.fixture
def reminded(story: Story) -> ViolationSuspected:
    """A case whose reminder was delivered 1 s after it was opened."""
    suspicion = a_suspicion()
    story.channel.delivers_at_once = True
    story.publisher.publish([suspicion])
    story.settle()
    story.clock.advance(seconds(1))
    story.settle()
    return suspicion


def test_a_delivered_reminder_starts_the_grace_period(
    story: Story, reminded: ViolationSuspected
) -> None:
    case = story.case(reminded)

    assert case.status is CaseStatus.GRACE
    assert case.grace_ends_at == NOON + seconds(1 + GRACE_S)
    assert list(story.channel.accepted) == [case.reminder_key]
    with story.storage.begin() as uow:
        (reminder,) = uow.outbox.of_case(case.id)
    assert reminder.status is DeliveryStatus.DELIVERED
    assert "鄂A12345" in reminder.text
    assert "11:59" in reminder.text
    assert "20秒" in reminder.text


def test_a_car_that_leaves_in_time_is_cleared_and_nobody_reviews_it(
    story: Story, reminded: ViolationSuspected
) -> None:
    story.publisher.publish([a_departure(reminded, NOON + seconds(10))])
    story.clock.advance(seconds(10))
    story.settle()
    story.clock.advance(seconds(10_000))
    story.settle()

    case = story.case(reminded)
    assert case.status is CaseStatus.CLOSED
    assert case.disposition is Disposition.CLEARED
    assert case.decision is None


def test_a_car_seen_after_grace_goes_to_review(story: Story, reminded: ViolationSuspected) -> None:
    story.publisher.publish([a_sighting(reminded, NOON + seconds(15))])
    story.clock.advance(seconds(25))
    story.settle()
    assert story.case(reminded).status is CaseStatus.GRACE

    story.publisher.publish([a_sighting(reminded, NOON + seconds(26))])
    story.settle()

    case = story.case(reminded)
    assert case.status is CaseStatus.IN_REVIEW
    assert case.reasons[0].rule == "refer_if_seen_again"
    assert case.review_due_at is not None


def test_a_camera_that_falls_silent_never_leads_to_review(
    story: Story, reminded: ViolationSuspected
) -> None:
    for _ in range(10):
        story.clock.advance(seconds(60))
        story.settle()
        assert story.case(reminded).status is CaseStatus.GRACE
    story.clock.advance(seconds(60))
    story.settle()

    assert story.case(reminded).disposition is Disposition.UNPROVEN


def test_a_departure_in_time_that_arrives_late_withdraws_the_case(
    story: Story, reminded: ViolationSuspected
) -> None:
    story.clock.advance(seconds(30))
    story.publisher.publish([a_sighting(reminded, NOON + seconds(26))])
    story.settle()
    story.publisher.publish([a_departure(reminded, NOON + seconds(12))])
    story.settle()

    assert story.case(reminded).disposition is Disposition.WITHDRAWN


def test_sightings_do_not_change_a_case_under_the_reviewers_eyes(
    story: Story, reminded: ViolationSuspected
) -> None:
    story.clock.advance(seconds(30))
    story.publisher.publish([a_sighting(reminded, NOON + seconds(26))])
    story.settle()
    before = story.case(reminded)
    story.publisher.publish([a_sighting(reminded, NOON + seconds(40))])
    story.settle()

    assert story.case(reminded) == before


def test_an_unreadable_plate_reminds_nobody_until_a_camera_reads_it(story: Story) -> None:
    suspicion = a_suspicion(plate=a_plate(PlateStatus.UNREADABLE, reads=0))
    story.publisher.publish([suspicion])
    story.settle()
    assert story.case(suspicion).asks_operator
    assert story.channel.calls == []

    story.publisher.publish([a_sighting(suspicion, NOON + seconds(9), a_plate(reads=4))])
    story.settle()

    assert not story.case(suspicion).asks_operator
    assert story.case(suspicion).status is CaseStatus.REMINDER_DUE
    assert len(story.channel.accepted) == 1


def test_events_before_their_suspicion_wait_for_it(story: Story) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([a_departure(suspicion, NOON + seconds(5))])
    story.settle()
    story.publisher.publish([suspicion])
    story.settle()

    assert story.case(suspicion).disposition is Disposition.CLEARED
    assert story.channel.calls == []


def test_a_car_that_left_before_its_turn_is_never_reminded(story: Story) -> None:
    suspicion = a_suspicion()
    story.channel.before_answer = _raises(ChannelUnavailableError("down"))
    story.publisher.publish([suspicion])
    story.settle()
    story.publisher.publish([a_departure(suspicion, NOON + seconds(5))])
    story.channel.before_answer = lambda: None
    story.settle()

    assert story.channel.accepted == {}
    assert story.case(suspicion).disposition is Disposition.CLEARED


def test_an_unreachable_channel_is_tried_again_with_the_same_key(story: Story) -> None:
    story.channel.before_answer = _raises(ChannelUnavailableError("down"))
    story.publisher.publish([a_suspicion()])
    story.settle()
    story.channel.before_answer = lambda: None
    story.clock.advance(seconds(60))
    story.settle()

    assert len(story.channel.calls) == 2
    assert len(set(story.channel.calls)) == len(story.channel.accepted) == 1


def test_a_channel_that_stays_away_asks_the_operator(story: Story) -> None:
    suspicion = a_suspicion()
    story.channel.before_answer = _raises(ChannelUnavailableError("down"))
    story.publisher.publish([suspicion])
    for _ in range(9):
        story.settle()
        story.clock.advance(seconds(61))

    assert len(story.channel.calls) == 8
    assert story.case(suspicion).asks_operator
    assert story.case(suspicion).no_reminder_cause == "not_delivered"


def test_a_refused_message_asks_the_operator(story: Story) -> None:
    suspicion = a_suspicion()
    story.channel.before_answer = lambda: Refused(detail="number gone")
    story.publisher.publish([suspicion])
    story.settle()

    case = story.case(suspicion)
    assert case.status is CaseStatus.SUSPECTED
    assert case.no_reminder_cause == "not_delivered"
    assert case.asks_operator


def test_an_uncertain_message_is_never_sent_again_and_gives_no_grace(story: Story) -> None:
    suspicion = a_suspicion()
    story.channel.is_repeatable = False
    story.channel.before_answer = _raises(SendUncertainError("time-out"))
    story.publisher.publish([suspicion])
    story.settle()
    story.publisher.publish([a_sighting(suspicion, NOON + seconds(300))])
    story.clock.advance(seconds(300))
    story.settle()

    assert len(story.channel.calls) == 1
    case = story.case(suspicion)
    assert case.status is CaseStatus.REMINDER_UNCERTAIN
    assert case.asks_operator
    assert case.grace_ends_at is None


@pytest.mark.parametrize(("is_repeatable", "sent"), [(True, 2), (False, 1)])
def test_a_message_whose_sender_died_is_sent_again_only_where_that_reaches_nobody_twice(
    story: Story, is_repeatable: bool, sent: int
) -> None:
    suspicion = a_suspicion()
    story.channel.is_repeatable = is_repeatable
    story.channel.before_answer = _raises(KeyboardInterrupt())
    story.publisher.publish([suspicion])
    with pytest.raises(KeyboardInterrupt):
        story.settle()
    story.channel.before_answer = lambda: None
    story.clock.advance(seconds(61))
    story.publisher.publish([a_sighting(suspicion, story.clock.now())])
    story.settle()

    assert len(story.channel.calls) == sent
    case = story.case(suspicion)
    expected = CaseStatus.REMINDER_DUE if is_repeatable else CaseStatus.REMINDER_UNCERTAIN
    assert case.status is expected
    assert case.asks_operator is not is_repeatable


def test_without_a_receipt_grace_runs_from_the_end_of_the_wait_for_it(story: Story) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([suspicion])
    for _ in range(10):
        story.settle()
        assert story.case(suspicion).status is CaseStatus.REMINDER_DUE
        story.clock.advance(seconds(1))
    story.settle()

    case = story.case(suspicion)
    assert case.status is CaseStatus.GRACE
    assert case.reminder_delivered_at is None
    assert case.grace_ends_at == NOON + seconds(10 + GRACE_S)


def test_a_failure_told_late_takes_the_reminder_credit_back(story: Story) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([suspicion])
    for _ in range(45):
        story.settle()
        story.clock.advance(seconds(1))
    story.publisher.publish([a_sighting(suspicion, NOON + seconds(40))])
    story.settle()
    assert story.case(suspicion).status is CaseStatus.IN_REVIEW

    story.call_back(f"{story.case(suspicion).reminder_key} failed")
    story.settle()

    assert story.case(suspicion).disposition is Disposition.WITHDRAWN


def test_late_repeated_and_forged_receipts_do_no_harm(
    story: Story, reminded: ViolationSuspected
) -> None:
    before = story.case(reminded)
    for word in ("delivered", "accepted", "failed", "delivered"):
        story.call_back(f"{before.reminder_key} {word}")
    story.call_back("reminder:forged:1 delivered")
    story.settle()

    assert story.case(reminded) == before


def test_a_drivers_word_is_kept_but_ends_nothing(
    story: Story, reminded: ViolationSuspected
) -> None:
    case = story.case(reminded)
    story.call_back(f"{case.reminder_key} left")
    story.settle()

    with story.storage.begin() as uow:
        (reminder,) = uow.outbox.of_case(case.id)
    assert reminder.answer == "left"
    assert story.case(reminded).status is CaseStatus.GRACE


def test_the_same_suspicion_told_twice_is_one_case_and_one_reminder(
    story: Story, reminded: ViolationSuspected
) -> None:
    story.publisher.publish([reminded, reminded])
    story.settle()

    with story.storage.begin() as uow:
        assert len(uow.cases.find()) == 1
    assert len(story.channel.accepted) == 1


def test_every_change_of_a_case_is_in_its_audit_chain(
    story: Story, reminded: ViolationSuspected
) -> None:
    case_id: UUID = story.case(reminded).id
    with story.storage.begin() as uow:
        chain = uow.audit.of_case(case_id)

    assert [entry.note.to_status for entry in chain] == [
        "suspected",
        "reminder_due",
        "reminder_due",
        "grace",
    ]
    versions = [entry.note.case_version for entry in chain]
    assert versions == sorted(versions)
    told = " ".join(f"{entry.note.cause} {entry.note.action}" for entry in chain)
    assert "12345" not in told
    assert "138" not in told


def test_a_departure_far_behind_in_the_backlog_still_stops_the_reminder(story: Story) -> None:
    suspicion = a_suspicion()
    sightings = [a_sighting(suspicion, NOON + seconds(n / 100)) for n in range(1, 600)]
    story.publisher.publish([suspicion, *sightings, a_departure(suspicion, NOON + seconds(7))])
    story.worker.run_once()

    assert story.channel.calls == []
    assert story.case(suspicion).disposition is Disposition.CLEARED


def test_an_old_suspicion_reminds_nobody_until_the_car_is_seen_again(story: Story) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([suspicion])
    story.clock.advance(seconds(120))
    story.settle()
    assert story.channel.calls == []

    story.publisher.publish([a_sighting(suspicion, NOON + seconds(119))])
    story.settle()
    assert len(story.channel.calls) == 1


def test_a_case_that_ends_between_claim_and_call_is_not_reminded(story: Story) -> None:
    suspicion = a_suspicion()
    story.channel.before_answer = _raises(ChannelUnavailableError("down"))
    story.publisher.publish([suspicion])
    story.worker.run_once()
    story.channel.before_answer = lambda: None
    story.channel.calls.clear()
    case = story.case(suspicion)
    with story.storage.begin() as uow:
        reminder = uow.outbox.get(case.reminder_key)
        assert reminder is not None
        sending = replace(reminder, status=DeliveryStatus.SENDING)
        uow.outbox.save(sending)
        uow.cases.save(replace(case, left_at=NOON + seconds(3)))
        uow.commit()
    said = story.delivery.call(DueReminder(key=reminder.key, epoch=1, attempts=2), sending)
    with story.storage.begin() as uow:
        said(uow)
        uow.commit()

    assert story.channel.calls == []
    with story.storage.read() as uow:
        (ended,) = uow.outbox.of_case(case.id)
    assert ended.status is DeliveryStatus.CANCELLED


def test_text_and_phone_are_those_of_one_plate_whatever_is_read_meanwhile(story: Story) -> None:
    suspicion = a_suspicion()
    story.channel.before_answer = _raises(ChannelUnavailableError("down"))
    story.publisher.publish([suspicion])
    story.settle()
    other = PlateReading(status=PlateStatus.AGREED, text="鄂B99999", agreeing=9, reads=9)
    story.publisher.publish([a_sighting(suspicion, NOON + seconds(1), other)])
    story.channel.before_answer = lambda: None
    story.channel.calls.clear()
    story.clock.advance(seconds(10))
    story.settle()

    assert story.channel.calls == []
    assert story.case(suspicion).asks_operator
    assert story.case(suspicion).no_reminder_cause == "plate_doubtful"


def test_a_receipt_that_comes_after_the_wait_still_gives_the_whole_grace(story: Story) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([suspicion])
    for _ in range(29):
        story.settle()
        story.clock.advance(seconds(1))
    story.call_back(f"{story.case(suspicion).reminder_key} delivered")
    story.settle()

    case = story.case(suspicion)
    assert case.grace_ends_at == NOON + seconds(29 + GRACE_S)
    assert case.reminder_delivered_at == NOON + seconds(29)


def test_a_provider_that_cannot_be_asked_gives_no_grace(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([suspicion])
    story.settle()
    with monkeypatch.context() as away:
        away.setattr(
            story.channel, "fetch_receipt", lambda _ref: _raises(ChannelUnavailableError("?"))()
        )
        for _ in range(15):
            story.clock.advance(seconds(1))
            story.settle()
        assert story.case(suspicion).status is CaseStatus.REMINDER_DUE
    story.channel.receipts[story.case(suspicion).reminder_key] = DeliveryStatus.FAILED
    story.clock.advance(seconds(2))
    story.settle()

    assert story.case(suspicion).no_reminder_cause == "not_delivered"


def test_a_failure_that_turns_out_to_be_a_delivery_gives_its_grace(story: Story) -> None:
    suspicion = a_suspicion()
    story.publisher.publish([suspicion])
    story.settle()
    key = story.case(suspicion).reminder_key
    story.call_back(f"{key} failed")
    story.settle()
    assert story.case(suspicion).asks_operator
    story.call_back(f"{key} delivered")
    story.settle()

    assert story.case(suspicion).status is CaseStatus.GRACE
    assert not story.case(suspicion).asks_operator
    assert len(story.channel.accepted) == 1


def _raises(error: BaseException) -> Callable[[], SendResult | None]:
    def fail() -> SendResult | None:
        raise error

    return fail
