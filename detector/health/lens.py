"""Whether something lies on the lens: a large part of the picture that shows nothing sharp."""

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.health.picture import (
    CELL_PX,
    MaskArray,
    SmallPicture,
    cell_light,
    cell_texture,
    is_same_light,
)
from detector.health.reference import Reference

__all__ = ["Lens"]

_RICH_TEXTURE = 0.25
_LOST_RATIO = 0.4
# Seconds; whatever is sharp for one of them outweighs two without.
_LOST_LOOKS = 10
_FOUND_LOOKS = 2
_FEWEST_CELLS = 8
_DIRTY_RATIO = 0.12
_WHOLE_RATIO = 0.8


class Lens:
    """Compares how sharp the parts of a picture are with how sharp they were.

    What is dirty shows nothing sharp for long, neither the street nor what drives on it. In
    another light than the reference's only a lens that shows nothing at all is held to be dirty.
    """

    def __init__(self, reference: Reference) -> None:
        """Begin with a clean lens."""
        self.renew(reference)
        self._lost_looks: NDArray[np.int64] = np.zeros(self._texture.shape, dtype=np.int64)

    def renew(self, reference: Reference) -> None:
        """Remember which parts are rich in contrast."""
        self._light = cell_light(reference.grey)
        self._texture = cell_texture(reference.grey)
        self._is_rich = self._texture >= _RICH_TEXTURE

    def is_dirty(self, picture: SmallPicture) -> bool:
        """Take one picture a second; True when a large part has long been without contrast."""
        is_lost = self._is_rich & (cell_texture(picture.grey) < _LOST_RATIO * self._texture)
        rich = int(self._is_rich.sum())
        is_whole = int(is_lost.sum()) >= _WHOLE_RATIO * rich
        if not is_whole and not is_same_light(
            self._light[~is_lost], cell_light(picture.grey)[~is_lost]
        ):
            return False
        looks = np.where(is_lost, self._lost_looks + 1, self._lost_looks - _FOUND_LOOKS)
        looks = np.clip(looks, 0, _LOST_LOOKS)
        self._lost_looks = np.where(_cells(picture.is_vehicle), self._lost_looks, looks)
        largest = _largest_part(self._lost_looks >= _LOST_LOOKS - _FOUND_LOOKS)
        return largest >= max(_FEWEST_CELLS, _DIRTY_RATIO * rich)


def _cells(is_vehicle: MaskArray) -> MaskArray:
    """Which cells a vehicle touches; shape (rows, columns)."""
    rows, columns = is_vehicle.shape[0] // CELL_PX, is_vehicle.shape[1] // CELL_PX
    whole = is_vehicle[: rows * CELL_PX, : columns * CELL_PX]
    touched: MaskArray = whole.reshape(rows, CELL_PX, columns, CELL_PX).max(axis=(1, 3))
    return touched


def _largest_part(is_part: MaskArray) -> int:
    """How many cells the largest group of neighbours has."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(is_part.astype(np.uint8))
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
