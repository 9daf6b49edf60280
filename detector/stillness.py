"""What in the picture has changed since the network looked last.

Where nothing has changed need not be searched again: what stood there stands there. The network
looks at once where anything but noise has changed, there a few times more soon after, because it
may miss what it finds at another look, and everywhere every few seconds. What changes all the time
where no vehicle ever is, a burnt-in clock or leaves in the wind, says nothing.
"""

from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray, ImageArray
from detector.sources import PartPx

__all__ = ["PART_SHARES", "Stillness"]

_LOOK_EVERY = timedelta(seconds=5)
_WIDTH_PX = 160
# Levels that the mean of 3 x 3 small pixels, each of many, may differ: noise and compression do by
# less, a vehicle that covers one of them by more.
_CHANGED_LEVELS = 5.0

# Shares of the last looks, and of the last seconds, which fade.
_LOOK_SHARE = 0.05
_RESTLESS_RATIO = 0.3
_MEMORY = timedelta(seconds=20)
_VEHICLE_RATIO = 0.01
_MARGIN_PX = 3

# Room around what changed, in small pixels.
_PART_MARGIN_PX = 6
PART_SHARES = (0.5, 0.75, 1.0)
"""A part has few forms, in shares of the picture: a network prepares for each of them once."""


class Stillness:
    """Remembers the picture that the network saw last, and where pictures never rest.

    Attributes:
        changed_at: When more than noise changed last; None before the first picture.
    """

    changed_at: datetime | None

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._seen: ImageArray | None = None
        self._seen_at: datetime | None = None
        self._whole_at: datetime | None = None
        self._part: PartPx | None = None
        self._changed_part: PartPx | None = None
        self.changed_at = None
        self._before: datetime | None = None
        self._restless = np.zeros((1, 1), np.float32)
        self._vehicles = np.zeros((1, 1), np.float32)

    def holds(self, image: ImageArray, at: datetime, vehicles_px: FloatArray) -> bool:
        """Whether the picture is still that which was seen last; else it is the one seen now.

        Args:
            image: The next picture.
            at: When it was captured.
            vehicles_px: Shape (n, 4), the vehicles that were found last.
        """
        small = _small(image)
        if self._seen is None or self._seen.shape != small.shape:
            self._restless = np.zeros(small.shape, np.float32)
            self._vehicles = np.ones(small.shape, np.float32)
            self.changed_at = self._before = at
            return self._search_all(small, at)
        apart = cv2.boxFilter(cv2.absdiff(small, self._seen), cv2.CV_32F, (3, 3))
        changed = (apart >= _CHANGED_LEVELS).astype(np.float32)
        is_noise = (self._restless > _RESTLESS_RATIO) & (self._vehicles < _VEHICLE_RATIO)
        vehicles = vehicles_px * _WIDTH_PX / image.shape[1]
        self._learn_vehicles(vehicles, at)
        news = changed.astype(bool) & ~is_noise
        if news.any():
            # Only what makes the network look is restless: a clock that ticks changes every time.
            self._restless += _LOOK_SHARE * (changed - self._restless)
            self.changed_at, self._changed_part = at, _around(news, vehicles)
        elif self._is_recent(at):
            return True
        return self._search(small, at, self._changed_part)

    def part_of(self, image: ImageArray) -> PartPx | None:
        """Where the picture asked about last has to be searched; None where all of it has to."""
        if self._part is None or self._seen is None:
            return None
        x_zoom, y_zoom = image.shape[1] / self._seen.shape[1], image.shape[0] / self._seen.shape[0]
        x1, y1, x2, y2 = self._part
        return round(x1 * x_zoom), round(y1 * y_zoom), round(x2 * x_zoom), round(y2 * y_zoom)

    def forget(self) -> None:
        """The picture asked about last was not searched after all; the next one shall be."""
        self._seen_at = self._whole_at = None

    def _search(self, small: ImageArray, at: datetime, part: PartPx | None) -> bool:
        """Search a part, or all of it after a while; what is not searched stays as it was seen."""
        since = self._whole_at
        is_due = since is None or not timedelta(0) <= at - since < _LOOK_EVERY
        if part is None or self._seen is None or is_due:
            return self._search_all(small, at)
        x1, y1, x2, y2 = part
        self._seen[y1:y2, x1:x2] = small[y1:y2, x1:x2]
        self._seen_at, self._part = at, part
        return False

    def _search_all(self, small: ImageArray, at: datetime) -> bool:
        self._seen, self._seen_at, self._whole_at, self._part = small, at, at, None
        return False

    def _learn_vehicles(self, vehicles_px: FloatArray, at: datetime) -> None:
        """Note where vehicles are."""
        elapsed = at - self._before if self._before is not None else timedelta(0)
        self._before = at
        share = float(np.clip(elapsed / _MEMORY, 0, 1))
        vehicles = np.zeros_like(self._vehicles)
        for x1, y1, x2, y2 in vehicles_px.tolist():
            rows = slice(max(int(y1) - _MARGIN_PX, 0), int(y2) + _MARGIN_PX)
            vehicles[rows, max(int(x1) - _MARGIN_PX, 0) : int(x2) + _MARGIN_PX] = 1
        self._vehicles += share * (vehicles - self._vehicles)

    def _is_recent(self, at: datetime) -> bool:
        if self._seen_at is None or self.changed_at is None:
            return False
        # From look to look it waits twice as long.
        pause = min(self._seen_at - self.changed_at, _LOOK_EVERY)
        return timedelta(0) <= at - self._seen_at < pause


def _around(news: NDArray[np.bool_], vehicles: FloatArray) -> PartPx | None:
    """A part of the small picture with all news and the vehicles where they are; None for all."""
    rows, columns = np.flatnonzero(news.any(axis=1)), np.flatnonzero(news.any(axis=0))
    part = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)
    for box in vehicles:
        x1, y1, x2, y2 = (max(int(value), 0) for value in box)
        if news[y1 : y2 + 1, x1 : x2 + 1].any():
            part[:2] = np.minimum(part[:2], box[:2])
            part[2:] = np.maximum(part[2:], box[2:])
    height, width = news.shape
    x1, x2 = _span(part[0], part[2], width)
    y1, y2 = _span(part[1], part[3], height)
    return None if (x2 - x1, y2 - y1) == (width, height) else (x1, y1, x2, y2)


def _span(low: float, high: float, length: int) -> tuple[int, int]:
    """From where to where a part reaches along one side of the small picture."""
    wanted = high - low + 2 * _PART_MARGIN_PX
    least = next((one for one in PART_SHARES if one * length >= wanted), 1.0) * length
    begin = round(min(max((low + high - least) / 2, 0), length - least))
    return begin, begin + round(least)


def _small(image: ImageArray) -> ImageArray:
    height = max(1, round(image.shape[0] * _WIDTH_PX / image.shape[1]))
    small = cv2.resize(image, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
