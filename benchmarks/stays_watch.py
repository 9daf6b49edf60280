"""Whole camera loops that watch simulated traffic: noisy boxes and pictures in, events out."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from detector.camera_loop import CameraLoop
from detector.detection import Detections, ImageArray
from detector.observer import Eyes
from detector.perception import PlateRead
from detector.reporting import Reporter
from detector.simulator.noise import DetectionNoise, SeenVehicle
from detector.simulator.traffic import STEP_S, Traffic
from detector.simulator.traffic_picture import DAYLIGHT, Exposure, TrafficCamera
from detector.simulator.traffic_plan import TrafficPlan, choose_plan
from detector.simulator.traffic_road import choose_view
from detector.simulator.traffic_troubles import Break, BreakKind, Trouble, write_scene
from detector.simulator.traffic_truth import FalseStop, TrafficTruth, TrueStay
from detector.simulator.traffic_vehicle import Doing
from detector.simulator.viewpoint import Viewpoint
from detector.sources import Frame
from detector.stay_file import StayFile
from detector.tracking import ByteTracker, TrackedDetections
from pipeline.events import CameraDocument, Envelope, Event, EvidenceRef

__all__ = ["DWELLS_S", "SCENE_DWELL_S", "HourResult", "SceneResult", "watch_hour", "watch_scene"]

_START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_CAMERA = "cam-1"
DWELLS_S = (10.0, 60.0)
SCENE_DWELL_S = 10.0
# A vehicle that stood in plain sight this long beyond the dwell has to be found.
_SURE_S = 3.0
_HOUR_S = 3600.0
# A box stands a little nearer to the lane than its vehicle, seen from across the road.
_ZONE_WIDER_M = 0.8


class _ToldDetector:
    """A `VehicleDetector` that says what it was told to say of the next frame."""

    model_version = "told@000000000000"

    def __init__(self) -> None:
        self.next = Detections(
            xyxy_px=np.zeros((0, 4)), confidence=np.zeros(0), class_id=np.zeros(0, np.int64)
        )

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        return [self.next for _ in frames]


class _FreshTracker:
    """A `Tracker` that can be made to forget everything, ids included."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._inner = ByteTracker(1 / STEP_S)

    def update(self, detections: Detections, captured_at: datetime) -> TrackedDetections:
        return self._inner.update(detections, captured_at)


class _ToldPlateReader:
    """A `PlateReader` that reads the plate it was told of, in every second picture.

    The pictures are a camera's at a third of its size; so is the width at which plates are legible.
    """

    least_width_px = 60.0

    def __init__(self) -> None:
        self.plate: str | None = None
        self._calls = 0

    def read(self, vehicle: ImageArray) -> tuple[PlateRead, ...]:
        self._calls += 1
        if self.plate is None or self._calls % 2 or not vehicle.size:
            return ()
        return (PlateRead(text=self.plate, confidence=0.9),)


class _ListBus:
    """An `EventPublisher` that keeps what it gets until it is taken."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        self._events += events
        return ()

    def take(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def close(self) -> None:
        """Nothing to release."""


class _HashStore:
    """An `EvidenceStore` that keeps no bytes."""

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        return EvidenceRef(
            sha256=hashlib.sha256(content).hexdigest(),
            media_type=media_type,
            size_bytes=len(content),
            captured_at=captured_at,
            derived_from=derived_from.sha256 if derived_from else None,
        )

    def get(self, ref: EvidenceRef) -> bytes:
        raise KeyError(ref.sha256)

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Nothing to do."""


class _Watcher:
    """One camera's loop with all that it needs; it may be stopped and started again."""

    def __init__(self, document: CameraDocument, folder: Path) -> None:
        self._document = document
        self._file = StayFile(folder / f"dwell-{document.zones[0].dwell_s:.0f}.stays.json")
        self._detector, self._tracker, self._bus = _ToldDetector(), _FreshTracker(), _ListBus()
        self.plate_reader = _ToldPlateReader()
        self._loop = self._open()

    def step(self, at_s: float, image: ImageArray, detections: Detections) -> list[Event]:
        self._detector.next = detections
        captured_at = _START + timedelta(seconds=round(at_s, 3))
        self._loop.step(Frame(camera_id=_CAMERA, image=image, captured_at=captured_at))
        return self._bus.take()

    def begin(self, broken: Break) -> None:
        """Break off as told."""
        match broken.kind:
            case BreakKind.TRACKER:
                self._tracker.reset()
            case BreakKind.STREAM:
                self._loop.lost(_START + timedelta(seconds=broken.at_s), "no answer")
            case BreakKind.PROCESS:
                self._loop.close()

    def end(self, broken: Break) -> None:
        """Go on after the break."""
        if broken.kind is BreakKind.PROCESS:
            self._tracker.reset()
            self._loop = self._open()

    def _open(self) -> CameraLoop:
        eyes = Eyes(detector=self._detector, tracker=self._tracker, plate_reader=self.plate_reader)
        reporter = Reporter(_CAMERA, self._bus, _HashStore())
        return CameraLoop(self._document, eyes, reporter, self._file)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """One frame with what is truly in it and what the network says of it."""

    seen: tuple[SeenVehicle, ...]
    image: ImageArray
    detections: Detections


class _Stage:
    """Traffic, camera and noise of one seed."""

    def __init__(self, plan: TrafficPlan, view: Viewpoint, seed: int) -> None:
        self.camera, self.traffic = TrafficCamera(view, seed), Traffic(plan, seed)
        self.size_px = (view.width_px, view.height_px)
        self._noise = DetectionNoise(seed, width_px=view.width_px, height_px=view.height_px)

    def show(self, exposure: Exposure) -> _Shown:
        vehicles = self.traffic.vehicles
        seen = self.camera.look(vehicles)
        coats = {one.vehicle_id: one.body.coat for one in vehicles}
        return _Shown(
            seen=seen,
            image=self.camera.paint(seen, coats, exposure),
            detections=self._noise.detect(seen),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneResult:
    """How one scene of trouble came out."""

    trouble: Trouble
    seed: int
    stays: tuple[TrueStay, ...]
    false_stops: tuple[FalseStop, ...]
    wrong_sightings: int
    lasts_s: float

    def expected(self) -> list[TrueStay]:
        """The stays that have to be found: long enough in plain sight."""
        return [one for one in self.stays if _is_parked(one, SCENE_DWELL_S + _SURE_S)]

    def faults(self) -> dict[str, int]:
        """What went wrong, by kind."""
        expected, parked = self.expected(), [one for one in self.stays if _is_parked(one, 0)]
        return {
            "missed": sum(not one.suspected_s for one in expected),
            "split": sum(max(0, len(one.suspected_s) - 1) for one in parked),
            "early": sum(one.is_early(SCENE_DWELL_S) for one in parked),
            "false departure": sum(one.false_departures for one in parked),
            "blind departure": sum(one.blind_departures for one in parked),
            "missed departure": sum(one.has_missed_departure(self.lasts_s) for one in parked),
            "false stop": len(self.false_stops),
            "wrong sighting": self.wrong_sightings,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HourResult:
    """How an hour of ordinary traffic came out at one dwell."""

    seed: int
    dwell_s: float
    hours: float
    stays: tuple[TrueStay, ...]
    false_stops: tuple[FalseStop, ...]


def watch_scene(trouble: Trouble, seed: int) -> SceneResult:
    """Show one scene of trouble to a camera's loop."""
    scene, truth = write_scene(trouble, seed), TrafficTruth()
    stage = _Stage(scene.plan, scene.view, seed)
    zones = {"kerb": stage.camera.zone(scene.plan.road.strip_m(wider_m=_ZONE_WIDER_M))}
    broken, is_broken = scene.break_, False
    with TemporaryDirectory() as folder:
        watcher = _Watcher(_document(zones, SCENE_DWELL_S), Path(folder))
        while stage.traffic.now_s < scene.lasts_s:
            vehicles = stage.traffic.step()
            now_s = stage.traffic.now_s
            if broken is not None and not is_broken and now_s >= broken.at_s:
                watcher.begin(broken)
                is_broken = True
            if broken is not None and is_broken:
                if now_s < broken.at_s + broken.lasts_s:
                    truth.see(now_s, vehicles, ())
                    continue
                watcher.end(broken)
                broken = None
            shown = stage.show(scene.exposure(now_s))
            truth.see(now_s, vehicles, shown.seen)
            watcher.plate_reader.plate = _plate_in_sight(truth, shown.seen)
            for event in watcher.step(now_s, shown.image, shown.detections):
                truth.hear(event, now_s, vehicles, shown.seen, stage.size_px)
    return SceneResult(
        trouble=trouble,
        seed=seed,
        stays=tuple(truth.stays),
        false_stops=tuple(truth.false_stops),
        wrong_sightings=truth.wrong_sightings,
        lasts_s=scene.lasts_s,
    )


def watch_hour(seed: int, lasts_s: float = _HOUR_S) -> tuple[HourResult, ...]:
    """Show ordinary traffic to one loop per dwell; both see the same frames."""
    plan = choose_plan(seed, lasts_s=lasts_s)
    stage = _Stage(plan, choose_view(np.random.default_rng([seed, 0x76696577])), seed)
    zones = {
        "kerb": stage.camera.zone(plan.road.strip_m(wider_m=_ZONE_WIDER_M)),
        "roadway": stage.camera.zone(plan.road.roadway_m()),
    }
    truths = [TrafficTruth() for _ in DWELLS_S]
    with TemporaryDirectory() as folder:
        watchers = [_Watcher(_document(zones, dwell_s), Path(folder)) for dwell_s in DWELLS_S]
        while stage.traffic.now_s < lasts_s:
            vehicles = stage.traffic.step()
            now_s, shown = stage.traffic.now_s, stage.show(DAYLIGHT)
            for watcher, truth in zip(watchers, truths, strict=True):
                truth.see(now_s, vehicles, shown.seen)
                for event in watcher.step(now_s, shown.image, shown.detections):
                    truth.hear(event, now_s, vehicles, shown.seen, stage.size_px)
    return tuple(
        HourResult(
            seed=seed,
            dwell_s=dwell_s,
            hours=lasts_s / _HOUR_S,
            stays=tuple(truth.stays),
            false_stops=tuple(truth.false_stops),
        )
        for dwell_s, truth in zip(DWELLS_S, truths, strict=True)
    )


def _document(zones: Mapping[str, Sequence[tuple[float, float]]], dwell_s: float) -> CameraDocument:
    name = {"zh": "模拟", "en": "Simulated"}
    return CameraDocument.model_validate(
        {
            "camera_id": _CAMERA,
            "name": name,
            "place": {"road": name},
            "analysed_fps": 1 / STEP_S,
            "zones": [
                {
                    "zone_id": zone_id,
                    "name": name,
                    "is_roadway": zone_id == "roadway",
                    "dwell_s": dwell_s,
                    "polygon": polygon,
                }
                for zone_id, polygon in zones.items()
            ],
        }
    )


def _is_parked(stay: TrueStay, plain_s: float) -> bool:
    return stay.doing is Doing.PARKED and stay.plain_s >= plain_s


def _plate_in_sight(truth: TrafficTruth, seen: Sequence[SeenVehicle]) -> str | None:
    """The plate of the vehicle that is parked in plain sight; scenes have one at a time."""
    plain = {one.vehicle_id for one in seen if one.hidden_ratio < 0.1}
    parked = [one for one in truth.standing if one.doing is Doing.PARKED]
    return next(
        (f"鄂A{(7919 * one.vehicle_id) % 100000:05d}" for one in parked if one.vehicle_id in plain),
        None,
    )
