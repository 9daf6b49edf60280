"""The channels of this machine, by the kind of way they are."""

from pipeline.errors import PermanentError
from pipeline.notify.channel import Channel
from pipeline.policy.entries import ChannelKind

__all__ = ["Channels"]


class Channels:
    """Finds the channel of a kind; one that is of no kind, as the demo's phones, stands for all.

    Attributes:
        all: Each of them once.
        kinds: The ways by which drivers can be reached from here.
    """

    def __init__(self, *channels: Channel) -> None:
        """Take channels of different names.

        Raises:
            PermanentError: none, two of one kind, or one that stands for all beside others.
        """
        names = [one.name for one in channels]
        own = {kind: one for one in channels for kind in ChannelKind if kind == one.name}
        if len(own) not in {0, len(channels)} or (not own and len(channels) != 1):
            raise PermanentError(
                f"channels {', '.join(names) or 'none'}: give one of each kind "
                f"({', '.join(ChannelKind)}), or a single one that stands for all"
            )
        self._channels = own or dict.fromkeys(ChannelKind, channels[0])
        self.all = channels
        self.kinds = frozenset(self._channels)

    @property
    def are_repeatable(self) -> bool:
        """Whether each of them takes the same key once, however often it is sent."""
        return all(one.is_repeatable for one in self.all)

    def of(self, kind: str) -> Channel | None:
        """The channel of a kind; None when this machine has none."""
        return self._channels.get(ChannelKind(kind))

    def named(self, name: str) -> Channel | None:
        """The channel whose provider calls us back under this name."""
        return next((one for one in self.all if one.name == name), None)
