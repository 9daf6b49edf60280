"""`remindfirst explain`: why a case went the way it went, in both languages."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.bus import EventPublisher
from pipeline.clock import ManualClock
from pipeline.worker import Worker
from review_ui.commands import app
from tests.builders import PLATE, a_sighting, a_suspicion, seconds
from tests.fakes import RecordingChannel


@pytest.fixture
def number(
    publisher: EventPublisher,
    worker: Worker,
    channel: RecordingChannel,
    clock: ManualClock,
    storage_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A case that was reminded, seen again, and is in review."""
    channel.delivers_at_once = True
    suspicion = a_suspicion()
    publisher.publish([suspicion])
    for at_s in (0, 2, 30):
        clock.advance(seconds(at_s))
        publisher.publish([a_sighting(suspicion, clock.now())])
        while worker.run_once():
            pass
    with worker.storage.read() as uow:
        (case,) = uow.cases.find()
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", storage_url)
    return case.number


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.db"


def test_every_step_is_told_with_its_rule_its_entry_its_source_and_the_edition(number: str) -> None:
    told = CliRunner().invoke(app, ["explain", number, "--lang", "en"])

    assert told.exit_code == 0
    lines = told.output
    assert "Reminder queued  [Suspicion → Reminder going out]" in lines
    assert "Before anything else the driver is asked to move." in lines
    assert "contact_steps, try 1: sms from 2020-01-01 (demo 2026.1 " in lines
    assert "Source: demonstration only, not law" in lines
    assert "Seen again after the grace period, so a person decides." in lines
    assert "Policy proposes: Propose a warning (list: a warning the first time)" in lines
    assert "+ Earlier records within the look-back: 0" in lines
    assert "T1 Review and entry: " in lines
    assert ", last day 2026-03-09 (P105 article 19)" in lines
    assert PLATE not in lines


def test_without_a_language_it_is_told_in_both(number: str) -> None:
    told = CliRunner().invoke(app, ["explain", number])

    assert told.exit_code == 0
    assert told.output.index("宽限期后再次看到该车") < told.output.index("Seen again after")


@pytest.mark.parametrize("arguments", [["none"], ["12345678-not-a-number"]])
def test_a_case_that_is_not_there_is_one_line_and_exit_2(number: str, arguments: list[str]) -> None:
    assert number
    told = CliRunner().invoke(app, ["explain", *arguments])

    assert (told.exit_code, told.output.count("\n")) == (2, 1)
    assert "no case with number" in told.output


def test_a_language_that_is_none_is_refused(number: str) -> None:
    told = CliRunner().invoke(app, ["explain", number, "--lang", "klingon"])

    assert told.exit_code == 2
    assert "zh-CN or en" in told.output
