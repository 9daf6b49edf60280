"""Times and lengths in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.reminder import DeliveryStatus
from review_ui.i18n import Language, load_texts
from review_ui.presenters.badges import delivery_badge
from review_ui.presenters.words import Words
from tests.builders import NOON, seconds


def words(language: Language = Language.EN, zone: str = "Asia/Shanghai") -> Words:
    return Words(
        texts=load_texts(language),
        now=NOON,
        zone=ZoneInfo(zone),
        person_name=str.title,
        site_of=lambda _: None,
    )


@pytest.mark.parametrize(
    ("length_s", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59.6, "1 min", "1 分钟"),
        (680, "11 min 20 s", "11 分 20 秒"),
        (3660, "1 h 1 min", "1 小时 1 分"),
        (100_000, "1 d 3 h", "1 天 3 小时"),
    ],
)
def test_lengths_have_two_units_at_most(length_s: float, english: str, chinese: str) -> None:
    assert words().duration(length_s) == english
    assert words(Language.ZH).duration(length_s) == chinese


@pytest.mark.parametrize(
    ("offset_s", "text"),
    [(0, "just now"), (-30, "30 s ago"), (-95, "1 min ago"), (7260, "in 2 h 1 min")],
)
def test_instants_are_told_relative_to_now(offset_s: float, text: str) -> None:
    assert words().relative(NOON + seconds(offset_s)) == text


def test_times_are_the_sites_and_name_the_day_only_when_it_is_another() -> None:
    assert words().time(NOON) == "12:00:00"
    assert words().time(NOON - timedelta(days=1)) == "1 Mar, 12:00:00"
    assert words(Language.ZH).time(NOON - timedelta(days=1)) == "3月1日 12:00:00"
    assert words().time(datetime(2025, 12, 31, 4, tzinfo=UTC)) == "31 Dec 2025, 12:00:00"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Shanghai", "2 Mar 2026, 12:00:00 (UTC+8)"),
        ("Asia/Kolkata", "2 Mar 2026, 09:30:00 (UTC+5:30)"),
        ("America/New_York", "1 Mar 2026, 23:00:00 (UTC-5)"),
        ("America/St_Johns", "2 Mar 2026, 00:30:00 (UTC-3:30)"),
    ],
)
def test_evidence_times_carry_their_zone(zone: str, text: str) -> None:
    assert words(zone=zone).full(NOON) == text


@pytest.mark.parametrize(("ratio", "text"), [(0.03, "3"), (0.0341, "3.4"), (0, "0")])
def test_shares_are_told_to_one_decimal(ratio: float, text: str) -> None:
    assert words().percent(ratio) == text


def test_every_state_of_a_message_has_a_badge_in_words() -> None:
    for status in DeliveryStatus:
        assert delivery_badge(status, words()).word
