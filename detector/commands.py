"""The detector's commands, mounted by remindfirst.py."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from detector.errors import DetectorError
from detector.settings import DetectorSettings
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from detector.app import DetectorResult
    from detector.camera_runner import CameraProgress
    from detector.score import ClipScore, Setting, TruthClip

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_BAD_INPUT = 2


@app.command()
def detect(
    cameras: Annotated[list[Path], typer.Argument(help="Camera files (YAML).")],
    source: Annotated[
        str | None,
        typer.Option(
            help="Look at this instead: a recording, a folder of pictures, an rtsp:// address."
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="A .onnx or .pt file, a name of models/manifest.toml, or 'background'."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write each event to this file, as a line of JSON.")
    ] = None,
) -> None:
    """Watch cameras or recordings and put what is seen on the bus.

    Writes under ./var unless told otherwise. Reads REMINDFIRST_ settings: BUS_URL, EVIDENCE_URL,
    STATE_DIR, WEIGHTS, DETECTOR_NAME, ENDPOINT_PORT, ENDPOINT_TOKEN, METRICS_HOST, METRICS_PORT;
    see docs/operations.md.
    """
    console = Console(stderr=True)
    try:
        result = _run(cameras, source=source, weights=weights, out=out, console=console)
    except (DetectorError, PipelineError) as exc:
        _fail(console, [str(exc)])
    except ImportError as exc:
        _fail(console, [f"{exc.name} is missing; install the extra `detector`"])
    except ValidationError as exc:
        _fail(console, [_setting_error(error["loc"], error["msg"]) for error in exc.errors()])
    else:
        _print_summary(console, result)
        if result.errors:
            _fail(console, result.errors)


def _run(
    cameras: Sequence[Path],
    *,
    source: str | None,
    weights: str | None,
    out: Path | None,
    console: Console,
) -> "DetectorResult":
    # Loaded here so that the light install, without the extra `detector`, still has its commands.
    from detector.app import DetectorApp
    from detector.camera_file import SIMULATOR, load_camera
    from detector.stream_address import is_stream

    settings = DetectorSettings()
    if weights is not None:
        settings = settings.model_copy(update={"weights": weights})
    documents = [load_camera(path) for path in cameras]
    with ExitStack() as stack:
        sources = [source or one.source or "" for one in documents]
        is_live = all(one.startswith(SIMULATOR) or is_stream(one) for one in sources)
        bars = _ProgressBars(stack.enter_context(_progress(console, is_hidden=is_live)))
        return DetectorApp(documents, settings, source=source, out=out).run(bars.show)


@app.command()
def score(  # noqa: PLR0913 - one argument per option
    *,
    truths: Annotated[
        list[Path], typer.Argument(metavar="TRUTH.json...", help="Each beside its clip.")
    ],
    weights: Annotated[
        str | None,
        typer.Option(help="A .onnx or .pt file, or a name of models/manifest.toml."),
    ] = None,
    dwell: Annotated[
        float, typer.Option(min=0.1, max=86400, help="Seconds of standing that are a suspicion.")
    ] = 5,
    types: Annotated[
        str, typer.Option(help="Judge these types, with commas between them.", show_default="all")
    ] = "",
    everywhere: Annotated[
        bool,
        typer.Option("--everywhere", help="Stopping is forbidden everywhere in the picture."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also tell what was found, one line each.")
    ] = False,
    show: Annotated[
        Path | None, typer.Option(help="Write a drawn picture of each event into this folder.")
    ] = None,
) -> None:
    """Hold what the detector says of clips against what people saw in them.

    Nothing is put on the bus or into the evidence store. What is missed or false changes the
    numbers, not the exit code.
    """
    console = Console(stderr=True)
    try:
        # Loaded here like all that needs the extra `detector`.
        from detector.score import Setting, open_clips, parse_types

        setting = Setting(dwell_s=dwell, is_everywhere=everywhere)
        clips = open_clips(truths, setting)
        judged = parse_types(types, clips) or setting.types
        scores = _score(clips, judged, weights=weights, show=show, console=console)
    except DetectorError as exc:
        _fail(console, [str(exc)])
    except ImportError as exc:
        _fail(console, [f"{exc.name} is missing; install the extra `detector`"])
    except ValidationError as exc:
        _fail(console, [_setting_error(error["loc"], error["msg"]) for error in exc.errors()])
    else:
        _print_scores(scores, setting, is_json=json, is_verbose=verbose)


def _score(
    clips: Sequence["TruthClip"],
    types: Sequence[str],
    *,
    weights: str | None,
    show: Path | None,
    console: Console,
) -> list["ClipScore"]:
    from detector.perception import open_detector, open_plate_reader
    from detector.score import score_clip, write_pictures

    settings = DetectorSettings()
    detector = open_detector(weights or settings.weights, memory=settings.state_dir)
    plate_reader = open_plate_reader()
    scores = []
    with _progress(console, is_hidden=False) as progress:
        bars = _ProgressBars(progress)
        for clip in clips:
            bar = partial(bars.put, clip.name, clip.video.duration_s)
            one = score_clip(clip, types, detector, plate_reader, bar)
            scores.append(one)
            if show is not None:
                write_pictures(show, one, clip.video)
    return scores


def _print_scores(
    scores: Sequence["ClipScore"], setting: "Setting", *, is_json: bool, is_verbose: bool
) -> None:
    from detector.score import as_json, finding_lines, score_table

    if is_json:
        typer.echo(dumps(as_json(scores), indent=2))
        return
    out = Console()
    out.print(score_table(scores, title=setting.words))
    speed_fps = sum(one.watched.frames for one in scores) / sum(
        one.watched.wall_s for one in scores
    )
    out.print(f"{speed_fps:.1f} pictures a second by the wall", highlight=False)
    for one in scores:
        for line in finding_lines(one, is_verbose=is_verbose):
            out.print(line, highlight=False, markup=False, soft_wrap=True)


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help="What happens; a wrong name lists them all.")],
    *,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same scene.")] = 0,
    conditions: Annotated[
        str, typer.Option(help="Weather and trouble, with commas between them: night,rain.")
    ] = "",
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, max=86400, help="Length; without it as long as there is to show."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(),
) -> None:
    """Draw a scene as a recording, NAME.mp4, with what truly happens in NAME.truth.json."""
    console = Console(stderr=True)
    try:
        # Loaded here like all that needs the extra `detector`.
        from detector.simulator import ClipOrder, parse_conditions, parse_situation, write_clip

        order = ClipOrder(
            situation=parse_situation(scenario),
            seed=seed,
            conditions=parse_conditions(conditions),
            seconds=seconds,
        )
        with Progress(console=console) as progress:
            bar = progress.add_task(order.name)
            path = write_clip(
                order, out, lambda done, total: progress.update(bar, completed=done, total=total)
            )
    except DetectorError as exc:
        _fail(console, [str(exc)])
    except ImportError as exc:
        _fail(console, [f"{exc.name} is missing; install the extra `detector`"])
    else:
        typer.echo(path)


def _progress(console: Console, *, is_hidden: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[seconds]}  events {task.fields[events]}"),
        console=console,
        refresh_per_second=4,
        disable=is_hidden,
    )


class _ProgressBars:
    """One bar per recording."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, cameras: Sequence["CameraProgress"]) -> None:
        for one in cameras:
            if one.total_s is not None:
                self.put(one.camera_id, one.total_s, one.done_s, one.events)

    def put(self, name: str, total_s: float, done_s: float, events: int) -> None:
        """Move one bar, which is there from its first time on."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total_s, seconds="", events=0)
        self._progress.update(
            self._tasks[name],
            completed=done_s,
            seconds=f"{done_s:.0f} of {total_s:.0f} s",
            events=events,
        )


def _print_summary(console: Console, result: "DetectorResult") -> None:
    for camera_id in sorted({camera_id for camera_id, _ in result.events}):
        counts = ", ".join(
            f"{kind} {count}"
            for (one, kind), count in sorted(result.events.items())
            if one == camera_id
        )
        console.print(f"{camera_id}: {counts}", highlight=False, soft_wrap=True)


def _setting_error(place: tuple[int | str, ...], message: str) -> str:
    name = "_".join(str(part) for part in place).upper()
    return f"REMINDFIRST_{name}: {message}"


def _fail(console: Console, reasons: Sequence[str]) -> None:
    for reason in reasons:
        console.print(
            f"error: {reason}", style="red", highlight=False, markup=False, soft_wrap=True
        )
    raise typer.Exit(_BAD_INPUT)
