import re
from datetime import UTC, datetime

import pytest

from pipeline.deadline_table import Language, instant_of, lines_of, milestones_of, zone_of
from pipeline.errors import PermanentError
from pipeline.policy.clocks import running_clocks
from pipeline.policy.deadlines import load_calendar

SHANGHAI = zone_of("Asia/Shanghai")


def table(now: str, *given: str, lang: Language) -> list[str]:
    milestones = milestones_of(list(given), SHANGHAI)
    clocks = running_clocks(milestones, instant_of(now, SHANGHAI), SHANGHAI, load_calendar())
    return list(lines_of(clocks, SHANGHAI, lang))


def test_the_table_says_what_runs_and_what_follows_in_english() -> None:
    lines = table(
        "2026-10-10T12:00", "captured=2026-09-24T23:30", "came=2026-10-10T09:00", lang=Language.EN
    )

    assert [re.split(r"\s{2,}", line.strip()) for line in lines[:3]] == [
        ["clock", "from", "until", "near from", "state", "source"],
        [
            "T1",
            "Review and entry",
            "2026-09-24 23:30",
            "2026-10-09",
            "2026-10-09 00:00",
            "overdue",
            "P105 article 19",
        ],
        ["^ The case can only be closed as expired"],
    ]
    assert "2026-10-11 09:00" in lines[3]
    assert "not settled: CASE article 35" in lines[4]


def test_the_table_keeps_its_columns_in_chinese() -> None:
    lines = table("2026-10-08T12:00", "captured=2026-09-24T23:30", lang=Language.ZH)

    assert lines[1].startswith("T1   审核、录入  2026-09-24 23:30  2026-10-09  ")
    assert lines[2].startswith("T14  处罚时效    2026-09-24 23:30  2028-09-24  ")
    assert "进行中" in lines[1]


@pytest.mark.parametrize(
    ("lang", "said"), [(Language.EN, "provisional: the holidays"), (Language.ZH, "暂定：")]
)
def test_a_provisional_end_is_said_to_be_one(lang: Language, said: str) -> None:
    lines = table("2026-12-28T12:00", "captured=2026-12-28T08:00", lang=lang)

    assert said in lines[2]


def test_an_instant_without_an_offset_is_the_sites() -> None:
    assert instant_of("2026-09-24T23:30", SHANGHAI) == datetime(2026, 9, 24, 15, 30, tzinfo=UTC)
    assert instant_of("2026-09-24T23:30Z", SHANGHAI) == datetime(2026, 9, 24, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "nothing happened yet"),
        (["entred=2026-09-24"], "'entred' is no milestone"),
        (["entered=tomorrow"], "'tomorrow' is no instant"),
        (["entered"], "'' is no instant"),
    ],
)
def test_what_cannot_be_understood_is_said(given: list[str], said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        milestones_of(given, SHANGHAI)


@pytest.mark.parametrize("name", ["Asia/Atlantis", "../etc/passwd", ""])
def test_an_unknown_time_zone_is_said(name: str) -> None:
    with pytest.raises(PermanentError, match="is no time zone"):
        zone_of(name)
