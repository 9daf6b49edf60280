"""Polygons and boxes in image pixels, origin top left, y down."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FloatArray",
    "ImageArray",
    "box_size_px",
    "covered_ratio",
    "ground_point",
    "iou",
    "polygon_contains",
    "stands_within",
    "suppress_doubles",
]

FloatArray = NDArray[np.float64]
ImageArray = NDArray[np.uint8]
"""An image: shape (height, width, 3), BGR, 0 to 255."""

# The lowest row of a box is shadow and rounding; the tyres stand a little above it.
_GROUND_LIFT_RATIO = 0.05
_INSIDE_RATIO = 0.8
_SAME_GROUND_RATIO = 0.25


def box_size_px(xyxy_px: FloatArray) -> float:
    """Size of one box, the root of its area, at least 1 pixel."""
    width, height = xyxy_px[2] - xyxy_px[0], xyxy_px[3] - xyxy_px[1]
    return max(1.0, float(np.sqrt(max(width, 0.0) * max(height, 0.0))))


def ground_point(xyxy_px: FloatArray) -> tuple[float, float]:
    """Where a vehicle stands: the middle of its box's lower edge, a twentieth up, as x and y."""
    x1, y1, x2, y2 = (float(value) for value in xyxy_px)
    return (x1 + x2) / 2, y2 - _GROUND_LIFT_RATIO * (y2 - y1)


def polygon_contains(polygon_px: FloatArray, point_px: tuple[float, float]) -> bool:
    """Whether the point lies in the polygon (shape (n, 2)) or on its edge."""
    outline = polygon_px.astype(np.float32)
    return cv2.pointPolygonTest(outline, point_px, measureDist=False) >= 0


def _overlap_px2(xyxy_px: FloatArray, others_px: FloatArray) -> FloatArray:
    top_left = np.maximum(xyxy_px[..., :2], others_px[..., :2])
    bottom_right = np.minimum(xyxy_px[..., 2:], others_px[..., 2:])
    overlap: FloatArray = np.prod(np.clip(bottom_right - top_left, 0, None), -1)
    return overlap


def _area_px2(boxes_px: FloatArray) -> FloatArray:
    area: FloatArray = np.prod(np.clip(boxes_px[..., 2:] - boxes_px[..., :2], 0, None), -1)
    return area


def iou(xyxy_px: FloatArray, others_px: FloatArray) -> FloatArray:
    """Intersection over union of boxes, shape (..., 4) each, as they broadcast."""
    overlap = _overlap_px2(xyxy_px, others_px)
    union = _area_px2(xyxy_px) + _area_px2(others_px) - overlap
    ratio: FloatArray = overlap / np.maximum(union, 1e-9)
    return ratio


def covered_ratio(xyxy_px: FloatArray, others_px: FloatArray) -> FloatArray:
    """Share of boxes that others cover, shape (..., 4) each, as they broadcast."""
    overlap = _overlap_px2(xyxy_px, others_px)
    ratio: FloatArray = overlap / np.maximum(_area_px2(xyxy_px), 1e-9)
    return ratio


def stands_within(inner_px: FloatArray, outer_px: FloatArray) -> bool:
    """Whether a box lies in another one and stands on the same ground, not farther away."""
    is_inside = float(covered_ratio(inner_px, outer_px[None])[0]) >= _INSIDE_RATIO
    step_px = abs(float(inner_px[3] - outer_px[3]))
    return is_inside and step_px <= _SAME_GROUND_RATIO * box_size_px(inner_px)


def suppress_doubles(xyxy_px: FloatArray, confidence: FloatArray, *, max_iou: float) -> list[int]:
    """Positions of the boxes to keep, best first: none overlaps a better one above `max_iou`."""
    kept: list[int] = []
    for position in np.argsort(-confidence, kind="stable"):
        if not kept or float(iou(xyxy_px[position], xyxy_px[kept]).max()) <= max_iou:
            kept.append(int(position))
    return kept
