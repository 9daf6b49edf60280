"""Feeds one camera's loop with frames, in a thread of its own, until the source ends.

A recording waits while events cannot be stored; a live camera that is lost is tried again, more and
more rarely.
"""

from dataclasses import dataclass
from threading import Event as Flag

from detector.camera_loop import CameraLoop
from detector.errors import OutputError, SourceError, SourceLostError
from detector.sources import FrameSource, VideoFile, utc_now
from detector.stay_file import Recording, StayFile
from pipeline.events import CameraDocument

__all__ = ["CameraInput", "CameraProgress", "CameraRunner"]

_HELD_RETRY_S = 1.0
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraProgress:
    """How far a camera has come; `total_s` is None for a live one."""

    camera_id: str
    done_s: float
    total_s: float | None
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInput:
    """A camera with its opened source and its file of open stays."""

    document: CameraDocument
    source: FrameSource
    file: StayFile
    recording: Recording | None = None


class CameraRunner:
    """Feeds one camera's loop, in a thread of its own."""

    def __init__(self, camera: CameraInput, loop: CameraLoop, stop: Flag) -> None:
        """Feed `loop` until `stop` is set."""
        self.document = camera.document
        self.loop = loop
        self._camera = camera
        self._stop = stop

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
        source, at, done_s = self._camera.source, self.loop.last_frame_at, 0.0
        total_s = None
        if isinstance(source, VideoFile):
            total_s = source.duration_s
            done_s = (at - source.started_at).total_seconds() if at else 0.0
        return CameraProgress(
            camera_id=self.document.camera_id,
            done_s=done_s,
            total_s=total_s,
            events=self.loop.published,
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
                    retry_s = _FIRST_RETRY_S
                    if self._stop.is_set():
                        return
            except SourceLostError as exc:
                self.loop.lost(utc_now(), str(exc))
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
            else:
                self.loop.ended()
                return

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
