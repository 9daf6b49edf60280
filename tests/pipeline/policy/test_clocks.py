"""The legal clocks as situations that a lawyer could read, in `clocks/*.yaml`."""

from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from pipeline.policy.clock_table import Clock, load_clocks
from pipeline.policy.clocks import (
    ClockId,
    ClockState,
    Milestones,
    RunningClock,
    running_clocks,
    what_follows,
)
from pipeline.policy.deadlines import Unit, load_calendar
from pipeline.policy.parameters import RulebookError

SHANGHAI = ZoneInfo("Asia/Shanghai")
FOLDER = Path(__file__).parent / "clocks"
SCENARIOS = [
    scenario
    for file in sorted(FOLDER.glob("*.yaml"))
    for scenario in yaml.safe_load(file.read_text(encoding="utf-8"))
]
WORKING_DAY_CLOCKS = [
    clock for clock in load_clocks().clocks if clock.entries[-1].unit is Unit.WORKING_DAYS
]
# With these, one clock gives way to another.
GIVE_WAY = {"extended_until", "simple_decision_at", "reconsideration_requested_at"}


def worked(year: int, *months: tuple[int, list[int]]) -> list[date]:
    return [date(year, month, day) for month, days in months for day in days]


# The days that are worked, as read from the notices by eye.
AFTER_NATIONAL_DAY = worked(
    2026, (10, [8, 9, 10, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 26, 27, 28, 29, 30])
)
FROM_SPRING_FESTIVAL_ON = worked(
    2026,
    (2, [14, 24, 25, 26, 27, 28]),
    (3, [2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20]),
)
FROM_NEW_YEARS_EVE_ON = [
    date(2025, 12, 31),
    *worked(2026, (1, [4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 19, 20, 21, 22])),
]


def instant(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def milestones(happened: dict[str, str], zone: ZoneInfo = SHANGHAI) -> Milestones:
    names = {field.name for field in fields(Milestones)}
    return Milestones(
        **{
            name if name in names else f"{name}_at": instant(text, zone)
            for name, text in happened.items()
        }
    )


def found(scenario: dict[str, Any]) -> RunningClock | None:
    zone = ZoneInfo(scenario.get("zone", "Asia/Shanghai"))
    happened = milestones(scenario["happened"], zone)
    now = instant(scenario["at"], zone) if "at" in scenario else datetime(2026, 1, 1, tzinfo=UTC)
    running = running_clocks(happened, now, zone, load_calendar())
    return next((one for one in running if one.id == scenario["clock"]), None)


def seen(clock: RunningClock, scenario: dict[str, Any]) -> dict[str, object]:
    zone = ZoneInfo(scenario.get("zone", "Asia/Shanghai"))
    follows = what_follows(clock)
    return {
        "last_day": clock.last_day,
        "ends_at": f"{clock.ends_at.astimezone(zone):%Y-%m-%d %H:%M}",
        "near_from": f"{clock.alert_at.astimezone(zone):%Y-%m-%d %H:%M}",
        "provisional": clock.is_provisional,
        "state": clock.state,
        "follows": follows.word if follows else None,
        "source": clock.entry.source,
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_a_clock_runs_as_the_scenario_says(scenario: dict[str, Any]) -> None:
    clock = found(scenario)

    if not scenario.get("runs", True):
        assert clock is None
        return
    assert clock is not None
    said = {"provisional": False} | scenario
    if scenario.get("state") in {"running", "near", "met"}:
        said["follows"] = None
    seen_of_it = seen(clock, scenario)
    assert seen_of_it == seen_of_it | {key: said[key] for key in said if key in seen_of_it}


def test_every_clock_has_a_scenario() -> None:
    assert {scenario["clock"] for scenario in SCENARIOS} == set(ClockId)


@pytest.mark.parametrize("clock", WORKING_DAY_CLOCKS, ids=lambda clock: clock.id)
@pytest.mark.parametrize(
    ("started", "worked"),
    [
        ("2026-09-30 23:59:59", AFTER_NATIONAL_DAY),
        ("2026-10-01 00:00:00", AFTER_NATIONAL_DAY),
        ("2026-10-08 23:59:59", AFTER_NATIONAL_DAY[1:]),
        ("2026-10-09 00:00:00", AFTER_NATIONAL_DAY[2:]),
        ("2026-10-10 12:00:00", AFTER_NATIONAL_DAY[3:]),
        ("2026-02-13 23:59:59", FROM_SPRING_FESTIVAL_ON),
        ("2026-02-14 00:00:00", FROM_SPRING_FESTIVAL_ON[1:]),
        ("2026-02-28 12:00:00", FROM_SPRING_FESTIVAL_ON[6:]),
        ("2025-12-30 23:59:59", FROM_NEW_YEARS_EVE_ON),
        ("2025-12-31 00:00:00", FROM_NEW_YEARS_EVE_ON[1:]),
    ],
)
def test_a_clock_of_working_days_counts_the_days_that_the_notice_leaves(
    clock: Clock, started: str, worked: list[date]
) -> None:
    happened = Milestones(**{clock.starts: instant(started)})
    running = running_clocks(happened, instant(started), SHANGHAI, load_calendar())
    (found,) = [one for one in running if one.id is clock.id]

    assert found.last_day == worked[found.entry.length - 1]


def test_the_clocks_of_a_long_life_come_in_the_order_of_the_table() -> None:
    everything = milestones(
        {
            field.name.removesuffix("_at"): "2026-03-02 10:00"
            for field in fields(Milestones)
            if field.name not in GIVE_WAY
        }
    )
    running = running_clocks(everything, instant("2026-03-02 11:00"), SHANGHAI, load_calendar())

    assert [one.id for one in running] == [
        clock for clock in ClockId if clock not in {ClockId.T5, ClockId.T11}
    ]
    assert {one.id for one in running if one.state is not ClockState.MET} == {ClockId.T15}


def test_nothing_runs_before_anything_happened() -> None:
    now = instant("2026-03-02 10:00")

    assert running_clocks(Milestones(), now, SHANGHAI, load_calendar()) == ()


def test_a_day_begins_at_midnight_also_where_clocks_are_put_forward_at_midnight() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    happened = Milestones(entered_at=datetime(2026, 4, 23, 12, tzinfo=cairo))
    (query, _) = running_clocks(happened, datetime(2026, 4, 23, tzinfo=UTC), cairo, load_calendar())

    assert query.last_day == date(2026, 4, 23)
    assert query.ends_at == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_a_clock_older_than_the_first_text_known_of_it_is_an_error() -> None:
    happened = milestones({"captured": "2009-03-31 23:59:59"})

    with pytest.raises(RulebookError, match="clock T1: nothing in force on 2009-03-31"):
        running_clocks(happened, instant("2026-03-02 10:00"), SHANGHAI, load_calendar())


def test_other_clocks_may_be_given() -> None:
    table = load_clocks()
    only_the_second = table.model_copy(update={"clocks": table.clocks[1:2]})
    happened = milestones({"captured": "2026-03-02 10:00", "entered": "2026-03-02 10:00"})
    running = running_clocks(
        happened, instant("2026-03-02 10:00"), SHANGHAI, load_calendar(), table=only_the_second
    )

    assert [one.id for one in running] == [ClockId.T2]
