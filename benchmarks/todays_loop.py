"""The loop that people write today: Ultralytics' tracker, a polygon, seconds per track id.

It is written as people write it. The tracker is the one they know as the library's default;
its newer default finds fewer of the parked vehicles. Nothing of the project is in it but the value
that it returns.
"""

from collections import Counter, defaultdict
from datetime import datetime
from math import ceil
from time import perf_counter, process_time

import cv2
import numpy as np
from ultralytics import YOLO

from detector.geometry import FloatArray, ImageArray
from detector.score import Episode, Watched
from detector.sources import FrameSource
from pipeline.events import CameraDocument, ZoneShape

__all__ = ["watch_as_today"]

# Car, bus and truck among the classes of COCO.
_CLASSES = [2, 5, 7]
_TRACKER = "botsort.yaml"


class _TodaysLoop:
    """Counts, for each track id in each zone, the frames in which its box stood there."""

    def __init__(self, weights: str, document: CameraDocument, fps: float) -> None:
        self._model = YOLO(weights)
        self._model.predict(np.zeros((64, 64, 3), np.uint8), verbose=False)
        self._document = document
        self._fps = fps
        self._frames_inside: Counter[tuple[str, int]] = Counter()
        self._seen: defaultdict[int, list[tuple[float, FloatArray]]] = defaultdict(list)
        self._found: list[tuple[str, int, float, FloatArray]] = []

    def see(self, image: ImageArray, at_s: float) -> None:
        result = self._model.track(
            image, persist=True, tracker=_TRACKER, classes=_CLASSES, verbose=False
        )[0]
        if result.boxes.id is None:
            return
        height, width = image.shape[:2]
        boxes = result.boxes.xyxy.cpu().numpy()
        for box, track_id in zip(boxes, result.boxes.id.int().tolist(), strict=True):
            ratios = box / [width, height, width, height]
            self._seen[track_id].append((at_s, ratios))
            x1, _, x2, y2 = (float(value) for value in box)
            for zone in self._document.zones:
                outline = (np.array(zone.polygon) * [width, height]).astype(np.float32)
                if cv2.pointPolygonTest(outline, ((x1 + x2) / 2, y2), measureDist=False) >= 0:
                    self._count(zone, track_id, at_s, ratios)

    def _count(self, zone: ZoneShape, track_id: int, at_s: float, box: FloatArray) -> None:
        key = (zone.zone_id, track_id)
        self._frames_inside[key] += 1
        if self._frames_inside[key] == ceil(zone.dwell_s * self._fps):
            self._found.append((zone.violation_type.value, track_id, at_s, box))

    def episodes(self) -> tuple[Episode, ...]:
        return tuple(
            Episode(
                violation_type=kind,
                at_s=at_s,
                box=box,
                track=self._seen[track_id],
                places=[(at_s, box)],
                basis="",
                picture=b"",
            )
            for kind, track_id, at_s, box in self._found
        )


def watch_as_today(
    source: FrameSource,
    started_at: datetime,
    document: CameraDocument,
    weights: str,
    *,
    fps: float,
) -> Watched:
    """Look at a clip; `fps` is the frame rate that seconds are counted by."""
    loop = _TodaysLoop(weights, document, fps)
    frames, at_s = 0, 0.0
    began_s, began_cpu_s = perf_counter(), process_time()
    for frame in source.frames():
        frames, at_s = frames + 1, (frame.captured_at - started_at).total_seconds()
        loop.see(frame.image, at_s)
    return Watched(
        episodes=loop.episodes(),
        frames=frames,
        analysed_fps=(frames - 1) / at_s if at_s else 0.0,
        wall_s=perf_counter() - began_s,
        cpu_s=process_time() - began_cpu_s,
    )
