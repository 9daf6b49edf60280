"""How a case ends in a replay, or why that cannot be known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pipeline.case import AT_THE_DESK, Case, CaseStatus, Disposition, Outcome

__all__ = [
    "CannotBeKnownError",
    "Ending",
    "Label",
    "Move",
    "Played",
    "Unknowable",
    "first_difference",
    "label_of",
]

_REGION = re.compile(r" of [a-z0-9_-]+ from")


class Ending(StrEnum):
    """The five ways in which a replay can end; each case counts for exactly one."""

    CLEARED = "cleared"
    REFERRED = "referred"
    """It is at the desk, or a person decided it there."""
    OTHERWISE = "otherwise"
    """Closed in any other way, by its disposition."""
    OPEN = "open"
    """Nothing has ended it yet."""
    UNKNOWN = "unknown"


class Unknowable(StrEnum):
    """Why history cannot tell what would have happened."""

    NEWLY_REMINDED = "newly_reminded"
    """Somebody would be reminded where nobody was: would the driver have left?"""
    NOT_REMINDED = "not_reminded"
    """Nobody would be reminded where the driver was: would the driver have left?"""
    OTHER_TIME = "other_time"
    """The driver would be reminded at another time."""
    OTHER_TRY = "other_try"
    """A try in another way, or in another place of the order: nobody knows whether it arrives."""
    CAMERA_STOPPED = "camera_stopped"
    """The case was over, so that the camera's later words were not kept."""
    LEFT_AFTER_REFERRAL = "left_after_referral"
    """It left after the referral, within a wait that was not granted then."""
    OPERATOR = "operator"
    """The operator would be asked where nobody was."""
    CONTACT = "contact"
    """Whether the register knew a contact was never asked."""
    OTHER_CASE = "other_case"
    """It depends on another case of the same vehicle that cannot be known, or is forgotten."""
    ERASED = "erased"
    """It depends on the plate, which was deleted when its time was over."""
    DECISION = "decision"
    """The referral is known, and what a person would have decided is not."""


class CannotBeKnownError(Exception):
    """Ends a replay: the record does not tell what would have happened now."""

    def __init__(self, kind: Unknowable) -> None:
        """Say why."""
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of a replay that changed the case: what happened, and by which rule and entry.

    `value` tells apart entries that are written alike.
    """

    action: str
    rule: str
    entry: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How a case ended, as it is counted; `detail` is a proposal, a disposition or a reason."""

    ending: Ending
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One case under one rulebook.

    Attributes:
        label: How it ended.
        path: The states it was in, the first one first.
        disposition: How it closed; None while it is open or at the desk.
        moves: What policy did.
        messages: How many messages a channel was given.
        reminded_at: When the driver was reached.
        may_be_reminded_at: When a message went out of which nobody knows what became of it.
        referred_at: When it went to review.
        proposal: What policy proposed there.
        needs_decision: Whether a person would have to decide what nobody has decided.
    """

    label: Label
    path: tuple[CaseStatus, ...]
    disposition: Disposition | None
    moves: tuple[Move, ...]
    messages: int
    reminded_at: tuple[datetime, ...]
    may_be_reminded_at: datetime | None
    referred_at: datetime | None
    proposal: Outcome | None
    needs_decision: bool

    @property
    def ending(self) -> Ending:
        """How it ended, without the details."""
        return self.label.ending


def first_difference(before: Sequence[Move], after: Sequence[Move]) -> Move | None:
    """The first thing that went another way in `after`; None when nothing did.

    Whose entry it is, of two regions that build on one another, makes no difference.
    """
    for number, one in enumerate(after):
        if number >= len(before) or _of_any_region(before[number]) != _of_any_region(one):
            return one
    return after[-1] if after and len(before) > len(after) else None


def _of_any_region(move: Move) -> Move:
    return replace(move, entry=_REGION.sub(" from", move.entry))


def label_of(case: Case, kind: Unknowable | None) -> Label:
    """How a case ended, or why that cannot be known."""
    if kind is not None:
        return Label(ending=Ending.UNKNOWN, detail=kind)
    if case.status in AT_THE_DESK:
        return Label(ending=Ending.REFERRED, detail=case.proposal.outcome if case.proposal else "")
    if case.disposition is None:
        return Label(ending=Ending.OPEN)
    if case.disposition is Disposition.CLEARED:
        return Label(ending=Ending.CLEARED)
    return Label(ending=Ending.OTHERWISE, detail=case.disposition)
