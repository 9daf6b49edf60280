"""A worker whose provider takes every reminder at once, and who knows a phone for each plate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from pipeline.bus import open_subscriber
from pipeline.clock import SystemClock
from pipeline.delivery import Delivery
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Message,
    SendResult,
    SendUncertainError,
    Sent,
    UnreadableCallbackError,
)
from pipeline.notify.channels import Channels
from pipeline.notify.contacts import Contact
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder import DeliveryStatus, Receipt
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage
from pipeline.worker import Worker

__all__ = ["EverybodyBook", "QuickProvider", "phone_of", "quick_worker"]


def phone_of(plate_text: str) -> str:
    """The phone of a plate."""
    return f"138000{plate_text[-5:]}"


class EverybodyBook:
    """A `ContactBook` in which each plate has a phone that ends like it."""

    def find(self, plate_text: str) -> Contact | None:
        """The phone of a plate."""
        return Contact(phone=SecretStr(phone_of(plate_text)))


@dataclass(slots=True)
class QuickProvider:
    """A `Channel` that takes everything at once and notes when each phone got its first message."""

    name: str = "quick"
    is_repeatable: bool = True
    taken_at: dict[str, datetime] = field(default_factory=dict)

    def send(self, message: Message) -> SendResult:
        """Take it."""
        self.taken_at.setdefault(message.phone, SystemClock().now())
        return Accepted(provider_ref=message.key)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:
        """Nobody asks: the same key may be sent again."""
        raise SendUncertainError(f"{message.key}: perhaps taken since {since}")

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """It was delivered."""
        return Receipt(
            provider_ref=sent.provider_ref,
            status=DeliveryStatus.DELIVERED,
            provider_at=SystemClock().now(),
        )

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """Nobody calls back."""
        raise UnreadableCallbackError(f"{len(callback.body)} bytes from nobody")


def quick_worker(bus_url: str, storage: Storage, channel: QuickProvider) -> Worker:
    """A worker under the rulebook of the demo; its sites must be in `storage`."""
    queue = ReminderQueue(
        storage=storage,
        contacts=EverybodyBook(),
        rulebook=load_rulebook("demo"),
        calendar=load_calendar(),
        agency=Agency(name="演示交警", phone="000-0000"),
        kinds=Channels(channel).kinds,
    )
    return Worker(
        subscriber=open_subscriber(bus_url),
        storage=storage,
        queue=queue,
        delivery=Delivery(storage=storage, channels=Channels(channel), queue=queue),
    )
