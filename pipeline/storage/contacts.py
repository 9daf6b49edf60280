"""What storage keeps of contacts: keyed hashes and sealed texts, which it cannot read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.events.violation import VehicleClass

__all__ = ["MIXED_KEYS", "ContactCounts", "Contacts", "SealedContact"]

MIXED_KEYS = ""
"""In place of a key's id: not all of a contact was sealed by one key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedContact:
    """What is known under one plate's hash; without a phone only what people have said about it.

    Attributes:
        plate_hash: 32 bytes that stand for the plate.
        key_id: The key that sealed what is sealed; None where nothing is.
        phone: Sealed.
        push: A browser's subscription, sealed.
        vehicle_class: As registered.
        colour: As registered.
        is_opted_out: Does not want to be reminded.
        doubtful_since: When somebody said that the vehicle is not theirs.
        doubtful_reason: Their words, sealed.
    """

    plate_hash: bytes
    key_id: str | None = None
    phone: bytes | None = None
    push: bytes | None = None
    vehicle_class: VehicleClass | None = None
    colour: str | None = None
    is_opted_out: bool = False
    doubtful_since: datetime | None = None
    doubtful_reason: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCounts:
    """How many there are.

    Attributes:
        contacts: With a phone.
        opted_out: With or without one.
        doubtful: With or without one.
        sealed_by_others: Of all, those that are not sealed by the key that was asked about.
    """

    contacts: int
    opted_out: int
    doubtful: int
    sealed_by_others: int


class Contacts(Protocol):
    """Contacts, opt-outs and doubts, each under the keyed hash of its plate."""

    def get(self, plate_hash: bytes) -> SealedContact | None:
        """What is known of one plate."""
        ...

    def get_all(self, plate_hashes: Collection[bytes]) -> dict[bytes, SealedContact]:
        """What is known of some plates, by their hashes; those without anything are left out."""
        ...

    def put_all(self, contacts: Collection[SealedContact]) -> None:
        """Keep what a register says; opt-outs and doubts that stand there already stay."""
        ...

    def set_opted_out(self, plate_hash: bytes, *, is_opted_out: bool) -> None:
        """Keep whether this one wants no reminders, known contact or not."""
        ...

    def set_doubt(self, plate_hash: bytes, *, sealed_reason: bytes, key_id: str) -> None:
        """Keep since when the contact is doubtful, the first time, and why, the last time."""
        ...

    def drop_doubt(self, plate_hash: bytes) -> None:
        """Trust the contact again."""
        ...

    def sealed_by_others(self, key_id: str, *, after: bytes, limit: int) -> list[SealedContact]:
        """Contacts with something sealed by another key than this, whose hash comes after `after`.

        In the order of their hashes; nobody else changes them until this transaction ends.
        """
        ...

    def reseal_all(self, contacts: Sequence[SealedContact]) -> None:
        """Keep the same contacts sealed by another key."""
        ...

    def count(self, key_id: str) -> ContactCounts:
        """How many there are, and how many of them are not sealed by this key."""
        ...

    def fingerprint(self) -> str | None:
        """That of the key that made the hashes; None when there is nothing yet."""
        ...

    def keep_fingerprint(self, fingerprint: str) -> str:
        """Keep it if there is none yet; returns the one that stands."""
        ...
