import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.case import CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.commands import app
from pipeline.storage import open_storage
from pipeline.storage.figure_queries import HEEDED_DELIVERED, SECONDS_TO_DELIVERY
from tests.builders import NOON, PLATE, a_case, a_site, seconds

MARCH = ("figures", "--since", "2026-03-01", "--until", "2026-04-01")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten cases of 2 March whose reminder was delivered after 20 to 29 s; eight left in time."""
    url = f"sqlite:///{tmp_path}/state.db"
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", url)
    storage = open_storage(url, clock=ManualClock(NOON + timedelta(days=2)))
    with storage.begin() as uow:
        uow.registry.save_site(a_site())
        uow.registry.save_site(a_site("cam-2"))
        for n in range(10):
            uow.cases.add(
                a_case(
                    status=CaseStatus.CLOSED,
                    disposition=Disposition.CLEARED if n < 8 else Disposition.UNPROVEN,
                    closed_at=NOON + seconds(5000),
                    reminder_delivered_at=NOON + seconds(20 + n),
                    grace_ends_at=NOON + seconds(700),
                    left_at=NOON + seconds(100) if n < 8 else None,
                )
            )
        uow.commit()
    storage.close()
    return tmp_path


def run(*command: str) -> Result:
    return CliRunner().invoke(app, [*command])


def test_figures_are_printed_with_their_intervals_and_queries(data: Path) -> None:
    told = run(*MARCH)

    assert told.exit_code == 0
    assert told.output.startswith(
        "2026-03-01 00:00 up to 2026-04-01 00:00 (not included), Asia/Shanghai, all sites\n"
        "10 suspected cases, 0 of them still open\n"
    )
    assert (
        "Heeded, reminder delivered [heeded_delivered]\n"
        "  80.0 % (95 % interval 49.0 to 94.3 %), 8 of 10\n"
        "  cases whose reminder was delivered while the vehicle stood, "
    ) in told.output
    assert (
        "  10 cases\n"
        "  median: 24.0 s (95 % interval 21.0 to 28.0)\n"
        "  p90: 28.0 s (95 % interval 26.0 to no bound)\n"
        "  p99: 29.0 s (95 % interval 28.0 to no bound)\n"
    ) in told.output
    assert f"-- heeded_delivered\n{HEEDED_DELIVERED};\n" in told.output
    assert ":since = 2026-03-01T00:00:00+08:00" in told.output
    assert ":site = NULL" in told.output
    assert told.output.count("SELECT") == 9


def test_a_figure_without_cases_says_so_and_never_nought_percent(data: Path) -> None:
    told = run("figures", "--since", "2026-05-01", "--until", "2026-06-01")

    assert told.exit_code == 0
    assert "0 suspected cases, 0 of them still open\n" in told.output
    assert told.output.count("\n  no cases\n") == 9
    assert "%" not in told.output.partition("Queries")[0].replace("95 %", "")


def test_figures_are_told_in_chinese(data: Path) -> None:
    told = run(*MARCH, "--lang", "zh")
    nothing = run("figures", "--since", "2026-05-01", "--until", "2026-06-01", "--lang", "zh")

    assert "提醒送达后驶离 [heeded_delivered]\n  80.0%（95% 区间 49.0% 至 94.3%）" in told.output
    assert "中位数：24.0 秒（95% 区间 21.0 至 28.0）" in told.output
    assert "没有案件" in nothing.output


def test_one_site_is_told_by_its_id(data: Path) -> None:
    told = run(*MARCH, "--site", "cam-2")

    assert "site cam-2\n0 suspected cases" in told.output
    assert ":site = cam-2" in told.output


def test_an_unknown_site_is_no_site_without_cases(data: Path) -> None:
    refused = run(*MARCH, "--site", "cam-3")

    assert refused.exit_code == 2
    assert "no site is called 'cam-3'" in refused.output


def test_the_same_is_written_as_json(data: Path) -> None:
    told = run(*MARCH, "--json", f"{data}/march.json")
    found = json.loads((data / "march.json").read_text(encoding="utf-8"))

    assert told.exit_code == 0
    assert (found["cases"], found["still_open"]) == (10, 0)
    by_id = {one["id"]: one for one in found["figures"]}
    heeded = by_id["heeded_delivered"]
    assert (heeded["n"], heeded["answer"]["hits"]) == (10, 8)
    assert heeded["answer"]["low"] == pytest.approx(0.490, abs=0.0005)
    assert heeded["query"] == HEEDED_DELIVERED
    assert heeded["title"]["zh"] == "提醒送达后驶离"
    seconds_told = by_id["seconds_to_delivery"]
    assert seconds_told["answer"][2] == {
        "share": 0.99,
        "value_s": 29.0,
        "low_s": 28.0,
        "high_s": None,
    }
    assert seconds_told["query"] == SECONDS_TO_DELIVERY
    assert by_id["heeded_accepted"]["answer"]["value"] is None
    assert found["span"]["since"] == "2026-03-01 00:00:00+08:00"


def test_a_day_is_one_of_the_zone(data: Path) -> None:
    day = ("figures", "--since", "2026-03-02T12:00", "--until", "2026-03-02T12:01")

    assert "10 suspected cases" in run(*day).output
    assert "0 suspected cases" in run(*day, "--zone", "UTC").output


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("--since", "2026-03-01", "--until", "2026-03-01"), "is not later than --since"),
        (("--since", "March", "--until", "2026-03-01"), "'March' is no instant"),
        (("--since", "2026-03-01", "--until", "2026-04-01", "--zone", "X/Y"), "is no time zone"),
        (
            ("--since", "2026-03-01", "--until", "2026-04-01", "--json", "/nowhere/x"),
            "--json /nowhere/x: No such file",
        ),
    ],
)
def test_what_cannot_be_asked_is_said(data: Path, command: tuple[str, ...], says: str) -> None:
    refused = run("figures", *command)

    assert refused.exit_code == 2
    assert says in refused.output


def test_no_database_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", f"sqlite:///{tmp_path}/state.db")

    assert run(*MARCH).exit_code == 2


def test_nobody_is_named(data: Path) -> None:
    run(*MARCH, "--json", f"{data}/march.json")
    told = run(*MARCH).output + (data / "march.json").read_text(encoding="utf-8")

    assert PLATE not in told
