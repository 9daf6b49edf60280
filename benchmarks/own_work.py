"""What our loop does for each frame besides decoding and the networks, on a full street."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks.scripted import ScriptedDetector, textured
from detector.camera_loop import Eyes
from detector.geometry import FloatArray
from detector.perception import VehicleDetector
from detector.score import (
    MemoryPublisher,
    MemoryStore,
    Setting,
    Truth,
    camera_document,
    memory_loop,
)
from detector.sources import Frame
from detector.tracking import ByteTracker

__all__ = ["measure_own_work"]

_START = datetime(2026, 1, 1, tzinfo=UTC)
_VEHICLES, _STANDING = 25, 8
_STREET_PX = (640, 360)
_STREET_FRAMES, _NETWORK_FRAMES = 300, 50
_STREET = textured(1, width_px=_STREET_PX[0], height_px=_STREET_PX[1])
_COAT = textured(2, width_px=80, height_px=60)


def measure_own_work(detector: VehicleDetector) -> tuple[float, float]:
    """Milliseconds per frame of our loop without any network, and of the network.

    The street has 25 vehicles, of which some stand, in pictures of 640 pixels.
    """
    size = {"width": _STREET_PX[0], "height": _STREET_PX[1]}
    truth = Truth.model_validate({"image": size, "events": []})
    document = camera_document(truth, Path("street"), Setting(is_everywhere=True))
    frames = [_street_frame(k / document.analysed_fps) for k in range(_STREET_FRAMES)]
    eyes = Eyes(
        detector=ScriptedDetector(_street_boxes), tracker=ByteTracker(document.analysed_fps)
    )
    with memory_loop(document, eyes, MemoryPublisher(), MemoryStore()) as loop:
        own_ms = _ms_per_call(loop.step, frames)
    return own_ms, _ms_per_call(lambda frame: detector.detect([frame]), frames[:_NETWORK_FRAMES])


def _street_boxes(at: datetime) -> FloatArray:
    """A row of vehicles at the kerb and three lanes of others that drive through the picture."""
    width, height = _STREET_PX
    at_s = (at - _START).total_seconds()
    number = np.arange(_VEHICLES)
    is_standing = number < _STANDING
    driven = (53.0 * number + 60.0 * at_s) % (width + 60) - 60
    x1 = np.where(is_standing, 10 + 78 * number, driven)
    y1 = np.where(is_standing, 0.75 * height, 20 + 75 * (number % 3))
    jitter = np.random.default_rng(round(1000 * at_s)).normal(0, 0.7, (_VEHICLES, 4))
    boxes: FloatArray = np.stack([x1, y1, x1 + 60, y1 + 40], axis=1) + jitter
    return np.clip(boxes, 0, [width, height, width, height])


def _street_frame(at_s: float) -> Frame:
    at = _START + timedelta(seconds=at_s)
    image = _STREET.copy()
    for x1, y1, x2, y2 in np.round(_street_boxes(at)).astype(int).tolist():
        image[y1:y2, x1:x2] = _COAT[: y2 - y1, : x2 - x1]
    return Frame(camera_id="clip", image=image, captured_at=at)


def _ms_per_call(call: Callable[[Frame], object], frames: Sequence[Frame]) -> float:
    began_s = process_time()
    for frame in frames:
        call(frame)
    return 1000 * (process_time() - began_s) / len(frames)
