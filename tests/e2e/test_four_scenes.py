"""The demo's four scenes from drawn pixels to their end, on a manual clock."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from time import monotonic

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
from pipeline.events import Envelope, Event
from pipeline.evidence import EvidenceStore, open_evidence_store
from pipeline.settings import PipelineSettings
from pipeline.storage import open_storage
from remindfirst import demo_cameras_to_signal, demo_config, register
from tests.builders import NOON, seconds

TICK_S = 0.25
ENDS_AT_S = 46
PARTITIONS = 4


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


def _settings(config: UpConfig, **others: str) -> PipelineSettings:
    names = {
        name.removeprefix("REMINDFIRST_").lower(): value
        for name, value in config.environment().items()
    }
    known = {name: names[name] for name in PipelineSettings.model_fields if name in names}
    return PipelineSettings.model_validate(known | others)


class _Station:
    """Detectors and workers of one configuration, on one manual clock."""

    def __init__(
        self, config: UpConfig, settings: PipelineSettings, *, detectors: int, workers: int
    ) -> None:
        self.clock = ManualClock(NOON)
        self._storage = open_storage(settings.storage_url, clock=self.clock)
        register(config, self._storage)
        self._config, self._settings = config, settings
        self._workers = [build_worker(settings, clock=self.clock) for _ in range(workers)]
        self._publishers = [
            open_publisher(settings.bus_url, source=f"street-{n}", state_dir=config.data)
            for n in range(detectors)
        ]
        self._published = 0
        self._share_out()

    def _share_out(self) -> None:
        """Wait until each worker has its partitions; they join together, as processes do."""
        until_s = monotonic() + 30
        with ThreadPoolExecutor(max_workers=len(self._workers)) as pool:
            while monotonic() < until_s:
                shares = list(pool.map(lambda one: one.subscriber.assigned(), self._workers))
                if all(shares) and sum(map(len, shares)) == PARTITIONS:
                    return

    def streets(self, plate_reader: PlateReader, seed: int) -> list[Street]:
        store = open_evidence_store(self._settings.evidence_url)
        publishers = cycle(self._publishers)
        return [
            Street(entry.file, self._config.data, self._counted(one), store, plate_reader, seed)
            for entry, one in zip(self._config.cameras, publishers, strict=False)
        ]

    def settle(self) -> None:
        """Let the workers work until all that was published is handled and nothing is due."""
        until_s = monotonic() + 60
        while self._handled() < self._published and monotonic() < until_s:
            for worker in self._workers:
                worker.run_once()
        assert self._handled() == self._published
        while sum(worker.run_once() for worker in self._workers):
            pass

    def signal(self, streets: list[Street]) -> None:
        for camera_id in demo_cameras_to_signal(self._storage):
            next(one for one in streets if one.camera_id == camera_id).is_signalled = True

    def cases(self) -> dict[str, Case]:
        with self._storage.begin() as uow:
            return {case.camera_id: case for case in uow.cases.find()}

    def handled_by(self) -> list[int]:
        """How many partitions each worker has."""
        return [len(worker.subscriber.assigned()) for worker in self._workers]

    def close(self) -> None:
        for publisher in self._publishers:
            publisher.close()
        for worker in self._workers:
            worker.subscriber.close()
            worker.storage.close()
        self._storage.close()

    def _counted(self, publisher: EventPublisher) -> EventPublisher:
        station = self

        class Counted:
            def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
                station._published += len(events)
                return publisher.publish(events)

            def close(self) -> None:
                publisher.close()

        return Counted()

    def _handled(self) -> int:
        with self._storage.begin() as uow:
            topic = self._workers[0].subscriber.topic
            return sum(uow.inbox.next_offset(topic, partition) for partition in range(PARTITIONS))


def _play(station: _Station, plate_reader: PlateReader, seed: int) -> Iterator[dict[str, Case]]:
    """The cases by camera: after the scenes, and once more after the longest wait."""
    streets = station.streets(plate_reader, seed)
    for k in range(int(ENDS_AT_S / TICK_S)):
        for street in streets:
            street.step(k)
        station.settle()
        station.signal(streets)
        station.clock.advance(seconds(TICK_S))
    yield station.cases()
    station.clock.advance(timedelta(minutes=10))
    station.settle()
    yield station.cases()


def _require_as_named(played: Iterator[dict[str, Case]]) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_the_four_scenes_end_as_they_are_named(
    seed: int, tmp_path: Path, plate_reader: PlateReader
) -> None:
    config = demo_config(tmp_path / "demo", port=8000, seed=seed, today=NOON.date())
    with closing(_Station(config, _settings(config), detectors=1, workers=1)) as station:
        _require_as_named(_play(station, plate_reader, seed))


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.parametrize("seed", [1, 2])
def test_they_end_the_same_with_two_detectors_and_two_workers_on_kafka_and_postgresql(
    seed: int, tmp_path: Path, plate_reader: PlateReader, kafka_url: str, postgres_url: str
) -> None:
    config = demo_config(tmp_path / "demo", port=8000, seed=seed, today=NOON.date())
    settings = _settings(config, bus_url=kafka_url, storage_url=postgres_url)
    with closing(_Station(config, settings, detectors=2, workers=2)) as station:
        _require_as_named(_play(station, plate_reader, seed))
        assert station.handled_by() == [2, 2]
