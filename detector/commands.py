"""The detector's commands, mounted by remindfirst.py."""

from collections.abc import Sequence
from contextlib import ExitStack
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

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_BAD_INPUT = 2


@app.command()
def detect(
    cameras: Annotated[list[Path], typer.Argument(help="Camera files (YAML).")],
    source: Annotated[
        Path | None, typer.Option(help="A recording to look at instead of the camera's source.")
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
    STATE_DIR, WEIGHTS, DETECTOR_NAME, ENDPOINT_PORT, ENDPOINT_TOKEN; see docs/operations.md.
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
    source: Path | None,
    weights: str | None,
    out: Path | None,
    console: Console,
) -> "DetectorResult":
    # Loaded here so that the light install, without the extra `detector`, still has its commands.
    from detector.app import DetectorApp
    from detector.camera_file import SIMULATOR, load_camera

    settings = DetectorSettings()
    if weights is not None:
        settings = settings.model_copy(update={"weights": weights})
    documents = [load_camera(path) for path in cameras]
    with ExitStack() as stack:
        is_live = source is None and all(
            (one.source or "").startswith(SIMULATOR) for one in documents
        )
        bars = _ProgressBars(stack.enter_context(_progress(console, is_hidden=is_live)))
        return DetectorApp(documents, settings, source=source, out=out).run(bars.show)


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
            if one.total_s is None:
                continue
            if one.camera_id not in self._tasks:
                self._tasks[one.camera_id] = self._progress.add_task(
                    one.camera_id, total=one.total_s, seconds="", events=0
                )
            seconds = f"{one.done_s:.0f} of {one.total_s:.0f} s"
            self._progress.update(
                self._tasks[one.camera_id],
                completed=one.done_s,
                seconds=seconds,
                events=one.events,
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
