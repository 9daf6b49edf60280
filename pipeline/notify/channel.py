"""What a channel promises: each key is accepted once, and what is not certain is said to be so."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import PermanentError, RetryableError
from pipeline.reminder import Receipt

__all__ = [
    "Accepted",
    "Answer",
    "Channel",
    "ChannelUnavailableError",
    "Message",
    "Refused",
    "SendResult",
    "SendUncertainError",
    "UnreadableCallbackError",
]


class ChannelUnavailableError(RetryableError):
    """The provider certainly did not take the message; it may be sent again."""


class SendUncertainError(PermanentError):
    """Nobody knows whether the provider took it, and asking again could send it twice."""


class UnreadableCallbackError(PermanentError):
    """A call-back that is not from this provider, or not of its form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What to send; `key` is the same on every try of one message."""

    key: str
    phone: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took the message and calls it `provider_ref`."""

    provider_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider will never take this message."""

    detail: str


SendResult = Accepted | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a driver told us by the channel; it is kept, but only the camera ends a case."""

    provider_ref: str
    text: str


class Channel(Protocol):
    """One way to reach a phone.

    Attributes:
        name: As it stands in records.
        is_repeatable: Sending the same key again never reaches the phone twice. Where it may, a
            message whose sender died is held and never sent again.
    """

    name: str
    is_repeatable: bool

    def send(self, message: Message) -> SendResult:
        """Hand the message to the provider.

        Raises:
            ChannelUnavailableError: certainly not taken; try again later.
            SendUncertainError: perhaps taken; must not be tried again.
        """
        ...

    def fetch_receipt(self, provider_ref: str) -> Receipt | None:
        """What became of a message; None when the provider does not know yet.

        Raises:
            ChannelUnavailableError: ask again later.
        """
        ...

    def read_callback(self, body: str) -> Receipt | Answer:
        """Understand a call-back of the provider.

        Raises:
            UnreadableCallbackError: it is none of ours.
        """
        ...
