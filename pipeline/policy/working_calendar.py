"""Which days are worked: data that is replaced every year, in `rulebook/holidays.yaml`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.policy.documents import read_document

__all__ = ["WorkingCalendar", "load_calendar"]

_FILE = Path(__file__).parent / "rulebook" / "holidays.yaml"
_SATURDAY = 5
_DECEMBER = 12
_DAY = timedelta(days=1)
# The notice for a year may still move days at the end of the year before: for 2019 it made
# 2018-12-29 a working day.
_SETTLED_UNTIL = (_DECEMBER, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """Which days are worked: Monday to Friday, less holidays, plus make-up days.

    `years` are those whose holidays are known; in others only weekends are free.
    """

    holidays: frozenset[date]
    make_up_days: frozenset[date]
    years: frozenset[int] = frozenset()

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`."""
        if day in self.make_up_days:
            return True
        return day.weekday() < _SATURDAY and day not in self.holidays

    def working_day_from(self, day: date) -> date:
        """`day` when it is worked, else the next one that is."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def after(self, day: date, working_days: int) -> date:
        """The day that ends a period of `working_days` which starts on `day`."""
        for _ in range(working_days):
            day = self.working_day_from(day + _DAY)
        return day

    def first_of_last(self, day: date, working_days: int) -> date:
        """The first of the last `working_days` (at least 1) up to and with `day`."""
        left = working_days
        while True:
            left -= self.is_working_day(day)
            if left <= 0:
                return day
            day -= _DAY

    def is_settled(self, first: date, last: date) -> bool:
        """Whether it is known of every day from `first` to `last` if it is worked."""
        are_known = all(year in self.years for year in range(first.year, last.year + 1))
        return are_known and (
            last.year + 1 in self.years or (last.month, last.day) <= _SETTLED_UNTIL
        )


@cache
def load_calendar(file: Path | None = None) -> WorkingCalendar:
    """The calendar in `file`; None stands for the one shipped with the rulebooks.

    Raises:
        RulebookError: it cannot be read or contradicts itself; names the file and the place.
    """
    document = read_document(_Document, file or _FILE, called="calendar")
    return WorkingCalendar(
        holidays=frozenset(day for year in document.years for day in year.days_off()),
        make_up_days=frozenset(day for year in document.years for day in year.make_up_days),
        years=frozenset(year.year for year in document.years),
    )


class _Span(BaseModel):
    """A holiday, from its first to its last day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"ends on {self.last}, before it begins on {self.first}")
        return self

    def days(self) -> Iterator[date]:
        """Its days."""
        day = self.first
        while day <= self.last:
            yield day
            day += _DAY


class _Year(BaseModel):
    """What the notice for one year says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    year: int
    source: str = Field(min_length=1)
    holidays: tuple[_Span, ...] = Field(min_length=1)
    make_up_days: tuple[date, ...]

    def days_off(self) -> Iterator[date]:
        """Every day of its holidays."""
        return (day for span in self.holidays for day in span.days())

    @model_validator(mode="after")
    def _speaks_of_its_own_year(self) -> Self:
        for number, span in enumerate(self.holidays):
            for day in (span.first, span.last):
                self._require_own(day, f"holidays.{number}")
        for number, day in enumerate(self.make_up_days):
            self._require_own(day, f"make_up_days.{number}")
        return self

    def _require_own(self, day: date, place: str) -> None:
        is_just_before = (day.year + 1, day.month) == (self.year, _DECEMBER)
        if day.year != self.year and not is_just_before:
            raise ValueError(f"{place}: {day} is neither in {self.year} nor in the December before")


class _Document(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    years: tuple[_Year, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        self._require_each_once(
            [(f"years.{number}", year.year) for number, year in enumerate(self.years)]
        )
        make_up_days = [
            (f"years.{number}.make_up_days.{place}", day)
            for number, year in enumerate(self.years)
            for place, day in enumerate(year.make_up_days)
        ]
        self._require_each_once(make_up_days)
        self._require_no_overlap()
        days_off = {day for year in self.years for day in year.days_off()}
        for where, day in make_up_days:
            if day.weekday() < _SATURDAY and day not in days_off:
                raise ValueError(f"{where}: {day} is worked anyway, it is no weekend or holiday")
        return self

    @staticmethod
    def _require_each_once(named: Sequence[tuple[str, int | date]]) -> None:
        seen: dict[int | date, str] = {}
        for where, what in named:
            if what in seen:
                raise ValueError(f"{where}: {what} stands in {seen[what]} already")
            seen[what] = where

    def _require_no_overlap(self) -> None:
        spans = sorted(
            (span.first, span.last, f"years.{number}.holidays.{place}")
            for number, year in enumerate(self.years)
            for place, span in enumerate(year.holidays)
        )
        for (_, last, earlier), (first, _, later) in pairwise(spans):
            if first <= last:
                raise ValueError(f"{later}: begins on {first}, within {earlier}")
