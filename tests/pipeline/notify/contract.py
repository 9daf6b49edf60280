"""What every channel must do, whichever provider is behind it."""

from pipeline.notify import Accepted, Channel, Message, Sent
from tests.builders import NOON


def a_message(key: str = "reminder:1:1", text: str = "please move") -> Message:
    return Message(key=key, phone="13800000001", text=text)


def sent(provider_ref: str, key: str = "reminder:1:1") -> Sent:
    return Sent(key=key, provider_ref=provider_ref, phone="13800000001", accepted_at=NOON)


class ChannelContract:
    """Subclass it with a `channel` fixture that delivers after 2 s."""

    def test_the_same_key_is_accepted_once(self, channel: Channel) -> None:
        first = channel.send(a_message())
        again = channel.send(a_message(text="other words"))
        other = channel.send(a_message("reminder:1:2"))

        assert isinstance(first, Accepted)
        assert first == again != other

    def test_a_receipt_is_not_given_before_its_time(self, channel: Channel) -> None:
        accepted = channel.send(a_message())
        assert isinstance(accepted, Accepted)

        assert channel.fetch_receipt(sent(accepted.provider_ref)) is None
        assert channel.fetch_receipt(sent("unknown")) is None

    def test_what_it_took_is_found_again_by_its_key(self, channel: Channel) -> None:
        accepted = channel.send(a_message())

        assert channel.look_up(a_message(), since=NOON) == accepted
        assert channel.look_up(a_message("reminder:1:2"), since=NOON) is None
