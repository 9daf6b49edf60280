"""What a channel promises: each key is accepted once, and what is not certain is said to be so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pipeline.errors import PermanentError, RetryableError
from pipeline.reminder import Failure, Receipt

__all__ = [
    "Accepted",
    "Answer",
    "Callback",
    "Channel",
    "ChannelUnavailableError",
    "Message",
    "Refused",
    "SendResult",
    "SendUncertainError",
    "Sent",
    "UnreadableCallbackError",
]


class ChannelUnavailableError(RetryableError):
    """The provider certainly did not take the message; it may be sent again."""


class SendUncertainError(PermanentError):
    """Nobody knows whether the provider took it; sending it again could reach the phone twice."""


class UnreadableCallbackError(PermanentError):
    """A call-back that is not from this provider, or not of its form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What to send; `key` is the same on every try of one message.

    `push` is the subscription of the driver's browser, where there is one. `text` is the whole
    wording. Providers that hold approved wordings of their own take the name
    of ours, `template`, and its `fields` instead.
    """

    key: str
    phone: str
    text: str
    template: str = "reminder"
    fields: Mapping[str, str] = field(default_factory=dict)
    push: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took the message and calls it `provider_ref`."""

    provider_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider will never take this message."""

    detail: str
    failure: Failure = Failure.PERMANENT


SendResult = Accepted | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that a provider took: what one needs to ask what became of it."""

    key: str
    provider_ref: str
    phone: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What a provider sent to us, as raw as it came; names of headers are in lower case.

    `received_at` is when the web took it in, by the database's time; it may be read much later.
    """

    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime | None = None


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
            SendUncertainError: perhaps taken; look it up before anything else.
        """
        ...

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:
        """Whether the provider took a message whose sender died; None when it certainly did not.

        Raises:
            ChannelUnavailableError: not known yet; ask again later.
            SendUncertainError: this provider can never tell.
        """
        ...

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """What became of a message; None when the provider does not know yet.

        Raises:
            ChannelUnavailableError: ask again later.
        """
        ...

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """Understand a call-back of the provider, and see that it is the provider's.

        Raises:
            UnreadableCallbackError: it is none of ours, or not what it says it is.
        """
        ...
