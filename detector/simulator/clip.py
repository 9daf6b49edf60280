"""Writes a staged scene as a recording, with its truth file beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from detector.errors import OutputError, SourceError
from detector.simulator.conditions import Condition, Conditions
from detector.simulator.situations import Situation, write_situation
from detector.simulator.stage import Stage
from detector.simulator.truth_file import tell_truth

__all__ = ["ClipOrder", "open_stage", "parse_conditions", "parse_situation", "write_clip"]

_TIME_BASE = Fraction(1, 1000)
_QUALITY = "27"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOrder:
    """What to write; `seconds` of None stands for as long as the scene has something to show."""

    situation: Situation
    seed: int
    conditions: tuple[Condition, ...] = ()
    seconds: float | None = None
    fps: float = 10.0

    @property
    def name(self) -> str:
        """What the files are called."""
        return "-".join([self.situation, *self.conditions, str(self.seed)]).replace("_", "-")


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Conditions with commas between them, such as `night,rain`; none for an empty text.

    Raises:
        SourceError: there is no such condition.
    """
    found = []
    for name in filter(None, text.split(",")):
        try:
            found.append(Condition(name))
        except ValueError as exc:
            raise SourceError(
                f"conditions {text!r}: no {name!r}; there are {', '.join(Condition)}"
            ) from exc
    return tuple(found)


def parse_situation(text: str) -> Situation:
    """The situation of a name.

    Raises:
        SourceError: there is no such situation.
    """
    try:
        return Situation(text)
    except ValueError as exc:
        raise SourceError(f"no scenario {text!r}; there are {', '.join(Situation)}") from exc


def open_stage(situation: Situation, seed: int, conditions: Sequence[Condition]) -> Stage:
    """The scene that a seed stands for, its empty place already drawn."""
    script = write_situation(situation, seed)
    return Stage(script, Conditions(conditions, script.place.view, seed))


def write_clip(order: ClipOrder, out: Path, on_progress: Callable[[float, float], None]) -> Path:
    """Write NAME.mp4 and NAME.truth.json into a folder, which is made where it is missing.

    Args:
        order: What to write.
        out: The folder.
        on_progress: Told the seconds written, and those to be written in all.

    Returns:
        The truth file.

    Raises:
        OutputError: the folder or a file in it cannot be written.
    """
    path = out / f"{order.name}.truth.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        stage = open_stage(order.situation, order.seed, order.conditions)
        seconds = stage.script.shown_s if order.seconds is None else order.seconds
        frames = round(seconds * order.fps)
        truth = tell_truth(stage, name=order.name, fps=order.fps, frames=frames)
        _record(stage, out / truth.file, (frames, order.fps), on_progress)
        path.write_text(truth.model_dump_json(indent=1, exclude_none=True), encoding="utf-8")
    except (OSError, av.error.FFmpegError) as exc:
        raise OutputError(f"{out}: {exc.strerror}; give a folder that can be written") from exc
    return path


def _record(
    stage: Stage,
    path: Path,
    length: tuple[int, float],
    on_progress: Callable[[float, float], None],
) -> None:
    frames, fps = length
    view = stage.script.place.view
    with av.open(str(path), mode="w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = view.width_px, view.height_px, "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        stream.options = {"crf": _QUALITY, "preset": "veryfast"}
        for k in range(frames):
            at_s = k / fps
            if stage.has_picture(at_s):
                frame = av.VideoFrame.from_ndarray(stage.picture(at_s), format="bgr24")
                frame.pts, frame.time_base = round(at_s * 1000), _TIME_BASE
                container.mux(stream.encode(frame))
            on_progress((k + 1) / fps, frames / fps)
        container.mux(stream.encode(None))
