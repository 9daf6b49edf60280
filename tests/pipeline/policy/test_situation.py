"""Days, months and look-backs by the site's clock; they say since when something is counted."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.policy import Situation
from pipeline.reminder import DeliveryStatus
from tests.builders import a_site
from tests.pipeline.policy.scenario import situation_of


def at_site(opened: str, zone: str = "Asia/Shanghai", **given: object) -> Situation:
    return situation_of({"opened": opened, "zone": zone, "rulebook": "hubei"} | given, timedelta())


def test_the_day_of_a_case_is_that_of_its_pictures() -> None:
    situation = at_site("2026-03-02 23:59")
    later = replace(situation, now=situation.now + timedelta(minutes=2))

    assert (later.day, later.today) == (date(2026, 3, 2), date(2026, 3, 3))


@pytest.mark.parametrize(
    ("zone", "opened", "began_at"),
    [
        ("Asia/Shanghai", "2026-03-02 00:00", "2026-03-01T16:00+00:00"),
        ("Asia/Shanghai", "2026-03-02 23:59", "2026-03-01T16:00+00:00"),
        ("Europe/London", "2026-07-01 12:00", "2026-06-30T23:00+00:00"),
        ("Europe/London", "2026-10-25 12:00", "2026-10-24T23:00+00:00"),
    ],
    ids=["at midnight", "before midnight", "in summer", "on the day on which clocks go back"],
)
def test_today_begins_at_the_sites_midnight(zone: str, opened: str, began_at: str) -> None:
    assert at_site(opened, zone).today_began_at == datetime.fromisoformat(began_at)


def test_the_month_begins_at_the_sites_midnight_of_the_first() -> None:
    situation = at_site("2026-03-31 23:59")
    next_month = replace(situation, now=situation.now + timedelta(minutes=1))

    assert situation.month_began_at == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert next_month.month_began_at == datetime(2026, 3, 31, 16, tzinfo=UTC)


def test_one_looks_back_six_months_from_the_day_of_the_pictures() -> None:
    situation = at_site("2026-03-02 12:00")
    later = replace(situation, now=situation.now + timedelta(days=3))

    assert later.look_back_began_at == datetime(2025, 9, 2, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_a_camera_that_nobody_registered_lives_by_universal_time() -> None:
    situation = replace(at_site("2026-03-02 23:59"), site=None)

    assert situation.zone == ZoneInfo("UTC")
    assert replace(situation, site=a_site()).zone == ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("attempts", "delivery"),
    [
        ([], None),
        ([{"status": "accepted"}], DeliveryStatus.ACCEPTED),
        ([{"status": "failed"}, {"status": "delivered"}], DeliveryStatus.DELIVERED),
        ([{"status": "failed"}, {"status": "created"}], DeliveryStatus.CREATED),
    ],
    ids=["no message", "one on its way", "a second one that arrived", "a second one not sent yet"],
)
def test_the_newest_message_says_how_far_a_reminder_is(
    attempts: list[dict[str, str]], delivery: DeliveryStatus | None
) -> None:
    assert at_site("2026-03-02 12:00", attempts=attempts).delivery is delivery
