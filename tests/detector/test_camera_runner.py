from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

import pytest

from detector.camera_loop import CameraLoop, Eyes
from detector.camera_runner import CameraInput, CameraRunner
from detector.errors import OutputError, SourceLostError
from detector.reporting import Reporter
from detector.sources import Frame
from detector.stay_file import Recording, StayFile
from detector.tracking import ByteTracker
from pipeline.events import CameraState, CameraStatus, VehicleDeparted, ViolationSuspected
from tests.detector.builders import (
    CAR_BOX,
    FPS,
    START,
    ListBus,
    SwitchedStore,
    ToldDetector,
    a_camera,
    a_frame,
    times,
)


class CountedFlag(Flag):
    """Waits in no time; is set after so many waits, and can do something at each."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left = waits
        self.waited_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_s.append(timeout or 0)
        self.left -= 1
        if self.left <= 0:
            self.set()
        return self.is_set()


class FragileSource:
    """A live camera with a parked car that breaks off after every 3 seconds, or gives nothing."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.opened = 0

    def frames(self) -> Iterator[Frame]:
        start_s = 10 * self.opened
        self.opened += 1
        if self.opened <= self.pieces:
            for t in times(start_s, start_s + 6):
                yield a_frame(t, [CAR_BOX])
        raise SourceLostError("cam-1: no answer")


class PieceOfRecording:
    def frames(self) -> Iterator[Frame]:
        for t in times(0, 15):
            yield a_frame(t, [CAR_BOX])


class Bench:
    def __init__(self, folder: Path) -> None:
        self.bus = ListBus()
        self.store = SwitchedStore(folder / "evidence")
        self.file = StayFile(folder / "cam-1.stays.json")
        self.recording: Recording | None = None

    def loop(self) -> CameraLoop:
        return CameraLoop(
            a_camera(),
            Eyes(detector=ToldDetector(lambda _: [CAR_BOX]), tracker=ByteTracker(FPS)),
            Reporter("cam-1", self.bus, self.store),
            self.file,
            recording=self.recording,
        )

    def states(self) -> list[CameraState]:
        return [one.state for one in self.bus.events if isinstance(one, CameraStatus)]


def test_a_lost_camera_is_tried_again_and_its_stays_go_on(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), CountedFlag(4)
    camera = CameraInput(document=a_camera(), source=FragileSource(3), file=bench.file)
    CameraRunner(camera, bench.loop(), stop).run()
    assert bench.states() == [CameraState.ONLINE, CameraState.LOST] * 3
    assert len([one for one in bench.bus.events if isinstance(one, ViolationSuspected)]) == 1
    assert not [one for one in bench.bus.events if isinstance(one, VehicleDeparted)]


def test_a_camera_that_stays_away_is_asked_more_and_more_rarely(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), CountedFlag(8)
    camera = CameraInput(document=a_camera(), source=FragileSource(0), file=bench.file)
    CameraRunner(camera, bench.loop(), stop).run()
    assert stop.waited_s == [1, 2, 4, 8, 16, 30, 30, 30]
    assert bench.states() == [CameraState.LOST]


def test_a_recording_waits_for_room_and_says_so_when_it_is_stopped_first(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), CountedFlag(5)
    bench.recording = Recording(name="clip.mp4:1", started_at=START)
    bench.store.is_full = True
    camera = CameraInput(
        document=a_camera(),
        source=PieceOfRecording(),
        file=bench.file,
        recording=bench.recording,
    )
    with pytest.raises(OutputError, match="1 events could not be stored"):
        CameraRunner(camera, bench.loop(), stop).run()
    bench.store.is_full = False
    CameraRunner(camera, bench.loop(), CountedFlag(5)).run()
    assert len([one for one in bench.bus.events if isinstance(one, ViolationSuspected)]) == 1
    assert bench.states()[-1] is CameraState.ENDED


class UnevenSource:
    """A live camera that gives 1 frame a second for 15 s, and 5 a second from then on."""

    def __init__(self, stop: Flag) -> None:
        self._stop = stop

    def frames(self) -> Iterator[Frame]:
        for t in [*times(0, 15, fps=1), *times(15, 40, fps=5)]:
            yield a_frame(t)
        self._stop.set()


def test_a_live_camera_that_gets_too_few_frames_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="detector.camera_runner")
    bench, stop = Bench(tmp_path), Flag()
    camera = CameraInput(document=a_camera(), source=UnevenSource(stop), file=bench.file)
    runner = CameraRunner(camera, bench.loop(), stop, least_fps=2)
    assert runner.progress().analysed_fps is None
    runner.run()
    told = [record for record in caplog.records if record.name == "detector.camera_runner"]
    assert [one.message for one in told] == [
        "camera gets too few frames",
        "camera gets its frames again",
    ]
    assert told[0].__dict__["analysed_fps"] == 1
    assert runner.progress().analysed_fps == FPS


class BrokenOnce:
    """A live camera whose first frame makes the loop fail."""

    def __init__(self, stop: Flag) -> None:
        self._stop = stop
        self.opened = 0

    def frames(self) -> Iterator[Frame]:
        self.opened += 1
        if self.opened == 1:
            yield a_frame(0)
            raise ZeroDivisionError
        yield a_frame(5)
        self._stop.set()
        yield a_frame(6)


def test_a_failure_that_nobody_foresaw_is_told_and_the_live_camera_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench, stop = Bench(tmp_path), CountedFlag(9)
    camera = CameraInput(document=a_camera(), source=BrokenOnce(stop), file=bench.file)
    CameraRunner(camera, bench.loop(), stop).run()
    assert bench.states() == [CameraState.ONLINE, CameraState.LOST, CameraState.ONLINE]
    assert [one.message for one in caplog.records] == ["camera failed"]
    lost = [one for one in bench.bus.events if isinstance(one, CameraStatus)][1]
    assert lost.reason == "camera cam-1: failed (ZeroDivisionError)"
