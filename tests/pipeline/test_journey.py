"""From an event on the bus to the end of a case, with the worker between."""

from collections.abc import Callable
from dataclasses import replace
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
from pipeline.storage.base import DueReminder, RequestKind
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


@pytest.fixture
def settle(worker: Worker) -> Callable[[], None]:
    def run() -> None:
        for _ in range(20):
            if not worker.run_once():
                return
        raise AssertionError("the worker never comes to rest")

    return run


@pytest.fixture
def the_case(storage: Storage) -> Callable[[ViolationSuspected], Case]:
    def get(suspicion: ViolationSuspected) -> Case:
        with storage.begin() as uow:
            (case,) = [one for one in uow.cases.find() if one.episode_id == suspicion.episode_id]
        return case

    return get


@pytest.fixture
def reminded(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
) -> ViolationSuspected:
    """A case whose reminder was delivered 1 s after it was opened."""
    suspicion = a_suspicion()
    channel.delivers_at_once = True
    publisher.publish([suspicion])
    settle()
    clock.advance(seconds(1))
    settle()
    return suspicion


def test_a_delivered_reminder_starts_the_grace_period(
    reminded: ViolationSuspected,
    the_case: Callable[[ViolationSuspected], Case],
    channel: RecordingChannel,
    storage: Storage,
) -> None:
    case = the_case(reminded)

    assert case.status is CaseStatus.GRACE
    assert case.grace_ends_at == NOON + seconds(1 + GRACE_S)
    assert list(channel.accepted) == [case.reminder_key]
    with storage.begin() as uow:
        (reminder,) = uow.outbox.of_case(case.id)
    assert reminder.status is DeliveryStatus.DELIVERED
    assert "鄂A12345" in reminder.text
    assert "11:59" in reminder.text
    assert "20秒" in reminder.text


def test_a_car_that_leaves_in_time_is_cleared_and_nobody_reviews_it(
    reminded: ViolationSuspected,
    publisher: EventPublisher,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    publisher.publish([a_departure(reminded, NOON + seconds(10))])
    clock.advance(seconds(10))
    settle()
    clock.advance(seconds(10_000))
    settle()

    case = the_case(reminded)
    assert case.status is CaseStatus.CLOSED
    assert case.disposition is Disposition.CLEARED
    assert case.decision is None


def test_a_car_seen_after_grace_goes_to_review(
    reminded: ViolationSuspected,
    publisher: EventPublisher,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    publisher.publish([a_sighting(reminded, NOON + seconds(15))])
    clock.advance(seconds(25))
    settle()
    assert the_case(reminded).status is CaseStatus.GRACE

    publisher.publish([a_sighting(reminded, NOON + seconds(26))])
    settle()

    case = the_case(reminded)
    assert case.status is CaseStatus.IN_REVIEW
    assert case.reasons[0].rule == "refer_if_seen_again"
    assert case.review_due_at is not None


def test_a_camera_that_falls_silent_never_leads_to_review(
    reminded: ViolationSuspected,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    for _ in range(10):
        clock.advance(seconds(60))
        settle()
        assert the_case(reminded).status is CaseStatus.GRACE
    clock.advance(seconds(60))
    settle()

    assert the_case(reminded).disposition is Disposition.UNPROVEN


def test_a_departure_in_time_that_arrives_late_withdraws_the_case(
    reminded: ViolationSuspected,
    publisher: EventPublisher,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    clock.advance(seconds(30))
    publisher.publish([a_sighting(reminded, NOON + seconds(26))])
    settle()
    publisher.publish([a_departure(reminded, NOON + seconds(12))])
    settle()

    assert the_case(reminded).disposition is Disposition.WITHDRAWN


def test_sightings_do_not_change_a_case_under_the_reviewers_eyes(
    reminded: ViolationSuspected,
    publisher: EventPublisher,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    clock.advance(seconds(30))
    publisher.publish([a_sighting(reminded, NOON + seconds(26))])
    settle()
    before = the_case(reminded)
    publisher.publish([a_sighting(reminded, NOON + seconds(40))])
    settle()

    assert the_case(reminded) == before


def test_an_unreadable_plate_reminds_nobody_until_a_camera_reads_it(
    publisher: EventPublisher,
    channel: RecordingChannel,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion(plate=a_plate(PlateStatus.UNREADABLE, reads=0))
    publisher.publish([suspicion])
    settle()
    assert the_case(suspicion).asks_operator
    assert channel.calls == []

    publisher.publish([a_sighting(suspicion, NOON + seconds(9), a_plate(reads=4))])
    settle()

    assert not the_case(suspicion).asks_operator
    assert the_case(suspicion).status is CaseStatus.REMINDER_DUE
    assert len(channel.accepted) == 1


def test_events_before_their_suspicion_wait_for_it(
    publisher: EventPublisher,
    channel: RecordingChannel,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    publisher.publish([a_departure(suspicion, NOON + seconds(5))])
    settle()
    publisher.publish([suspicion])
    settle()

    assert the_case(suspicion).disposition is Disposition.CLEARED
    assert channel.calls == []


def test_a_car_that_left_before_its_turn_is_never_reminded(
    publisher: EventPublisher,
    channel: RecordingChannel,
    worker: Worker,
    settle: Callable[[], None],
    storage: Storage,
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    channel.before_answer = _raises(ChannelUnavailableError("down"))
    publisher.publish([suspicion])
    settle()
    publisher.publish([a_departure(suspicion, NOON + seconds(5))])
    channel.before_answer = lambda: None
    settle()

    assert channel.accepted == {}
    assert the_case(suspicion).disposition is Disposition.CLEARED


def test_an_unreachable_channel_is_tried_again_with_the_same_key(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
) -> None:
    channel.before_answer = _raises(ChannelUnavailableError("down"))
    publisher.publish([a_suspicion()])
    settle()
    channel.before_answer = lambda: None
    clock.advance(seconds(60))
    settle()

    assert len(channel.calls) == 2
    assert len(set(channel.calls)) == len(channel.accepted) == 1


def test_a_channel_that_stays_away_asks_the_operator(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    channel.before_answer = _raises(ChannelUnavailableError("down"))
    publisher.publish([suspicion])
    for _ in range(9):
        settle()
        clock.advance(seconds(61))

    assert len(channel.calls) == 8
    assert the_case(suspicion).asks_operator
    assert the_case(suspicion).no_reminder_cause == "not_delivered"


def test_a_refused_message_asks_the_operator(
    publisher: EventPublisher,
    channel: RecordingChannel,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    channel.before_answer = lambda: Refused(detail="number gone")
    publisher.publish([suspicion])
    settle()

    case = the_case(suspicion)
    assert case.status is CaseStatus.SUSPECTED
    assert case.no_reminder_cause == "not_delivered"
    assert case.asks_operator


def test_an_uncertain_message_is_never_sent_again_and_gives_no_grace(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    channel.before_answer = _raises(SendUncertainError("time-out"))
    publisher.publish([suspicion])
    settle()
    publisher.publish([a_sighting(suspicion, NOON + seconds(300))])
    clock.advance(seconds(300))
    settle()

    assert len(channel.calls) == 1
    case = the_case(suspicion)
    assert case.status is CaseStatus.REMINDER_UNCERTAIN
    assert case.asks_operator
    assert case.grace_ends_at is None


def test_without_a_receipt_grace_runs_from_the_end_of_the_wait_for_it(
    publisher: EventPublisher,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    for _ in range(10):
        settle()
        assert the_case(suspicion).status is CaseStatus.REMINDER_DUE
        clock.advance(seconds(1))
    settle()

    case = the_case(suspicion)
    assert case.status is CaseStatus.GRACE
    assert case.reminder_delivered_at is None
    assert case.grace_ends_at == NOON + seconds(10 + GRACE_S)


def test_a_failure_told_late_takes_the_reminder_credit_back(
    publisher: EventPublisher,
    storage: Storage,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    for _ in range(45):
        settle()
        clock.advance(seconds(1))
    publisher.publish([a_sighting(suspicion, NOON + seconds(40))])
    settle()
    assert the_case(suspicion).status is CaseStatus.IN_REVIEW

    _call_back(storage, f"{the_case(suspicion).reminder_key} failed")
    settle()

    assert the_case(suspicion).disposition is Disposition.WITHDRAWN


def test_late_repeated_and_forged_receipts_do_no_harm(
    reminded: ViolationSuspected,
    storage: Storage,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    before = the_case(reminded)
    for word in ("delivered", "accepted", "failed", "delivered"):
        _call_back(storage, f"{before.reminder_key} {word}")
    _call_back(storage, "reminder:forged:1 delivered")
    settle()

    assert the_case(reminded) == before


def test_a_drivers_word_is_kept_but_ends_nothing(
    reminded: ViolationSuspected,
    storage: Storage,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    case = the_case(reminded)
    _call_back(storage, f"{case.reminder_key} left")
    settle()

    with storage.begin() as uow:
        (reminder,) = uow.outbox.of_case(case.id)
    assert reminder.answer == "left"
    assert the_case(reminded).status is CaseStatus.GRACE


def test_the_same_suspicion_told_twice_is_one_case_and_one_reminder(
    reminded: ViolationSuspected,
    publisher: EventPublisher,
    channel: RecordingChannel,
    settle: Callable[[], None],
    storage: Storage,
) -> None:
    publisher.publish([reminded, reminded])
    settle()

    with storage.begin() as uow:
        assert len(uow.cases.find()) == 1
    assert len(channel.accepted) == 1


def test_every_change_of_a_case_is_in_its_audit_chain(
    reminded: ViolationSuspected,
    storage: Storage,
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    case_id: UUID = the_case(reminded).id
    with storage.begin() as uow:
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


def _raises(error: Exception) -> Callable[[], SendResult | None]:
    def fail() -> SendResult | None:
        raise error

    return fail


def _call_back(storage: Storage, body: str) -> None:
    with storage.begin() as uow:
        uow.registry.add_request(RequestKind.PHONE_CALLBACK, body)
        uow.commit()


def test_a_departure_far_behind_in_the_backlog_still_stops_the_reminder(
    publisher: EventPublisher,
    channel: RecordingChannel,
    worker: Worker,
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    sightings = [a_sighting(suspicion, NOON + seconds(n / 100)) for n in range(1, 600)]
    publisher.publish([suspicion, *sightings, a_departure(suspicion, NOON + seconds(7))])
    worker.run_once()

    assert channel.calls == []
    assert the_case(suspicion).disposition is Disposition.CLEARED


def test_an_old_suspicion_reminds_nobody_until_the_car_is_seen_again(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    clock.advance(seconds(120))
    settle()
    assert channel.calls == []

    publisher.publish([a_sighting(suspicion, NOON + seconds(119))])
    settle()
    assert len(channel.calls) == 1


def test_a_case_that_ends_between_claim_and_call_is_not_reminded(
    publisher: EventPublisher,
    channel: RecordingChannel,
    worker: Worker,
    storage: Storage,
    delivery: Delivery,
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    channel.before_answer = _raises(ChannelUnavailableError("down"))
    publisher.publish([suspicion])
    worker.run_once()
    channel.before_answer = lambda: None
    channel.calls.clear()
    case = the_case(suspicion)
    with storage.begin() as uow:
        reminder = uow.outbox.get(case.reminder_key)
        assert reminder is not None
        sending = replace(reminder, status=DeliveryStatus.SENDING)
        uow.outbox.save(sending)
        uow.cases.save(replace(case, left_at=NOON + seconds(3)))
        uow.commit()
    delivery.carry(DueReminder(key=reminder.key, epoch=1, attempts=2), sending)

    assert channel.calls == []
    with storage.read() as uow:
        (ended,) = uow.outbox.of_case(case.id)
    assert ended.status is DeliveryStatus.CANCELLED


def test_text_and_phone_are_those_of_one_plate_whatever_is_read_meanwhile(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    channel.before_answer = _raises(ChannelUnavailableError("down"))
    publisher.publish([suspicion])
    settle()
    other = PlateReading(status=PlateStatus.AGREED, text="鄂B99999", agreeing=9, reads=9)
    publisher.publish([a_sighting(suspicion, NOON + seconds(1), other)])
    channel.before_answer = lambda: None
    channel.calls.clear()
    clock.advance(seconds(10))
    settle()

    assert channel.calls == []
    assert the_case(suspicion).asks_operator
    assert the_case(suspicion).no_reminder_cause == "plate_doubtful"


def test_a_receipt_that_comes_after_the_wait_still_gives_the_whole_grace(
    publisher: EventPublisher,
    channel: RecordingChannel,
    storage: Storage,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    for _ in range(29):
        settle()
        clock.advance(seconds(1))
    _call_back(storage, f"{the_case(suspicion).reminder_key} delivered")
    settle()

    case = the_case(suspicion)
    assert case.grace_ends_at == NOON + seconds(29 + GRACE_S)
    assert case.reminder_delivered_at == NOON + seconds(29)


def test_a_provider_that_cannot_be_asked_gives_no_grace(
    publisher: EventPublisher,
    channel: RecordingChannel,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    settle()
    with monkeypatch.context() as away:
        away.setattr(channel, "fetch_receipt", lambda _ref: _raises(ChannelUnavailableError("?"))())
        for _ in range(15):
            clock.advance(seconds(1))
            settle()
        assert the_case(suspicion).status is CaseStatus.REMINDER_DUE
    channel.receipts[the_case(suspicion).reminder_key] = DeliveryStatus.FAILED
    clock.advance(seconds(2))
    settle()

    assert the_case(suspicion).no_reminder_cause == "not_delivered"


def test_a_failure_that_turns_out_to_be_a_delivery_gives_its_grace(
    publisher: EventPublisher,
    channel: RecordingChannel,
    storage: Storage,
    clock: ManualClock,
    settle: Callable[[], None],
    the_case: Callable[[ViolationSuspected], Case],
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    settle()
    key = the_case(suspicion).reminder_key
    _call_back(storage, f"{key} failed")
    settle()
    assert the_case(suspicion).asks_operator
    _call_back(storage, f"{key} delivered")
    settle()

    assert the_case(suspicion).status is CaseStatus.GRACE
    assert not the_case(suspicion).asks_operator
    assert len(channel.accepted) == 1
