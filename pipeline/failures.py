"""What failed of late in this process: a channel for technical reasons, the register.

Wrappers note it on the way, so that neither who sends nor who asks knows of alerts.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from pipeline.clock import Clock
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Channel,
    ChannelUnavailableError,
    Message,
    Refused,
    SendResult,
    SendUncertainError,
    Sent,
)
from pipeline.notify.contacts import Contact, ContactBook, RegisterUnavailableError
from pipeline.reminder import Failure, Receipt

__all__ = ["REGISTER", "Failed", "Failures", "WatchedChannel", "WatchedContactBook"]

REGISTER = ""
"""In place of a channel's name: it was the register that failed."""
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """How often something failed in a span of time, and for how long it has."""

    count: int
    for_time: timedelta


class Failures:
    """Remembers the latest failures; threads may share it."""

    def __init__(self, clock: Clock) -> None:
        """Remember none; only this clock measures how long ago one was."""
        self._clock = clock
        self._lock = Lock()
        self._noted: deque[tuple[datetime, str]] = deque(maxlen=_MOST)

    def note(self, what: str) -> None:
        """A channel failed, by its name, or the `REGISTER`."""
        with self._lock:
            self._noted.append((self._clock.now(), what))

    def of_late(self, within: timedelta) -> dict[str, Failed]:
        """What failed in the last span of this length."""
        now = self._clock.now()
        with self._lock:
            noted = [(now - at, what) for at, what in self._noted if now - at < within]
        ages: dict[str, list[timedelta]] = {}
        for age, what in noted:
            ages.setdefault(what, []).append(age)
        return {what: Failed(count=len(of), for_time=max(of)) for what, of in ages.items()}


class WatchedChannel:
    """A channel whose technical failures are noted; see `Channel`."""

    def __init__(self, channel: Channel, failures: Failures) -> None:
        """Pass everything on to `channel`."""
        self._channel, self._failures = channel, failures
        self.name, self.is_repeatable = channel.name, channel.is_repeatable

    def send(self, message: Message) -> SendResult:
        """Hand the message to the provider; see `Channel.send`."""
        try:
            result = self._channel.send(message)
        except (ChannelUnavailableError, SendUncertainError):
            self._failures.note(self.name)
            raise
        if isinstance(result, Refused):
            self._weigh(result.failure)
        return result

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:
        """Whether the provider took a message; see `Channel.look_up`."""
        try:
            return self._channel.look_up(message, since=since)
        except ChannelUnavailableError:
            self._failures.note(self.name)
            raise

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """What became of a message; see `Channel.fetch_receipt`."""
        try:
            receipt = self._channel.fetch_receipt(sent)
        except ChannelUnavailableError:
            self._failures.note(self.name)
            raise
        self._weigh(receipt.failure if receipt else None)
        return receipt

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """Understand a call-back; see `Channel.read_callback`."""
        told = self._channel.read_callback(callback)
        for one in told:
            self._weigh(one.failure if isinstance(one, Receipt) else None)
        return told

    def _weigh(self, failure: Failure | None) -> None:
        if failure is Failure.TECHNICAL:
            self._failures.note(self.name)


class WatchedContactBook:
    """A register whose silences are noted; see `ContactBook`."""

    def __init__(self, book: ContactBook, failures: Failures) -> None:
        """Pass every question on to `book`."""
        self._book, self._failures = book, failures

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        try:
            return self._book.find(plate_text)
        except RegisterUnavailableError:
            self._failures.note(REGISTER)
            raise
