import json
from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.errors import PermanentError
from pipeline.notify import (
    Accepted,
    Answer,
    Callback,
    Channel,
    ChannelUnavailableError,
    UnreadableCallbackError,
    open_channel,
)
from pipeline.reminder import DeliveryStatus, Receipt
from tests.builders import seconds
from tests.pipeline.notify.contract import RepeatableContract, a_message, sent


@pytest.fixture
def channel(tmp_path: Path, clock: ManualClock) -> Channel:
    return open_channel(f"phones:{tmp_path}/phones?delivered_after_s=2", clock=clock)


def _ref(channel: Channel) -> str:
    accepted = channel.send(a_message())
    assert isinstance(accepted, Accepted)
    return accepted.provider_ref


class TestPhones(RepeatableContract):
    def test_a_message_is_delivered_after_its_time(
        self, channel: Channel, clock: ManualClock
    ) -> None:
        ref = _ref(channel)
        clock.advance(seconds(2))
        receipt = channel.fetch_receipt(sent(ref))

        assert receipt is not None
        assert receipt.status is DeliveryStatus.DELIVERED

    def test_without_a_time_only_the_page_delivers(
        self, tmp_path: Path, clock: ManualClock
    ) -> None:
        channel = open_channel(f"phones:{tmp_path}/phones", clock=clock)
        ref = _ref(channel)
        clock.advance(seconds(9999))

        assert channel.fetch_receipt(sent(ref)) is None

    @pytest.mark.parametrize("action", ["delivered", "failed"])
    def test_the_page_gives_receipts_at_will(self, channel: Channel, action: str) -> None:
        ref = _ref(channel)
        (told,) = channel.read_callback(
            Callback(body=json.dumps({"key": "reminder:1:1", "action": action}))
        )

        assert isinstance(told, Receipt)
        assert (told.provider_ref, told.status) == (ref, DeliveryStatus(action))

    def test_the_page_lets_the_driver_answer(self, channel: Channel) -> None:
        ref = _ref(channel)
        (told,) = channel.read_callback(
            Callback(body='{"key": "reminder:1:1", "action": "moving"}')
        )

        assert told == Answer(provider_ref=ref, text="moving")

    @pytest.mark.parametrize(
        "body",
        [
            "no JSON",
            "[]",
            '{"key": "reminder:1:1", "action": "pay"}',
            '{"key": "x", "action": "left"}',
        ],
    )
    def test_a_forged_call_back_is_refused(self, channel: Channel, body: str) -> None:
        _ref(channel)

        with pytest.raises(UnreadableCallbackError):
            channel.read_callback(Callback(body=body))

    def test_a_folder_that_cannot_be_written_is_a_passing_fault(
        self, tmp_path: Path, clock: ManualClock
    ) -> None:
        (tmp_path / "phones").touch()
        channel = open_channel(f"phones:{tmp_path}/phones", clock=clock)

        with pytest.raises(ChannelUnavailableError):
            channel.send(a_message())


def test_an_unknown_kind_of_channel_is_refused(clock: ManualClock) -> None:
    with pytest.raises(PermanentError, match="use phones:FOLDER"):
        open_channel("smoke:signals", clock=clock)
