"""Rules, camera faults and ordinary traffic on drawn pictures: three tables with their seeds.

Run from the repository's root: `.venv/bin/python -m benchmarks.scenes --weights yolo26n.pt`. Each
picture is drawn, looked at by the whole camera loop and forgotten; only the score reads the truth.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import track

from benchmarks.intervals import poisson_interval
from benchmarks.scenes_watch import Part, SceneOrder, SceneResult, watch_scene
from benchmarks.tables import Table, print_table
from detector.perception import open_detector
from detector.settings import DetectorSettings
from detector.simulator import Condition, Situation
from detector.sources import utc_now

__all__ = [
    "RESULTS",
    "Report",
    "main",
    "orders",
    "read_report",
    "tables",
    "write_report",
]

RESULTS = Path("var/scenes.json")
_PROCESSES = 2
_PIECE_S = 300.0
_RULES = (
    Situation.PARKED,
    Situation.STOPPED_ON_CROSSING,
    Situation.BLOCKED_JUNCTION,
    Situation.EMERGENCY_LANE,
)
_COUNTERS = (
    Situation.QUEUE,
    Situation.WAITS_TO_TURN,
    Situation.CREEPING_QUEUE,
    Situation.TAKES_TURNS,
)
_WEATHERS = (
    None,
    Condition.NIGHT,
    Condition.RAIN,
    Condition.FOG,
    Condition.GLARE,
    Condition.SHAKE,
)
_FAULTS = (
    Condition.BUMP,
    Condition.DIRTY,
    Condition.DAZZLE,
    Condition.DARK,
    Condition.FROZEN,
    Condition.DROPS,
)
_DWELL_S = 10.0
# Longer than each of those who take turns stands: only added up do they stand for so long.
_TURNS_DWELL_S = 15.0
_SITUATION_HEAD = (
    "situation",
    "scenes",
    "true stays",
    "found",
    "false",
    "events",
    "false departures",
    "delay s",
    "seeds that failed",
)
_FAULT_HEAD = (
    "fault",
    "scenes",
    "told",
    "after s",
    "told as",
    "true stays",
    "found",
    "false",
    "events",
    "false departures",
    "seeds that failed",
)
_TRAFFIC_HEAD = ("camera-hours", "vehicles that waited", "false", "per hour", "95 %", "by seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All scenes of one run, and what looked at them."""

    network: str
    day: str
    results: tuple[SceneResult, ...]

    @property
    def minutes(self) -> float:
        """How long watching took, all processes together."""
        return sum(one.wall_s for one in self.results) / 60


def read_report(path: Path) -> Report:
    """What a run has written."""
    return TypeAdapter(Report).validate_json(path.read_bytes())


def write_report(path: Path, report: Report) -> None:
    """Keep a run for `read_report`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(TypeAdapter(Report).dump_json(report, indent=1))


def tables(report: Report) -> tuple[Table, ...]:
    """What was found in each kind of scene; kinds that were not watched have no table."""
    made = []
    for part, title, head, lines_of in (
        (Part.SITUATIONS, "Scenes from pixels", _SITUATION_HEAD, _situation_lines),
        (Part.FAULTS, "Faults of the camera, a car at the kerb", _FAULT_HEAD, _fault_lines),
        (Part.TRAFFIC, "Ordinary traffic at a light", _TRAFFIC_HEAD, _traffic_lines),
    ):
        results = [one for one in report.results if one.order.part is part]
        if results:
            made.append(Table(title=title, head=head, lines=tuple(lines_of(results))))
    return tuple(made)


def orders(seeds: range, hours: float) -> tuple[SceneOrder, ...]:
    """All scenes to watch; traffic comes in pieces, each with a camera and drivers of its own."""
    traffic = [
        SceneOrder(
            part=Part.TRAFFIC,
            situation=Situation.QUEUE,
            seed=1000 + seeds.start + n,
            lasts_s=_PIECE_S,
        )
        for n in range(round(hours * 3600 / _PIECE_S))
    ]
    situations = [
        SceneOrder(
            part=Part.SITUATIONS,
            situation=situation,
            seed=seed,
            condition=_WEATHERS[seed % len(_WEATHERS)],
            dwell_s=_TURNS_DWELL_S if situation is Situation.TAKES_TURNS else _DWELL_S,
        )
        for situation in (*_RULES, *_COUNTERS)
        for seed in seeds
    ]
    faults = [
        SceneOrder(part=Part.FAULTS, situation=Situation.PARKED, seed=seed, condition=fault)
        for fault in _FAULTS
        for seed in seeds
    ]
    return (*situations, *traffic, *faults)


def main(  # noqa: PLR0913 - one argument per option
    *,
    weights: Annotated[str, typer.Option(help="A .onnx or .pt file, or 'background'.")],
    seeds: Annotated[int, typer.Option(min=0, help="Scenes of each kind.")] = 10,
    hours: Annotated[float, typer.Option(min=0, help="Camera-hours of traffic.")] = 1.0,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    only: Annotated[str, typer.Option(help="Situations or faults, with commas.")] = "",
    json: Annotated[Path | None, typer.Option(help="Write the results here.")] = None,
    show: Annotated[Path | None, typer.Option(help="A drawn picture of each failure.")] = None,
) -> None:
    """Watch drawn scenes of each rule, their look-alikes, faults and traffic; print the tables."""
    wanted = [
        one
        for one in orders(range(first_seed, first_seed + seeds), hours)
        if not only
        or {one.situation.value, str(one.condition), one.part.value} & {*only.split(",")}
    ]
    # Opened here first, so that the processes find the network in the form that they need.
    network = open_detector(weights, memory=DetectorSettings().state_dir).model_version
    report = Report(
        network=network,
        day=utc_now().date().isoformat(),
        results=_watch_all(wanted, weights, show),
    )
    for table in tables(report):
        print_table(table)
    typer.echo(f"\n{len(report.results)} scenes in {report.minutes:.0f} minutes of a process")
    if json is not None:
        write_report(json, report)


def _watch_all(
    wanted: Sequence[SceneOrder], weights: str, show: Path | None
) -> tuple[SceneResult, ...]:
    # A fork of a process that has run a network may hang.
    context, console = get_context("spawn"), Console(stderr=True)
    with ProcessPoolExecutor(_PROCESSES, context, initializer=_hush) as pool:
        runs = [pool.submit(watch_scene, one, weights, show) for one in wanted]
        for run in track(as_completed(runs), "Watching", total=len(runs), console=console):
            for line in run.result().failures:
                console.print(line, soft_wrap=True, highlight=False)
    return tuple(run.result() for run in runs)


def _hush() -> None:
    logging.disable(logging.CRITICAL)


def _situation_lines(results: Sequence[SceneResult]) -> Iterator[tuple[str, ...]]:
    for situation in dict.fromkeys(one.order.situation for one in results):
        own = [one for one in results if one.order.situation is situation]
        delays_s = [delay_s for one in own for delay_s in one.delays_s]
        delay = f"{median(delays_s):.1f}" if delays_s else "-"
        yield (situation, str(len(own)), *_numbers(own), delay, _failed(own))


def _fault_lines(results: Sequence[SceneResult]) -> Iterator[tuple[str, ...]]:
    for fault in dict.fromkeys(one.order.condition for one in results):
        own = [one for one in results if one.order.condition is fault]
        told_s = [one.told_s for one in own if one.told_s is not None]
        told_as = Counter(name for one in own for name in one.told_as)
        yield (
            str(fault),
            str(len(own)),
            str(len(told_s)) if fault is not Condition.DROPS else "-",
            f"{median(told_s):.1f}, at most {max(told_s):.1f}" if told_s else "-",
            ", ".join(f"{name} {count}" for name, count in told_as.items()) or "-",
            *_numbers(own),
            _failed(own),
        )


def _traffic_lines(results: Sequence[SceneResult]) -> Iterator[tuple[str, ...]]:
    hours = sum(one.lasts_s for one in results) / 3600
    count = sum(one.false for one in results)
    low, high = poisson_interval(count)
    by_seed = ", ".join(f"{one.order.seed}: {one.false}" for one in results if one.false)
    yield (
        f"{hours:g}",
        str(sum(one.waiting for one in results)),
        str(count),
        f"{count / hours:.2f}",
        f"{low / hours:.2f} to {high / hours:.2f}",
        by_seed or f"none of {results[0].order.seed} to {results[-1].order.seed}",
    )


def _numbers(results: Sequence[SceneResult]) -> tuple[str, ...]:
    found = sum(one.found for one in results)
    return (
        str(sum(one.truth for one in results)),
        str(found),
        str(sum(one.false for one in results)),
        f"{sum(one.events for one in results) / found:.2f}" if found else "-",
        str(sum(one.false_departures for one in results)),
    )


def _failed(results: Sequence[SceneResult]) -> str:
    failed = [one.order for one in results if one.failures]
    return ", ".join(_seed_words(one) for one in failed) or "none"


def _seed_words(order: SceneOrder) -> str:
    """The seed, with the weather where it differs from scene to scene."""
    is_mixed = order.part is Part.SITUATIONS
    return f"{order.seed} {order.condition or 'day'}" if is_mixed else str(order.seed)


if __name__ == "__main__":
    typer.run(main)
