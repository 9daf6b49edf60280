"""The staged situations: who stands where, for how long, and what of it the camera sees."""

from itertools import pairwise

import numpy as np
import pytest

from detector.geometry import ground_point, polygon_contains
from detector.simulator.clip import open_stage
from detector.simulator.drive import Standing
from detector.simulator.place import Place, ZoneKind
from detector.simulator.script import Script
from detector.simulator.situations import Situation, write_situation
from detector.simulator.stage import Stage
from detector.simulator.truth_file import TruthFile, tell_truth
from detector.simulator.vehicle import Lamps, draw_vehicle
from models.background_detector import LEARNING_PICTURES, BackgroundDetector
from pipeline.events.violation import ViolationType

SEEDS = range(10)
ZONE_KINDS = {
    ViolationType.PARKED: ZoneKind.NO_STOPPING,
    ViolationType.STOPPED_ON_CROSSING: ZoneKind.CROSSWALK,
    ViolationType.BLOCKED_JUNCTION: ZoneKind.JUNCTION_BOX,
    ViolationType.EMERGENCY_LANE: ZoneKind.EMERGENCY_LANE,
}
ACTS = {
    Situation.PARKED: 1,
    Situation.QUEUE_AND_PARKED: 1,
    Situation.STOPPED_ON_CROSSING: 1,
    Situation.BLOCKED_JUNCTION: 1,
    Situation.EMERGENCY_LANE: 1,
    Situation.TAKES_TURNS: 3,
    Situation.LOOK_ALIKE: 2,
    Situation.HIDDEN: 1,
}
QUIET = sorted(set(Situation) - set(ACTS))


def length_s(one: Standing, until_s: float) -> float:
    return (until_s if one.until_s is None else one.until_s) - one.since_s


def acting(script: Script) -> list[Standing]:
    """The longest standing of each vehicle that does what the scene is named for."""
    standings = script.traffic().standings(script.shown_s)
    return [
        max(
            (one for one in standings if one.part.name == name),
            key=lambda one: length_s(one, script.shown_s),
        )
        for name in script.acts
    ]


def outline_px(place: Place, zone_id: str) -> np.ndarray:
    (zone,) = (one for one in place.zones if one.zone_id == zone_id)
    return zone.outline_px(place.view)


def told(stage: Stage) -> TruthFile:
    return tell_truth(stage, name="scene", fps=8.0, frames=round(stage.script.shown_s * 8))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    both = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]))
    return shared / (both - shared)


@pytest.mark.slow
@pytest.mark.parametrize("situation", sorted(ACTS))
def test_who_breaks_a_rule_stands_wholly_in_the_picture_and_in_its_zone(
    situation: Situation,
) -> None:
    for seed in SEEDS:
        script = write_situation(situation, seed)
        found = acting(script)
        assert len(found) == ACTS[situation]
        for one in found:
            act = script.acts[one.part.name]
            sprite = draw_vehicle(
                one.part.vehicle, one.pose, Lamps(), script.place.view, script.light
            )
            assert sprite is not None
            zone_px = outline_px(script.place, act.zone_id)
            assert polygon_contains(zone_px, ground_point(sprite.box_px)), f"seed {seed}"
            assert sprite.box_px.min() >= 0
            assert sprite.box_px[3] < script.place.view.height_px
            assert length_s(one, script.shown_s) > 6
            (zone,) = (zone for zone in script.place.zones if zone.zone_id == act.zone_id)
            assert zone.kind is ZONE_KINDS[act.violation_type]


@pytest.mark.slow
@pytest.mark.parametrize("situation", sorted(Situation))
def test_the_place_is_empty_while_it_is_being_learned(situation: Situation) -> None:
    for seed in SEEDS:
        script = write_situation(situation, seed)
        view = script.place.view
        for one in script.traffic().placed(2.0):
            assert draw_vehicle(one.part.vehicle, one.pose, one.lamps, view, script.light) is None


@pytest.mark.slow
@pytest.mark.parametrize("situation", sorted(Situation))
def test_vehicles_in_one_lane_never_drive_into_each_other(situation: Situation) -> None:
    traffic = write_situation(situation, 1).traffic()
    for at_s in np.arange(3.0, 60.0, 1.0):
        lanes: dict[tuple[str, float], list[tuple[float, float]]] = {}
        for one in traffic.placed(float(at_s)):
            if one.part.aside is None and np.cos(one.pose.heading_rad) > 0.99:
                rear_m = one.pose.y_m
                lanes.setdefault((one.part.route, round(one.pose.x_m, 2)), []).append(
                    (rear_m, rear_m + one.part.length_m)
                )
        for spans in lanes.values():
            spans.sort()
            for behind, ahead in pairwise(spans):
                assert ahead[0] - behind[1] > 0.8


@pytest.mark.slow
def test_a_queue_stands_at_red_and_is_gone_after_green() -> None:
    for seed in SEEDS:
        script = write_situation(Situation.QUEUE, seed)
        traffic, signal = script.traffic(), script.signals["right"]
        before = [one for one in traffic.standings(signal.first_green_s) if one.until_s is None]
        assert sum(one.part.route in {"right", "left"} for one in before) >= 4
        assert signal.state(signal.first_green_s - 1) == "red"
        waited = {one.part.name for one in before if one.part.route in {"right", "left"}}
        later = traffic.standings(signal.first_green_s + 15)
        assert not [one for one in later if one.part.name in waited and one.until_s is None]


def standing_in_box_s(script: Script) -> list[float]:
    zone_px = outline_px(script.place, "box")
    found = []
    for one in script.traffic().standings(script.shown_s):
        view = script.place.view
        sprite = draw_vehicle(one.part.vehicle, one.pose, Lamps(), view, script.light)
        if sprite is not None and polygon_contains(zone_px, ground_point(sprite.box_px)):
            found.append(length_s(one, script.shown_s))
    return found


@pytest.mark.slow
def test_who_waits_to_turn_stands_long_in_the_box_and_then_turns() -> None:
    for seed in SEEDS:
        script = write_situation(Situation.WAITS_TO_TURN, seed)
        assert max(standing_in_box_s(script)) > 8
        (part,) = script.parts
        (halt,) = part.halts
        placed = script.traffic().placed(halt.until_s + 7)
        (turned,) = (one for one in placed if one.part.name == part.name)
        assert turned.pose.heading_rad == pytest.approx(-np.pi / 2, abs=0.05)


@pytest.mark.slow
def test_a_creeping_queue_never_stands_long_in_the_box() -> None:
    for seed in SEEDS:
        stood_s = standing_in_box_s(write_situation(Situation.CREEPING_QUEUE, seed))
        assert len(stood_s) >= 3
        assert max(stood_s) < 5


@pytest.mark.slow
@pytest.mark.parametrize("situation", [Situation.TAKES_TURNS, Situation.LOOK_ALIKE])
def test_one_leaves_before_the_next_comes_to_the_same_place(situation: Situation) -> None:
    for seed in SEEDS:
        found = acting(write_situation(situation, seed))
        for first, second in pairwise(found):
            assert first.until_s is not None
            assert second.since_s > first.until_s + 3
            assert abs(second.pose.y_m - first.pose.y_m) < 0.8
            is_alike = first.part.vehicle.paint_bgr == second.part.vehicle.paint_bgr
            assert is_alike or situation is Situation.TAKES_TURNS
            assert not np.array_equal(first.part.vehicle.plate, second.part.vehicle.plate)


@pytest.mark.slow
def test_the_bus_hides_the_car_for_ten_seconds_to_ten_minutes() -> None:
    hidden_s = []
    for seed in SEEDS:
        script = write_situation(Situation.HIDDEN, seed)
        standings = script.traffic().standings(script.shown_s)
        (bus,) = (one for one in standings if one.part.name == "far-bus")
        hidden_s.append(length_s(bus, script.shown_s))
    assert 10 <= min(hidden_s) < 14
    assert 598 < max(hidden_s) < 610


def seen_ratio(stage: Stage, name: str, at_s: float) -> float:
    """How much of a vehicle is seen past those that stand nearer."""
    view = stage.script.place.view
    drawn = list(stage.drawn(at_s))
    rank = next(k for k, (one, _) in enumerate(drawn) if one.part.name == name)
    is_own = np.zeros((view.height_px, view.width_px), np.bool_)
    size = 0
    for _, sprite in drawn[rank:]:
        is_covered = sprite.let_through[..., 0] < 60
        height, width = is_covered.shape
        rows = slice(sprite.top_px, sprite.top_px + height)
        columns = slice(sprite.left_px, sprite.left_px + width)
        if not size:
            is_own[rows, columns], size = is_covered, int(is_covered.sum())
        else:
            is_own[rows, columns] &= ~is_covered
    return float(is_own.sum()) / size


@pytest.mark.slow
def test_the_car_is_seen_before_and_after_the_bus_but_not_while_it_stands() -> None:
    stage = open_stage(Situation.HIDDEN, 0, ())
    standings = stage.standings(stage.script.shown_s)
    (bus,) = (one for one in standings if one.part.name == "far-bus")
    (name,) = stage.script.acts
    (car,) = (one for one in standings if one.part.name == name)
    assert bus.until_s is not None
    assert seen_ratio(stage, name, car.since_s + 2) > 0.9
    assert seen_ratio(stage, name, bus.since_s + 1) < 0.02
    assert seen_ratio(stage, name, bus.until_s - 1) < 0.02
    assert max(seen_ratio(stage, name, bus.until_s + later) for later in (6, 9, 12)) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("situation", sorted(ACTS))
def test_what_the_truth_says_is_what_the_pictures_show(situation: Situation) -> None:
    stage = open_stage(situation, 3, ())
    detector = BackgroundDetector(None)
    for k in range(LEARNING_PICTURES):
        detector.predict("camera", stage.picture(k * 0.25))
    events = told(stage).events
    assert len(events) == ACTS[situation]
    for event in events:
        boxes = detector.predict("camera", stage.picture(event.box_at_s)).xyxy_px
        truth = np.array(event.box, np.float64)
        assert max(iou(box, truth) for box in boxes) >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("situation", QUIET)
def test_nothing_is_to_be_found_where_everybody_only_waits(situation: Situation) -> None:
    truth = told(open_stage(situation, 2, ()))
    assert truth.violation_free
    assert truth.events == ()
    assert truth.not_events, "somebody waits"


@pytest.mark.slow
def test_the_same_seed_draws_the_same_pictures_in_any_order() -> None:
    one, other = (open_stage(Situation.STOPPED_ON_CROSSING, 4, ()) for _ in range(2))
    late = one.picture(15.0)
    early = one.picture(6.0)
    assert np.array_equal(other.picture(6.0), early)
    assert np.array_equal(other.picture(15.0), late)
    assert not np.array_equal(early, late)


def test_another_seed_writes_another_scene() -> None:
    one, other = (acting(write_situation(Situation.PARKED, seed))[0] for seed in (1, 2))
    assert one.pose != other.pose
    assert one.since_s != other.since_s
