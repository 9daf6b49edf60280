"""What fails on the way is noted, and passed on as it is."""

from datetime import timedelta

import pytest

from pipeline.clock import ManualClock
from pipeline.failures import REGISTER, Failed, Failures, WatchedChannel, WatchedContactBook
from pipeline.notify.channel import (
    Accepted,
    Callback,
    ChannelUnavailableError,
    Message,
    Refused,
    SendResult,
    SendUncertainError,
    Sent,
)
from pipeline.notify.contacts import Contact, RegisterUnavailableError
from pipeline.reminder import DeliveryStatus, Failure
from tests.builders import NOON, PLATE, seconds
from tests.fakes import DictContactBook, RecordingChannel

MESSAGE = Message(key="k", phone="13800000001", text="t")
SENT = Sent(key="k", provider_ref="k", phone="13800000001", accepted_at=NOON)
WITHIN = timedelta(minutes=10)


@pytest.fixture
def failures(clock: ManualClock) -> Failures:
    return Failures(clock)


@pytest.fixture
def watched(channel: RecordingChannel, failures: Failures) -> WatchedChannel:
    return WatchedChannel(channel, failures)


def counts(failures: Failures) -> dict[str, int]:
    return {what: one.count for what, one in failures.of_late(WITHIN).items()}


def test_only_failures_of_late_count_and_the_oldest_tells_for_how_long(
    failures: Failures, clock: ManualClock
) -> None:
    for _ in range(3):
        failures.note("sms")
        clock.advance(timedelta(minutes=4))

    assert failures.of_late(WITHIN) == {"sms": Failed(count=2, for_time=timedelta(minutes=8))}
    clock.advance(WITHIN)
    assert failures.of_late(WITHIN) == {}


def test_a_channel_that_works_is_a_channel_as_before(
    watched: WatchedChannel, channel: RecordingChannel, failures: Failures
) -> None:
    channel.delivers_at_once = True

    assert watched.send(MESSAGE) == Accepted(provider_ref="k")
    assert watched.look_up(MESSAGE, since=NOON) == Accepted(provider_ref="k")
    receipt = watched.fetch_receipt(SENT)
    assert receipt is not None
    assert receipt.status is DeliveryStatus.DELIVERED
    assert watched.read_callback(Callback(body="k left"))
    assert (watched.name, watched.is_repeatable) == ("recording", True)
    assert counts(failures) == {}


@pytest.mark.parametrize("error", [ChannelUnavailableError("away"), SendUncertainError("perhaps")])
def test_a_message_that_does_not_come_through_is_noted(
    watched: WatchedChannel,
    channel: RecordingChannel,
    failures: Failures,
    error: Exception,
) -> None:
    def fail() -> SendResult:
        raise error

    channel.before_answer = fail
    with pytest.raises(type(error)):
        watched.send(MESSAGE)

    assert counts(failures) == {"recording": 1}


@pytest.mark.parametrize(
    ("failure", "noted"),
    [(Failure.TECHNICAL, 3), (Failure.PERMANENT, 0), (Failure.TEMPORARY, 0)],
)
def test_of_refusals_and_receipts_only_technical_ones_are_the_channels_fault(
    watched: WatchedChannel,
    channel: RecordingChannel,
    failures: Failures,
    failure: Failure,
    noted: int,
) -> None:
    watched.send(MESSAGE)
    channel.failure = failure
    channel.receipts["k"] = DeliveryStatus.FAILED
    watched.fetch_receipt(SENT)
    watched.read_callback(Callback(body="k failed"))
    channel.before_answer = lambda: Refused(detail="x", failure=failure)
    watched.send(MESSAGE)

    assert counts(failures).get("recording", 0) == noted


def test_questions_that_are_not_answered_are_noted(
    watched: WatchedChannel,
    channel: RecordingChannel,
    failures: Failures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ChannelUnavailableError("away")

    monkeypatch.setattr(channel, "look_up", fail)
    monkeypatch.setattr(channel, "fetch_receipt", fail)
    with pytest.raises(ChannelUnavailableError):
        watched.look_up(MESSAGE, since=NOON)
    with pytest.raises(ChannelUnavailableError):
        watched.fetch_receipt(SENT)

    assert counts(failures) == {"recording": 2}


class SilentRegister:
    def find(self, plate_text: str) -> Contact | None:  # noqa: ARG002
        raise RegisterUnavailableError("no answer")


def test_a_register_that_does_not_answer_is_noted_and_no_contact_is_none(
    failures: Failures, clock: ManualClock
) -> None:
    assert WatchedContactBook(DictContactBook(PLATE), failures).find(PLATE) is not None
    assert WatchedContactBook(DictContactBook(), failures).find(PLATE) is None
    assert counts(failures) == {}
    with pytest.raises(RegisterUnavailableError):
        WatchedContactBook(SilentRegister(), failures).find(PLATE)

    clock.advance(seconds(60))
    assert counts(failures) == {REGISTER: 1}
