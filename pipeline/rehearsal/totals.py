"""What is counted of a rehearsal: under both rulebooks, per site and at all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.case import Outcome
from pipeline.rehearsal.outcome import Ending, Label, Played

__all__ = ["Count", "Tally", "Totals"]


class Count(StrEnum):
    """What is counted; `cases` is the sum of the five endings."""

    CASES = "cases"
    MESSAGES = "messages"
    PEOPLE = "people"
    CLEARED = Ending.CLEARED.value
    REFERRED = Ending.REFERRED.value
    PENALTY = Outcome.PENALTY.value
    WARNING = Outcome.WARNING.value
    EDUCATION = Outcome.EDUCATION.value
    OTHERWISE = Ending.OTHERWISE.value
    OPEN = Ending.OPEN.value
    UNKNOWN = Ending.UNKNOWN.value


Totals = Mapping[Count, int]


@dataclass(kw_only=True)
class Tally:
    """Counts as it is told; people are plates, each once, and only how many of them is told."""

    counts: Counter[Count] = field(default_factory=Counter)
    details: Counter[Label] = field(default_factory=Counter)
    people: set[str] = field(default_factory=set)

    def add(self, played: Played, person: str) -> None:
        """Count a case; `person` is its plate, or its own id where that is forgotten."""
        self.counts[Count.CASES] += 1
        self.counts[Count.MESSAGES] += played.messages
        self.counts[Count(played.ending.value)] += 1
        if played.proposal is not None:
            self.counts[Count(played.proposal.value)] += 1
        self.details[played.label] += 1
        if played.reminded_at:
            self.people.add(person)

    def join(self, other: "Tally") -> None:
        """Count what was counted elsewhere, of other people."""
        self.counts += other.counts
        self.details += other.details
        self.people |= other.people

    @property
    def totals(self) -> Totals:
        """All counts, in their order."""
        return {one: self._of(one) for one in Count}

    def _of(self, count: Count) -> int:
        return len(self.people) if count is Count.PEOPLE else self.counts[count]
