"""What the detector's whole loop costs and finds, beside the loop people write today.

Run from the repository's root, with the extra `yolo`: `python -m benchmarks.detector --weights
yolo26n.pt CLIP.truth.json...`. All is measured in one run, on the same clips, with the same
weights; process time counts all threads.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from json import dumps
from os import cpu_count
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import av
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.cost import Cost, Part, StillPicture
from benchmarks.own_work import measure_own_work
from benchmarks.todays_loop import watch_as_today
from detector.detection import Detections, ImageArray
from detector.perception import (
    PlateRead,
    PlateReader,
    VehicleDetector,
    open_detector,
    open_plate_reader,
)
from detector.score import (
    JUDGED_TYPES,
    ClipScore,
    Setting,
    TruthClip,
    TypeScore,
    Watched,
    judge,
    open_clips,
    totals,
    watch,
)
from detector.settings import DetectorSettings
from detector.sources import Frame, FrameSource

__all__ = ["Report", "main"]

_WHOLE_S, _IDLE_S, _QUICK_S = 86400.0, 60.0, 6.0
_CAPTION = (
    "fps: pictures a second by the wall; busy, idle: CPU s for a minute of one camera; events: for "
    "each stay found; idle: a still picture with a sensor's noise; the network alone: no decoding"
)


@dataclass(slots=True)
class _Timed:
    """A detector and plate reader that measure what the networks behind them take."""

    detector: VehicleDetector
    plate_reader: PlateReader
    network_s: float = 0.0
    plates_s: float = 0.0

    @property
    def model_version(self) -> str:
        return self.detector.model_version

    @property
    def least_width_px(self) -> float:
        return self.plate_reader.least_width_px

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        began_s = process_time()
        found = self.detector.detect(frames)
        self.network_s += process_time() - began_s
        return found

    def read(self, vehicle: ImageArray) -> tuple[PlateRead, ...]:
        began_s = process_time()
        texts = self.plate_reader.read(vehicle)
        self.plates_s += process_time() - began_s
        return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopReport:
    """One way to watch: its cost while something moves and while nothing does, and its score."""

    busy: Cost
    idle: Cost | None
    score: TypeScore | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was measured; shares of processor time unless their names say otherwise."""

    loops: dict[str, LoopReport]
    cores: int
    weights: str
    analysed_fps: float
    network_share: float
    plates_share: float
    own_work_ms: float
    network_ms: float
    network_here_ms: float

    def ratios(self) -> dict[str, float]:
        """What the project promises about, in its own words."""
        ours, today = self.loops[OURS], self.loops[TODAY]
        busy = ours.busy.cpu_s_per_minute
        idle = ours.idle.cpu_s_per_minute if ours.idle else 0.0
        return {
            "CPU of our loop to that of today's, same pictures": busy / today.busy.cpu_s_per_minute,
            "CPU of an idle camera to that of a busy one, ours": idle / busy,
            "own work to the network's, 25 vehicles": self.own_work_ms / self.network_ms,
            "the same, the network in its form for the CPU": self.own_work_ms
            / self.network_here_ms,
        }


OURS, TODAY = "our whole loop", "today's loop, same pictures"
NATIVE = "today's loop, every picture"
BARE, BARE_HERE = "the bare network", "the bare network, its form for the CPU"


class _Bench:
    """Measures with one network; `length_s` cuts each clip."""

    def __init__(self, weights: str, length_s: float) -> None:
        self._weights = weights
        self._length_s = length_s
        self._bare = open_detector(weights)
        ours = open_detector(weights, memory=DetectorSettings().state_dir)
        self._eyes = _Timed(ours, open_plate_reader())
        self._parts: dict[str, list[ClipScore]] = {}
        self._busy: dict[str, Cost] = {}

    def watch_clip(self, clip: TruthClip, *, is_native_wanted: bool) -> None:
        video, document, at = clip.video, clip.document, clip.video.started_at
        part = Part(video, at, self._length_s)
        fps = document.analysed_fps
        self._warm(next(iter(video.frames())))
        self._keep(OURS, clip, watch(part, at, document, self._eyes, self._eyes))
        self._keep(TODAY, clip, watch_as_today(part, at, document, self._weights, fps=fps))
        self._keep(BARE, clip, _watch_barely(part, self._bare))
        self._keep(BARE_HERE, clip, _watch_barely(part, self._eyes.detector))
        if is_native_wanted:
            whole = Part(replace(video, analysed_fps=1000.0), at, self._length_s)
            watched = watch_as_today(
                whole, at, document, self._weights, fps=_nominal_fps(video.path)
            )
            self._keep(NATIVE, clip, watched)

    def _warm(self, frame: Frame) -> None:
        """Let each network prepare for pictures of this form, which it does once."""
        for network in (self._bare, self._eyes.detector):
            network.detect([frame])
        self._eyes.plate_reader.read(frame.image)

    def report(self, clip: TruthClip, idle_s: float) -> Report:
        """Watch a still picture of `clip` too, and put everything together."""
        at, fps = clip.video.started_at, clip.document.analysed_fps
        cpu_s = self._busy[OURS].cpu_s
        network_share, plates_share = self._eyes.network_s / cpu_s, self._eyes.plates_s / cpu_s
        still = StillPicture(next(iter(clip.video.frames())).image, at, fps, idle_s)
        idle = {}
        watch(still, at, clip.document, self._eyes, self._eyes)
        idle[OURS] = still.cost()
        watch_as_today(still, at, clip.document, self._weights, fps=fps)
        idle[TODAY] = still.cost()
        for name, network in ((BARE, self._bare), (BARE_HERE, self._eyes.detector)):
            _watch_barely(still, network)
            idle[name] = still.cost()
        own_work_ms, network_ms = measure_own_work(self._bare)
        _, network_here_ms = measure_own_work(self._eyes.detector)
        return Report(
            loops={
                name: LoopReport(
                    busy=busy,
                    idle=idle.get(name),
                    score=_in_all(self._parts[name]) if name not in (BARE, BARE_HERE) else None,
                )
                for name, busy in self._busy.items()
            },
            cores=cpu_count() or 1,
            weights=self._eyes.model_version,
            analysed_fps=fps,
            network_share=network_share,
            plates_share=plates_share,
            own_work_ms=own_work_ms,
            network_ms=network_ms,
            network_here_ms=network_here_ms,
        )

    def _keep(self, name: str, clip: TruthClip, watched: Watched) -> None:
        score = judge(clip.name, clip.truth, watched, JUDGED_TYPES)
        self._parts.setdefault(name, []).append(score)
        camera_s = min(self._length_s, clip.video.duration_s)
        self._busy[name] = self._busy.get(name, Cost()) + _cost(watched, camera_s)


def _watch_barely(source: FrameSource, network: VehicleDetector) -> Watched:
    """Only the network's own time: the pictures are decoded outside of it."""
    frames, wall_s, cpu_s = 0, 0.0, 0.0
    for frame in source.frames():
        began_s, began_cpu_s = perf_counter(), process_time()
        network.detect([frame])
        frames += 1
        wall_s, cpu_s = wall_s + perf_counter() - began_s, cpu_s + process_time() - began_cpu_s
    return Watched(episodes=(), frames=frames, analysed_fps=0.0, wall_s=wall_s, cpu_s=cpu_s)


def _cost(watched: Watched, camera_s: float) -> Cost:
    return Cost(
        frames=watched.frames, camera_s=camera_s, wall_s=watched.wall_s, cpu_s=watched.cpu_s
    )


def _in_all(scores: Sequence[ClipScore]) -> TypeScore:
    return sum(totals(scores).values(), TypeScore())


def _nominal_fps(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.streams.video[0].average_rate or 25)


def _table(report: Report) -> Table:
    title = f"{report.weights}, {report.analysed_fps:g} pictures a second, {report.cores} cores"
    table = Table(
        title=title,
        caption=_CAPTION,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column("")
    for name in ("fps", "busy", "idle", "truth", "found", "false", "events"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in report.loops.items():
        idle = f"{one.idle.cpu_s_per_minute:.2f}" if one.idle else "-"
        table.add_row(
            name,
            f"{one.busy.frames_per_s:.1f}",
            f"{one.busy.cpu_s_per_minute:.2f}",
            idle,
            *_score_cells(one.score),
        )
    return table


def _score_cells(score: TypeScore | None) -> tuple[str, ...]:
    if score is None:
        return ("-",) * 4
    events = "-" if score.events_per_stay is None else f"{score.events_per_stay:.2f}"
    return str(score.truth), str(score.found), str(score.false), events


def _as_json(report: Report) -> dict[str, object]:
    return asdict(report) | {
        "ratios": report.ratios(),
        "loops": {
            name: {
                "frames_per_s": one.busy.frames_per_s,
                "busy_cpu_s_per_minute": one.busy.cpu_s_per_minute,
                "idle_cpu_s_per_minute": one.idle.cpu_s_per_minute if one.idle else None,
                "truth": one.score.truth if one.score else None,
                "found": one.score.found if one.score else None,
                "false": one.score.false if one.score else None,
                "events_per_stay": one.score.events_per_stay if one.score else None,
            }
            for name, one in report.loops.items()
        },
    }


def main(
    truths: Annotated[list[Path], typer.Argument(metavar="TRUTH.json...")],
    weights: Annotated[str, typer.Option(help="Any Ultralytics weights; the same for all.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="The first seconds of each clip, and no more.")
    ] = False,
) -> None:
    """Measure our loop, the one people write today and the bare network in one run."""
    console = Console(stderr=True)
    bench = _Bench(weights, _QUICK_S if quick else _WHOLE_S)
    clips = open_clips(truths, Setting())
    for clip in track(clips, description="clips", console=console):
        bench.watch_clip(clip, is_native_wanted=not quick)
    # Where most stands, so that the idle camera has something to hold on to.
    full = max(clips, key=lambda clip: len(clip.truth.events))
    report = bench.report(full, _QUICK_S if quick else _IDLE_S)
    if json:
        typer.echo(dumps(_as_json(report), indent=2))
        return
    out = Console()
    out.print(_table(report))
    shares = f"network {report.network_share:.0%}, plates {report.plates_share:.0%} of our CPU"
    out.print(shares, highlight=False)
    times = f"own work {report.own_work_ms:.1f} ms, network {report.network_ms:.1f} ms a picture"
    out.print(f"{times}, 25 vehicles, 640 px, CPU", highlight=False)
    for name, ratio in report.ratios().items():
        out.print(f"{name}: {ratio:.3f}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
