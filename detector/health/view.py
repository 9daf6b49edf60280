"""Whether a camera still looks where it looked when its reference was learned.

Landmarks are corners that stay while traffic comes and goes. Each is looked for near its old
place; what most of them agree on is how the view has moved. Where none is found any more though
the light is the same, the camera looks elsewhere.
"""

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray
from detector.health.picture import GreyArray, MaskArray, halved, is_same_light
from detector.health.reference import Reference

__all__ = ["Landmarks", "ViewChange"]

_PATCH_PX = 7
_REACH_PX = 10
_MOST = 60
_APART_PX = 7
_CORNER_QUALITY = 0.03
# What stands out less from its surroundings than this may be the sensor's noise.
_CLEAR_STD = 1.5
_ALIKE = 0.6
_AGREE_PX = 1.0
_FEWEST_AGREEING = 8
_AGREEING_RATIO = 0.25
_MOVED_RATIO = 0.015
_FEWEST_TO_MISS = 12
_GONE_RATIO = 0.2
_IN_PLACE_PX = 1.5
_STILL_SHARP_RATIO = 0.75

EdgeArray = NDArray[np.float32]


class ViewChange(StrEnum):
    """What a comparison says."""

    UNMOVED = "unmoved"
    MOVED = "moved"
    GONE = "gone"
    UNKNOWN = "unknown"


class Landmarks:
    """The corners of a reference, to be found again in later pictures at half its size."""

    def __init__(self, reference: Reference) -> None:
        """Pick the corners."""
        self._half = halved(reference.grey)
        edges = _edges(self._half)
        self._at_px = _corners(edges)
        self._patches = [_around(edges, x, y, _PATCH_PX) for x, y in self._at_px]
        self._sharpness = float(edges.mean())

    def compare(self, half: GreyArray, is_covered: MaskArray) -> ViewChange:
        """Say how the view changed; landmarks that vehicles cover (`is_covered`) do not count.

        Both arguments are at half the reference's size.
        """
        edges = _edges(half)
        padded = np.pad(edges, _REACH_PX)
        is_open = ~is_covered[self._at_px[:, 1], self._at_px[:, 0]]
        open_px = self._at_px[is_open].astype(np.float64)
        found = [self._shift_of(padded, int(i)) for i in np.flatnonzero(is_open)]
        is_found = np.array([one is not None for one in found], dtype=np.bool_)
        shift_px = np.array([one for one in found if one is not None]).reshape(-1, 2)
        moved_px = _agreed_shift_px(open_px[is_found], shift_px, half.shape, of=len(open_px))
        if moved_px is not None:
            is_moved = moved_px >= _MOVED_RATIO * half.shape[1]
            return ViewChange.MOVED if is_moved else ViewChange.UNMOVED
        in_place = int(np.sum(np.abs(shift_px).max(axis=1, initial=0) <= _IN_PLACE_PX))
        is_missed = len(open_px) >= _FEWEST_TO_MISS and in_place < _GONE_RATIO * len(open_px)
        is_gone = is_missed and self._is_comparable(half, edges)
        return ViewChange.GONE if is_gone else ViewChange.UNKNOWN

    def _shift_of(self, padded: EdgeArray, i: int) -> tuple[float, float] | None:
        """How far a landmark has moved in x and y; None where it is not found."""
        x, y = self._at_px[i]
        search = _around(padded, x + _REACH_PX, y + _REACH_PX, _PATCH_PX + _REACH_PX)
        score = np.asarray(
            cv2.matchTemplate(search, self._patches[i], cv2.TM_CCOEFF_NORMED), dtype=np.float32
        )
        _, best, _, (column, row) = cv2.minMaxLoc(score)
        if best < _ALIKE:
            return None
        return (
            column - _REACH_PX + _peak_offset(score[row], column),
            row - _REACH_PX + _peak_offset(score[:, column], row),
        )

    def _is_comparable(self, half: GreyArray, edges: EdgeArray) -> bool:
        """Whether the light is about the same and the picture shows things, though others."""
        is_sharp = float(edges.mean()) >= _STILL_SHARP_RATIO * self._sharpness
        return is_sharp and is_same_light(self._half, half)


def _edges(half: GreyArray) -> EdgeArray:
    """How strong the edges of a picture are; their root, so that bright ones do not drown all."""
    across, down = cv2.Sobel(half, cv2.CV_32F, 1, 0), cv2.Sobel(half, cv2.CV_32F, 0, 1)
    return np.sqrt(cv2.magnitude(across, down)).astype(np.float32)


def _corners(edges: EdgeArray) -> NDArray[np.int32]:
    """The best corners, spread over the picture; shape (n, 2), x and y."""
    border = _PATCH_PX + 1
    inside = np.zeros(edges.shape, dtype=np.uint8)
    inside[border:-border, border:-border] = 1
    corners = cv2.goodFeaturesToTrack(
        edges, _MOST, _CORNER_QUALITY, _APART_PX, mask=inside, blockSize=_PATCH_PX
    )
    found = np.zeros((0, 2)) if corners is None else corners[:, 0]
    at_px = np.round(found).astype(np.int32)
    is_clear = [_around(edges, x, y, _PATCH_PX).std() >= _CLEAR_STD for x, y in at_px]
    return at_px[np.array(is_clear, dtype=np.bool_)]


def _around(edges: EdgeArray, x: int, y: int, reach_px: int) -> EdgeArray:
    return edges[y - reach_px : y + reach_px + 1, x - reach_px : x + reach_px + 1]


def _peak_offset(score: NDArray[np.float32], at: int) -> float:
    """Where between its neighbours a peak lies, from -0.5 to 0.5: the top of a parabola."""
    if not 0 < at < len(score) - 1:
        return 0.0
    before, peak, after = (float(value) for value in score[at - 1 : at + 2])
    curve = before - 2 * peak + after
    return 0.5 * (before - after) / curve if curve < 0 else 0.0


def _agreed_shift_px(
    from_px: FloatArray, shift_px: FloatArray, shape: tuple[int, ...], *, of: int
) -> float | None:
    """How far the corners of the picture move by what most landmarks say; None: no majority."""
    fewest = max(_FEWEST_AGREEING, _AGREEING_RATIO * of)
    if len(from_px) < fewest:
        return None
    turn, agrees = cv2.estimateAffinePartial2D(
        from_px, from_px + shift_px, ransacReprojThreshold=_AGREE_PX
    )
    if turn is None or int(agrees.sum()) < fewest:
        return None
    height, width = shape[:2]
    corners_px = np.array([(0, 0), (width, 0), (0, height), (width, height)], dtype=np.float64)
    moved_px = corners_px @ turn[:, :2].T + turn[:, 2] - corners_px
    return float(np.hypot(moved_px[:, 0], moved_px[:, 1]).max())
