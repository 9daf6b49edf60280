"""The reminder: a message to the registered contact, no record and no penalty."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

__all__ = ["NOT_MINE", "STOP", "DeliveryStatus", "Failure", "Receipt", "Reminder", "is_forward"]


class DeliveryStatus(StrEnum):
    """What is known of a message; "delivered" never means "read".

    `cancelled`: never sent, because the vehicle left or the case ended before its turn came.
    """

    CREATED = "created"
    SENDING = "sending"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


NOT_MINE = "not_mine"
"""The answer of a contact whose vehicle it is not."""
STOP = "stop"
"""The answer of a contact who wants no more reminders."""


class Failure(StrEnum):
    """What kind of failure it was; the rulebook's steps go on from there."""

    TEMPORARY = "temporary"
    """The phone was off, busy or not answered: another try may reach it."""
    PERMANENT = "permanent"
    """This number cannot be reached in this way: no such number, refused, blocked."""
    TECHNICAL = "technical"
    """Ours or the provider's fault: signature, balance, limit, template; staff must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider says became of a message; `provider_at` is kept as evidence only.

    `failure` is set with the status `failed`, and only then.
    """

    provider_ref: str
    status: DeliveryStatus
    provider_at: datetime
    failure: Failure | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One message of one case; `key` names it to the provider, so that it is accepted once.

    `template` names the wording and its version, `fields` are what stands in it; `position` is its
    place among the tries that the rulebook lists, the first one 0. `plate` is the one it was
    written for, whatever is read later. `sent_by` is the channel of this machine that it went
    through, `ended_at` when it was known to have failed. `is_doubtful` says that a sender died over
    it, so that nobody can tell whether the provider took it before.
    """

    key: str
    case_id: UUID
    plate: str
    channel: str
    contact_masked: str
    text: str
    template: str = ""
    kind: str = "reminder"
    fields: tuple[tuple[str, str], ...] = ()
    status: DeliveryStatus
    created_at: datetime
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    provider_at: datetime | None = None
    provider_ref: str | None = None
    sent_by: str | None = None
    is_doubtful: bool = False
    position: int = 0
    ended_at: datetime | None = None
    failure_kind: Failure | None = None
    failure: str = ""
    answer: str | None = None
    answered_at: datetime | None = None


_ORDER = (
    DeliveryStatus.CREATED,
    DeliveryStatus.SENDING,
    DeliveryStatus.CANCELLED,
    DeliveryStatus.UNCERTAIN,
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.FAILED,
    DeliveryStatus.DELIVERED,
)


def is_forward(known: DeliveryStatus, told: DeliveryStatus) -> bool:
    """Whether `told` says more than what is known; receipts may come late, twice or reordered."""
    return _ORDER.index(told) > _ORDER.index(known)
