"""One picture, made small: what it shows of light, sharpness and change, without any history."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray, ImageArray

__all__ = [
    "CELL_PX",
    "WIDTH_PX",
    "GreyArray",
    "MaskArray",
    "SmallPicture",
    "cell_texture",
    "halved",
    "is_same_light",
]

GreyArray = NDArray[np.uint8]
"""A grey picture of shape (height, width), 0 to 255."""
MaskArray = NDArray[np.bool_]

WIDTH_PX = 320
CELL_PX = 20
_PROBE_STEP_PX = 4
_WHITE_GREY = 245
_LIT_GREY = 30
_LIT_RATIO = 0.02
_SAME_LIGHT = 1.6
# Contrast is taken of logarithms, so that the same street under half the light has the same.
_LOG_FLOOR_GREY = 12.0
_LOG_OF_GREY = np.log(np.arange(256, dtype=np.float32) + np.float32(_LOG_FLOOR_GREY))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmallPicture:
    """A picture at a width of `WIDTH_PX`.

    Attributes:
        grey: The picture, shape (height, WIDTH_PX).
        is_vehicle: Where vehicles were found in it, same shape.
        probe: Every fourth pixel of every fourth row as captured, with the sensor's own noise.
    """

    grey: GreyArray
    is_vehicle: MaskArray
    probe: NDArray[np.uint8]

    @classmethod
    def of(cls, image: ImageArray, boxes_px: FloatArray) -> Self:
        """Make a picture small; `boxes_px` (shape (n, 4)) are the vehicles found in it."""
        height, width = image.shape[:2]
        ratio = WIDTH_PX / width
        size_px = (WIDTH_PX, max(CELL_PX, 2 * round(height * ratio / 2)))
        small = cv2.resize(image, size_px, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8)
        is_vehicle = np.zeros(grey.shape, dtype=np.bool_)
        for x1, y1, x2, y2 in np.clip(np.round(boxes_px * ratio), 0, None).astype(int):
            is_vehicle[y1 : y2 + 1, x1 : x2 + 1] = True
        probe = image[::_PROBE_STEP_PX, ::_PROBE_STEP_PX].copy()
        return cls(grey=grey, is_vehicle=is_vehicle, probe=probe)

    def is_too_dark(self) -> bool:
        """Whether there is no light to see by: hardly anything is lit."""
        return float(np.mean(self.grey >= _LIT_GREY)) < _LIT_RATIO

    def white_ratio(self, is_bright: MaskArray | None = None) -> float:
        """Share of the picture that is white, but for vehicles and for what always `is_bright`."""
        is_white = (self.grey >= _WHITE_GREY) & ~self.is_vehicle
        if is_bright is not None:
            is_white &= ~is_bright
        return float(np.mean(is_white))


def halved(grey: GreyArray) -> GreyArray:
    """The picture at half its size."""
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return half.astype(np.uint8)


def is_same_light(one: GreyArray | FloatArray, other: GreyArray | FloatArray) -> bool:
    """Whether two pictures, or their cells, are about equally bright and can be compared."""
    darker, brighter = sorted((float(np.median(one)) + 1, float(np.median(other)) + 1))
    return brighter <= _SAME_LIGHT * darker


def cell_texture(grey: GreyArray) -> FloatArray:
    """How much sharp contrast each cell of `CELL_PX` shows; shape (rows, columns)."""
    log = cv2.LUT(grey, _LOG_OF_GREY)
    across, down = cv2.Sobel(log, cv2.CV_32F, 1, 0), cv2.Sobel(log, cv2.CV_32F, 0, 1)
    return _cell_means(np.asarray(cv2.magnitude(across, down), dtype=np.float32))


def cell_light(grey: GreyArray) -> FloatArray:
    """How bright each cell of `CELL_PX` is, 0 to 255; shape (rows, columns)."""
    return _cell_means(grey)


def _cell_means(values: NDArray[np.uint8] | NDArray[np.float32]) -> FloatArray:
    rows, columns = values.shape[0] // CELL_PX, values.shape[1] // CELL_PX
    whole = values[: rows * CELL_PX, : columns * CELL_PX].astype(np.float32)
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float64)
