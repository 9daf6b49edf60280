"""What a bus promises, whichever technology carries it.

Publishing: when `publish` returns, the event survives the death of any process of ours; events of
one camera keep their order. Consuming: at least once, from a position that the consumer's own
database remembers; the bus never moves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import PermanentError, RetryableError
from pipeline.events.envelope import Envelope, Event

__all__ = [
    "BusError",
    "BusPositionError",
    "BusUnavailableError",
    "EventPublisher",
    "EventSubscriber",
    "RawBatch",
    "SpoolingPublisher",
]


class BusUnavailableError(RetryableError):
    """The bus cannot be reached or its disk is full; nothing was published."""


class BusError(PermanentError):
    """The bus is not what its URL says."""


class BusPositionError(PermanentError):
    """The wanted position is not on the bus: records were lost or expired; a person must act."""


class EventPublisher(Protocol):
    """Gives each event its id and puts it on the bus."""

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        """Publish in order, keyed by camera id; returns what stands on the bus.

        Raises:
            BusUnavailableError: nothing was published; the same call may be made again.
        """
        ...

    def close(self) -> None:
        """Release the bus."""
        ...


class SpoolingPublisher(EventPublisher, Protocol):
    """A publisher that may keep what is published on this machine, while the bus is away."""

    def waiting(self) -> int:
        """How many published events are not on the bus yet; any thread may ask.

        Raises:
            BusUnavailableError: it cannot be found out now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBatch:
    """Consecutive raw messages of one partition; `first_offset` is the offset of the first."""

    topic: str
    partition: int
    first_offset: int
    messages: tuple[bytes, ...]

    @property
    def next_offset(self) -> int:
        """The offset after the last message."""
        return self.first_offset + len(self.messages)


class EventSubscriber(Protocol):
    """Hands out the messages of the partitions given to this consumer."""

    topic: str

    def assigned(self) -> frozenset[int]:
        """The partitions that are this consumer's now; changes as consumers come and go."""
        ...

    def fetch(self, partition: int, offset: int, *, limit: int) -> RawBatch:
        """Up to `limit` messages from `offset` on; empty when there are none yet.

        Raises:
            BusPositionError: `offset` lies outside what the bus holds.
            BusUnavailableError: try again later.
        """
        ...

    def backlog(self, partition: int, offset: int) -> int:
        """How many messages of an assigned partition stand on the bus from `offset` on.

        As far as is known without asking another machine.

        Raises:
            BusUnavailableError: it cannot be found out now.
        """
        ...

    def close(self) -> None:
        """Give the partitions back."""
        ...
