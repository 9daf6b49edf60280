"""When a zone is in force, in the local time of its camera."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.events import Day, Hours

__all__ = ["in_force_since"]

_DAY = timedelta(days=1)
_DAYS_BACK = 8


def in_force_since(
    hours: Sequence[Hours], now: datetime, *, time_zone: ZoneInfo, calendar: Mapping[date, Day]
) -> datetime | None:
    """Since when hours have been in force without a break; None while they are not.

    Args:
        hours: The zone's hours; without any it has always been in force, and `now` is long after.
        now: The instant that is asked about.
        time_zone: Of the camera.
        calendar: As which day a date counts, where that is not its weekday.

    Returns:
        An instant up to a week back; what lasts longer has its beginning cut.
    """
    if not hours:
        return now - _DAYS_BACK * _DAY
    today = now.astimezone(time_zone).date()
    spans = sorted(_spans(hours, today, time_zone, calendar))
    since: datetime | None = None
    until: datetime | None = None
    for begin, end in spans:
        if until is None or begin > until:
            since, until = begin, end
        else:
            until = max(until, end)
        if since is not None and since <= now < until:
            return since
    return None


def _spans(
    hours: Sequence[Hours], today: date, time_zone: ZoneInfo, calendar: Mapping[date, Day]
) -> Iterator[tuple[datetime, datetime]]:
    for back in range(_DAYS_BACK):
        on = today - back * _DAY
        day = calendar.get(on, Day.of(on))
        for one in hours:
            if day in one.days:
                ends_on = on if one.end > one.begin else on + _DAY
                yield (
                    datetime.combine(on, one.begin, time_zone),
                    datetime.combine(ends_on, one.end, time_zone),
                )
