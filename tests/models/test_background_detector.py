"""The background detector on the drawn street."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.simulator import draw_scene, truth
from detector.simulator.scene import Scene
from models.background_detector import LEARNING_PICTURES, BackgroundDetector

SIZE = (360, 640, 3)


def learn(detector: BackgroundDetector, scene: Scene) -> None:
    for k in range(LEARNING_PICTURES):
        assert len(detector.predict("kerb-1", scene.picture(k / 5, None)).labels) == 0


def boxes_over(place_px: np.ndarray, found_px: np.ndarray) -> np.ndarray:
    """The found boxes, shape (n, 4), that overlap a place."""
    low = np.maximum(found_px[:, :2], place_px[:2])
    high = np.minimum(found_px[:, 2:], place_px[2:])
    return found_px[np.all(high > low, axis=1)]


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "seed"), [("leaves", 1), ("stays", 0), ("unreadable", 3)])
def test_a_standing_vehicle_is_one_box_that_keeps_still(scenario: str, seed: int) -> None:
    scene, real, detector = (
        draw_scene(scenario, seed),
        truth(scenario, seed),
        BackgroundDetector(None),
    )
    learn(detector, scene)
    seen = []
    for at_s in np.arange(real.rest_at_s + 0.2, real.rest_at_s + 20, 0.8):
        found = detector.predict("kerb-1", scene.picture(float(at_s), None))
        (box_px,) = boxes_over(real.box_px, found.xyxy_px)
        seen.append(box_px)
    assert np.max(np.ptp(np.array(seen), axis=0)) <= 2
    assert np.max(np.abs(np.median(seen, axis=0) - real.box_px)) <= 8


@pytest.mark.slow
def test_a_standing_vehicle_never_becomes_part_of_the_street() -> None:
    scene, real, detector = draw_scene("stays", 1), truth("stays", 1), BackgroundDetector(None)
    learn(detector, scene)
    parked = scene.picture(10.0, None)
    for _ in range(500):
        found = detector.predict("kerb-1", parked)
    assert len(boxes_over(real.box_px, found.xyxy_px)) == 1


def test_after_a_restart_a_standing_vehicle_is_still_seen(tmp_path: Path) -> None:
    scene, real = draw_scene("stays", 1), truth("stays", 1)
    learn(BackgroundDetector(tmp_path), scene)
    again = BackgroundDetector(tmp_path).predict("kerb-1", scene.picture(30.0, None))
    (box_px,) = boxes_over(real.box_px, again.xyxy_px)
    assert np.max(np.abs(box_px - real.box_px)) <= 8


def test_a_memory_of_another_picture_size_is_learned_anew(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "kerb-1.png"), np.zeros((10, 10, 3), np.uint8))
    found = BackgroundDetector(tmp_path).predict("kerb-1", np.full(SIZE, 90, np.uint8))
    assert len(found.labels) == 0


def test_cameras_are_learned_apart() -> None:
    detector = BackgroundDetector(None)
    for _ in range(LEARNING_PICTURES):
        detector.predict("one", np.full(SIZE, 90, np.uint8))
        detector.predict("other", np.full(SIZE, 200, np.uint8))
    assert len(detector.predict("one", np.full(SIZE, 90, np.uint8)).labels) == 0
    assert len(detector.predict("one", np.full(SIZE, 200, np.uint8)).labels) == 1


def test_boxes_are_in_pixels_of_the_whole_picture_and_shadows_are_left_out() -> None:
    detector = BackgroundDetector(None)
    street = np.full(SIZE, 120, np.uint8)
    for _ in range(LEARNING_PICTURES):
        detector.predict("one", street)
    street[100:200, 300:420] = (30, 40, 200)
    street[180:220, 240:300] = 70
    found = detector.predict("one", street)
    assert found.labels == ("vehicle",)
    assert np.max(np.abs(found.xyxy_px - np.array([[300, 100, 420, 200]]))) <= 2
    assert found.confidence[0] > 0.9
