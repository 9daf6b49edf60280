"""Whether anything in the picture has changed since the network looked last.

A still street need not be searched again: what stood there stands there. The network looks all the
same, a few times soon after a change and then every few seconds, because it may miss what it finds
at another look; and at once where anything but noise has changed. What changes all the time
where no vehicle ever is, a burnt-in clock or leaves in the wind, says nothing.
"""

from datetime import datetime, timedelta

import cv2
import numpy as np

from detector.geometry import FloatArray, ImageArray

__all__ = ["Stillness"]

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
            self._seen, self._seen_at, self.changed_at, self._before = small, at, at, at
            return False
        apart = cv2.boxFilter(cv2.absdiff(small, self._seen), cv2.CV_32F, (3, 3))
        changed = (apart >= _CHANGED_LEVELS).astype(np.float32)
        is_noise = (self._restless > _RESTLESS_RATIO) & (self._vehicles < _VEHICLE_RATIO)
        self._learn_vehicles(vehicles_px * _WIDTH_PX / image.shape[1], at)
        if (changed.astype(bool) & ~is_noise).any():
            # Only what makes the network look is restless: a clock that ticks changes every time.
            self._restless += _LOOK_SHARE * (changed - self._restless)
            self.changed_at = at
        elif self._is_recent(at):
            return True
        self._seen, self._seen_at = small, at
        return False

    def forget(self) -> None:
        """The picture asked about last was not searched after all; the next one shall be."""
        self._seen_at = None

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


def _small(image: ImageArray) -> ImageArray:
    height = max(1, round(image.shape[0] * _WIDTH_PX / image.shape[1]))
    small = cv2.resize(image, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
