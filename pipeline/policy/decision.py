"""What policy says to do next; every answer carries its reasons."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.case import Disposition, Proposal, Reason
from pipeline.policy.entries import Cause, ChannelKind

__all__ = ["AskOperator", "Close", "Decision", "ReferToReview", "SendReminder", "Wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReminder:
    """Queue the reminder, over the channel that is the rulebook's try at `position`."""

    reasons: tuple[Reason, ...]
    channel: ChannelKind
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do before `until`, unless an event comes; `cause` is set when no reminder can go.

    A cause makes the case remember since when it has been without a reminder. `proposal` is set
    when late news changed what is proposed about a case at a desk.
    """

    until: datetime
    reasons: tuple[Reason, ...]
    cause: Cause | None = None
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOperator:
    """A person must help before anything can go on; at `until` policy is asked again."""

    until: datetime
    reasons: tuple[Reason, ...]
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferToReview:
    """A person decides, at the latest at `due_at`.

    `evidence_needed` are the clauses of the evidence standard without which nothing is confirmed.
    """

    due_at: datetime
    reasons: tuple[Reason, ...]
    evidence_needed: tuple[str, ...]
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The case ends without a record."""

    disposition: Disposition
    reasons: tuple[Reason, ...]


Decision = SendReminder | Wait | AskOperator | ReferToReview | Close
