"""Alerts to staff: their words in both languages, and the log that is told when nobody else is."""

import logging
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.events.violation import LocalName
from pipeline.notify import open_staff_alerts
from pipeline.notify.staff import Alert, AlertKind, LoggedAlerts, Phase
from pipeline.notify.staff_words import AlertFacts, alert_of
from tests.builders import NOON

FACTS = AlertFacts(
    kind=AlertKind.REVIEW_NEAR,
    phase=Phase.BEGAN,
    about="cam-1",
    since=NOON,
    count=7,
    zone=ZoneInfo("Asia/Shanghai"),
    place=LocalName(zh="解放路口", en="Jiefang junction"),
    last_day=date(2026, 3, 9),
)


def texts(alert: Alert) -> list[LocalName]:
    return [alert.title, alert.sentence, alert.advice]


@pytest.mark.parametrize("kind", AlertKind)
@pytest.mark.parametrize("phase", Phase)
def test_every_alert_can_be_said_in_both_languages(kind: AlertKind, phase: Phase) -> None:
    for text in texts(alert_of(replace(FACTS, kind=kind, phase=phase))):
        assert not re.search(r"[{}]", text.zh + text.en)
        assert re.search("[\u4e00-\u9fff]", text.zh)
        assert not re.search("[\u4e00-\u9fff]", text.en)


def test_an_alert_says_how_many_where_since_when_and_what_to_do() -> None:
    near = alert_of(FACTS)
    sms = replace(FACTS, kind=AlertKind.CHANNEL_FAILS, about="sms", place=None)

    assert near.sentence.en == (
        "Jiefang junction: cases in review near their deadline: 7; the first one's last day is "
        "2026-03-09."
    )
    assert near.advice.en == "Let qualified reviewers decide them before the end of that day."
    assert alert_of(sms).sentence.zh == "短信通道因技术原因失败 7 次，始于 2026-03-02 12:00+08:00。"
    assert alert_of(replace(sms, about="carrier pigeon")).title.en == "Channel carrier pigeon fails"


def test_where_it_stands_is_in_the_title() -> None:
    lasts, over = (
        alert_of(replace(FACTS, phase=phase, last_day=None)) for phase in (Phase.LASTS, Phase.OVER)
    )

    assert lasts.title.en == "Still: Review nearly due (Jiefang junction)"
    assert over.title.en == "Over: Review nearly due (Jiefang junction)"
    assert over.sentence.zh == "已解除：审核即将到期（解放路口）（始于 2026-03-02 12:00+08:00）。"
    assert over.advice.en == "Nothing needs to be done."


@pytest.mark.parametrize(
    ("phase", "level"),
    [(Phase.BEGAN, logging.ERROR), (Phase.LASTS, logging.ERROR), (Phase.OVER, logging.INFO)],
)
def test_without_addresses_the_log_is_told(
    phase: Phase, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told = open_staff_alerts(None)
    told.tell(alert_of(replace(FACTS, phase=phase)))

    (line,) = caplog.records
    assert (line.levelno, line.getMessage()) == (level, "alert to staff")
    assert (vars(line)["kind"], vars(line)["count"]) == (AlertKind.REVIEW_NEAR, 7)
    assert isinstance(told, LoggedAlerts)
    assert list(told.try_out()) == []


def test_the_words_hold_no_kind_that_is_none() -> None:
    text = Path("pipeline/notify/staff.toml").read_text(encoding="utf-8")

    assert set(re.findall(r"\[kind\.(\w+)\]", text)) == set(AlertKind)
