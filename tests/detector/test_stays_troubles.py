"""Stays under trouble, seen through a whole camera loop; `benchmarks/stays.py` has many more."""

import pytest

from benchmarks.stays_watch import SCENE_DWELL_S, watch_scene
from detector.simulator.traffic_troubles import Trouble

pytestmark = pytest.mark.slow

# The shortest scenes of each kind.
_TOLD = {
    Trouble.BEHIND_BUS: 10,
    Trouble.HEADLIGHTS: 1,
    Trouble.RAIN: 1,
    Trouble.TRACKER_RESET: 3,
    Trouble.STREAM_GAP: 3,
    Trouble.RESTART: 1,
}


@pytest.mark.parametrize(("trouble", "seed"), _TOLD.items())
def test_one_stay_is_told_once_and_its_departure_when_it_leaves(
    trouble: Trouble, seed: int
) -> None:
    result = watch_scene(trouble, seed)
    (stay,) = result.expected()
    (delay_s,) = stay.delays_s(SCENE_DWELL_S)
    assert abs(delay_s) < 5
    assert not any(result.faults().values())


def test_cars_that_take_turns_never_add_up() -> None:
    result = watch_scene(Trouble.TURNS, 2)
    assert len(result.stays) == 4
    assert all(not stay.suspected_s for stay in result.stays)
    assert result.false_stops == ()


def test_a_look_alike_that_takes_the_place_is_a_new_stay() -> None:
    first, second = watch_scene(Trouble.LOOK_ALIKE, 0).expected()
    assert [len(first.suspected_s), len(second.suspected_s)] == [1, 1]
    assert set(first.suspected_s).isdisjoint(second.suspected_s)
    assert first.departed_s


def test_a_departure_behind_a_bus_is_told_only_when_the_place_is_seen_again() -> None:
    result = watch_scene(Trouble.LEFT_HIDDEN, 10)
    (stay,) = result.expected()
    assert stay.left_hidden
    assert not any(result.faults().values())


def test_one_that_took_the_place_unseen_is_not_told_before_its_own_dwell() -> None:
    result = watch_scene(Trouble.SWAPPED_HIDDEN, 3)
    assert len(result.expected()) == 2
    assert not any(result.faults().values())
