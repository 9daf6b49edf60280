"""The pictures behind a score, for people who want to see what it counts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector.errors import OutputError
from detector.evidence_capture import draw_box, encode_jpeg
from detector.score.judging import ClipScore, Finding
from detector.sources import Frame, VideoFile

__all__ = ["write_pictures"]


def write_pictures(folder: Path, score: ClipScore, video: VideoFile) -> None:
    """Write one drawn picture per finding; what was missed is drawn on its own moment's picture.

    Raises:
        OutputError: the folder cannot be written.
        SourceError: the clip cannot be read again.
    """
    missed = [one for one in score.findings if one.episode is None]
    pictures = _draw_missed(missed, video) | {
        one: one.episode.picture for one in score.findings if one.episode is not None
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(score.findings, start=1):
            name = f"{score.clip}-{number:02}-{one.verdict}-{one.violation_type}.jpg"
            (folder / name).write_bytes(pictures[one])
    except OSError as exc:
        raise OutputError(f"{folder}: {exc.strerror}; give a folder that can be written") from exc


def _draw_missed(missed: Sequence[Finding], video: VideoFile) -> dict[Finding, bytes]:
    frames: dict[Finding, Frame] = {}
    for frame in video.frames() if missed else ():
        at_s = (frame.captured_at - video.started_at).total_seconds()
        frames |= {one: frame for one in missed if one not in frames or at_s <= one.at_s}
    return {one: _drawn(one, frame) for one, frame in frames.items()}


def _drawn(finding: Finding, frame: Frame) -> bytes:
    image = frame.image.copy()
    draw_box(image, finding.box * np.tile(image.shape[1::-1], 2))
    return encode_jpeg(image)
