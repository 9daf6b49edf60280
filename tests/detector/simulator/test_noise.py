from itertools import pairwise

import numpy as np
import pytest

from detector.detection import FloatArray
from detector.geometry import iou
from detector.perception import VEHICLE_CLASSES
from detector.simulator.noise import DetectionNoise, NoiseProfile, SeenVehicle
from pipeline.events import VehicleClass

BOX = np.array([100.0, 100.0, 160.0, 140.0])
SIZE_PX = float(np.sqrt(60 * 40))
PROFILE = NoiseProfile(
    lose=0.05,
    find=0.25,
    jitter_ratio=0.02,
    slip=0.0,
    slip_back=1.0,
    slip_ratio=0.0,
    confidence=0.6,
    confidence_std=0.1,
    double=0.2,
    other_class=0.1,
)


def a_noise(seed: int = 1, profile: NoiseProfile | None = PROFILE) -> DetectionNoise:
    return DetectionNoise(seed, width_px=320, height_px=240, standing=profile)


def a_vehicle(hidden_ratio: float = 0.0, visible: FloatArray = BOX) -> SeenVehicle:
    return SeenVehicle(
        vehicle_id=1,
        kind=VehicleClass.CAR,
        box_px=BOX,
        visible_px=visible,
        hidden_ratio=hidden_ratio,
        is_moving=False,
    )


def looks(noise: DetectionNoise, vehicle: SeenVehicle, frames: int) -> list[FloatArray]:
    """The boxes near the vehicle in each frame, the first one its own."""
    found = [noise.detect([vehicle]).xyxy_px for _ in range(frames)]
    return [boxes[iou(BOX, boxes) > 0.3] for boxes in found]


def test_misses_come_as_often_and_as_long_as_the_profile_says() -> None:
    is_seen = [len(boxes) > 0 for boxes in looks(a_noise(), a_vehicle(), 20_000)]
    assert 1 - np.mean(is_seen) == pytest.approx(0.05 / 0.30, abs=0.02)
    after_a_miss = [now for before, now in pairwise(is_seen) if not before]
    assert np.mean(after_a_miss) == pytest.approx(0.25, abs=0.02)


def test_edges_jitter_by_the_profile_and_slowly() -> None:
    own = [boxes[0] for boxes in looks(a_noise(), a_vehicle(), 20_000) if len(boxes)]
    offsets = (np.array(own) - BOX) / SIZE_PX
    assert offsets.std(axis=0) == pytest.approx([0.02] * 4, rel=0.1)
    assert np.corrcoef(offsets[1:, 0], offsets[:-1, 0])[0, 1] > 0.7


def test_some_looks_are_double_and_some_of_another_class() -> None:
    noise, kinds = a_noise(), []
    for _ in range(5_000):
        found = noise.detect([a_vehicle()])
        own = np.flatnonzero(iou(BOX, found.xyxy_px) > 0.75)
        kinds += [VEHICLE_CLASSES[found.class_id[row]] for row in own]
    assert kinds.count(VehicleClass.TRUCK) / len(kinds) == pytest.approx(0.1, abs=0.02)
    doubles = [len(boxes) > 1 for boxes in looks(a_noise(), a_vehicle(), 5_000) if len(boxes)]
    assert 0.1 < np.mean(doubles) <= 0.22


def test_what_is_hidden_is_not_seen_and_what_is_hidden_in_part_is_cut() -> None:
    assert sum(len(boxes) for boxes in looks(a_noise(), a_vehicle(0.8), 200)) == 0
    left_half = np.array([100.0, 100.0, 130.0, 140.0])
    cut = [boxes[0] for boxes in looks(a_noise(), a_vehicle(0.5, left_half), 200) if len(boxes)]
    assert np.median(np.array(cut)[:, 2]) == pytest.approx(130, abs=2)


def test_an_empty_street_gives_a_few_ghosts_of_little_confidence() -> None:
    noise = a_noise()
    ghosts = [noise.detect([]).confidence for _ in range(5_000)]
    assert np.mean([len(one) for one in ghosts]) == pytest.approx(0.1, abs=0.02)
    assert np.median(np.concatenate(ghosts)) < 0.2


def test_the_same_seed_sees_the_same() -> None:
    first, again, other = a_noise(1, None), a_noise(1, None), a_noise(2, None)
    for _ in range(50):
        expected = first.detect([a_vehicle()])
        assert np.array_equal(expected.xyxy_px, again.detect([a_vehicle()]).xyxy_px)
    assert not np.array_equal(expected.xyxy_px, other.detect([a_vehicle()]).xyxy_px)
