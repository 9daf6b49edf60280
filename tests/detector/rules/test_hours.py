"""When a zone is in force: days, nights, holidays, and clocks that change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from detector.rules.hours import in_force_since
from pipeline.events import Day, Hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = (Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI)
MAY_DAY = {
    # Holidays, and the Saturday on which the Monday's work is done.
    date(2026, 5, 1): Day.HOLIDAY,
    date(2026, 5, 4): Day.HOLIDAY,
    date(2026, 5, 9): Day.MON,
}
MORNING = Hours(days=WORKDAYS, begin=time(7, 30), end=time(9, 30))
NIGHT = Hours(days=(Day.FRI, Day.SAT), begin=time(22), end=time(6))
HOLIDAYS = Hours(days=(Day.HOLIDAY,), begin=time(10), end=time(18))
DAY_AND_NIGHT = (
    Hours(begin=time(0), end=time(12)),
    Hours(begin=time(12), end=time(0)),
)


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def since(now: datetime, *hours: Hours, zone: ZoneInfo = SHANGHAI) -> datetime | None:
    return in_force_since(hours, now, time_zone=zone, calendar=MAY_DAY)


@pytest.mark.parametrize(
    ("now", "begin"),
    [
        ("2026-03-02T07:29:59", None),
        ("2026-03-02T07:30:00", "2026-03-02T07:30"),
        ("2026-03-02T09:29:59", "2026-03-02T07:30"),
        ("2026-03-02T09:30:00", None),
        ("2026-03-07T08:00:00", None),
        ("2026-05-01T08:00:00", None),
        ("2026-05-01T11:00:00", "2026-05-01T10:00"),
        ("2026-05-04T08:00:00", None),
        ("2026-05-09T08:00:00", "2026-05-09T07:30"),
    ],
    ids=[
        "before",
        "from the first second",
        "up to the last",
        "after",
        "on a Saturday",
        "on a holiday",
        "in the hours of holidays",
        "on a Monday that is a holiday",
        "on a Saturday to which work was moved",
    ],
)
def test_hours_are_in_force_on_their_days(now: str, begin: str | None) -> None:
    assert since(local(now), MORNING, HOLIDAYS) == (local(begin) if begin else None)


@pytest.mark.parametrize(
    ("now", "begin"),
    [
        ("2026-03-06T21:59", None),
        ("2026-03-06T23:00", "2026-03-06T22:00"),
        ("2026-03-07T05:59", "2026-03-06T22:00"),
        ("2026-03-07T06:00", None),
        ("2026-03-08T01:00", "2026-03-07T22:00"),
        ("2026-03-08T22:30", None),
        ("2026-03-09T01:00", None),
        ("2026-05-02T01:00", None),
    ],
    ids=[
        "on Friday evening",
        "on Friday night",
        "early on Saturday",
        "on Saturday morning",
        "early on Sunday",
        "on Sunday night",
        "early on Monday",
        "after a Friday that was a holiday",
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(
    now: str, begin: str | None
) -> None:
    assert since(local(now), NIGHT) == (local(begin) if begin else None)


@pytest.mark.parametrize(
    "hours",
    [
        (Hours(begin=time(7), end=time(9)), Hours(begin=time(9), end=time(11))),
        (Hours(begin=time(9), end=time(11)), Hours(begin=time(7), end=time(9))),
        (Hours(begin=time(7), end=time(10)), Hours(begin=time(8), end=time(9))),
        (Hours(begin=time(7), end=time(9, 30)), Hours(begin=time(9), end=time(11))),
    ],
    ids=["adjacent", "in any order", "one within the other", "overlapping"],
)
def test_hours_without_a_break_between_them_count_as_one(hours: tuple[Hours, ...]) -> None:
    assert since(local("2026-03-02T09:15"), *hours) == local("2026-03-02T07:00")


def test_a_break_of_a_minute_begins_anew() -> None:
    hours = Hours(begin=time(7), end=time(9)), Hours(begin=time(9, 1), end=time(11))
    assert since(local("2026-03-02T09:00:30"), *hours) is None
    assert since(local("2026-03-02T09:15"), *hours) == local("2026-03-02T09:01")


def test_hours_that_fill_the_week_have_been_in_force_for_days() -> None:
    now = local("2026-03-12T15:00")
    begin = since(now, *DAY_AND_NIGHT)
    assert begin is not None
    assert (now - begin).days >= 7


@pytest.mark.parametrize(
    ("now", "is_in_force"),
    [("00:15", False), ("00:45", True), ("01:15", True), ("01:45", False)],
    ids=["before", "before the leap", "after the leap", "after"],
)
def test_hours_from_which_the_clock_leaves_one_out_end_by_the_clock(
    now: str, is_in_force: bool
) -> None:
    hours = Hours(begin=time(1, 30), end=time(3, 30))
    begin = since(datetime.fromisoformat(f"2026-03-29T{now}+00:00"), hours, zone=BERLIN)
    assert (begin is not None) is is_in_force


def test_a_zone_without_hours_has_always_been_in_force() -> None:
    now = local("2026-03-12T15:00")
    begin = since(now)
    assert begin is not None
    assert (now - begin).days >= 7


def test_hours_are_those_of_the_cameras_own_time_zone() -> None:
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert since(now, MORNING, zone=SHANGHAI) is None
    assert since(now, MORNING, zone=BERLIN) == datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "begin_utc_hour"), [("2026-03-28", 7), ("2026-03-29", 6), ("2026-10-25", 7)]
)
def test_hours_follow_the_clock_when_it_changes(day: str, begin_utc_hour: int) -> None:
    hours = Hours(begin=time(8), end=time(9))
    begin = since(local(f"{day}T08:30", BERLIN), hours, zone=BERLIN)
    assert begin == datetime.fromisoformat(f"{day}T0{begin_utc_hour}:00+00:00")
    assert since(local(f"{day}T07:30", BERLIN), hours, zone=BERLIN) is None
    assert since(local(f"{day}T09:30", BERLIN), hours, zone=BERLIN) is None


@pytest.mark.parametrize(("night", "hours_long"), [("2026-03-28", 7), ("2026-10-24", 9)])
def test_a_night_in_which_the_clock_changes_is_an_hour_shorter_or_longer(
    night: str, hours_long: int
) -> None:
    hours = Hours(begin=time(22), end=time(6))
    begin = local(f"{night}T22:00", BERLIN)
    quarters = [begin + n * timedelta(minutes=15) for n in range(4 * 12)]
    in_force = [now for now in quarters if since(now, hours, zone=BERLIN) == begin]
    assert in_force == quarters[: 4 * hours_long]
