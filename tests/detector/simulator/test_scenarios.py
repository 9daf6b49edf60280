"""The drawn scenes: the same seed draws the same, and the car stops where nobody may."""

from pathlib import Path

import numpy as np
import pytest

import detector.cameras
from detector.camera_config import shapes_in_pixels
from detector.camera_file import load_camera
from detector.geometry import ground_point, polygon_contains
from detector.simulator import Scenario, draw_scene, plate_of, truth
from detector.simulator.motion import Passage, Stay, passing_pose, stay_lamps, stay_pose
from detector.simulator.scenarios import write_script
from detector.simulator.vehicle import Lamps, Pose, draw_vehicle
from detector.simulator.viewpoint import STREET_VIEW
from pipeline.events.plate import PlateClass, PlateNumber

CAMERAS = sorted(Path(detector.cameras.__path__[0]).glob("demo-*.yaml"))
STAY = Stay(rest_at_s=6.0, rest=Pose(x_m=-1.3, y_m=8.0), leave_delay_s=3.0)


def test_there_is_one_demo_camera_for_each_scene() -> None:
    sources = {str(load_camera(file).source).partition("?")[0] for file in CAMERAS}
    assert sources == {f"simulator:{scenario}" for scenario in Scenario}


def test_the_same_seed_draws_the_same_pictures() -> None:
    one, other = draw_scene("stays", 5), draw_scene("stays", 5)
    for at_s in (0.0, 5.0, 9.0):
        assert np.array_equal(one.picture(at_s, None), other.picture(at_s, None))


def test_another_seed_draws_another_scene() -> None:
    assert plate_of("stays", 5) != plate_of("stays", 6)
    assert write_script(Scenario.STAYS, 5).stay != write_script(Scenario.STAYS, 6).stay


def test_a_picture_does_not_depend_on_those_drawn_before() -> None:
    scene = draw_scene("leaves", 2)
    first = scene.picture(8.0, None)
    scene.picture(30.0, 20.0)
    assert np.array_equal(first, scene.picture(8.0, None))


@pytest.mark.parametrize("scenario", list(Scenario))
def test_plates_are_civil_ones(scenario: Scenario) -> None:
    classes = {PlateNumber.parse(plate_of(scenario, seed)).plate_class for seed in range(200)}
    assert classes == {PlateClass.CIVIL}


@pytest.mark.parametrize("file", CAMERAS, ids=lambda file: file.stem)
def test_the_vehicle_rests_inside_its_zone(file: Path) -> None:
    document = load_camera(file)
    scenario = str(document.source).removeprefix("simulator:").partition("?")[0]
    (zone,) = shapes_in_pixels(document, width_px=1280, height_px=720).zones
    for seed in range(6):
        box_px = truth(scenario, seed).box_px
        assert polygon_contains(zone.polygon_px, ground_point(box_px)), f"seed {seed}"
        assert box_px[3] < 705, "the whole vehicle is in the picture"


@pytest.mark.parametrize("seed", range(5))
def test_passing_traffic_never_covers_the_parking_place(seed: int) -> None:
    script = write_script(Scenario.STAYS, seed)
    left_px = truth("stays", seed).box_px[0]
    for passage, vehicle in script.passing[:3] + script.passing[-3:]:
        for since_s in np.arange(0.0, 20.0, 0.8):
            pose = passing_pose(passage, passage.enters_at_s + float(since_s))
            if pose is None:
                continue
            sprite = draw_vehicle(vehicle, pose, Lamps(), STREET_VIEW, script.light)
            assert sprite is None or sprite.box_px[2] < left_px - 60


def test_the_street_is_empty_while_it_is_being_learned() -> None:
    for scenario in Scenario:
        for seed in range(6):
            script = write_script(scenario, seed)
            assert all(passing_pose(passage, 2.5) is None for passage, _ in script.passing)
            pose = stay_pose(script.stay, 2.4, None)
            assert pose is None or pose.y_m + 5 < 5.5, "not yet below the camera"


def test_a_vehicle_rolls_to_rest_smoothly_and_then_does_not_move() -> None:
    at_s = np.arange(3.5, 9.0, 0.125)
    poses = [stay_pose(STAY, float(t), None) for t in at_s]
    y_m = np.array([pose.y_m for pose in poses if pose])
    speeds_mps = np.diff(y_m) / 0.125
    assert np.all(np.diff(speeds_mps) < 1e-9), "it only ever slows down"
    assert np.all(y_m[at_s >= STAY.rest_at_s] == STAY.rest.y_m)


def test_nobody_leaves_without_a_signal() -> None:
    assert stay_pose(STAY, 3600.0, None) == STAY.rest


def test_a_driver_leaves_some_seconds_after_the_signal_and_drives_out_of_sight() -> None:
    assert stay_pose(STAY, 22.9, 20.0) == STAY.rest
    under_way = stay_pose(STAY, 26.0, 20.0)
    assert under_way is not None
    assert under_way.y_m > STAY.rest.y_m + 5
    assert stay_pose(STAY, 60.0, 20.0) is None


def test_a_signal_before_the_vehicle_rests_does_not_make_it_jump() -> None:
    at_s = np.arange(4.0, 12.0, 0.125)
    y_m = np.array([pose.y_m for t in at_s if (pose := stay_pose(STAY, float(t), 1.0))])
    assert np.all(np.diff(y_m) >= 0)
    assert np.max(np.diff(y_m)) < 1.5


def test_lamps_show_braking_and_pulling_out() -> None:
    assert stay_lamps(STAY, 5.0, None).is_braking
    assert stay_lamps(STAY, 10.0, None) == Lamps()
    assert any(stay_lamps(STAY, t, 20.0).is_turning_left for t in np.arange(22.1, 24.0, 0.1))


def test_passing_traffic_goes_on_for_as_long_as_the_scene() -> None:
    passage = Passage(enters_at_s=3.0, speed_mps=11.0, is_oncoming=False)
    assert passing_pose(passage, 2.9) is None
    late = passing_pose(passage, 3.0 + 64 * 100 + 2.0)
    assert late is not None
    assert late == passing_pose(passage, 5.0)
