"""Weather and trouble over pictures: seeded, each by itself and all together."""

import numpy as np
import pytest

from detector.geometry import ImageArray
from detector.simulator.clip import open_stage
from detector.simulator.conditions import Condition, Conditions
from detector.simulator.place import PlaceName, open_place
from detector.simulator.situations import Situation
from detector.simulator.viewpoint import STREET_VIEW

IN_THE_AIR = (Condition.GLARE, Condition.DAZZLE, Condition.DIRTY, Condition.DARK, Condition.RAIN)


def a_picture() -> ImageArray:
    rng = np.random.default_rng(5)
    return rng.integers(60, 200, (720, 1280, 3), np.uint8)


def over(chosen: tuple[Condition, ...], at_s: float, seed: int = 3) -> ImageArray:
    return Conditions(chosen, STREET_VIEW, seed).apply(a_picture(), at_s)


def inside(one: Condition, seed: int = 3) -> float:
    """An instant at which the condition is there."""
    start_s, end_s = Conditions((one,), STREET_VIEW, seed).spells.get(one, (5.0, 15.0))
    return min(start_s + 2.0, (start_s + end_s) / 2)


@pytest.mark.parametrize("one", IN_THE_AIR)
def test_a_condition_changes_the_picture_the_same_way_for_the_same_seed(one: Condition) -> None:
    at_s = inside(one)
    changed = over((one,), at_s)
    assert changed.shape == (720, 1280, 3)
    assert changed.dtype == np.uint8
    assert np.mean(np.abs(changed.astype(int) - a_picture())) > 0.5
    assert np.array_equal(changed, over((one,), at_s))


@pytest.mark.parametrize("one", [Condition.DAZZLE, Condition.DARK])
def test_a_spell_leaves_the_pictures_before_and_after_it_alone(one: Condition) -> None:
    start_s, end_s = Conditions((one,), STREET_VIEW, 3).spells[one]
    assert np.array_equal(over((one,), start_s - 0.1), a_picture())
    assert np.array_equal(over((one,), end_s + 0.1), a_picture())


@pytest.mark.parametrize("one", [Condition.BUMP, Condition.DIRTY])
def test_a_camera_that_is_knocked_or_dirty_stays_so(one: Condition) -> None:
    start_s, _ = Conditions((one,), STREET_VIEW, 3).spells[one]
    assert np.array_equal(over((one,), start_s - 0.1), over((), start_s - 0.1))
    assert not np.array_equal(over((one,), start_s + 600), over((), start_s + 600))


def test_conditions_are_laid_over_each_other_in_one_order() -> None:
    forwards, backwards = (Condition.GLARE, Condition.SHAKE), (Condition.SHAKE, Condition.GLARE)
    both = over(forwards, 7.0)
    assert np.array_equal(both, over(backwards, 7.0))
    assert not np.array_equal(both, over((Condition.GLARE,), 7.0))
    assert not np.array_equal(both, over((Condition.SHAKE,), 7.0))


@pytest.mark.slow
def test_a_frozen_picture_is_the_same_to_the_last_bit_and_then_lives_on() -> None:
    stage = open_stage(Situation.PARKED, 1, (Condition.FROZEN,))
    start_s, end_s = stage.conditions.spells[Condition.FROZEN]
    first = stage.picture(start_s)
    assert np.array_equal(first, stage.picture(start_s + 3))
    assert np.array_equal(first, stage.picture(end_s - 0.1))
    assert not np.array_equal(first, stage.picture(end_s + 0.1))


def test_dropped_pictures_leave_gaps_again_and_again() -> None:
    conditions = Conditions((Condition.DROPS,), STREET_VIEW, 3)
    is_there = [conditions.is_delivered(at_s) for at_s in np.arange(0, 120, 0.1)]
    gaps = np.flatnonzero(np.diff(np.array(is_there, int)) == -1)
    assert 8 <= len(gaps) <= 11
    assert all(is_there[:20]), "the empty street is seen"
    assert 0.6 < np.mean(is_there) < 0.95


def test_a_knock_turns_the_view_for_good_and_the_truth_with_it() -> None:
    conditions = Conditions((Condition.BUMP,), STREET_VIEW, 3)
    start_s, _ = conditions.spells[Condition.BUMP]
    mark = np.zeros((720, 1280, 3), np.uint8)
    mark[340:380, 600:680] = 255
    box_px = np.array([600.0, 340.0, 680.0, 380.0])
    assert np.array_equal(conditions.apply(mark.copy(), start_s - 0.1), mark)
    assert np.array_equal(conditions.moved_box_px(box_px, start_s - 0.1), box_px)
    for at_s in (start_s, start_s + 3600):
        rows, columns = np.nonzero(conditions.apply(mark.copy(), at_s)[..., 0] > 127)
        found_px = [columns.min(), rows.min(), columns.max(), rows.max()]
        assert conditions.moved_box_px(box_px, at_s) == pytest.approx(found_px, abs=2)
        assert np.hypot(*(np.array(found_px[:2]) - box_px[:2])) > 20


def test_a_shaking_view_moves_by_a_few_pixels_around_its_place() -> None:
    mark = np.zeros((720, 1280, 3), np.uint8)
    mark[340:380, 600:680] = 255
    conditions = Conditions((Condition.SHAKE,), STREET_VIEW, 3)
    middles = []
    for at_s in np.arange(0, 20, 0.37):
        weight = conditions.apply(mark.copy(), float(at_s))[..., 0].astype(float)
        middles.append(np.average(np.arange(1280), weights=weight.sum(axis=0)))
    away_px = np.array(middles) - 639.5
    assert 0.3 < np.std(away_px) < 3
    assert np.abs(away_px).max() < 6


@pytest.mark.slow
def test_night_is_dark_and_lit_by_lamps() -> None:
    day, night = (
        open_stage(Situation.PARKED, 1, chosen).picture(16.0) for chosen in ((), (Condition.NIGHT,))
    )
    assert night.mean() < 0.65 * day.mean()
    assert night.max() > 250


@pytest.mark.slow
def test_fog_takes_the_distance_away() -> None:
    day, fog = (
        open_stage(Situation.EMERGENCY_LANE, 1, chosen).picture(2.0).astype(float)
        for chosen in ((), (Condition.FOG,))
    )
    far = (slice(150, 260), slice(400, 900))
    assert fog[far].std() < 0.5 * day[far].std()


@pytest.mark.parametrize("name", sorted(PlaceName))
def test_zones_lie_in_the_picture(name: PlaceName) -> None:
    place = open_place(name)
    for zone in place.zones:
        outline_px = zone.outline_px(place.view)
        assert outline_px.min() >= 0
        assert np.all(outline_px <= (1280, 720))
        assert len(outline_px) >= (2 if zone.kind == "stop_line" else 3)
