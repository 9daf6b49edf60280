from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from detector.simulator.traffic import STEP_S, Traffic
from detector.simulator.traffic_picture import Exposure, TrafficCamera
from detector.simulator.traffic_plan import Arrival, choose_plan, strip_errand
from detector.simulator.traffic_road import LaneName, choose_view
from detector.simulator.traffic_signal import Signal
from detector.simulator.traffic_vehicle import Doing, Vehicle, choose_body

LASTS_S = 300.0
SEEDS = (0, 1)


def a_traffic(seed: int) -> Traffic:
    return Traffic(choose_plan(seed, lasts_s=LASTS_S), seed)


def steps(traffic: Traffic) -> Iterator[list[Vehicle]]:
    while traffic.now_s < LASTS_S:
        yield list(traffic.step())


def in_straight_lane(vehicles: list[Vehicle], name: LaneName) -> list[Vehicle]:
    row = [one for one in vehicles if one.lane.name is name and abs(one.aside_m) < 0.3]
    return sorted(row, key=lambda one: -one.front_m)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_drives_through_another(seed: int) -> None:
    for vehicles in steps(a_traffic(seed)):
        for name in (LaneName.MIDDLE, LaneName.ONCOMING_FAST):
            for ahead, behind in pairwise(in_straight_lane(vehicles, name)):
                assert behind.front_m <= ahead.rear_m + 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_crosses_the_stop_line_well_into_red(seed: int) -> None:
    traffic = a_traffic(seed)
    signal, before, crossed = traffic.plan.signal, dict[int, float](), 0
    for vehicles in steps(traffic):
        for one in in_straight_lane(vehicles, LaneName.MIDDLE):
            line_m = traffic.plan.road.stop_line_m - one.lane.points_m[0, 1]
            if before.get(one.vehicle_id, line_m) < line_m <= one.front_m:
                crossed += 1
                assert not signal.is_clear_red(traffic.now_s - 2)
        before = {one.vehicle_id: one.front_m for one in vehicles}
    assert crossed > 5


def test_queues_grow_at_red_and_someone_parks_and_leaves() -> None:
    doings, parked, left = set[Doing](), set[int](), set[int]()
    for vehicles in steps(a_traffic(1)):
        doings |= {one.doing for one in vehicles if one.rest_since_s is not None}
        now = {one.vehicle_id for one in vehicles if one.errand_until_s is not None}
        left |= parked - now
        parked |= now
    assert {Doing.AT_SIGNAL, Doing.IN_QUEUE, Doing.PARKED} <= doings
    assert left


def test_who_finds_his_place_taken_waits_a_minute_and_drives_on() -> None:
    body = choose_body(np.random.default_rng(0))
    errand = strip_errand(30.0, stays_s=LASTS_S)
    arrivals = tuple(Arrival(at_s=at_s, body=body, errand=errand) for at_s in (1.0, 20.0))
    plan = replace(choose_plan(1, lasts_s=LASTS_S), rates={}, arrivals=arrivals)
    waited_s = 0.0
    for vehicles in steps(Traffic(plan, 1)):
        second = next((one for one in vehicles if one.vehicle_id == 2), None)
        if second is not None and second.errand is not None:
            assert second.errand_until_s is None
            waited_s += STEP_S * (second.rest_since_s is not None)
    assert waited_s == pytest.approx(60, abs=1)
    assert [one.vehicle_id for one in vehicles] == [1]


def test_the_same_seed_drives_the_same() -> None:
    first, again = a_traffic(3), a_traffic(3)
    for one, other in zip(steps(first), steps(again), strict=True):
        assert [v.front_m for v in one] == [v.front_m for v in other]


def test_red_lasts_at_most_110_s_and_cycles_vary() -> None:
    signal = Signal.choose(np.random.default_rng(5), lasts_s=3600)
    reds_s = np.array(signal.green_at_s[1:]) - np.array(signal.red_at_s[:-1])
    cycles_s = np.diff(signal.green_at_s)
    assert reds_s.min() > 0
    assert reds_s.max() <= 110
    assert 40 <= cycles_s.min() < cycles_s.max() <= 150


def test_what_stands_nearer_hides_what_is_behind_it() -> None:
    traffic = a_traffic(1)
    camera = TrafficCamera(choose_view(np.random.default_rng(1), is_across=True), 1)
    hidden = []
    for vehicles in steps(traffic):
        seen = camera.look(vehicles)
        if seen:
            assert seen[0].hidden_ratio == 0
            hidden += [one.hidden_ratio for one in seen]
            for one in seen:
                assert 0 <= one.hidden_ratio <= 1
                assert (one.visible_px >= 0).all()
                assert (one.visible_px[2:] <= one.box_px[2:] + 1e-6).all()
    assert max(hidden) > 0.5


def test_the_picture_shows_coats_light_and_rain() -> None:
    traffic = a_traffic(1)
    vehicles = next(one for one in steps(traffic) if traffic.now_s > 60)
    view = choose_view(np.random.default_rng(1))
    camera = TrafficCamera(view, 1)
    seen = camera.look(vehicles)
    coats = {one.vehicle_id: one.body.coat for one in vehicles}
    day = camera.paint(seen, coats)
    assert day.shape == (view.height_px, view.width_px, 3)
    dark = camera.paint(seen, coats, Exposure(gain=0.4))
    glaring = camera.paint(seen, coats, Exposure(gain=0.4, glare_px=(240, 130, 60)))
    rainy = camera.paint(seen, coats, Exposure(rain_streaks=300))
    assert dark.mean() < 0.6 * day.mean()
    assert glaring[130, 240].mean() > dark[130, 240].mean() + 100
    noise = np.abs(camera.paint(seen, coats).astype(int) - day).mean()
    assert np.abs(rainy.astype(int) - day).mean() > noise + 1
