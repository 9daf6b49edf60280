"""What storage hands out besides cases, reminders and people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pipeline.staff import ReviewerId

__all__ = ["DeadLetter", "DueReminder", "Request", "RequestKind", "ReviewLease"]


class RequestKind(StrEnum):
    """What the web may ask the worker to do."""

    CALLBACK = "callback"
    """A provider called us back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call-back or wish that the web took in, as raw as it came; the worker checks it.

    `channel` is whose call-back address it came to.
    """

    id: int
    kind: RequestKind
    channel: str
    body: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReminder:
    """A message claimed for sending or for asking after its receipt; `epoch` fences the claim."""

    key: str
    epoch: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLease:
    """Who has a case open for deciding, and until when."""

    case_id: UUID
    reviewer_id: ReviewerId
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be handled, kept as it came."""

    topic: str
    partition: int
    offset: int
    raw: bytes
    reason: str
    at: datetime
