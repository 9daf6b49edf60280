"""What a run of simulated stays is summed up to."""

from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter

from benchmarks.accuracy import stays_section
from benchmarks.stays import Report, false_stop_row, read_report, tables, trouble_row
from benchmarks.stays_watch import HourResult, SceneResult
from detector.simulator.traffic_troubles import Trouble
from detector.simulator.traffic_truth import FalseStop, TrueStay
from detector.simulator.traffic_vehicle import Doing


def a_stay(
    *suspected_s: float,
    plain_s: float = 60.0,
    doing: Doing = Doing.PARKED,
    false_departures: int = 0,
) -> TrueStay:
    return TrueStay(
        vehicle_id=1,
        doing=doing,
        since_s=0.0,
        front_m=30.0,
        plain_s=plain_s,
        sight_s=plain_s,
        suspected_s={uuid4(): sight_s for sight_s in suspected_s},
        false_departures=false_departures,
    )


def a_scene(seed: int, *stays: TrueStay) -> SceneResult:
    return SceneResult(
        trouble=Trouble.RAIN,
        seed=seed,
        stays=stays,
        false_stops=(),
        wrong_sightings=0,
        lasts_s=100.0,
    )


SCENES = (
    a_scene(0, a_stay(10.4)),
    a_scene(1, a_stay(10.0, 30.0), a_stay(plain_s=12.0)),
    a_scene(2, a_stay(), a_stay(doing=Doing.AT_BUS_STOP)),
    a_scene(3, a_stay(7.0, false_departures=1)),
)
HOUR = HourResult(
    seed=5,
    dwell_s=10.0,
    hours=2.0,
    stays=(a_stay(11.0), a_stay(), a_stay(plain_s=5.0)),
    false_stops=(
        FalseStop(at_s=40.0, zone_id="kerb", vehicle_id=3, doing=Doing.AT_SIGNAL),
        FalseStop(at_s=60.0, zone_id="roadway", vehicle_id=None, doing=None),
    ),
)
REPORT = Report(
    day="2026-03-02",
    first_seed=0,
    seeds=4,
    stays=(trouble_row("rain", SCENES), trouble_row("all", SCENES)),
    false_stops=(false_stop_row("kerb", 10.0, [HOUR]), false_stop_row("roadway", 10.0, [HOUR])),
)


def test_only_those_who_stood_long_enough_in_plain_sight_have_to_be_told() -> None:
    row = REPORT.stays[0]
    assert (row.true_stays, row.suspicions) == (4, 4)
    assert row.episodes_per_stay == 1.0
    assert (row.faults["missed"], row.faults["split"], row.faults["early"]) == (1, 1, 1)
    assert row.faults["false departure"] == 1
    assert row.faulty_seeds == (1, 2, 3)


def test_false_stops_are_counted_by_zone_and_by_the_hour() -> None:
    kerb, roadway = REPORT.false_stops
    assert (kerb.false_stops, kerb.per_hour, kerb.doing) == (1, 0.5, {"at_signal": 1})
    assert roadway.doing == {"nobody there": 1}
    assert (kerb.true_stays, kerb.episodes) == (2, 1)


def test_a_report_is_read_as_it_was_written_and_shown_with_its_seeds(tmp_path: Path) -> None:
    path = tmp_path / "stays.json"
    path.write_bytes(TypeAdapter(Report).dump_json(REPORT))
    assert read_report(path) == REPORT
    stays, stops = tables(REPORT)
    assert stays.title.endswith("seeds 0 to 3")
    assert stays.lines[0][-1] == "1 2 3"
    assert stops.lines[0][:4] == ("kerb", "10", "1", "0.50")
    page = stays_section(REPORT)
    assert f"### {stops.title}" in page
    assert page.count("| rain |") == 1


def test_what_was_not_watched_has_no_table() -> None:
    assert tables(Report(day="", first_seed=0, seeds=0, stays=(), false_stops=())) == ()
