from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.policy.deadlines import deadline, load_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")


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
