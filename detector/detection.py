"""One box in one frame, and all boxes of a frame as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray, ImageArray

__all__ = ["Detections", "FloatArray", "ImageArray", "IntArray"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """The boxes of one frame.

    Attributes:
        xyxy_px: Shape (n, 4), image pixels, origin top left, y down.
        confidence: Shape (n,), 0 to 1.
        class_id: Shape (n,), positions in `VEHICLE_CLASSES` of `perception.py`.
    """

    xyxy_px: FloatArray
    confidence: FloatArray
    class_id: IntArray

    def __len__(self) -> int:
        """How many boxes there are."""
        return len(self.confidence)
