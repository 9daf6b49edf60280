"""The channels of a machine by kind."""

import pytest

from pipeline.clock import ManualClock
from pipeline.errors import PermanentError
from pipeline.notify import Channels
from pipeline.policy.entries import ChannelKind
from tests.fakes import RecordingChannel


def a_channel(name: str, clock: ManualClock, *, is_repeatable: bool = True) -> RecordingChannel:
    channel = RecordingChannel(clock)
    channel.name, channel.is_repeatable = name, is_repeatable
    return channel


def test_a_single_one_of_no_kind_stands_for_all(clock: ManualClock) -> None:
    phones = a_channel("phones", clock)
    channels = Channels(phones)

    assert channels.kinds == frozenset(ChannelKind)
    assert channels.of("voice") is channels.of("sms") is channels.named("phones") is phones


def test_each_kind_has_its_own(clock: ManualClock) -> None:
    voice, sms = a_channel("voice", clock), a_channel("sms", clock, is_repeatable=False)
    channels = Channels(voice, sms)

    assert channels.kinds == {"voice", "sms"}
    assert (channels.of("sms"), channels.of("push")) == (sms, None)
    assert (channels.named("voice"), channels.named("phones")) == (voice, None)
    assert not channels.are_repeatable


@pytest.mark.parametrize("names", [[], ["sms", "phones"], ["phones", "others"], ["sms", "sms"]])
def test_what_cannot_be_told_apart_is_refused(clock: ManualClock, names: list[str]) -> None:
    with pytest.raises(PermanentError, match="give one of each kind"):
        Channels(*(a_channel(name, clock) for name in names))
