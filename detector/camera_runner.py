"""Feeds one camera's loop with frames, in a thread of its own, until the source ends.

A recording waits while events cannot be stored; a live camera that is lost is tried again, more and
more rarely. Whatever fails, fails for this camera alone.
"""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Flag

from detector.camera_loop import CameraLoop
from detector.errors import DetectorError, OutputError, SourceError
from detector.sources import FrameSource, utc_now
from detector.stay_file import Recording, StayFile
from pipeline.events import CameraDocument

__all__ = ["CameraInput", "CameraProgress", "CameraRunner"]

log = logging.getLogger(__name__)

_HELD_RETRY_S = 1.0
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0
_PACE_WINDOW = timedelta(seconds=10)
# A camera that is asked for few frames anyway is short of them below this part of what is asked.
_SHORT_RATIO = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraProgress:
    """How far a camera has come.

    Attributes:
        total_s: None for a live camera.
        analysed_fps: Frames per second of a live camera over the last 10 s; None until they are
            over, and for a recording.
    """

    camera_id: str
    done_s: float
    total_s: float | None
    events: int
    analysed_fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInput:
    """A camera with its opened source and its file of open stays.

    Attributes:
        recording: None for a live camera.
        duration_s: How long the recording is.
    """

    document: CameraDocument
    source: FrameSource
    file: StayFile
    recording: Recording | None = None
    duration_s: float = 0.0


class CameraRunner:
    """Feeds one camera's loop, in a thread of its own."""

    def __init__(
        self, camera: CameraInput, loop: CameraLoop, stop: Flag, *, least_fps: float = 0.0
    ) -> None:
        """Feed `loop` until `stop` is set; say when a live camera gets fewer than `least_fps`."""
        self.document = camera.document
        self.loop = loop
        self._camera = camera
        self._stop = stop
        least_fps = min(least_fps, _SHORT_RATIO * camera.document.analysed_fps)
        self._pace = _FramePace(camera.document.camera_id, least_fps)

    def run(self) -> None:
        """Run to the end of the source or until told to stop.

        Raises:
            SourceError: the source cannot be read on.
            OutputError: events were still waiting for room when it was told to stop.
        """
        try:
            if self._camera.recording is None:
                self._run_live()
            else:
                self._run_recording()
        finally:
            self.loop.close()

    def progress(self) -> CameraProgress:
        """How far it has come; may be asked by any thread."""
        recording, at = self._camera.recording, self.loop.last_frame_at
        done_s = 0.0
        if recording is not None and at is not None:
            done_s = (at - recording.started_at).total_seconds()
        return CameraProgress(
            camera_id=self.document.camera_id,
            done_s=done_s,
            total_s=None if recording is None else self._camera.duration_s,
            events=self.loop.published,
            analysed_fps=self._pace.fps,
        )

    def _run_recording(self) -> None:
        try:
            for frame in self._camera.source.frames():
                if self._stop.is_set():
                    return
                self.loop.step(frame)
                self._wait_for_room()
        except SourceError as exc:
            self.loop.lost(self.loop.last_frame_at or utc_now(), str(exc))
            raise
        else:
            self.loop.ended()
        finally:
            self._wait_for_room()
            self._require_room()

    def _run_live(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                for frame in self._camera.source.frames():
                    self.loop.step(frame)
                    self._pace.note(frame.captured_at)
                    retry_s = _FIRST_RETRY_S
                    if self._stop.is_set():
                        return
            except DetectorError as exc:
                reason = str(exc)
            except Exception as exc:
                log.exception("camera failed", extra={"camera_id": self.document.camera_id})
                reason = f"camera {self.document.camera_id}: failed ({type(exc).__name__})"
            else:
                self.loop.ended()
                return
            self._pace.forget()
            self.loop.lost(utc_now(), reason)
            self._stop.wait(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _wait_for_room(self) -> None:
        """A recording can wait: no picture of it is passed over while events wait."""
        while self.loop.waiting and not self._stop.wait(_HELD_RETRY_S):
            self.loop.flush()

    def _require_room(self) -> None:
        if self.loop.waiting:
            raise OutputError(
                f"camera {self.document.camera_id}: {self.loop.waiting} events could not be "
                "stored or published; make room and run it again, it goes on where it was"
            )


class _FramePace:
    """How many frames per second a live camera really gets, and whether that is enough."""

    def __init__(self, camera_id: str, least_fps: float) -> None:
        self._camera_id = camera_id
        self._least_fps = least_fps
        self._frames_at: deque[datetime] = deque()
        self._is_short = False
        self.fps: float | None = None

    def note(self, captured_at: datetime) -> None:
        self._frames_at.append(captured_at)
        while len(self._frames_at) > 2 and captured_at - self._frames_at[1] >= _PACE_WINDOW:
            self._frames_at.popleft()
        span = captured_at - self._frames_at[0]
        if span >= _PACE_WINDOW:
            self.fps = (len(self._frames_at) - 1) / span.total_seconds()
            self._tell(self.fps)

    def forget(self) -> None:
        self._frames_at.clear()
        self.fps = None

    def _tell(self, fps: float) -> None:
        is_short = fps < self._least_fps
        if is_short == self._is_short:
            return
        self._is_short = is_short
        extra = {"camera_id": self._camera_id, "analysed_fps": fps, "least_fps": self._least_fps}
        if is_short:
            log.warning("camera gets too few frames", extra=extra)
        else:
            log.info("camera gets its frames again", extra=extra)
