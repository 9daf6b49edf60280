"""What the networks see, in our words: vehicles with their class, and text on their plates."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from detector.detection import Detections, ImageArray
from detector.errors import ModelFileError
from detector.geometry import suppress_doubles
from detector.sources import Frame
from models.predictions import BoxPrediction
from models.registry import NetworkFileError, NetworkKind, find_network
from pipeline.events import VehicleClass

__all__ = [
    "BACKGROUND",
    "VEHICLE_CLASSES",
    "PlateRead",
    "PlateReader",
    "VehicleDetector",
    "open_detector",
    "open_plate_reader",
]

VEHICLE_CLASSES: tuple[VehicleClass, ...] = tuple(VehicleClass)
"""A detection's `class_id` is a position in this tuple."""

BACKGROUND = "background"
"""The weights, and the model version, of the detector by background."""

log = logging.getLogger(__name__)

_CLASS_OF_LABEL = {kind.value: kind for kind in VehicleClass} | {
    "bike": VehicleClass.BICYCLE,
    "motorbike": VehicleClass.MOTORCYCLE,
    "van": VehicleClass.CAR,
}
# The tracker knows what to do with weak boxes; below this they are noise.
_MIN_CONFIDENCE = 0.1
# A car that is also a truck, or found twice.
_DOUBLE_IOU = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateRead:
    """One text found on a vehicle, as read; `confidence` is 0 to 1."""

    text: str
    confidence: float


class VehicleDetector(Protocol):
    """Finds vehicles; may be shared by several threads."""

    @property
    def model_version(self) -> str:
        """Which network this is, for events: file name and head of its SHA-256."""
        ...

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The vehicles of each frame, in the order of the frames."""
        ...


class PlateReader(Protocol):
    """Reads what is written on a vehicle; may be shared by several threads."""

    @property
    def least_width_px(self) -> float:
        """On a vehicle that is narrower in the picture, more is misread than read."""
        ...

    def read(self, vehicle: ImageArray) -> tuple[PlateRead, ...]:
        """All texts on the picture of one vehicle, plates or not."""
        ...


class _Network(Protocol):
    def predict(self, images: Sequence[ImageArray]) -> list[BoxPrediction]: ...


class _BackgroundNetwork(Protocol):
    def predict(self, camera_id: str, image: ImageArray) -> BoxPrediction: ...


class _NetworkDetector:
    def __init__(self, network: _Network, model_version: str) -> None:
        self._network = network
        self._lock = Lock()
        self.model_version = model_version

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        with self._lock:
            found = self._network.predict([frame.image for frame in frames])
        return [_to_detections(prediction) for prediction in found]


class _BackgroundDetector:
    def __init__(self, network: _BackgroundNetwork) -> None:
        self._network = network
        self._lock = Lock()
        self.model_version = BACKGROUND

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        with self._lock:
            return [
                _to_detections(self._network.predict(frame.camera_id, frame.image))
                for frame in frames
            ]


class _TextPlateReader:
    # A plate is a quarter as wide as a vehicle seen from before or behind, and has seven characters
    # or more. At this width half of what is read is right, at 120 pixels less than a third.
    least_width_px = 160.0

    def __init__(self) -> None:
        from models.plate_reader import TextReader

        self._reader = TextReader()
        self._lock = Lock()

    def read(self, vehicle: ImageArray) -> tuple[PlateRead, ...]:
        with self._lock:
            lines = self._reader.predict(vehicle)
        return tuple(PlateRead(text=line.text, confidence=line.confidence) for line in lines)


def open_detector(weights: str | None, *, memory: Path | None = None) -> VehicleDetector:
    """The detector behind `weights`.

    Args:
        weights: A `.onnx` file (light), any Ultralytics weights (extra `yolo`), a name of
            models/manifest.toml, or `background` for a fixed camera on a calm street.
        memory: Folder for what is made at first use: the form of a network that a CPU runs
            fastest, and what an empty street looks like.

    Raises:
        ModelFileError: no weights, or they are missing, damaged or of the wrong kind.
    """
    if weights is None:
        raise ModelFileError(
            "no weights: give a .onnx or .pt file by --weights or REMINDFIRST_WEIGHTS, or "
            f"'{BACKGROUND}' for a fixed camera on a calm street"
        )
    if weights == BACKGROUND:
        from models.background_detector import BackgroundDetector

        return _BackgroundDetector(BackgroundDetector(memory))
    try:
        return _open_network(weights, memory)
    except NetworkFileError as exc:
        raise ModelFileError(str(exc)) from exc


def open_plate_reader() -> PlateReader:
    """The plate reader with its packaged networks.

    Raises:
        ModelFileError: a packaged network is missing or was changed.
    """
    try:
        return _TextPlateReader()
    except NetworkFileError as exc:
        raise ModelFileError(str(exc)) from exc


def _open_network(weights: str, memory: Path | None) -> VehicleDetector:
    """The network in the form that runs fastest here; a CPU gets its own, made at first use."""
    file = find_network(weights)
    if file.kind is NetworkKind.OPENVINO:
        return _open_on_cpu(weights, file.path, file.version)
    exported = memory / "networks" / file.sha256[:16] if memory is not None else None
    if exported is not None and exported.is_dir():
        return _open_on_cpu(weights, exported, file.version)
    from models.ultralytics_detector import UltralyticsDetector

    network = UltralyticsDetector(file, min_confidence=_MIN_CONFIDENCE)
    _require_vehicles(weights, network.labels)
    if exported is None or network.has_accelerator():
        return _NetworkDetector(network, file.version)
    try:
        network.export_for_cpu(exported)
    except NetworkFileError as exc:
        log.warning("network runs as it is, slowly", extra={"reason": str(exc)})
        return _NetworkDetector(network, file.version)
    return _open_on_cpu(weights, exported, file.version)


def _open_on_cpu(weights: str, path: Path, version: str) -> VehicleDetector:
    from models.openvino_detector import OpenVinoDetector

    network = OpenVinoDetector(path, min_confidence=_MIN_CONFIDENCE)
    _require_vehicles(weights, network.labels)
    return _NetworkDetector(network, version)


def _require_vehicles(weights: str, labels: tuple[str, ...]) -> None:
    if not any(label.lower() in _CLASS_OF_LABEL for label in labels):
        raise ModelFileError(
            f"weights {weights}: none of its classes is a vehicle ({', '.join(labels[:5])}, ...); "
            f"use a network with one of: {', '.join(_CLASS_OF_LABEL)}"
        )


def _to_detections(prediction: BoxPrediction) -> Detections:
    """Vehicles only, each once, best first."""
    classes = [_CLASS_OF_LABEL.get(label.lower()) for label in prediction.labels]
    rows = [
        row
        for row, kind in enumerate(classes)
        if kind is not None and prediction.confidence[row] >= _MIN_CONFIDENCE
    ]
    boxes = prediction.xyxy_px[rows].reshape(-1, 4)
    confidence = prediction.confidence[rows]
    class_id = np.array([VEHICLE_CLASSES.index(classes[row]) for row in rows], dtype=np.int64)
    kept = suppress_doubles(boxes, confidence, max_iou=_DOUBLE_IOU)
    return Detections(
        xyxy_px=boxes[kept].reshape(-1, 4), confidence=confidence[kept], class_id=class_id[kept]
    )
