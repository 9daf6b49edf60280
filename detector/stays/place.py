"""What one picture says of the place of a stay: is its vehicle there, hidden, or another one?"""

from datetime import datetime, timedelta

import numpy as np

from detector.appearance import View
from detector.geometry import FloatArray, covered_ratio, iou, stands_within
from detector.motion import Motion, shift_ratio
from detector.stays.stay import Stay

__all__ = [
    "COVERED_RATIO",
    "SAME_PLACE_IOU",
    "SAME_VEHICLE",
    "holds",
    "is_replaced",
    "is_unmoved",
    "likeness",
    "whole_place",
]

COVERED_RATIO = 0.4
SAME_PLACE_IOU = 0.5
SAME_VEHICLE = 0.75
"""A vehicle that was lost and found again looks at least as like itself as this."""

# What a vehicle looks like is learnt only while it stands just where it came to rest.
_UNMOVED_RATIO = 0.1
_INSIDE_RATIO = 0.9

# Wheels are hidden when so much of the lower edge is, by one who begins about there and reaches
# farther down; they are at most this share of the seen height below it, or where a vehicle that is
# seen from before or behind has them, as high as this share of its width.
_HIDDEN_EDGE_RATIO = 0.5
_NEARER_RATIO = 0.2
_NEARER_WIDTH_RATIO = 0.1
_UNSEEN_RATIO = 0.5
_HEIGHT_RATIO = 0.7

# Nobody drives off and another parks in the place within this, unseen.
_SWAP = timedelta(seconds=5)


def holds(stay: Stay, place: FloatArray) -> bool:
    """Whether the stay is there, or in a part of it: a network may box a vehicle twice."""
    return (
        float(iou(place, stay.place_px)) >= SAME_PLACE_IOU
        or stands_within(place, stay.place_px)
        or stands_within(stay.place_px, place)
        or _is_part(place, stay.place_px)
    )


def _is_part(box_px: FloatArray, place_px: FloatArray) -> bool:
    """Whether a box is what shows of a place that something before it hides from one side."""
    is_inside = float(covered_ratio(box_px, place_px)) >= _INSIDE_RATIO
    return is_inside and is_unmoved(place_px, box_px)


def whole_place(place_px: FloatArray, boxes_px: FloatArray) -> FloatArray | None:
    """A place (shape (4,)) down to where its wheels may be, where a nearer one hides them.

    Args:
        place_px: What is seen of it.
        boxes_px: Shape (n, 4), all others.

    Returns:
        Shape (4,); None where its wheels are seen.
    """
    x1, y1, x2, y2 = (float(value) for value in place_px)
    shared_px = np.minimum(x2, boxes_px[:, 2]) - np.maximum(x1, boxes_px[:, 0])
    width_px, height_px = x2 - x1, y2 - y1
    edge_px = y2 + max(_NEARER_RATIO * height_px, _NEARER_WIDTH_RATIO * width_px)
    is_before = (boxes_px[:, 1] < edge_px) & (boxes_px[:, 3] > edge_px)
    if not (is_before & (shared_px >= _HIDDEN_EDGE_RATIO * width_px)).any():
        return None
    whole_px = max((1 + _UNSEEN_RATIO) * height_px, _HEIGHT_RATIO * width_px)
    return np.array([x1, y1, x2, y1 + whole_px])


def is_unmoved(place: FloatArray, box: FloatArray) -> bool:
    """Whether a box (shape (4,)) lies just where its vehicle came to rest."""
    return shift_ratio(place, box) <= _UNMOVED_RATIO


def likeness(stay: Stay, view: View) -> float:
    """How much what stands in the stay's place looks like its vehicle; 1 when that is not known."""
    if stay.look is None:
        return 1.0
    look = view.look_at(stay.place_px)
    return 0.0 if look is None else stay.vehicle_likeness(look)


def is_replaced(
    stay: Stay, motion: Motion, view: View, *, there_since: datetime | None, is_covered: bool
) -> bool:
    """Whether one that has come to rest is plainly not the vehicle of a stay in its place.

    Args:
        stay: The stay, whose vehicle is not seen now.
        motion: How the one that rests moved.
        view: The picture.
        there_since: Since when it has been followed, if it has been there all the time; None when
            it was seen to come.
        is_covered: Whether another vehicle hides much of the place.
    """
    gone_by = motion.first_at if there_since is None else there_since - _SWAP
    if stay.last_seen_at >= gone_by or is_covered:
        return False
    return likeness(stay, view) < SAME_VEHICLE
