"""Stand-ins for ports that reach outside: a channel and a contact book."""

from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr

from pipeline.clock import Clock
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Channel,
    Message,
    SendResult,
    UnreadableCallbackError,
)
from pipeline.notify.contacts import Contact
from pipeline.reminder import DeliveryStatus, Receipt


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

    def send(self, message: Message) -> SendResult:
        self.calls.append(message.key)
        scripted = self.before_answer()
        if scripted is not None:
            return scripted
        self.accepted.setdefault(message.key, self._clock.now())
        if self.delivers_at_once:
            self.receipts[message.key] = DeliveryStatus.DELIVERED
        return Accepted(provider_ref=message.key)

    def fetch_receipt(self, provider_ref: str) -> Receipt | None:
        status = self.receipts.get(provider_ref)
        if status is None:
            return None
        return Receipt(provider_ref=provider_ref, status=status, provider_at=self._clock.now())

    def read_callback(self, body: str) -> Receipt | Answer:
        key, _, word = body.partition(" ")
        if key not in self.accepted:
            raise UnreadableCallbackError("unknown key")
        if word in {"moving", "left"}:
            return Answer(provider_ref=key, text=word)
        return Receipt(provider_ref=key, status=DeliveryStatus(word), provider_at=self._clock.now())


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

    def fetch_receipt(self, provider_ref: str) -> Receipt | None:
        return self._provider.fetch_receipt(provider_ref)

    def read_callback(self, body: str) -> Receipt | Answer:
        return self._provider.read_callback(body)
