"""Boxes of a frame, of which a part was searched again."""

import numpy as np

from detector.detection import Detections
from tests.detector.builders import Box, detections

PICTURE_PX = (320, 240)
PART_PX = (0, 60, 160, 180)
INSIDE: Box = (20.0, 80.0, 60.0, 110.0)
OUTSIDE: Box = (200.0, 80.0, 240.0, 110.0)
CUT: Box = (140.0, 80.0, 180.0, 110.0)
FRESH: Box = (24.0, 80.0, 64.0, 110.0)


def renewed(before: list[Box], found: list[Box]) -> Detections:
    return detections(before).renewed(detections(found), PART_PX, PICTURE_PX)


def boxes(found: Detections) -> list[Box]:
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in found.xyxy_px.tolist()]


def test_what_was_found_in_the_part_takes_the_place_of_what_was_there() -> None:
    assert boxes(renewed([INSIDE, OUTSIDE], [FRESH])) == [FRESH, OUTSIDE]
    assert boxes(renewed([INSIDE, OUTSIDE], [])) == [OUTSIDE]


def test_what_the_part_cuts_stays_as_it_was_known() -> None:
    piece: Box = (140.0, 80.0, 160.0, 110.0)
    assert boxes(renewed([CUT], [piece])) == [CUT]


def test_a_detector_may_look_farther_than_it_was_asked_to() -> None:
    found = renewed([INSIDE, CUT, OUTSIDE], [FRESH, CUT, OUTSIDE])
    assert boxes(found) == [FRESH, CUT, OUTSIDE]


def test_the_edge_of_the_picture_cuts_nothing() -> None:
    entering: Box = (0.0, 80.0, 30.0, 110.0)
    assert boxes(renewed([], [entering])) == [entering]


def test_some_of_the_boxes_keep_their_confidence_and_class() -> None:
    found = detections([INSIDE, OUTSIDE, CUT])
    only = found.only(np.array([False, True, True]))
    assert boxes(only) == [OUTSIDE, CUT]
    assert np.array_equal(only.confidence, found.confidence[1:])
    assert np.array_equal(only.class_id, found.class_id[1:])
