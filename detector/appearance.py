"""What a place on the picture looks like, small enough to keep and to compare."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import cv2
import numpy as np

from detector.detection import ImageArray
from detector.geometry import FloatArray

__all__ = ["Look", "View"]

_FLAT_LEVELS = 2.0
_SHIFT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A place and its surroundings at one instant.

    Attributes:
        patch: Shape (32, 32), uint8, grey: the place itself, stretched to a square.
        surroundings: Shape (36, 64), float64, grey levels of the whole picture, nan at the place.
    """

    PATCH_SHAPE: ClassVar[tuple[int, int]] = (32, 32)
    SURROUNDINGS_SHAPE: ClassVar[tuple[int, int]] = (36, 64)

    patch: ImageArray
    surroundings: FloatArray

    def likeness(self, other: "Look") -> float:
        """How alike the two places look, -1 to 1, whatever their brightness; 0 for flat ones."""
        return _correlation(self.patch.astype(np.float64), other.patch.astype(np.float64))

    def vehicle_likeness(self, other: "Look") -> float:
        """How alike what stands in the two places looks, a tenth aside too; 0 for flat ones.

        On street pictures of one vehicle this is above 0.9, of two that stood in the same place
        one after the other mostly below 0.7.
        """
        inner = self.patch[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
        if min(inner.std(), other.patch.std()) < _FLAT_LEVELS:
            return 0.0
        return float(cv2.matchTemplate(other.patch, inner, cv2.TM_CCOEFF_NORMED).max())

    def surroundings_likeness(self, other: "Look") -> float:
        """The same for what lies around the places."""
        both = ~(np.isnan(self.surroundings) | np.isnan(other.surroundings))
        return _correlation(self.surroundings[both], other.surroundings[both])

    def unrest_levels(self, other: "Look") -> float:
        """Mean difference of the two places in grey levels, their brightness made equal."""
        first, second = self.patch.astype(np.float64), other.patch.astype(np.float64)
        return float(np.abs((first - first.mean()) - (second - second.mean())).mean())


@dataclass(frozen=True, kw_only=True)
class View:
    """One picture that may be looked at in several places."""

    image: ImageArray

    @cached_property
    def small(self) -> FloatArray:
        """Shape (36, 64), grey levels of the whole picture."""
        size = Look.SURROUNDINGS_SHAPE[::-1]
        small = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float64)

    def look_at(self, xyxy_px: FloatArray) -> Look | None:
        """What the box shows; None where it lies outside the picture or is next to nothing."""
        height, width = self.image.shape[:2]
        x1, y1, x2, y2 = (
            int(value) for value in np.clip(np.round(xyxy_px), 0, [width, height] * 2)
        )
        if x2 - x1 < 2 or y2 - y1 < 2:
            return None
        grey = cv2.cvtColor(self.image[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY)
        patch = cv2.resize(grey, Look.PATCH_SHAPE, interpolation=cv2.INTER_AREA)
        surroundings = self.small.copy()
        rows, columns = Look.SURROUNDINGS_SHAPE
        surroundings[
            y1 * rows // height : -(-y2 * rows // height),
            x1 * columns // width : -(-x2 * columns // width),
        ] = np.nan
        return Look(patch=patch.astype(np.uint8), surroundings=surroundings)


def _correlation(first: FloatArray, second: FloatArray) -> float:
    if not first.size or min(first.std(), second.std()) < _FLAT_LEVELS:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
