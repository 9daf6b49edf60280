"""A street of textured rectangles, seen by a detector that is told what there is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import av
import cv2
import numpy as np

from detector.detection import Detections, FloatArray, ImageArray
from detector.perception import VEHICLE_CLASSES, PlateRead
from detector.sources import Frame
from detector.stays import Situation, Stay
from detector.tracking import TrackedDetections
from detector.traffic import PlaceFlow
from pipeline.bus.base import BusUnavailableError
from pipeline.events import (
    CameraDocument,
    Envelope,
    Event,
    EventId,
    EvidenceRef,
    VehicleClass,
)
from pipeline.evidence.store import EvidenceStoreUnavailableError, FileEvidenceStore

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WIDTH, HEIGHT = 320, 240
CAR_BOX = (100.0, 100.0, 160.0, 140.0)
# So near that its plate can be read.
WIDE_BOX = (100.0, 90.0, 230.0, 170.0)
FPS = 5.0

Box = tuple[float, float, float, float]
Script = Callable[[float], Sequence[Box]]
Way = Callable[[float], Box]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_camera(**changes: object) -> CameraDocument:
    zone = {
        "zone_id": "kerb",
        "name": {"zh": "路缘", "en": "Kerb"},
        "dwell_s": 10,
        "sighting_every_s": 20,
        "polygon": [[0.1, 0.3], [0.9, 0.3], [0.9, 0.9], [0.1, 0.9]],
    }
    camera = {
        "camera_id": "cam-1",
        "name": {"zh": "一号", "en": "One"},
        "place": {"road": {"zh": "路", "en": "Road"}},
        "analysed_fps": FPS,
        "zones": [zone],
    }
    return CameraDocument.model_validate(camera | changes)


def a_camera_with_zone(**changes: object) -> CameraDocument:
    return a_camera(zones=[a_camera().zones[0].model_dump() | changes])


def texture(seed: int, height: int, width: int) -> ImageArray:
    coarse = np.random.default_rng(seed).integers(20, 235, (height // 8 + 1, width // 8 + 1, 3))
    image: ImageArray = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width].astype(np.uint8)
    return image


_STREET = texture(1, HEIGHT, WIDTH)
_COATS: dict[int, ImageArray] = {}


def _coat(seed: int) -> ImageArray:
    if seed not in _COATS:
        _COATS[seed] = texture(seed, 3 * HEIGHT, 3 * WIDTH)
    return _COATS[seed]


def a_picture(cars: Sequence[Box] = (), *, coats: Sequence[int] = ()) -> ImageArray:
    """The street with textured boxes on it, cut off at the picture's edges.

    `coats` are the seeds of the boxes' textures, in their order; they look alike without them.
    """
    image = _STREET.copy()
    for box, seed in zip(cars, coats or [2] * len(cars), strict=True):
        x1, y1, x2, y2 = (round(value) for value in box)
        left, top = max(0, x1), max(0, y1)
        right, bottom = max(left, min(WIDTH, x2)), max(top, min(HEIGHT, y2))
        image[top:bottom, left:right] = _coat(seed)[top - y1 : bottom - y1, left - x1 : right - x1]
    return image


_GRAIN = np.random.default_rng(3).integers(0, 3, (2 * HEIGHT, 2 * WIDTH, 3), np.uint8)


def _grained(image: ImageArray, seconds: float) -> ImageArray:
    """A sensor's noise: no two pictures of a working camera are the same."""
    tick = round(seconds * 1000)
    top, left = tick * 7 % HEIGHT, tick * 11 % WIDTH
    noisy: ImageArray = np.clip(
        image.astype(np.int16) + _GRAIN[top : top + HEIGHT, left : left + WIDTH] - 1, 0, 255
    ).astype(np.uint8)
    return noisy


def a_frame(
    seconds: float,
    cars: Sequence[Box] = (),
    *,
    camera_id: str = "cam-1",
    coats: Sequence[int] = (),
) -> Frame:
    image = _grained(a_picture(cars, coats=coats), seconds)
    return Frame(camera_id=camera_id, image=image, captured_at=at(seconds))


def moved(box: Box, dx: float, dy: float) -> Box:
    x1, y1, x2, y2 = box
    return (x1 + dx, y1 + dy, x2 + dx, y2 + dy)


def detections(
    boxes: Sequence[Box], *, confidence: float = 0.8, kind: VehicleClass = VehicleClass.CAR
) -> Detections:
    return Detections(
        xyxy_px=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        confidence=np.full(len(boxes), confidence),
        class_id=np.full(len(boxes), VEHICLE_CLASSES.index(kind)),
    )


def jitter(boxes: Sequence[Box], rng: np.random.Generator, sigma_px: float) -> list[Box]:
    noisy: FloatArray = np.array(boxes).reshape(-1, 4) + rng.normal(0, sigma_px, (len(boxes), 4))
    return [(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in noisy]


def times(start_s: float, end_s: float, fps: float = FPS) -> Iterator[float]:
    for k in range(round(start_s * fps), round(end_s * fps)):
        yield k / fps


def tracks(boxes: dict[int, Box], *, kind: VehicleClass = VehicleClass.CAR) -> TrackedDetections:
    """Boxes by their track ids."""
    return TrackedDetections(
        detections=detections(list(boxes.values()), kind=kind),
        track_id=np.array(list(boxes), np.int64),
    )


def a_stay(box: Box = CAR_BOX, **changes: Any) -> Stay:
    """A car that came to rest at the start and was seen there for twelve seconds since."""
    known: dict[str, Any] = {
        "episode_id": uuid4(),
        "vehicle_class": VehicleClass.CAR,
        "place_px": np.array(box),
        "box_px": np.array(box),
        "stood_since_at": at(0),
        "last_seen_at": at(12),
        "observed_s": 12.0,
    }
    return Stay(**known | changes)


NO_FLOW = PlaceFlow()


def a_situation(
    flow: PlaceFlow = NO_FLOW, *, is_alone: bool = True, ahead: Sequence[Box] = ()
) -> Situation:
    """What is around a stay: nobody, and no traffic, unless it is said."""
    ahead_px = tuple(np.array(box) for box in ahead)
    return Situation(flow=flow, is_alone=is_alone, ahead_px=ahead_px)


def way(box: Box, *stops: tuple[float, float]) -> Way:
    """Where a vehicle is that goes sideways: pairs of an instant and the pixels it is moved by."""
    instants, shifts_px = zip(*stops, strict=True)
    return lambda t: moved(box, float(np.interp(t, instants, shifts_px)), 0)


class Street:
    """A script: vehicles on their ways, each in a coat of its own, seen while they are whole."""

    def __init__(self, *ways: Way) -> None:
        self._ways = ways

    def __call__(self, t: float) -> Sequence[Box]:
        return [box for box in self._boxes(t) if box[0] >= 0 and box[2] <= WIDTH]

    def frame(self, t: float) -> Frame:
        return a_frame(t, self._boxes(t), coats=[50 + n for n in range(len(self._ways))])

    def _boxes(self, t: float) -> list[Box]:
        return [one(t) for one in self._ways]


class ToldDetector:
    """A `VehicleDetector` that sees what a script says for the frame's time."""

    model_version = "told@000000000000"

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked = 0

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.asked += len(frames)
        return [
            detections(self._script((frame.captured_at - START).total_seconds()))
            for frame in frames
        ]


class ToldPlateReader:
    """A `PlateReader` that reads the given texts one after the other, then nothing."""

    least_width_px = 120.0

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self.calls = 0

    def read(self, vehicle: ImageArray) -> tuple[PlateRead, ...]:
        assert vehicle.size
        self.calls += 1
        if not self._texts:
            return ()
        return (PlateRead(text=self._texts.pop(0), confidence=0.95),)


class SwitchedStore:
    """A real store that can be full."""

    def __init__(self, folder: Path) -> None:
        self._inner = FileEvidenceStore(folder)
        self.is_full = False

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        if self.is_full:
            raise EvidenceStoreUnavailableError("evidence folder: no space left on device")
        return self._inner.put(
            content, media_type=media_type, captured_at=captured_at, derived_from=derived_from
        )

    def get(self, ref: EvidenceRef) -> bytes:
        return self._inner.get(ref)

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        self._inner.forward(refs)


class ListBus:
    """An `EventPublisher` that keeps what it gets and can be down."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: list[tuple[Event, ...]] = []
        self.is_down = False

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        if self.is_down:
            raise BusUnavailableError("bus: away")
        first = len(self.events)
        self.events += events
        self.batches.append(tuple(events))
        return tuple(
            Envelope.wrap(event, EventId(source="test", epoch=1, seq=first + n))
            for n, event in enumerate(events)
        )

    def close(self) -> None:
        """Nothing to release."""


def write_video(
    path: Path,
    at_s: Sequence[float],
    *,
    metadata: dict[str, str] | None = None,
    codec: str = "mpeg4",
    size_px: tuple[int, int] = (64, 48),
) -> Path:
    """A small recording with pictures at exactly these times; their brightness counts up."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size_px, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = 5
        for number, seconds in enumerate(at_s):
            level = np.full((size_px[1], size_px[0], 3), 10 + 3 * number % 240, np.uint8)
            picture = av.VideoFrame.from_ndarray(level, format="bgr24")
            picture.pts, picture.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def write_stills(folder: Path, names: Sequence[str]) -> Path:
    """A folder of small pictures that get brighter in the order of `names`."""
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((48, 64, 3), 5 * number % 250, np.uint8))
    return folder
