"""What the street looks like where no vehicle is: so an empty place is known when it is seen."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray, ImageArray

__all__ = ["Street"]

_WIDTH_PX = 320
_LOOK_EVERY = timedelta(seconds=1)
_LEARNING_RATE = 0.2
# A vehicle that the network misses is learnt by nobody while it moves.
_ALIKE_LEVELS = 8.0
_LOOKS_ALIKE = 2
_MARGIN_RATIO = 0.15
# Mean difference in grey levels, brightness and contrast made equal: asphalt and its shadows stay
# below, any vehicle lies above.
_SAME_LEVELS = 12.0
_KNOWN_RATIO = 0.8


class Street:
    """A small grey picture of the street without its vehicles."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._grey = self._seen = np.zeros((1, 1), np.float32)
        self._alike = np.zeros((1, 1), np.uint8)
        self._is_known: NDArray[np.bool_] = np.zeros((1, 1), np.bool_)
        self._looked_at: datetime | None = None
        self._shown: tuple[ImageArray, NDArray[np.float32]] | None = None

    def learn(self, image: ImageArray, now: datetime, taken_px: Sequence[FloatArray]) -> None:
        """Take what shows and stays between the boxes (shape (4,) each), once a second."""
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        grey = _small_grey(image)
        if grey.shape != self._grey.shape:
            self._grey, self._seen = grey.copy(), grey
            self._alike = np.zeros(grey.shape, np.uint8)
            self._is_known = np.zeros(grey.shape, np.bool_)
        is_free = np.ones(grey.shape, np.bool_)
        for box in taken_px:
            margin_px = _MARGIN_RATIO * np.tile(box[2:] - box[:2], 2) * [-1, -1, 1, 1]
            is_free[_window(box + margin_px, image)] = False
        is_alike = is_free & (np.abs(grey - self._seen) < _ALIKE_LEVELS)
        self._alike = np.where(is_alike, np.minimum(self._alike + 1, _LOOKS_ALIKE), 0)
        self._seen = grey
        is_street = self._alike == _LOOKS_ALIKE
        fresh = is_street & ~self._is_known
        self._grey[fresh] = grey[fresh]
        self._grey[is_street] += _LEARNING_RATE * (grey[is_street] - self._grey[is_street])
        self._is_known |= is_street

    def shows_at(self, image: ImageArray, place_px: FloatArray) -> bool | None:
        """Whether a place (box of shape (4,)) shows the street; None where that is not known."""
        window = _window(place_px, image)
        known = self._is_known[window]
        if not known.size or known.mean() < _KNOWN_RATIO:
            return None
        if self._shown is None or self._shown[0] is not image:
            # Several places may be asked about in one picture.
            self._shown = (image, _small_grey(image))
        now = self._shown[1][window][known]
        street = self._grey[window][known]
        apart = (now - now.mean()) - (street - street.mean())
        return float(np.abs(apart).mean()) < _SAME_LEVELS


def _small_grey(image: ImageArray) -> NDArray[np.float32]:
    height = max(1, round(image.shape[0] * _WIDTH_PX / image.shape[1]))
    small = cv2.resize(image, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)


def _window(box_px: FloatArray, image: ImageArray) -> tuple[slice, slice]:
    """The box's pixels in the small picture."""
    x1, y1, x2, y2 = (max(round(float(v) * _WIDTH_PX / image.shape[1]), 0) for v in box_px)
    return slice(y1, y2), slice(x1, x2)
