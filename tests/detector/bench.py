"""A camera loop on a bench: shown a scripted street, with a bus, a store and a disk to switch."""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from detector.camera_loop import CameraLoop, Eyes
from detector.reporting import Reporter
from detector.sources import Frame
from detector.stay_file import Recording, StayFile
from detector.tracking import ByteTracker
from pipeline.events import CameraDocument, CameraState, CameraStatus
from tests.detector.builders import (
    CAR_BOX,
    FPS,
    Box,
    ListBus,
    Script,
    SwitchedStore,
    ToldDetector,
    ToldPlateReader,
    a_camera,
    a_frame,
    times,
)

E = TypeVar("E")


class Bench:
    """A camera loop with everything around it that a test may look at or switch."""

    def __init__(
        self,
        folder: Path,
        script: Script,
        camera: CameraDocument | None = None,
        *,
        rests_when_still: bool = True,
    ) -> None:
        self.folder = folder
        self.script = script
        self.camera = camera or a_camera()
        self.bus = ListBus()
        self.store = SwitchedStore(folder / "evidence")
        self.reader = ToldPlateReader()
        self.max_waiting_bytes = 2**20
        self.rests_when_still = rests_when_still
        self.loop = self.open()

    def open(self, recording: Recording | None = None) -> CameraLoop:
        self.detector = ToldDetector(self.script)
        return CameraLoop(
            self.camera,
            Eyes(
                detector=self.detector,
                tracker=ByteTracker(FPS),
                plate_reader=self.reader,
                rests_when_still=self.rests_when_still,
            ),
            Reporter(
                self.camera.camera_id,
                self.bus,
                self.store,
                max_waiting_bytes=self.max_waiting_bytes,
            ),
            self.file(),
            recording=recording,
        )

    def file(self) -> StayFile:
        return StayFile(self.folder / "cam-1.stays.json")

    def restart(self, recording: Recording | None = None) -> "Bench":
        """As after kill -9: nothing was closed, only what is on disk is left."""
        self.loop = self.open(recording)
        return self

    def run(
        self,
        start_s: float,
        end_s: float,
        frame: Callable[[float], Frame] | None = None,
        *,
        fps: float = FPS,
    ) -> "Bench":
        """Show the pictures of `frame`, by default of what the script says."""
        for t in times(start_s, end_s, fps):
            self.loop.step(frame(t) if frame else a_frame(t, self.script(t)))
        return self

    def said(self, kind: type[E]) -> list[E]:
        return [event for event in self.bus.events if isinstance(event, kind)]

    def states(self) -> list[CameraState]:
        return [state for state, _ in groupby(status.state for status in self.said(CameraStatus))]


def stands(t: float) -> Sequence[Box]:
    return [CAR_BOX]


def leaves_at_40(t: float) -> Sequence[Box]:
    return [CAR_BOX] if 0 <= t < 40 else []
