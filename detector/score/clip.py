"""One truth file and its clip, from the files to the score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.errors import TruthFileError
from detector.perception import PlateReader, VehicleDetector
from detector.score.judging import ClipScore, judge
from detector.score.truth import Setting, Truth, camera_document, clip_name, load_truth
from detector.score.watching import watch
from detector.sources import VideoFile, open_video_file
from pipeline.events import CameraDocument, ViolationType

__all__ = ["TruthClip", "open_clips", "parse_types", "score_clip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthClip:
    """A clip, ready to be looked at."""

    name: str
    truth: Truth
    document: CameraDocument
    video: VideoFile


def open_clips(paths: Sequence[Path], setting: Setting) -> tuple[TruthClip, ...]:
    """Read truth files and open the clip beside each, before any of them is looked at.

    Raises:
        TruthFileError: a truth file cannot be used, or there is no clip beside it.
        SourceError: a clip is no video.
    """
    return tuple(_open_clip(path, setting) for path in paths)


def parse_types(words: str, clips: Sequence[TruthClip]) -> tuple[str, ...]:
    """The types in `words`, with commas between them; empty where there are none.

    Raises:
        TruthFileError: neither the detector nor a truth file knows one of them.
    """
    types = tuple(dict.fromkeys(one.strip() for one in words.split(",") if one.strip()))
    known = {one.value for one in ViolationType}
    known |= {event.type for clip in clips for event in clip.truth.events}
    for one in types:
        if one not in known:
            raise TruthFileError(f"type {one!r}: unknown; use one of {', '.join(sorted(known))}")
    return types


def score_clip(
    clip: TruthClip,
    types: Sequence[str],
    detector: VehicleDetector,
    plate_reader: PlateReader | None,
    on_frame: Callable[[float, int], None] = lambda _s, _events: None,
) -> ClipScore:
    """Look at the clip and hold what is said of it against its truth; see `watch`."""
    started_at = clip.video.started_at
    watched = watch(clip.video, started_at, clip.document, detector, plate_reader, on_frame)
    return judge(clip.name, clip.truth, watched, types)


def _open_clip(path: Path, setting: Setting) -> TruthClip:
    truth, clip = load_truth(path)
    document = camera_document(truth, path, setting)
    video = open_video_file(clip, document)
    return TruthClip(name=clip_name(path), truth=truth, document=document, video=video)
