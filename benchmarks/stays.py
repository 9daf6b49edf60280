"""Stays and false stops on simulated boxes with measured noise: two tables with their seeds.

Run from the repository's root: `.venv/bin/python -m benchmarks.stays --hours 10 --seeds 25`. The
noise is that of a small network on real clips (`detector/simulator/noise.py`), the traffic that of
`detector/simulator/traffic.py`. Nothing here reads the truth but the score.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, TypeVar

import typer

from benchmarks.stays_watch import (
    DWELLS_S,
    SCENE_DWELL_S,
    HourResult,
    SceneResult,
    watch_hour,
    watch_scene,
)
from detector.simulator.traffic_troubles import Trouble
from detector.simulator.traffic_vehicle import Doing

_Z = 1.96
_HOUR_S = 3600.0
_PROCESSES = 2

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
        told_once_ratio_95=wilson(once, len(stays)) if stays else None,
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
    low, high = poisson(count)
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


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share. Source: Wilson, 1927."""
    share, spread = hits / total, _Z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * ((share * (1 - share) + spread / 4) / total) ** 0.5 / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson(count: int) -> tuple[float, float]:
    """The 95 % interval of a count. Source: Byar's form, Breslow and Day, 1987, p. 69."""
    above = count + 1
    high = above * (1 - 1 / (9 * above) + _Z / (3 * above**0.5)) ** 3
    if not count:
        return 0.0, high
    return count * (1 - 1 / (9 * count) - _Z / (3 * count**0.5)) ** 3, high


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
    stay_rows = _stay_rows(scenes) if scenes else []
    stop_rows = _stop_rows(traffic) if traffic else []
    _print_stays(stay_rows, first_seed, seeds)
    _print_stops(stop_rows)
    if json_path is not None:
        rows = {
            "stays": [asdict(row) for row in stay_rows],
            "false_stops": [asdict(row) for row in stop_rows],
        }
        json_path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


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


def _print_stays(rows: Sequence[TroubleRow], first_seed: int, seeds: int) -> None:
    if not rows:
        return
    typer.echo(
        f"\nStays by trouble, dwell {SCENE_DWELL_S:.0f} s, seeds from {first_seed}, {seeds} each"
    )
    head = [
        "trouble",
        "stays",
        "told",
        "per stay",
        "told once 95 %",
        "delay s",
        *rows[0].faults,
        "seeds with faults",
    ]
    _print_table(head, [[*_stay_cells(row)] for row in rows])


def _stay_cells(row: TroubleRow) -> Iterable[str]:
    yield from (row.trouble, str(row.true_stays), str(row.suspicions))
    yield _shown(row.episodes_per_stay, "{:.2f}".format)
    yield _shown(row.told_once_ratio_95, lambda pair: f"{pair[0]:.2f} to {pair[1]:.2f}")
    yield _shown(row.median_delay_s, "{:+.1f}".format)
    yield from (str(count) for count in row.faults.values())
    yield " ".join(str(seed) for seed in row.faulty_seeds) if row.trouble != "all" else ""


def _print_stops(rows: Sequence[FalseStopRow]) -> None:
    if not rows:
        return
    typer.echo(f"\nFalse stops, {rows[0].camera_hours:g} camera-hours of ordinary traffic")
    head = ["zone", "dwell s", "false", "per hour", "95 %", "doing", "by seed", "true stays told"]
    _print_table(head, [[*_stop_cells(row)] for row in rows])


def _stop_cells(row: FalseStopRow) -> Iterable[str]:
    yield from (row.zone, f"{row.dwell_s:g}", str(row.false_stops), f"{row.per_hour:.2f}")
    yield f"{row.per_hour_95[0]:.2f} to {row.per_hour_95[1]:.2f}"
    yield ", ".join(f"{doing} {count}" for doing, count in row.doing.items())
    yield ", ".join(f"{seed}: {count}" for seed, count in row.seeds.items())
    yield f"{row.episodes} of {row.true_stays}"


def _shown(value: V | None, show: Callable[[V], str]) -> str:
    return "-" if value is None else show(value)


def _print_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[n]) for line in [head, *lines]) for n in range(len(head))]
    for line in [head, *lines]:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


if __name__ == "__main__":
    typer.run(main)
