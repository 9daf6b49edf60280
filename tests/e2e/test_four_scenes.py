"""The demo's four scenes from drawn pixels to their end, on a manual clock."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from detector.camera_file import load_camera
from detector.camera_loop import CameraLoop, Eyes
from detector.errors import SourceLostError
from detector.perception import PlateReader, open_detector, open_plate_reader
from detector.reporting import Reporter
from detector.simulator.scenarios import Scenario, draw_scene
from detector.simulator.source import SceneClock, SimulatedSource
from detector.stay_file import StayFile
from detector.tracking import ByteTracker
from pipeline.app import build_worker
from pipeline.bus import EventPublisher, open_publisher
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.configuration import UpConfig
from pipeline.evidence import EvidenceStore, open_evidence_store
from pipeline.settings import PipelineSettings
from pipeline.storage import open_storage
from remindfirst import demo_cameras_to_signal, demo_config, register
from tests.builders import NOON, seconds

TICK_S = 0.25
ENDS_AT_S = 46


@pytest.fixture(scope="module")
def plate_reader() -> PlateReader:
    return open_plate_reader()


class Street:
    """One camera of the demo, one frame at a time."""

    def __init__(
        self,
        file: Path,
        data: Path,
        publisher: EventPublisher,
        store: EvidenceStore,
        plate_reader: PlateReader,
        seed: int,
    ) -> None:
        document = load_camera(file)
        self.camera_id = document.camera_id
        self.is_signalled = False
        self._lost = False
        name = (document.source or "").removeprefix("simulator:").partition("?")[0]
        self._frames = SimulatedSource(
            camera_id=self.camera_id,
            scene=draw_scene(Scenario(name), seed),
            clock=SceneClock(started_at=NOON),
            leave_signal=lambda: self.is_signalled,
        )
        self._loop = CameraLoop(
            document,
            Eyes(
                detector=open_detector("background", memory=data / "detector"),
                tracker=ByteTracker(1 / TICK_S),
                plate_reader=plate_reader,
            ),
            Reporter(self.camera_id, publisher, store),
            StayFile(data / "detector" / f"{self.camera_id}.json"),
        )

    def step(self, k: int) -> None:
        if self._lost:
            return
        try:
            # Every second frame: the source draws eight a second, four are looked at.
            self._loop.step(self._frames.frame(2 * k))
        except SourceLostError as exc:
            self._lost = True
            self._loop.lost(self._frames.captured_at(2 * k), str(exc))


def _settings(config: UpConfig) -> PipelineSettings:
    names = {
        name.removeprefix("REMINDFIRST_").lower(): value
        for name, value in config.environment().items()
    }
    known = {name: names[name] for name in PipelineSettings.model_fields if name in names}
    return PipelineSettings.model_validate(known)


def _play(config: UpConfig, plate_reader: PlateReader, seed: int) -> Iterator[dict[str, Case]]:
    """The cases by camera: after the scenes, and once more after the longest wait."""
    clock = ManualClock(NOON)
    settings = _settings(config)
    storage = open_storage(settings.storage_url, clock=clock)
    register(config, storage)
    worker = build_worker(settings, clock=clock)
    publisher = open_publisher(settings.bus_url, source="street", state_dir=config.data)
    store = open_evidence_store(settings.evidence_url)
    streets = [
        Street(entry.file, config.data, publisher, store, plate_reader, seed)
        for entry in config.cameras
    ]

    def cases() -> dict[str, Case]:
        with storage.begin() as uow:
            return {case.camera_id: case for case in uow.cases.find()}

    for k in range(int(ENDS_AT_S / TICK_S)):
        for street in streets:
            street.step(k)
        while worker.run_once():
            pass
        for camera_id in demo_cameras_to_signal(storage):
            next(one for one in streets if one.camera_id == camera_id).is_signalled = True
        clock.advance(seconds(TICK_S))
    yield cases()
    clock.advance(timedelta(minutes=10))
    worker.run_once()
    yield cases()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_the_four_scenes_end_as_they_are_named(
    seed: int, tmp_path: Path, plate_reader: PlateReader
) -> None:
    config = demo_config(tmp_path / "demo", port=8000, seed=seed, today=NOON.date())
    played = _play(config, plate_reader, seed)

    cases = next(played)
    assert len(cases) == 4
    assert cases["demo-leaves"].disposition is Disposition.CLEARED
    assert cases["demo-stays"].status is CaseStatus.IN_REVIEW
    assert cases["demo-unreadable"].asks_operator
    assert cases["demo-unreadable"].reminder_accepted_at is None
    assert cases["demo-drops-out"].status is CaseStatus.GRACE

    cases = next(played)
    assert cases["demo-drops-out"].disposition is Disposition.UNPROVEN
    assert cases["demo-unreadable"].disposition is Disposition.UNPROVEN
    assert cases["demo-stays"].status is CaseStatus.IN_REVIEW
