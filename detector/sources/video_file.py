"""A recording in a video file."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from detector.errors import SourceError
from detector.sources.frame import Frame, as_image, utc_now
from pipeline.events import CameraDocument

__all__ = ["VideoFile", "open_video_file"]

log = logging.getLogger(__name__)

_STARTS_OVER_S = 1.0
_EARLIEST_YEAR = 2000
_MISSING_END_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFile:
    """A recording; a `FrameSource` that ends.

    Attributes:
        started_at: The instant of the first picture.
        duration_s: As the file says it; 0 where it does not.
        analysed_fps: At most so many pictures per second of the stream are given out.
    """

    path: Path
    camera_id: str
    started_at: datetime
    duration_s: float
    analysed_fps: float

    def frames(self) -> Iterator[Frame]:
        """Pictures at their own times, thinned to `analysed_fps`; see `FrameSource.frames`."""
        reached_s, clock_s, reformatter = 0.0, 0.0, VideoReformatter()
        try:
            with av.open(str(self.path)) as container:
                stream = _video_stream(self.path, container)
                stream.thread_type = "AUTO"
                missing_s = max(_MISSING_END_S, 2 / float(stream.average_rate or 25))
                due_s = 0.0
                for picture, at_s in _in_order(self.path, container, stream):
                    reached_s, clock_s = at_s, picture.time or at_s
                    if at_s < due_s - 1e-3:
                        continue
                    due_s = max(due_s + 1 / self.analysed_fps, at_s)
                    yield Frame(
                        camera_id=self.camera_id,
                        image=as_image(picture, reformatter),
                        captured_at=self.started_at + timedelta(seconds=at_s),
                    )
        except (av.error.FFmpegError, OSError) as exc:
            raise SourceError(
                f"{self.path}: breaks off at {reached_s:.1f} s of {self.duration_s:.1f} s "
                f"({exc.strerror}); what came before was used, copy the file again"
            ) from exc
        # Some containers count their duration from the clock's zero, others from the first picture.
        if max(reached_s, clock_s) < self.duration_s - missing_s:
            raise SourceError(
                f"{self.path}: breaks off at {reached_s:.1f} s of {self.duration_s:.1f} s; "
                "what came before was used, copy the file again"
            )


def open_video_file(
    path: Path, document: CameraDocument, *, started_at: datetime | None = None
) -> VideoFile:
    """Open a recording of `document`'s camera and read its first picture.

    Args:
        path: A video file in any format that FFmpeg reads.
        document: Its `recorded_at` dates the recording.
        started_at: Overrules every other date; used to go on with a recording after a restart.

    Raises:
        SourceError: the file is missing, empty, or no video that can be read.
    """
    if not path.exists():
        raise SourceError(
            f"{path}: no such file; give a video file or a folder of pictures by --source or "
            "in the camera"
        )
    if not path.is_file():
        raise SourceError(f"{path}: not a file; give a video file")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: the file is empty (0 bytes); copy it again")
    try:
        with av.open(str(path)) as container:
            _require_recording(path, container)
            stream = _video_stream(path, container)
            duration_s = _duration_s(container, stream)
            created_at = _created_at(container)
            if next(_pictures(path, container, stream), None) is None:
                raise SourceError(f"{path}: holds no picture that can be read; copy it again")
    except (av.error.FFmpegError, OSError) as exc:
        raise SourceError(
            f"{path}: not a video that can be read ({exc.strerror}); give a video file, or copy it "
            "again"
        ) from exc
    return VideoFile(
        path=path,
        camera_id=document.camera_id,
        started_at=started_at
        or document.recorded_at
        or _past(created_at, duration_s)
        or utc_now() - timedelta(seconds=duration_s),
        duration_s=duration_s,
        analysed_fps=document.analysed_fps,
    )


def _require_recording(path: Path, container: InputContainer) -> None:
    # FFmpeg opens a still picture as a video of one frame.
    name = container.format.name
    if "image2" in name or name.endswith("_pipe"):
        raise SourceError(
            f"{path}: a still picture ({name}), no recording; give a video file or a folder of "
            "pictures"
        )


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise SourceError(f"{path}: holds no video stream; give a video file")
    return container.streams.video[0]


def _pictures(
    path: Path, container: InputContainer, stream: VideoStream
) -> Iterator[av.VideoFrame]:
    """What can be decoded, also after a part that cannot."""
    is_told = False
    for packet in container.demux(stream):
        try:
            pictures = packet.decode()
        except av.error.InvalidDataError:
            if not is_told:
                log.warning("part of a recording cannot be read", extra={"file": path.name})
            is_told = True
            continue
        yield from (one for one in pictures if isinstance(one, av.VideoFrame))


def _in_order(
    path: Path, container: InputContainer, stream: VideoStream
) -> Iterator[tuple[av.VideoFrame, float]]:
    """Pictures with seconds since the first one, strictly growing.

    A picture without a time follows the one before at the nominal rate; one that steps back a
    little is a double and left out; a clock that starts over goes on where it was.
    """
    step_s = 1 / float(stream.average_rate or 25)
    origin_s: float | None = None
    last_s = -step_s
    for picture in _pictures(path, container, stream):
        if picture.time is None:
            at_s = last_s + step_s
        else:
            origin_s = picture.time if origin_s is None else origin_s
            at_s = picture.time - origin_s
            if at_s < last_s - _STARTS_OVER_S:
                origin_s = picture.time - (last_s + step_s)
                at_s = last_s + step_s
        if at_s > last_s:
            last_s = at_s
            yield picture, at_s


def _duration_s(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _created_at(container: InputContainer) -> datetime | None:
    with suppress(KeyError, ValueError):
        at = datetime.fromisoformat(container.metadata["creation_time"])
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _past(created_at: datetime | None, duration_s: float) -> datetime | None:
    """`created_at` when it can be true: not a clock's zero, and the recording has ended."""
    if created_at is None or created_at.year < _EARLIEST_YEAR:
        return None
    return created_at if created_at + timedelta(seconds=duration_s) <= utc_now() else None
