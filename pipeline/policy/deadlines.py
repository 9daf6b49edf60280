"""When a legal time limit ends: working days, calendar days, months, years or hours.

The day that starts a period does not count, months go by the calendar, a period ends at midnight
of the site's time zone, and hours run through. Where the text says so, a period whose last day is
not worked ends with the next working day.

Source: P105 article 81 (which periods are working days), CASE article 35 (the first day does not
count; the last day moves off a holiday).
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pipeline.policy.working_calendar import WorkingCalendar, load_calendar

__all__ = [
    "Ending",
    "Unit",
    "WorkingCalendar",
    "deadline",
    "ending_of",
    "load_calendar",
    "midnight_before",
]

_DAY = timedelta(days=1)
_MONTHS_A_YEAR = 12


class Unit(StrEnum):
    """What a time limit is counted in."""

    WORKING_DAYS = "working days"
    DAYS = "days"
    MONTHS = "months"
    YEARS = "years"
    HOURS = "hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """When a period is over, and its last day at the site.

    It is provisional when a day counted in it is in a year whose holidays are not known yet.
    """

    at: datetime
    last_day: date
    is_provisional: bool


def deadline(
    start_at: datetime, working_days: int, zone: ZoneInfo, calendar: WorkingCalendar
) -> datetime:
    """The end, at midnight of `zone`, of a period of working days that `start_at` begins."""
    last = calendar.after(start_at.astimezone(zone).date(), working_days)
    return midnight_before(last + _DAY, zone)


def ending_of(
    length: tuple[int, Unit],
    start_at: datetime,
    zone: ZoneInfo,
    calendar: WorkingCalendar,
    *,
    moves: bool,
) -> Ending:
    """The end of a period that `start_at` begins; 0 days end with the day itself.

    Args:
        length: How many of what.
        start_at: What the period is counted from.
        zone: The site's time zone.
        calendar: Which days are worked.
        moves: Whether it ends with the next working day when its last day is not worked.
    """
    count, unit = length
    start = start_at.astimezone(zone).date()
    if unit is Unit.HOURS:
        at = start_at.astimezone(UTC) + timedelta(hours=count)
        return Ending(at=at, last_day=at.astimezone(zone).date(), is_provisional=False)
    if unit is Unit.WORKING_DAYS:
        counted_from, last = start + _DAY, calendar.after(start, count)
        depends_on_holidays = True
    else:
        counted_from = last = _calendar_end(start, count, unit)
        depends_on_holidays = moves
    if moves:
        last = calendar.working_day_from(last)
    return Ending(
        at=midnight_before(last + _DAY, zone),
        last_day=last,
        is_provisional=depends_on_holidays and not calendar.is_settled(counted_from, last),
    )


def midnight_before(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which `day` begins in `zone`, also where clocks are put forward just then."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _calendar_end(start: date, count: int, unit: Unit) -> date:
    """The same day of a later month, or the last one where the month is too short."""
    if unit is Unit.DAYS:
        return start + count * _DAY
    months = count * _MONTHS_A_YEAR if unit is Unit.YEARS else count
    year, month = divmod(start.year * _MONTHS_A_YEAR + start.month - 1 + months, _MONTHS_A_YEAR)
    month += 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))
