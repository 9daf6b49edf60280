"""The legal clocks on the pages of a case: until when, and where each stands."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.case import Case, CaseStatus, Disposition, Outcome, ReviewDecision, move
from pipeline.clock import ManualClock
from pipeline.policy.parameters import RulebookError
from pipeline.staff import ReviewerId
from review_ui.settings import ReviewSettings
from tests.builders import NOON, seconds
from tests.review_ui.desk import Desk, text_of

DAY = timedelta(days=1)


def read(desk: Desk, path: str, lang: str = "en") -> str:
    return text_of(desk.browser().get(f"{path}?lang={lang}"))


def clock_of(text: str, clock_id: str) -> str:
    """What a page says of one clock, up to its source."""
    begins = text.index(f" {clock_id} ")
    return text[begins + 1 : text.index("Source", begins)].strip()


@pytest.mark.parametrize("page", ["review", "cases"])
def test_a_case_shows_its_clocks_with_last_day_state_and_source(desk: Desk, page: str) -> None:
    case = desk.case_in_review()
    text = read(desk, f"/{page}/{case.id}")

    assert "Legal clocks" in text
    assert clock_of(text, "T1") == "T1 Review and entry Running Last day 9 Mar 2026"
    assert clock_of(text, "T14").endswith("Running Last day 2 Mar 2028")
    assert "provisional" not in text
    assert "P105 article 19" in text


@pytest.mark.parametrize("page", ["review", "cases"])
def test_a_chinese_page_says_it_in_chinese(desk: Desk, page: str) -> None:
    text = read(desk, f"/{page}/{desk.case_in_review().id}", "zh-CN")

    assert "法定时限" in text
    assert "T1 审核、录入 进行中 最后一日：2026年3月9日" in text


@pytest.mark.parametrize(
    ("after", "state", "tone", "icon"),
    [
        (timedelta(), "Running", "calm", "clock"),
        (6.5 * DAY, "Near its end", "wait", "bell"),
        (7.5 * DAY, "Overdue", "alert", "alert"),
    ],
)
def test_a_state_is_icon_word_and_colour(
    desk: Desk, clock: ManualClock, after: timedelta, state: str, tone: str, icon: str
) -> None:
    case = desk.case_in_review(due_in_s=30 * 86400)
    clock.advance(after)
    answer = desk.browser().get(f"/review/{case.id}?lang=en")

    assert clock_of(text_of(answer), "T1") == f"T1 Review and entry {state} Last day 9 Mar 2026"
    listed = answer.text[answer.text.index('class="clocks"') :]
    badge = listed[listed.index('<span class="badge') :][:200]
    assert f'class="badge {tone}"' in badge
    assert f"#{icon}" in badge


def test_what_follows_is_said_of_a_clock_that_ran_out_and_of_no_other(
    desk: Desk, clock: ManualClock
) -> None:
    case = desk.case_in_review()
    follows = "What follows The case can only be closed as expired"
    assert follows not in read(desk, f"/cases/{case.id}")
    clock.advance(8 * DAY)

    assert follows in read(desk, f"/cases/{case.id}")


def test_a_record_starts_the_clocks_that_follow_it(desk: Desk) -> None:
    decided = ReviewDecision(
        reviewer_id=ReviewerId("li"),
        decided_at=NOON + seconds(60),
        case_version=1,
        outcome=Outcome.WARNING,
    )
    case = desk.a_case()
    record = replace(
        move(replace(case, status=CaseStatus.IN_REVIEW), CaseStatus.DECIDED),
        decision=decided,
        disposition=Disposition.CONFIRMED,
    )
    text = read(desk, f"/cases/{desk.store(record).id}")

    assert clock_of(text, "T1").startswith("T1 Review and entry Met Last day")
    assert clock_of(text, "T3") == "T3 Notice to the owner Running Last day 9 Mar 2026"


def test_a_case_that_ended_in_time_has_met_its_clocks(desk: Desk) -> None:
    case: Case = replace(
        desk.a_case(),
        status=CaseStatus.CLOSED,
        disposition=Disposition.CLEARED,
        closed_at=NOON + seconds(9),
    )
    text = read(desk, f"/cases/{desk.store(case).id}")

    assert clock_of(text, "T1").startswith("T1 Review and entry Met ")
    assert " T3 " not in text


def by_calendar(desk: Desk, folder: Path, holiday: str) -> dict[str, str]:
    """The page of a case in both languages, by a calendar with this holiday alone."""
    year, file = holiday[:4], folder / "holidays.yaml"
    file.write_text(
        f"years: [{{year: {year}, source: ours, make_up_days: [],"
        f" holidays: [{{from: {holiday}, to: {holiday}}}]}}]",
        encoding="utf-8",
    )
    browser = desk.browser(app=desk.make_app(ReviewSettings(calendar=file)))
    case = desk.case_in_review()
    return {
        lang: text_of(browser.get(f"/review/{case.id}?lang={lang}")) for lang in ("en", "zh-CN")
    }


def test_the_calendar_is_the_operators(desk: Desk, tmp_path: Path) -> None:
    pages = by_calendar(desk, tmp_path, "2026-03-04")

    assert clock_of(pages["en"], "T1") == "T1 Review and entry Running Last day 10 Mar 2026"


def test_an_end_that_may_still_move_is_marked_and_it_says_why(desk: Desk, tmp_path: Path) -> None:
    pages = by_calendar(desk, tmp_path, "2025-03-04")

    assert clock_of(pages["en"], "T1").endswith("Last day 9 Mar 2026 provisional")
    assert "provisional The holidays of a year that it reaches into" in pages["en"]
    assert "最后一日：2026年3月9日 暂定" in pages["zh-CN"]
    assert "暂定 所涉年份的节假日安排尚未录入" in pages["zh-CN"]


def test_a_calendar_that_cannot_be_read_stops_the_start(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RulebookError, match=r"calendar .*none"):
        desk.make_app(ReviewSettings(calendar=tmp_path / "none"))
    monkeypatch.setenv("REMINDFIRST_CALENDAR", "")
    assert ReviewSettings().calendar is None
    monkeypatch.setenv("REMINDFIRST_CALENDAR", "ours.yaml")
    assert ReviewSettings().calendar == Path("ours.yaml")
