"""The legal clocks T1 to T17 as data: `rulebook/clocks.yaml`, checked as it is read."""

from dataclasses import fields
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipeline.events.violation import LocalName
from pipeline.policy.deadlines import Unit
from pipeline.policy.documents import read_document
from pipeline.policy.milestones import Milestones
from pipeline.policy.parameters import RulebookError

__all__ = [
    "AlertBefore",
    "Clock",
    "ClockEntry",
    "ClockId",
    "ClockTable",
    "Consequence",
    "Follows",
    "WhoActs",
    "load_clocks",
]

_FILE = Path(__file__).parent / "rulebook" / "clocks.yaml"
_DAY = timedelta(days=1)
_MOVING = frozenset({Unit.DAYS, Unit.MONTHS, Unit.YEARS})
_MILESTONES = frozenset(field.name for field in fields(Milestones))


class ClockId(StrEnum):
    """The clocks of the domain reference; T9 and T16 are two each."""

    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    T4 = "T4"
    T5 = "T5"
    T6 = "T6"
    T7 = "T7"
    T8 = "T8"
    T9A = "T9a"
    T9B = "T9b"
    T10 = "T10"
    T11 = "T11"
    T12 = "T12"
    T13 = "T13"
    T14 = "T14"
    T15 = "T15"
    T16A = "T16a"
    T16B = "T16b"
    T17 = "T17"


class WhoActs(StrEnum):
    """Whose clock it is: the office can be late, a person loses or uses a right."""

    OFFICE = "office"
    PERSON = "person"


class Consequence(StrEnum):
    """What follows when a clock runs out, in a word."""

    CASE_EXPIRES = "case_expires"
    REPORT_TO_SUPERVISION = "report_to_supervision"
    INTENTION_MAY_BE_SENT = "intention_may_be_sent"
    ANNOUNCE_INTENTION = "announce_intention"
    MAY_DECIDE_IN_ABSENCE = "may_decide_in_absence"
    COUNTS_AS_SERVED = "counts_as_served"
    SURCHARGE = "surcharge"
    NO_PENALTY = "no_penalty"
    NO_RECONSIDERATION = "no_reconsideration"
    NO_COURT = "no_court"
    NO_HEARING = "no_hearing"


def _known(name: str) -> str:
    if name not in _MILESTONES:
        raise ValueError(f"{name} is no milestone of a case")
    return name


Milestone = Annotated[str, AfterValidator(_known)]


class _Closed(BaseModel):
    """A part of the document; what it does not know it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockEntry(_Closed):
    """How long a clock runs from one day on, with the text it comes from.

    Attributes:
        valid_from: The first starting day that it counts for.
        valid_until: The last such day; None while it is in force.
        length: In `unit`s; 0 days are the same day.
        unit: What it is counted in.
        moves: Whether it ends with the next working day when its last day is not worked.
        source: The text.
        open_point: What is not settled about it.
    """

    valid_from: date = Field(alias="from")
    valid_until: date | None = Field(default=None, alias="until")
    length: int = Field(ge=0)
    unit: Unit
    moves: bool = False
    source: str = Field(min_length=1)
    open_point: LocalName | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError(f"ends on {self.valid_until}, before it begins on {self.valid_from}")
        if self.moves and self.unit not in _MOVING:
            raise ValueError(f"moves: {self.unit} never end on a day that could move")
        if self.length == 0 and self.unit is not Unit.DAYS:
            raise ValueError("length: only days may be 0, for the same day")
        return self


class AlertBefore(_Closed):
    """How long before its end a clock is shown as near: the last so many of `unit`."""

    length: int = Field(ge=1)
    unit: Unit
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _counts_back(self) -> Self:
        if self.unit in {Unit.MONTHS, Unit.YEARS}:
            raise ValueError("unit: an alert is counted in hours, days or working days")
        return self


class Follows(_Closed):
    """What follows when a clock runs out: the word, and the sentence for people."""

    word: Consequence
    text: LocalName


class Clock(_Closed):
    """One legal clock.

    Attributes:
        id: Its number in the domain reference.
        name: What it measures.
        starts: The milestone that it runs from.
        after: The clock at whose end it begins, when it does not begin with `starts` itself.
        until: The milestone that ends it sooner than the law must.
        ends: The milestones any of which meets it.
        not_with: The milestones in whose presence it does not run: another clock does.
        who: Whose clock it is.
        follows: What follows when it runs out.
        alert_before: When it is near.
        entries: Its lengths, the oldest first, without a gap.
    """

    id: ClockId
    name: LocalName
    starts: Milestone
    after: ClockId | None = None
    until: Milestone | None = None
    ends: tuple[Milestone, ...] = Field(min_length=1)
    not_with: tuple[Milestone, ...] = ()
    who: WhoActs
    follows: Follows
    alert_before: AlertBefore
    entries: tuple[ClockEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _entries_follow_each_other(self) -> Self:
        for number, (one, following) in enumerate(pairwise(self.entries), start=1):
            if one.valid_until is None or one.valid_until >= following.valid_from:
                raise ValueError(
                    f"entries.{number}: begins on {following.valid_from}, while the one before "
                    f"holds until {one.valid_until or 'further notice'}"
                )
            if one.valid_until + _DAY != following.valid_from:
                raise ValueError(
                    f"entries.{number}: begins on {following.valid_from}, and nothing is in force "
                    f"after {one.valid_until}"
                )
        return self

    def in_force(self, on: date) -> ClockEntry:
        """The entry for a clock that starts on `on`.

        Raises:
            RulebookError: none is in force on that day.
        """
        for entry in self.entries:
            if entry.valid_from <= on and (entry.valid_until is None or on <= entry.valid_until):
                return entry
        raise RulebookError(f"clock {self.id}: nothing in force on {on}")


class ClockTable(_Closed):
    """All clocks, in the order of the domain reference."""

    clocks: tuple[Clock, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        seen: list[ClockId] = []
        for number, clock in enumerate(self.clocks):
            if clock.id in seen:
                raise ValueError(f"clocks.{number}: {clock.id} stands here a second time")
            if clock.after is not None and clock.after not in seen:
                raise ValueError(f"clocks.{number}.after: {clock.after} does not stand above")
            seen.append(clock.id)
        missing = [one for one in ClockId if one not in seen]
        if missing:
            raise ValueError(f"clocks: nothing said of {', '.join(missing)}")
        return self

    def of(self, clock_id: ClockId) -> Clock:
        """The clock with that number."""
        return next(clock for clock in self.clocks if clock.id is clock_id)


@cache
def load_clocks(file: Path | None = None) -> ClockTable:
    """The clocks in `file`; None stands for those shipped with the rulebooks.

    Raises:
        RulebookError: they cannot be read or contradict themselves; names the file and the place.
    """
    return read_document(ClockTable, file or _FILE, called="clocks")
