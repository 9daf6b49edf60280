"""What came of a rehearsal."""

from dataclasses import dataclass
from datetime import date, datetime

from pipeline.events.violation import LocalName
from pipeline.rehearsal.draft import Difference
from pipeline.rehearsal.outcome import Label
from pipeline.rehearsal.totals import Totals

__all__ = ["Change", "Rehearsal", "SelfCheck", "SiteTotals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A case that ends in another way, and the first rule and entry that went another way."""

    number: str
    opened_at: datetime
    site: str
    before: Label
    after: Label
    rule: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTotals:
    """The counts of one camera; its name is None when it is not registered."""

    camera_id: str
    name: LocalName | None
    before: Totals
    after: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Whether the replay under the rulebook in force did what really happened.

    Attributes:
        checked: Cases that policy alone decided.
        differing: How many of them went another way in the replay.
        numbers: The first of these.
        other_texts: By which other texts of the rulebook how many cases were decided.
    """

    checked: int
    differing: int
    numbers: tuple[str, ...]
    other_texts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of it.

    Attributes:
        since: The first day.
        until: The last day.
        site: The camera, where only one was looked at.
        against: The text of the rulebook in force.
        draft: The text of the draft.
        counts_from: The day from which the draft counts.
        differences: What differs between the two.
        before: The counts under the rulebook in force.
        after: The counts under the draft.
        endings: What is behind the numbers of closed and unknown cases, under both.
        new_decisions: Referrals that a person would have to decide and nobody has.
        spared_decisions: Decisions of people that would not have been needed.
        sites: The counts per camera.
        moves: From which ending to which, and how often.
        changes: The first cases that end in another way; those that are known come first.
        check: Whether the replay can be trusted.
    """

    since: date
    until: date
    site: str | None
    against: str
    draft: str
    counts_from: date
    differences: tuple[Difference, ...]
    before: Totals
    after: Totals
    endings: tuple[tuple[Label, int, int], ...]
    new_decisions: int
    spared_decisions: int
    sites: tuple[SiteTotals, ...]
    moves: tuple[tuple[Label, Label, int], ...]
    changes: tuple[Change, ...]
    check: SelfCheck
