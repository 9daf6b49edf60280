from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.policy.parameters import RulebookError
from pipeline.policy.working_calendar import WorkingCalendar, load_calendar


def span(first: str, last: str) -> dict[str, date]:
    return {"from": date.fromisoformat(first), "to": date.fromisoformat(last)}


def a_year(year: int = 2026, **changes: object) -> dict[str, Any]:
    return {
        "year": year,
        "source": "test",
        "holidays": [span(f"{year}-10-01", f"{year}-10-07")],
        "make_up_days": [],
    } | changes


def written(tmp_path: Path, *years: dict[str, Any]) -> Path:
    file = tmp_path / "calendar.yaml"
    file.write_text(yaml.safe_dump({"years": list(years)}), encoding="utf-8")
    return file


def test_the_shipped_calendar_knows_what_the_notices_of_two_years_say() -> None:
    calendar = load_calendar()

    assert calendar.years == {2025, 2026}
    assert len([day for day in calendar.holidays if day.year == 2025]) == 28
    assert len([day for day in calendar.holidays if day.year == 2026]) == 33
    assert all(day.weekday() >= 5 for day in calendar.make_up_days)
    assert not calendar.make_up_days & calendar.holidays


def test_a_calendar_of_ones_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    free_may = a_year(holidays=[span("2026-05-04", "2026-05-29")], make_up_days=[date(2026, 5, 30)])
    calendar = load_calendar(written(tmp_path, free_may))

    assert calendar.after(date(2026, 5, 1), 1) == date(2026, 5, 30)
    assert calendar.is_working_day(date(2026, 10, 1))


def test_a_notice_may_move_days_of_the_december_before(tmp_path: Path) -> None:
    notice = a_year(
        2019,
        holidays=[span("2018-12-30", "2019-01-01")],
        make_up_days=[date(2018, 12, 29)],
    )
    calendar = load_calendar(written(tmp_path, notice))

    assert calendar.is_working_day(date(2018, 12, 29))
    assert not calendar.is_working_day(date(2018, 12, 31))


@pytest.mark.parametrize(
    ("first", "last", "is_settled"),
    [
        ("2026-01-01", "2026-12-24", True),
        ("2026-12-25", "2026-12-25", False),
        ("2026-12-24", "2027-01-04", False),
        ("2025-12-25", "2026-01-04", True),
        ("2024-12-31", "2025-01-02", False),
    ],
)
def test_what_is_settled_ends_before_the_new_year_that_is_not_known(
    first: str, last: str, is_settled: bool
) -> None:
    days = (date.fromisoformat(first), date.fromisoformat(last))

    assert load_calendar().is_settled(*days) is is_settled


def test_a_calendar_that_names_no_years_settles_nothing() -> None:
    bare = WorkingCalendar(holidays=frozenset(), make_up_days=frozenset())

    assert not bare.is_settled(date(2026, 3, 2), date(2026, 3, 3))


@pytest.mark.parametrize(
    ("working_days", "first"),
    [(1, date(2026, 10, 10)), (2, date(2026, 10, 9)), (4, date(2026, 9, 30))],
)
def test_the_last_working_days_before_a_day_skip_what_is_not_worked(
    working_days: int, first: date
) -> None:
    sunday = date(2026, 10, 11)

    assert load_calendar().first_of_last(sunday, working_days) == first


@pytest.mark.parametrize(
    ("years", "said"),
    [
        (
            [a_year(holidays=[span("2026-10-07", "2026-10-01")])],
            "years.0.holidays.0: ends on 2026-10-01, before it begins on 2026-10-07",
        ),
        (
            [a_year(holidays=[span("2026-10-01", "2026-10-07"), span("2026-09-25", "2026-10-01")])],
            "years.0.holidays.0: begins on 2026-10-01, within years.0.holidays.1",
        ),
        (
            [a_year(2025, holidays=[span("2025-10-01", "2025-10-08")]), a_year(2025)],
            "years.1: 2025 stands in years.0 already",
        ),
        (
            [a_year(make_up_days=[date(2026, 10, 10), date(2026, 10, 10)])],
            "years.0.make_up_days.1: 2026-10-10 stands in years.0.make_up_days.0 already",
        ),
        (
            [a_year(make_up_days=[date(2026, 10, 12)])],
            "years.0.make_up_days.0: 2026-10-12 is worked anyway, it is no weekend or holiday",
        ),
        (
            [a_year(holidays=[span("2027-10-01", "2027-10-07")])],
            "years.0: holidays.0: 2027-10-01 is neither in 2026 nor in the December before",
        ),
        (
            [a_year(make_up_days=[date(2025, 11, 30)])],
            "years.0: make_up_days.0: 2025-11-30 is neither in 2026 nor in the December before",
        ),
        ([a_year(source="")], "years.0.source: String should have at least 1 character"),
        ([a_year(holidays=[])], "years.0.holidays: "),
        ([a_year(region="cn")], "years.0.region: Extra inputs are not permitted"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused_with_the_place(
    tmp_path: Path, years: list[dict[str, Any]], said: str
) -> None:
    file = written(tmp_path, *years)

    with pytest.raises(RulebookError) as raised:
        load_calendar(file)
    assert f"calendar {file}: {said}" in str(raised.value)
