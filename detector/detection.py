"""One box in one frame, and all boxes of a frame as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray, ImageArray

__all__ = ["Detections", "FloatArray", "ImageArray", "IntArray"]

IntArray = NDArray[np.int64]

_EDGE_PX = 2.0


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

    def only(self, rows: NDArray[np.bool_] | list[int]) -> "Detections":
        """Some of the boxes, by a mask of shape (n,) or by their positions."""
        return Detections(
            xyxy_px=self.xyxy_px[rows].reshape(-1, 4),
            confidence=self.confidence[rows],
            class_id=self.class_id[rows],
        )

    def renewed(
        self, found: "Detections", part_px: tuple[int, int, int, int], picture_px: tuple[int, int]
    ) -> "Detections":
        """These boxes, with those `found` in a part of the picture in place of those there.

        What the part cuts stays as it was known before.

        Args:
            found: What a search of the part gave; more of the picture may have been searched.
            part_px: x1, y1, x2, y2.
            picture_px: Width and height.
        """
        kept = self.only(~_is_within(self.xyxy_px, part_px, picture_px))
        fresh = found.only(_is_within(found.xyxy_px, part_px, picture_px))
        return Detections(
            xyxy_px=np.concatenate([fresh.xyxy_px, kept.xyxy_px]),
            confidence=np.concatenate([fresh.confidence, kept.confidence]),
            class_id=np.concatenate([fresh.class_id, kept.class_id]),
        )


def _is_within(
    xyxy_px: FloatArray, part_px: tuple[int, int, int, int], picture_px: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which boxes lie in a part, off its edges where they are not the picture's too."""
    low = np.array([edge + _EDGE_PX if edge > 0 else -1.0 for edge in part_px[:2]])
    high = np.array(
        [
            edge - _EDGE_PX if edge < whole else whole + 1.0
            for edge, whole in zip(part_px[2:], picture_px, strict=True)
        ]
    )
    is_within = (xyxy_px[:, :2] >= low) & (xyxy_px[:, 2:] <= high)
    return np.asarray(is_within.all(axis=1), np.bool_)
