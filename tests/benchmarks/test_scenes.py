from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import scenes_section
from benchmarks.scenes import Report, orders, read_report, tables, write_report
from benchmarks.scenes_watch import (
    Part,
    SceneOrder,
    SceneResult,
    expected,
    hear_faults,
    watch_scene,
)
from detector.score import Truth
from detector.score.truth import Certainty
from detector.simulator import Condition, Situation
from detector.simulator.truth_file import TruthFault
from pipeline.events import CameraFault

DAZZLE = TruthFault(kind="dazzle", start_s=10, end_s=20)
DAZZLED = frozenset({CameraFault.DAZZLED})
DIRTY = frozenset({CameraFault.LENS_DIRTY})


def a_result(order: SceneOrder, **found: Any) -> SceneResult:
    nothing: dict[str, Any] = {
        "lasts_s": 300.0,
        "waiting": 3,
        "truth": 0,
        "found": 0,
        "false": 0,
        "events": 0,
        "delays_s": (),
        "false_departures": 0,
        "told_s": None,
        "told_as": (),
        "failures": (),
        "wall_s": 1.0,
    }
    return SceneResult(order=order, **nothing | found)


def a_report(*results: SceneResult) -> Report:
    return Report(network="net@1", day="2026-03-02", results=results)


def an_order(part: Part = Part.SITUATIONS, seed: int = 7, **how: Any) -> SceneOrder:
    return SceneOrder(part=part, situation=Situation.PARKED, seed=seed, **how)


def test_each_rule_is_seen_in_each_weather_and_an_hour_has_an_hour() -> None:
    wanted = orders(range(10), hours=1)
    counts = Counter(one.situation for one in wanted if one.part is Part.SITUATIONS)
    weathers = {one.condition for one in wanted if one.situation is Situation.BLOCKED_JUNCTION}
    assert set(counts.values()) == {10}
    assert len(weathers) == 6
    assert sum(one.lasts_s or 0 for one in wanted if one.part is Part.TRAFFIC) == 3600
    assert len(set(wanted)) == len(wanted)


def test_who_stands_for_less_than_the_dwell_has_done_nothing_wrong() -> None:
    stays = [
        {
            "id": f"e{length_s}",
            "type": "parked",
            "start_s": 10,
            "end_s": 10 + length_s,
            "box": (0, 0, 9, 9),
            "box_at_s": 12,
        }
        for length_s in (8, 12, 20)
    ]
    truth = Truth.model_validate({"image": {"width": 100, "height": 100}, "events": stays})
    found = expected(truth, dwell_s=10)
    assert [(one.id, one.certainty) for one in found.events] == [
        ("e12", Certainty.OPTIONAL),
        ("e20", Certainty.CERTAIN),
    ]
    assert [one.id for one in found.not_events] == ["e8"]


@pytest.mark.parametrize(
    ("statuses", "fault", "told_s", "told_as", "wrong"),
    [
        ([(12.0, DAZZLED), (26.0, frozenset())], DAZZLE, 2.0, ("dazzled",), []),
        ([(13.0, DIRTY), (14.0, DIRTY | DAZZLED)], DAZZLE, 3.0, ("dazzled", "lens_dirty"), []),
        ([(2.0, frozenset())], DAZZLE, None, (), []),
        ([(4.0, DIRTY), (12.0, DAZZLED)], DAZZLE, 2.0, ("dazzled",), [(4.0, "lens_dirty")]),
        ([(30.0, DAZZLED)], DAZZLE, None, (), [(30.0, "dazzled")]),
        ([(4.0, DIRTY)], None, None, (), [(4.0, "lens_dirty")]),
    ],
)
def test_what_is_said_of_the_camera_is_held_against_its_fault(
    statuses: list[tuple[float, frozenset[CameraFault]]],
    fault: TruthFault | None,
    told_s: float | None,
    told_as: tuple[str, ...],
    wrong: list[tuple[float, str]],
) -> None:
    assert hear_faults(statuses, fault) == (told_s, told_as, wrong)


def test_a_table_names_the_seeds_that_failed() -> None:
    good = a_result(an_order(seed=1), truth=1, found=1, events=1, delays_s=(10.5,))
    bad = a_result(
        an_order(seed=2, condition=Condition.RAIN), truth=1, false=1, failures=("missed", "false")
    )
    (table,) = tables(a_report(good, bad))
    assert table.lines == (("parked", "2", "2", "1", "1", "1.00", "0", "10.5", "2 rain"),)


def test_a_fault_that_is_not_told_shows() -> None:
    how: dict[str, Any] = {"part": Part.FAULTS, "condition": Condition.DARK}
    told = a_result(an_order(seed=1, **how), told_s=2.5, told_as=("too_dark",))
    silent = a_result(an_order(seed=2, **how), failures=("dark not told",))
    (table,) = tables(a_report(told, silent))
    row = dict(zip(table.head, table.lines[0], strict=True))
    assert (row["scenes"], row["told"], row["after s"]) == ("2", "1", "2.5, at most 2.5")
    assert (row["told as"], row["seeds that failed"]) == ("too_dark 1", "2")


def test_false_stops_are_told_for_each_hour_with_their_interval() -> None:
    pieces = [a_result(an_order(Part.TRAFFIC, seed=n), false=int(n == 2)) for n in range(6)]
    (table,) = tables(a_report(*pieces))
    assert table.lines == (("0.5", "18", "1", "2.00", "0.03 to 11.13", "2: 1"),)


def test_the_page_tells_the_tables_of_the_scenes() -> None:
    page = scenes_section(a_report(a_result(an_order(seed=4), truth=1, found=1, events=1)))
    assert "Network: `net@1`. Date: 2026-03-02." in page
    assert "| parked | 1 | 1 | 1 | 0 | 1.00 | 0 | - | none |" in page


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    order = an_order(Part.FAULTS, condition=Condition.FROZEN, lasts_s=20.0)
    report = a_report(a_result(order, told_s=2.0, told_as=("frozen",), failures=("one", "two")))
    write_report(tmp_path / "var" / "scenes.json", report)
    assert read_report(tmp_path / "var" / "scenes.json") == report


@pytest.mark.slow
def test_a_parked_car_is_found_unless_the_camera_sees_nothing(tmp_path: Path) -> None:
    how: dict[str, Any] = {"seed": 3, "dwell_s": 7, "lasts_s": 24}
    seen = watch_scene(an_order(**how), "background", tmp_path)
    assert (seen.truth, seen.found, seen.events, seen.false, seen.failures) == (1, 1, 1, 0, ())
    frozen = watch_scene(an_order(**how, condition=Condition.FROZEN), "background", tmp_path)
    assert (frozen.truth, frozen.found, frozen.told_as) == (1, 0, ("frozen",))
    assert [line.split()[1] for line in frozen.failures] == ["missed"]
    assert [one.name for one in tmp_path.iterdir()] == ["parked-frozen-3-1-missed-parked-e1.jpg"]
