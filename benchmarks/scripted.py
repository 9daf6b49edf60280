"""Streets without pixels: a detector and a plate reader that are told what there is."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from detector.detection import Detections, ImageArray
from detector.geometry import FloatArray
from detector.perception import VEHICLE_CLASSES
from detector.sources import Frame
from pipeline.events import VehicleClass

__all__ = ["ScriptedDetector", "noisy", "textured"]

_CONFIDENCE = 0.8
# Grey levels by which a pixel of a still picture differs from frame to frame.
_SENSOR_NOISE_LEVELS = 2.0


class ScriptedDetector:
    """A `VehicleDetector` that sees the boxes of a script, each a car."""

    model_version = "scripted"

    def __init__(self, boxes_at: Callable[[datetime], FloatArray]) -> None:
        """Ask `boxes_at` for boxes of shape (n, 4) in pixels."""
        self._boxes_at = boxes_at

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The script's boxes at each frame's instant; see `VehicleDetector.detect`."""
        return [_cars(self._boxes_at(frame.captured_at)) for frame in frames]


def textured(seed: int, *, width_px: int, height_px: int) -> ImageArray:
    """A picture of random patches, which looks different everywhere."""
    size = (height_px // 8 + 1, width_px // 8 + 1, 3)
    coarse = np.random.default_rng(seed).integers(20, 235, size, dtype=np.uint8)
    image: ImageArray = np.kron(coarse, np.ones((8, 8, 1), np.uint8))[:height_px, :width_px]
    return image


def noisy(image: ImageArray, count: int) -> list[ImageArray]:
    """`image` as a sensor gives it `count` times, each a little different."""
    random = np.random.default_rng(1)
    pictures = (image + random.normal(0, _SENSOR_NOISE_LEVELS, image.shape) for _ in range(count))
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in pictures]


def _cars(boxes_px: FloatArray) -> Detections:
    count = len(boxes_px)
    return Detections(
        xyxy_px=boxes_px.reshape(-1, 4).astype(np.float64),
        confidence=np.full(count, _CONFIDENCE),
        class_id=np.full(count, VEHICLE_CLASSES.index(VehicleClass.CAR)),
    )
