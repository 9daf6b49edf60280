from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.deadlines import (
    Unit,
    WorkingCalendar,
    deadline,
    ending_of,
    load_calendar,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = [ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "Africa/Cairo", "UTC")]


@pytest.mark.parametrize(
    ("start", "working_days", "last"),
    [
        (date(2026, 3, 2), 5, date(2026, 3, 9)),
        (date(2026, 3, 6), 1, date(2026, 3, 9)),
        (date(2026, 9, 30), 1, date(2026, 10, 8)),
        (date(2026, 10, 9), 1, date(2026, 10, 10)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),
    ],
)
def test_working_days_skip_holidays_and_count_make_up_days(
    start: date, working_days: int, last: date
) -> None:
    assert load_calendar().after(start, working_days) == last


def test_the_first_day_is_the_day_at_the_site() -> None:
    late_on_sunday_in_utc = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)

    due_at = deadline(late_on_sunday_in_utc, 1, SHANGHAI, load_calendar())

    assert due_at == datetime(2026, 3, 3, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "length", "last"),
    [
        ("2026-01-31", (1, Unit.MONTHS), "2026-02-28"),
        ("2024-01-31", (1, Unit.MONTHS), "2024-02-29"),
        ("2024-02-29", (1, Unit.MONTHS), "2024-03-29"),
        ("2024-02-29", (12, Unit.MONTHS), "2025-02-28"),
        ("2024-02-29", (1, Unit.YEARS), "2025-02-28"),
        ("2024-02-29", (4, Unit.YEARS), "2028-02-29"),
        ("2026-12-31", (2, Unit.MONTHS), "2027-02-28"),
        ("2026-11-30", (1, Unit.MONTHS), "2026-12-30"),
        ("2026-12-15", (12, Unit.MONTHS), "2027-12-15"),
        ("2026-02-28", (1, Unit.DAYS), "2026-03-01"),
        ("2026-02-28", (0, Unit.DAYS), "2026-02-28"),
    ],
)
def test_days_months_and_years_go_by_the_calendar(
    start: str, length: tuple[int, Unit], last: str
) -> None:
    at = datetime.fromisoformat(start).replace(hour=12, tzinfo=SHANGHAI)
    ending = ending_of(length, at, SHANGHAI, load_calendar(), moves=False)

    assert ending.last_day == date.fromisoformat(last)
    assert not ending.is_provisional


def test_a_day_is_shorter_where_clocks_are_put_forward_but_hours_are_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    noon = datetime(2026, 3, 28, 12, tzinfo=berlin)
    day = ending_of((1, Unit.DAYS), noon, berlin, load_calendar(), moves=False)
    hours = ending_of((24, Unit.HOURS), noon, berlin, load_calendar(), moves=False)

    assert day.at == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert hours.at == datetime(2026, 3, 29, 11, tzinfo=UTC)
    assert hours.last_day == date(2026, 3, 29)


DAYS = st.dates(min_value=date(2025, 1, 1), max_value=date(2028, 12, 31))
CALENDARS = st.builds(
    WorkingCalendar,
    holidays=st.frozensets(DAYS, max_size=60),
    make_up_days=st.frozensets(DAYS.filter(lambda day: day.weekday() >= 5), max_size=20),
    years=st.frozensets(st.integers(2025, 2028)),
)
INSTANTS = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001 - the zone is given beside it
    max_value=datetime(2027, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(
    start_at=INSTANTS,
    zone=st.sampled_from(ZONES),
    calendar=CALENDARS,
    unit=st.sampled_from(Unit),
    counts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    moves=st.booleans(),
)
def test_a_longer_period_never_ends_earlier(
    start_at: datetime,
    zone: ZoneInfo,
    calendar: WorkingCalendar,
    unit: Unit,
    counts: tuple[int, int],
    moves: bool,
) -> None:
    shorter, longer = (
        ending_of((count, unit), start_at, zone, calendar, moves=moves) for count in sorted(counts)
    )

    assert shorter.at <= longer.at
    assert shorter.last_day <= longer.last_day


@given(
    start_at=INSTANTS,
    zone=st.sampled_from(ZONES),
    calendar=CALENDARS,
    count=st.integers(1, 20),
)
def test_working_days_end_at_the_midnight_after_a_working_day(
    start_at: datetime, zone: ZoneInfo, calendar: WorkingCalendar, count: int
) -> None:
    ending = ending_of((count, Unit.WORKING_DAYS), start_at, zone, calendar, moves=False)
    just_before = (ending.at - timedelta.resolution).astimezone(zone)
    start = start_at.astimezone(zone).date()

    assert calendar.is_working_day(ending.last_day)
    assert just_before.date() == ending.last_day
    assert ending.at.astimezone(zone).date() == ending.last_day + timedelta(days=1)
    assert ending.at == deadline(start_at, count, zone, calendar)
    days = [start + timedelta(days=n) for n in range(1, (ending.last_day - start).days + 1)]
    assert sum(map(calendar.is_working_day, days)) == count
    assert ending.is_provisional or all(day.year in calendar.years for day in days)


@given(
    start_at=INSTANTS,
    calendar=CALENDARS,
    unit=st.sampled_from(Unit),
    count=st.integers(0, 20),
    another=DAYS,
    moves=st.booleans(),
)
def test_one_more_holiday_never_shortens_a_period(
    start_at: datetime,
    calendar: WorkingCalendar,
    unit: Unit,
    count: int,
    another: date,
    moves: bool,
) -> None:
    more = WorkingCalendar(
        holidays=calendar.holidays | {another},
        make_up_days=calendar.make_up_days,
        years=calendar.years,
    )
    before, after = (
        ending_of((count, unit), start_at, SHANGHAI, one, moves=moves) for one in (calendar, more)
    )

    assert before.at <= after.at
