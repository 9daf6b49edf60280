"""Stays and false stops on simulated boxes with measured noise: two tables with their seeds.

Run from the repository's root: `.venv/bin/python -m benchmarks.stays --hours 10 --seeds 25`. The
noise is that of a small network on real clips (`detector/simulator/noise.py`), the traffic that of
`detector/simulator/traffic.py`. Nothing here reads the truth but the score.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, TypeVar

import typer
from pydantic import TypeAdapter

from benchmarks.intervals import poisson_interval, wilson_interval
from benchmarks.stays_watch import (
    DWELLS_S,
    SCENE_DWELL_S,
    HourResult,
    SceneResult,
    watch_hour,
    watch_scene,
)
from benchmarks.tables import Table, print_table
from detector.simulator.traffic_troubles import Trouble
from detector.simulator.traffic_vehicle import Doing
from detector.sources import utc_now

__all__ = ["RESULTS", "Report", "main", "read_report", "tables"]

RESULTS = Path("var/stays.json")
_HOUR_S = 3600.0
_PROCESSES = 2

_STAY_HEAD = ("trouble", "stays", "told", "per stay", "told once 95 %", "delay s")
_STOP_HEAD = ("zone", "dwell s", "false", "per hour", "95 %", "doing", "by seed", "true stays told")

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleRow:
    """One line of the table of stays; `faults` are counts by kind, `faulty_seeds` say where."""

    trouble: str
    scenes: int
    true_stays: int
    suspicions: int
    episodes_per_stay: float | None
    told_once_ratio_95: tuple[float, float] | None
    median_delay_s: float | None
    faults: dict[str, int]
    faulty_seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseStopRow:
    """One line of the table of false stops."""

    zone: str
    dwell_s: float
    camera_hours: float
    false_stops: int
    per_hour: float
    per_hour_95: tuple[float, float]
    doing: dict[str, int]
    seeds: dict[int, int]
    true_stays: int
    episodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of one run."""

    day: str
    first_seed: int
    seeds: int
    stays: tuple[TroubleRow, ...]
    false_stops: tuple[FalseStopRow, ...]


def trouble_row(trouble: str, results: Sequence[SceneResult]) -> TroubleRow:
    """Sum up the scenes of one trouble, or of all."""
    stays = [stay for result in results for stay in result.expected()]
    suspicions = sum(len(stay.suspected_s) for stay in stays)
    once = sum(len(stay.suspected_s) == 1 for stay in stays)
    delays_s = [delay_s for stay in stays for delay_s in stay.delays_s(SCENE_DWELL_S)]
    faults: dict[str, int] = defaultdict(int)
    for result in results:
        for kind, count in result.faults().items():
            faults[kind] += count
    return TroubleRow(
        trouble=trouble,
        scenes=len(results),
        true_stays=len(stays),
        suspicions=suspicions,
        episodes_per_stay=suspicions / len(stays) if stays else None,
        told_once_ratio_95=wilson_interval(once, len(stays)) if stays else None,
        median_delay_s=median(delays_s) if delays_s else None,
        faults=dict(faults),
        faulty_seeds=tuple(sorted(one.seed for one in results if any(one.faults().values()))),
    )


def false_stop_row(zone: str, dwell_s: float, results: Sequence[HourResult]) -> FalseStopRow:
    """Sum up the hours of one dwell for one zone."""
    hours = sum(one.hours for one in results)
    doing: dict[str, int] = defaultdict(int)
    seeds: dict[int, int] = defaultdict(int)
    for result in results:
        for stop in result.false_stops:
            if stop.zone_id == zone:
                doing[stop.doing.value if stop.doing else "nobody there"] += 1
                seeds[result.seed] += 1
    count = sum(seeds.values())
    low, high = poisson_interval(count)
    stays = [
        stay
        for result in results
        for stay in result.stays
        if stay.doing is Doing.PARKED and stay.plain_s > dwell_s + 3
    ]
    return FalseStopRow(
        zone=zone,
        dwell_s=dwell_s,
        camera_hours=hours,
        false_stops=count,
        per_hour=count / hours,
        per_hour_95=(low / hours, high / hours),
        doing=dict(doing),
        seeds=dict(seeds),
        true_stays=len(stays),
        episodes=sum(len(stay.suspected_s) for stay in stays),
    )


def read_report(path: Path) -> Report:
    """What a run has written."""
    return TypeAdapter(Report).validate_json(path.read_bytes())


def tables(report: Report) -> tuple[Table, ...]:
    """Stays by trouble and false stops; what was not watched has no table."""
    made = []
    if report.stays:
        seeds = f"seeds {report.first_seed} to {report.first_seed + report.seeds - 1}"
        title = f"Stays by trouble, dwell {SCENE_DWELL_S:.0f} s, {seeds}"
        head = (*_STAY_HEAD, *report.stays[0].faults, "seeds with faults")
        lines = tuple(tuple(_stay_cells(row)) for row in report.stays)
        made.append(Table(title=title, head=head, lines=lines))
    if report.false_stops:
        hours = report.false_stops[0].camera_hours
        title = f"False stops, {hours:g} camera-hours of ordinary traffic"
        lines = tuple(tuple(_stop_cells(row)) for row in report.false_stops)
        made.append(Table(title=title, head=_STOP_HEAD, lines=lines))
    return tuple(made)


def main(
    hours: Annotated[float, typer.Option(help="Simulated camera-hours of traffic.")] = 10.0,
    seeds: Annotated[int, typer.Option(help="Scenes per trouble.")] = 25,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the rows here.")] = None,
    first_seed: Annotated[int, typer.Option(help="The first seed of both.")] = 0,
) -> None:
    """Watch scenes of trouble and hours of traffic; print what was told rightly and wrongly."""
    logging.disable(logging.CRITICAL)
    lengths_s = _split(hours)
    with ProcessPoolExecutor(max_workers=_PROCESSES) as pool:
        hour_runs = [
            pool.submit(watch_hour, first_seed + n, length_s)
            for n, length_s in enumerate(lengths_s)
        ]
        scene_runs = [
            pool.submit(watch_scene, trouble, first_seed + n)
            for trouble in Trouble
            for n in range(seeds)
        ]
        _wait([*hour_runs, *scene_runs])
    scenes = [run.result() for run in scene_runs]
    traffic = [result for run in hour_runs for result in run.result()]
    report = Report(
        day=utc_now().date().isoformat(),
        first_seed=first_seed,
        seeds=seeds,
        stays=tuple(_stay_rows(scenes)) if scenes else (),
        false_stops=tuple(_stop_rows(traffic)) if traffic else (),
    )
    for table in tables(report):
        print_table(table)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_bytes(TypeAdapter(Report).dump_json(report, indent=1))


def _split(hours: float) -> list[float]:
    """An hour for each seed, the last one shorter."""
    whole = int(hours)
    rest_s = round((hours - whole) * _HOUR_S)
    return [_HOUR_S] * whole + ([float(rest_s)] if rest_s else [])


def _wait(runs: Sequence[Future[Any]]) -> None:
    with typer.progressbar(as_completed(runs), length=len(runs), label="Watching") as done:
        for run in done:
            run.result()


def _stay_rows(scenes: Sequence[SceneResult]) -> list[TroubleRow]:
    by_trouble = [
        trouble_row(trouble.value, [one for one in scenes if one.trouble is trouble])
        for trouble in Trouble
    ]
    return [*by_trouble, trouble_row("all", scenes)]


def _stop_rows(traffic: Sequence[HourResult]) -> list[FalseStopRow]:
    return [
        false_stop_row(zone, dwell_s, [one for one in traffic if one.dwell_s == dwell_s])
        for zone in ("kerb", "roadway")
        for dwell_s in DWELLS_S
    ]


def _stay_cells(row: TroubleRow) -> Iterable[str]:
    yield from (row.trouble, str(row.true_stays), str(row.suspicions))
    yield _shown(row.episodes_per_stay, "{:.2f}".format)
    yield _shown(row.told_once_ratio_95, lambda pair: f"{pair[0]:.2f} to {pair[1]:.2f}")
    yield _shown(row.median_delay_s, "{:+.1f}".format)
    yield from (str(count) for count in row.faults.values())
    yield " ".join(str(seed) for seed in row.faulty_seeds) if row.trouble != "all" else ""


def _stop_cells(row: FalseStopRow) -> Iterable[str]:
    yield from (row.zone, f"{row.dwell_s:g}", str(row.false_stops), f"{row.per_hour:.2f}")
    yield f"{row.per_hour_95[0]:.2f} to {row.per_hour_95[1]:.2f}"
    yield ", ".join(f"{doing} {count}" for doing, count in row.doing.items())
    yield ", ".join(f"{seed}: {count}" for seed, count in row.seeds.items())
    yield f"{row.episodes} of {row.true_stays}"


def _shown(value: V | None, show: Callable[[V], str]) -> str:
    return "-" if value is None else show(value)


if __name__ == "__main__":
    typer.run(main)
