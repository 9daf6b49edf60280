"""Legal time limits in working days, with make-up working days.

Source: P105 article 81 (which periods are working days), CASE article 35 (the first day does not
count); the holidays are data in `rulebook/holidays.yaml`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

__all__ = ["WorkingCalendar", "deadline", "load_calendar"]

_FILE = Path(__file__).parent / "rulebook" / "holidays.yaml"
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """Which days are worked: Monday to Friday, less holidays, plus make-up days."""

    holidays: frozenset[date]
    make_up_days: frozenset[date]

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`."""
        if day in self.make_up_days:
            return True
        return day.weekday() < _SATURDAY and day not in self.holidays

    def after(self, day: date, working_days: int) -> date:
        """The day that ends a period of `working_days` which starts on `day`."""
        for _ in range(working_days):
            day += timedelta(days=1)
            while not self.is_working_day(day):
                day += timedelta(days=1)
        return day


@cache
def load_calendar() -> WorkingCalendar:
    """The calendar shipped with the rulebooks."""
    document = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return WorkingCalendar(
        holidays=frozenset(day for span in document["holidays"] for day in _days(span)),
        make_up_days=frozenset(document["make_up_days"]),
    )


def _days(span: dict[str, date]) -> Iterator[date]:
    day = span["from"]
    while day <= span["to"]:
        yield day
        day += timedelta(days=1)


def deadline(
    start_at: datetime, working_days: int, zone: ZoneInfo, calendar: WorkingCalendar
) -> datetime:
    """The end, at midnight of `zone`, of a period of working days that `start_at` begins."""
    last = calendar.after(start_at.astimezone(zone).date(), working_days)
    return datetime.combine(last + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)
