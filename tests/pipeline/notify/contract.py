"""What every channel must do, whichever provider is behind it."""

import pytest

from pipeline.notify import (
    Accepted,
    Callback,
    Channel,
    ChannelUnavailableError,
    Message,
    SendUncertainError,
    Sent,
    UnreadableCallbackError,
)
from tests.builders import NOON

PHONE = "13800000001"
FIELDS = {"plate": "鄂A12345", "place": "中山路 8 号", "minutes": "10"}


def a_message(
    key: str = "reminder:1:1", text: str = "please move", *, phone: str = PHONE
) -> Message:
    return Message(key=key, phone=phone, text=text, fields=FIELDS)


def sent(provider_ref: str, key: str = "reminder:1:1") -> Sent:
    return Sent(key=key, provider_ref=provider_ref, phone=PHONE, accepted_at=NOON)


class ChannelContract:
    """Subclass it with a `channel` fixture, behind which nothing is delivered at once."""

    def test_what_it_takes_has_a_name_of_its_own(self, channel: Channel) -> None:
        one, other = channel.send(a_message()), channel.send(a_message("reminder:1:2"))

        assert isinstance(one, Accepted)
        assert isinstance(other, Accepted)
        assert one.provider_ref
        assert one != other

    def test_a_receipt_is_not_given_before_its_time(self, channel: Channel) -> None:
        accepted = channel.send(a_message())
        assert isinstance(accepted, Accepted)

        assert channel.fetch_receipt(sent(accepted.provider_ref)) is None
        assert channel.fetch_receipt(sent("unknown", key="reminder:1:2")) is None

    def test_what_it_took_is_found_again_or_nobody_can_tell(self, channel: Channel) -> None:
        accepted = channel.send(a_message())

        try:
            assert channel.look_up(a_message(), since=NOON) == accepted
        except (SendUncertainError, ChannelUnavailableError):
            assert not channel.is_repeatable

    def test_what_it_did_not_take_is_never_found(self, channel: Channel) -> None:
        channel.send(a_message())

        try:
            assert channel.look_up(a_message("reminder:1:2"), since=NOON) is None
        except (SendUncertainError, ChannelUnavailableError):
            assert not channel.is_repeatable

    @pytest.mark.parametrize("body", ["", "no JSON", "{}", "[{}]", "<html>", "null", "[1]"])
    def test_a_call_back_of_somebody_else_is_refused(self, channel: Channel, body: str) -> None:
        with pytest.raises(UnreadableCallbackError) as refused:
            channel.read_callback(Callback(body=body, query={"token": "guessed"}))

        assert PHONE not in str(refused.value)


class RepeatableContract(ChannelContract):
    """The channel may be given the same message again."""

    def test_the_same_key_is_accepted_once(self, channel: Channel) -> None:
        first = channel.send(a_message())
        again = channel.send(a_message(text="other words"))
        other = channel.send(a_message("reminder:1:2"))

        assert channel.is_repeatable
        assert isinstance(first, Accepted)
        assert first == again != other

    def test_what_it_took_is_found_again_by_its_key(self, channel: Channel) -> None:
        accepted = channel.send(a_message())

        assert channel.look_up(a_message(), since=NOON) == accepted
        assert channel.look_up(a_message("reminder:1:2"), since=NOON) is None
