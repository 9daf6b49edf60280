"""A street where nothing changes is not searched again."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from detector.geometry import FloatArray, ImageArray
from detector.stillness import Stillness
from pipeline.events import VehicleDeparted, ViolationOngoing, ViolationSuspected
from tests.detector.bench import Bench
from tests.detector.builders import (
    CAR_BOX,
    HEIGHT,
    WIDTH,
    Box,
    Street,
    a_frame,
    a_picture,
    at,
    moved,
    times,
    way,
)

Picture = Callable[[float], ImageArray]
NOBODY: FloatArray = np.empty((0, 4))
SMALL: Box = (60.0, 60.0, 76.0, 72.0)
TREE: Box = (4.0, 4.0, 60.0, 28.0)


def looks(
    picture: Picture,
    start_s: float,
    end_s: float,
    *,
    vehicles: Sequence[Box] = (),
    stillness: Stillness | None = None,
) -> list[float]:
    """When the network would have looked."""
    gate = stillness or Stillness()
    boxes = np.array(vehicles).reshape(-1, 4)
    return [t for t in times(start_s, end_s) if not gate.holds(picture(t), at(t), boxes)]


def street(t: float) -> ImageArray:
    return a_frame(t).image


def noisy(sigma: float) -> Picture:
    def picture(t: float) -> ImageArray:
        noise = np.random.default_rng(round(1000 * t)).normal(0, sigma, (HEIGHT, WIDTH, 3))
        image: ImageArray = np.clip(a_picture([CAR_BOX]) + noise, 0, 255).astype(np.uint8)
        return image

    return picture


def windy(t: float) -> ImageArray:
    """Leaves in the wind: each frame shows them otherwise."""
    image = street(t)
    x1, y1, x2, y2 = (int(value) for value in TREE)
    leaves = np.random.default_rng(round(10 * t)).integers(20, 235, (6, 14))
    image[y1:y2, x1:x2] = np.kron(leaves, np.ones((4, 4)))[..., None]
    return image


def clocked(t: float) -> ImageArray:
    """A clock burnt into the picture that counts seconds."""
    image = street(t)
    digits = np.random.default_rng(int(t)).choice([0, 255], (1, 14))
    image[4:14, 4:60] = np.kron(digits, np.ones((10, 4)))[..., None]
    return image


@pytest.mark.parametrize("sigma", [1.0, 4.0])
def test_noise_alone_is_looked_at_a_few_times_and_then_every_few_seconds(sigma: float) -> None:
    looked = looks(noisy(sigma), 0, 30, vehicles=[CAR_BOX])
    assert looked == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 11.4, 16.4, 21.4, 26.4]


@pytest.mark.parametrize("shift", [(4.0, 0.0), (0.0, 3.0)], ids=["aside", "down"])
def test_a_small_vehicle_that_moves_is_looked_at_at_once(shift: tuple[float, float]) -> None:
    def picture(t: float) -> ImageArray:
        return a_frame(t, [SMALL if t < 8 else moved(SMALL, *shift)]).image

    assert 8 in looks(picture, 0, 10, vehicles=[SMALL])


def test_a_vehicle_that_drives_is_looked_at_in_every_frame() -> None:
    def picture(t: float) -> ImageArray:
        return a_frame(t, [moved(SMALL, 20 * (t - 6), 0)]).image

    looked = looks(picture, 6, 14)
    assert looked == list(times(6, 14))


def test_a_vehicle_that_creeps_is_held_against_the_picture_that_was_looked_at() -> None:
    def picture(t: float) -> ImageArray:
        return a_frame(t, [moved(CAR_BOX, t, 0)]).image

    looked = looks(picture, 0, 30, vehicles=[CAR_BOX])
    assert len(looked) > 30 / 3


def test_leaves_in_the_wind_say_nothing_after_a_time() -> None:
    stillness = Stillness()
    at_first = looks(windy, 0, 10, stillness=stillness)
    looks(windy, 10, 120, stillness=stillness)
    later = looks(windy, 120, 150, stillness=stillness)
    assert at_first == list(times(0, 10))
    assert later == pytest.approx(list(np.arange(later[0], 150, 5)))


def test_a_burnt_in_clock_of_seconds_says_nothing_after_a_time() -> None:
    stillness = Stillness()
    at_first = looks(clocked, 0, 10, stillness=stillness)
    looks(clocked, 10, 300, stillness=stillness)
    later = looks(clocked, 300, 330, stillness=stillness)
    assert set(range(10)) <= set(at_first)
    # Now and then a digit that did not change for some looks makes it look once more.
    assert 6 <= len(later) <= 9


def test_a_vehicle_is_still_looked_at_once_a_clock_says_nothing() -> None:
    stillness = Stillness()
    looks(clocked, 0, 90, stillness=stillness)

    def picture(t: float) -> ImageArray:
        image = clocked(t)
        x1, y1, x2, y2 = (int(value) for value in SMALL)
        if t >= 92.4:
            image[y1:y2, x1:x2] = a_picture([SMALL])[y1:y2, x1:x2]
        return image

    assert 92.4 in looks(picture, 90, 94, stillness=stillness)


def test_a_vehicle_is_still_looked_at_once_leaves_say_nothing() -> None:
    stillness = Stillness()
    looks(windy, 0, 120, stillness=stillness)

    def picture(t: float) -> ImageArray:
        image = windy(t)
        x1, y1, x2, y2 = (int(value) for value in SMALL)
        if t >= 122:
            image[y1:y2, x1:x2] = a_picture([SMALL])[y1:y2, x1:x2]
        return image

    assert 122 in looks(picture, 120, 124, stillness=stillness)


def test_what_changes_where_vehicles_are_is_always_looked_at() -> None:
    stillness = Stillness()
    looks(windy, 0, 120, vehicles=[TREE], stillness=stillness)
    looked = looks(windy, 120, 150, vehicles=[TREE], stillness=stillness)
    assert looked == list(times(120, 150))


def test_a_picture_of_another_size_is_looked_at() -> None:
    stillness = Stillness()
    looks(street, 0, 2, stillness=stillness)
    assert not stillness.holds(street(2)[:200], at(2), NOBODY)
    assert not stillness.holds(street(2.2)[:200], at(2.2), NOBODY)
    assert stillness.holds(street(2.3)[:200], at(2.3), NOBODY)


def test_a_clock_that_goes_back_is_looked_at() -> None:
    stillness = Stillness()
    looks(street, 60, 62, stillness=stillness)
    assert not stillness.holds(street(0), at(0), NOBODY)


def a_street_with_quiet_stretches() -> Street:
    """One parks and leaves, one stays, some drive by."""
    lane = (100.0, 160.0, 150.0, 195.0)
    parks = way(CAR_BOX, (2, -160), (6, -40), (8, 0), (60, 0), (66, 240))
    stays = way((200.0, 95.0, 260.0, 135.0), (0, 0), (1, 0))
    return Street(
        parks, stays, *(way(lane, (begin, -160), (begin + 6, 240)) for begin in (12, 34, 50))
    )


def test_a_loop_that_rests_says_the_same_for_far_fewer_looks(tmp_path: Path) -> None:
    street = a_street_with_quiet_stretches()
    awake, resting = (
        Bench(tmp_path / str(rests), street, rests_when_still=rests) for rests in (False, True)
    )
    said = []
    for bench in (awake, resting):
        bench.run(0, 90, street.frame)
        said.append(
            [
                (type(event), round((event.captured_at - at(0)).total_seconds(), 1))
                for kind in (ViolationSuspected, ViolationOngoing, VehicleDeparted)
                for event in bench.said(kind)
            ]
        )
    assert said[0] == said[1]
    assert {kind for kind, _ in said[0]} == {ViolationSuspected, ViolationOngoing, VehicleDeparted}
    assert awake.detector.asked == 450
    assert resting.detector.asked < 0.6 * awake.detector.asked
