"""Finds what does not belong to a street, by subtracting its empty picture; for the demo only.

It needs no network: until one of our own is bundled, the drawn street of the demo is watched by it.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.predictions import BoxPrediction, ImageArray

__all__ = ["BackgroundDetector"]

LEARNING_PICTURES = 8
"""Pictures of the empty street that are needed first: under two seconds at five a second."""

_SCALE = 2
_MIN_AREA_RATIO = 0.0012
_VARIANCE_THRESHOLD = 16.0
_FOREGROUND = 255
# What keeps more of the street's light than this, in the street's own hue, counts as its shadow.
_DARKEST_SHADOW_RATIO = 0.4
# Half-size pixels. Glass and shaded sides may look like the street: the gaps are closed, but not
# the space between two vehicles in neighbouring lanes.
_SPECK_PX = 3
_GAP_PX = 11
_PART_RATIO = 0.1


@dataclass(frozen=True, slots=True)
class _Blob:
    """One connected part of what does not belong to the street, in half-size pixels."""

    xyxy: tuple[int, int, int, int]
    area: float

    def gap_to(self, other: "_Blob") -> int:
        """Pixels between the two boxes; 0 when they touch or overlap."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.xyxy, other.xyxy
        return max(0, ax1 - bx2, bx1 - ax2, ay1 - by2, by1 - ay2)

    def with_part(self, part: "_Blob") -> "_Blob":
        """Both as one."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.xyxy, part.xyxy
        box = (min(ax1, bx1), min(ay1, by1), max(ax2, bx2), max(ay2, by2))
        return _Blob(box, self.area + part.area)

    def fill_ratio(self) -> float:
        """Share of the box that is filled, 0 to 1."""
        x1, y1, x2, y2 = self.xyxy
        return min(1.0, self.area / ((x2 - x1) * (y2 - y1)))


class BackgroundDetector:
    """Boxes around all that differs from the empty street, labelled `vehicle`.

    The street is learned once, from the first pictures of each camera, and never again: a vehicle
    that stands for an hour must not become part of the street.
    """

    def __init__(self, memory: Path | None) -> None:
        """Learn anew, or take up what was learned before.

        Args:
            memory: Folder with one picture of the empty street per camera; None keeps nothing.
        """
        self._memory = memory
        self._lessons: dict[str, list[ImageArray]] = {}
        self._streets: dict[str, cv2.BackgroundSubtractorMOG2] = {}

    def predict(self, camera_id: str, image: ImageArray) -> BoxPrediction:
        """The vehicles in one picture of a camera; none while its street is being learned."""
        size = (image.shape[1] // _SCALE, image.shape[0] // _SCALE)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        street = self._street(camera_id, small.astype(np.uint8, copy=False))
        if street is None:
            return _boxes([], 1)
        raw = street.apply(small, learningRate=0)
        return _boxes(_join_parts(_blobs(raw.astype(np.uint8, copy=False))), raw.size)

    def _street(self, camera_id: str, small: ImageArray) -> cv2.BackgroundSubtractorMOG2 | None:
        known = self._streets.get(camera_id)
        if known is not None:
            return known
        empty = self._recall(camera_id, small) if camera_id not in self._lessons else None
        if empty is None:
            lessons = self._lessons.setdefault(camera_id, [])
            lessons.append(small)
            if len(lessons) < LEARNING_PICTURES:
                return None
            empty = np.median(np.stack(lessons), axis=0).astype(np.uint8)
            self._remember(camera_id, empty)
            self._lessons.pop(camera_id)
        self._streets[camera_id] = _subtractor(empty)
        return self._streets[camera_id]

    def _recall(self, camera_id: str, small: ImageArray) -> ImageArray | None:
        if self._memory is None:
            return None
        file = self._memory / f"{camera_id}.png"
        stored = cv2.imread(str(file)) if file.exists() else None
        if stored is None or stored.shape != small.shape:
            return None
        return stored.astype(np.uint8, copy=False)

    def _remember(self, camera_id: str, empty: ImageArray) -> None:
        if self._memory is None:
            return
        self._memory.mkdir(parents=True, exist_ok=True)
        _, png = cv2.imencode(".png", empty)
        draft = self._memory / f"{camera_id}.png.tmp"
        draft.write_bytes(png.tobytes())
        draft.replace(self._memory / f"{camera_id}.png")


def _subtractor(empty: ImageArray) -> cv2.BackgroundSubtractorMOG2:
    """MOG2 that knows one picture by heart. Source: Zivkovic 2004, as built into OpenCV."""
    street = cv2.createBackgroundSubtractorMOG2(
        history=LEARNING_PICTURES, varThreshold=_VARIANCE_THRESHOLD, detectShadows=True
    )
    street.setShadowThreshold(_DARKEST_SHADOW_RATIO)
    street.apply(empty, learningRate=1)
    return street


def _blobs(raw: NDArray[np.uint8]) -> list[_Blob]:
    """The connected parts, largest first; shadows, which MOG2 marks as grey, are dropped."""
    sure = np.where(raw == _FOREGROUND, np.uint8(255), np.uint8(0))
    clean = cv2.morphologyEx(sure, cv2.MORPH_OPEN, np.ones((_SPECK_PX, _SPECK_PX), np.uint8))
    whole = cv2.morphologyEx(clean, cv2.MORPH_CLOSE, np.ones((_GAP_PX, _GAP_PX), np.uint8))
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    blobs = []
    for outline in outlines:
        x, y, width, height = cv2.boundingRect(outline)
        blobs.append(_Blob((x, y, x + width, y + height), cv2.contourArea(outline)))
    return sorted(blobs, key=lambda blob: -blob.area)


def _join_parts(blobs: list[_Blob]) -> list[_Blob]:
    """Give a small part to the vehicle beside it: a mirror that glass like the street cuts off."""
    joined: list[_Blob] = []
    for blob in blobs:
        for rank, whole in enumerate(joined):
            if blob.area < _PART_RATIO * whole.area and blob.gap_to(whole) <= _GAP_PX:
                joined[rank] = whole.with_part(blob)
                break
        else:
            joined.append(blob)
    return joined


def _boxes(blobs: list[_Blob], picture_area: int) -> BoxPrediction:
    kept = [blob for blob in blobs if blob.area >= _MIN_AREA_RATIO * picture_area]
    return BoxPrediction(
        xyxy_px=np.array([blob.xyxy for blob in kept], np.float64).reshape(-1, 4) * _SCALE,
        confidence=np.array([blob.fill_ratio() for blob in kept], np.float64),
        labels=("vehicle",) * len(kept),
    )
