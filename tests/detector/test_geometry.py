import numpy as np
import pytest

from detector.geometry import (
    FloatArray,
    box_size_px,
    covered_ratio,
    ground_point,
    iou,
    polygon_contains,
    stands_within,
    suppress_doubles,
)

BOX: FloatArray = np.array([10.0, 10, 30, 20])
SQUARE: FloatArray = np.array([[0.0, 0], [40, 0], [40, 40], [0, 40]])


def test_the_size_of_a_box_is_the_root_of_its_area() -> None:
    assert box_size_px(np.array([0.0, 0, 40, 10])) == 20
    assert box_size_px(np.array([5.0, 5, 5, 5])) == 1


def test_a_vehicle_stands_at_the_middle_of_its_lower_edge() -> None:
    assert ground_point(BOX) == (20, 19.5)


@pytest.mark.parametrize(
    ("point", "is_inside"), [((20, 20), True), ((40, 20), True), ((41, 20), False)]
)
def test_a_polygon_holds_what_lies_in_it_or_on_its_edge(
    point: tuple[float, float], is_inside: bool
) -> None:
    assert polygon_contains(SQUARE, point) is is_inside


def test_overlap_is_measured_against_both_or_against_the_covered_one() -> None:
    others: FloatArray = np.array([[10.0, 10, 30, 20], [20, 10, 40, 20], [50, 50, 60, 60]])
    assert iou(BOX, others) == pytest.approx([1, 1 / 3, 0])
    assert covered_ratio(BOX, others) == pytest.approx([1, 0.5, 0])
    assert iou(BOX, np.empty((0, 4))).shape == (0,)


def test_only_a_box_on_the_same_ground_stands_within_another() -> None:
    outer: FloatArray = np.array([0.0, 0, 100, 60])
    assert stands_within(np.array([10.0, 30, 60, 58]), outer)
    assert not stands_within(np.array([10.0, 5, 60, 30]), outer)
    assert not stands_within(np.array([80.0, 30, 140, 58]), outer)


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    boxes: FloatArray = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 50, 50]])
    assert suppress_doubles(boxes, np.array([0.4, 0.9, 0.5]), max_iou=0.7) == [1, 2]
    assert suppress_doubles(np.empty((0, 4)), np.empty(0), max_iou=0.7) == []
