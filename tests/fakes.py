"""Stand-ins for ports that reach outside: a channel and a contact book."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import SecretStr

from pipeline.clock import Clock
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Channel,
    Message,
    SendResult,
    SendUncertainError,
    Sent,
    UnreadableCallbackError,
)
from pipeline.notify.contacts import Contact
from pipeline.reminder import DeliveryStatus, Failure, Receipt


class RecordingChannel:
    """Accepts each key once and remembers it; receipts are scripted by the test."""

    name = "recording"
    is_repeatable = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.accepted: dict[str, datetime] = {}
        self.calls: list[str] = []
        self.receipts: dict[str, DeliveryStatus] = {}
        self.before_answer: Callable[[], SendResult | None] = lambda: None
        self.delivers_at_once = False
        self.failure = Failure.PERMANENT

    def send(self, message: Message) -> SendResult:
        self.calls.append(message.key)
        scripted = self.before_answer()
        if scripted is not None:
            return scripted
        self.accepted.setdefault(message.key, self._clock.now())
        if self.delivers_at_once:
            self.receipts[message.key] = DeliveryStatus.DELIVERED
        return Accepted(provider_ref=message.key)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        if not self.is_repeatable:
            raise SendUncertainError("it knows no keys")
        is_known = message.key in self.accepted
        return Accepted(provider_ref=message.key) if is_known else None

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        status = self.receipts.get(sent.provider_ref)
        return None if status is None else self._receipt(sent.provider_ref, status)

    def read_callback(self, callback: Callback) -> list[Receipt | Answer]:
        key, _, word = callback.body.partition(" ")
        if key not in self.accepted:
            raise UnreadableCallbackError("unknown key")
        if word not in set(DeliveryStatus):
            return [Answer(provider_ref=key, text=word)]
        return [self._receipt(key, DeliveryStatus(word))]

    def _receipt(self, provider_ref: str, status: DeliveryStatus) -> Receipt:
        return Receipt(
            provider_ref=provider_ref,
            status=status,
            provider_at=self._clock.now(),
            failure=self.failure if status is DeliveryStatus.FAILED else None,
        )


class DictContactBook:
    """A contact book of a few plates."""

    def __init__(self, *plates: str, opted_out: bool = False) -> None:
        self._contacts = {
            plate: Contact(phone=SecretStr("13800000001"), is_opted_out=opted_out)
            for plate in plates
        }

    def find(self, plate_text: str) -> Contact | None:
        return self._contacts.get(plate_text)


class Killed(BaseException):
    """The process is gone; nothing after this point ran."""


class PassingChannel:
    """A channel whose caller passes named points, at which it may die."""

    def __init__(self, provider: Channel, passing: Callable[[str], None]) -> None:
        self._provider, self._passing = provider, passing
        self.name, self.is_repeatable = provider.name, provider.is_repeatable

    def send(self, message: Message) -> SendResult:
        self._passing("before send")
        result = self._provider.send(message)
        self._passing("after send")
        return result

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:
        return self._provider.look_up(message, since=since)

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        return self._provider.fetch_receipt(sent)

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        return self._provider.read_callback(callback)
