"""Where vehicles drive over the picture, and who passes whom."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from detector.geometry import FloatArray
from detector.traffic import Drive, FlowMap, Passing, PlaceFlow, Traffic
from pipeline.events import VehicleClass
from tests.detector.builders import (
    CAR_BOX,
    HEIGHT,
    WIDTH,
    Box,
    Way,
    at,
    jitter,
    moved,
    times,
    tracks,
    way,
)

# A box of the size 40: shares of it are easy to read.
CAR: Box = (140.0, 100.0, 180.0, 140.0)
SIZE_PX = 40.0
PLACE: FloatArray = np.array(CAR)
NOBODY: FloatArray = np.empty((0, 4))


class Scene:
    """Traffic that is told who drives where, and what a standing one sees of it."""

    def __init__(self, place: Box = CAR) -> None:
        self.traffic = Traffic(FlowMap(WIDTH, HEIGHT))
        self.place = np.array(place)
        self.passings: list[Passing] = []

    def run(self, start_s: float, end_s: float, **ways: Way) -> "Scene":
        """`ways` are named for their tracks: `_1=way(...)`."""
        return self.run_kind(VehicleClass.CAR, start_s, end_s, **ways)

    def run_kind(self, kind: VehicleClass, start_s: float, end_s: float, **ways: Way) -> "Scene":
        for t in times(start_s, end_s):
            boxes = {int(name.strip("_")): one(t) for name, one in ways.items()}
            self.traffic.follow(tracks(boxes, kind=kind), at(t))
            self.passings += self.traffic.passings(self.place[None])[0]
        return self

    def stands_now(self) -> "Scene":
        """Those who passed before are nothing to the one who comes to stand in the place now."""
        self.passings.clear()
        return self

    def flow(self, standing: FloatArray = NOBODY, *, own: Sequence[Drive] = ()) -> PlaceFlow:
        return self.traffic.place_flow(self.place, self.passings, standing_px=standing, own=own)

    def drive(self, track_id: int) -> Drive:
        drive = self.traffic.drive(track_id)
        assert drive is not None
        return drive


def drives(lane_px: float = 0.0, *, start_s: float = 0.0, box: Box = CAR) -> Way:
    """From the left edge to the right one in five seconds, in a lane so far down the picture."""
    return way(moved(box, 0, lane_px), (start_s, -140), (start_s + 5, 140))


def recedes(lane: float, start_s: float) -> Way:
    """Up the picture into the distance in ten seconds, in a lane so many widths aside."""

    def box(t: float) -> Box:
        # The camera looks at the point (160, 20); a car 6 m ahead of it is 50 pixels high.
        scale = 6 / (6 + 1.5 * min(max(t - start_s, 0.0), 10.0))
        x, y, size_px = 160 + 90 * lane * scale, 20 + 200 * scale, 50 * scale
        return (x - size_px / 2, y - size_px, x + size_px / 2, y)

    return box


@pytest.mark.parametrize("after_s", [0.2, 10.0], ids=["in the picture", "gone"])
def test_a_place_is_driven_over_once_by_each_vehicle(after_s: float) -> None:
    scene = Scene()
    for number in range(3):
        start_s = 20 * number
        scene.run(start_s, start_s + 6, _1=drives(start_s=start_s)).run(start_s + 6, start_s + 20)
    scene.run(60, 66, _2=drives(start_s=60))
    scene.run(66, 66 + after_s)
    assert scene.flow().over == pytest.approx(4, abs=0.2)


def test_nobody_has_driven_over_what_lies_beside_the_way() -> None:
    scene = Scene().run(0, 6, _1=drives(-45)).run(6, 12)
    assert scene.flow().over == 0


@pytest.mark.parametrize("size_px", [20, 40, 100])
def test_a_standing_vehicle_whose_box_jitters_has_not_driven(size_px: int) -> None:
    rng = np.random.default_rng(size_px)
    box = (100.0, 60.0, 100.0 + size_px, 60.0 + size_px)
    scene = Scene(box).run(0, 120, _1=lambda _: jitter([box], rng, 0.05 * size_px)[0])
    assert scene.drive(1).heading() is None
    scene.run(120, 130)
    assert scene.flow().over == 0


def test_a_vehicle_that_shunts_has_not_driven() -> None:
    shunts = way(CAR, *((2.0 * n, 20 * (-1) ** n) for n in range(10)))
    assert Scene().run(0, 20, _1=shunts).run(20, 26).flow().over == 0


@pytest.mark.parametrize("kind", [VehicleClass.MOTORCYCLE, VehicleClass.BICYCLE])
def test_two_wheelers_say_nothing_about_lanes(kind: VehicleClass) -> None:
    scene = Scene().run_kind(kind, 0, 6, _1=drives(), _2=drives(50)).run(6, 12)
    assert scene.flow() == PlaceFlow()
    assert scene.passings == []


def test_the_way_of_a_vehicle_to_its_own_place_does_not_count() -> None:
    arrives = way(CAR, (0, -140), (3, 0))
    scene = Scene().run(0, 30, _1=arrives)
    assert scene.flow(own=[scene.drive(1)]).over == 0
    assert scene.flow().over > 0


def test_none_of_the_ways_by_which_one_was_followed_to_its_place_counts() -> None:
    scene = Scene().run(0, 5, _1=way(CAR, (0, -140), (4, 0)))
    first = scene.drive(1)
    scene.run(5, 20).run(20, 30, _2=way(CAR, (20, -90), (22, 0)))
    second = scene.drive(2)
    assert first.counted_at is not None
    assert second.counted_at is None
    assert scene.flow(own=[first, second]).over == pytest.approx(0, abs=1e-3)
    assert scene.flow(own=[second]).over == pytest.approx(1, abs=0.05)
    scene.run(30, 40)
    assert second.counted_at is not None
    assert scene.flow(own=[first, second]).over == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    "stop_s", [(0.0, -140.0, 4.0, 0.0), (4.0, 0.0, 10.0, 240.0)], ids=["comes", "leaves"]
)
def test_a_track_that_begins_or_ends_with_one_that_stands_makes_no_lane_there(
    stop_s: tuple[float, float, float, float],
) -> None:
    began_s, from_px, ended_s, to_px = stop_s
    scene = Scene().run(0, 10, _1=way(CAR, (began_s, from_px), (ended_s, to_px)))
    flow = scene.run(10, 20).flow()
    assert flow.over == 0
    assert scene.traffic.flow.counts.max() > 0.9


def test_the_ways_of_others_over_a_place_count_beside_its_own() -> None:
    scene = Scene()
    for number in range(3):
        start_s = 20 * number
        scene.run(start_s, start_s + 6, _1=drives(start_s=start_s)).run(start_s + 6, start_s + 20)
    scene.run(60, 70, _2=way(CAR, (60, -140), (64, 0)))
    assert scene.flow(own=[scene.drive(2)]).over == pytest.approx(3, abs=0.1)
    assert scene.flow().over == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("angle", [0, 90, 200, 315])
def test_the_heading_is_the_way_that_was_driven_last(angle: float) -> None:
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])

    def arrives(t: float) -> Box:
        dx, dy = 20 * (min(t, 4.0) - 4) * along
        return moved(CAR, dx, dy)

    heading = Scene().run(0, 10, _1=arrives).drive(1).heading()
    assert heading is not None
    assert heading == pytest.approx(along, abs=0.05)


def test_a_track_that_was_never_seen_has_no_way() -> None:
    assert Scene().run(0, 5, _1=drives()).traffic.drive(2) is None


@pytest.mark.parametrize(
    ("one", "count"),
    [
        (drives(1.2 * SIZE_PX), 1),
        (drives(-1.2 * SIZE_PX), 1),
        (drives(2.4 * SIZE_PX), 1),
        (drives(2.6 * SIZE_PX), 0),
        (way(CAR, (0, -140), (4, -50)), 0),
        (way(CAR, (0, 50), (4, 140)), 0),
        (way(moved(CAR, 0, 50), (0, -140), (4, -45), (6, -45)), 0),
        (way(moved(CAR, 0, 50), (0, -10), (6, 10)), 0),
    ],
    ids=[
        "next lane",
        "the other side",
        "two lanes aside",
        "farther aside",
        "stops behind it",
        "drives off before it",
        "stops before it is level",
        "has not driven",
    ],
)
def test_a_vehicle_that_comes_level_beside_a_standing_one_passes_it(one: Way, count: int) -> None:
    scene = Scene().run(0, 8, _1=one)
    assert len(scene.passings) == count
    assert all(passing.direction == pytest.approx([1, 0]) for passing in scene.passings)
    assert all(abs(passing.box_px[0] - CAR[0]) < 0.3 * SIZE_PX for passing in scene.passings)


def test_each_place_has_those_who_pass_it_at_the_moment_they_are_level() -> None:
    places = np.array([moved(CAR, dx, 0) for dx in (-60, 0, 60)])
    traffic = Traffic(FlowMap(WIDTH, HEIGHT))
    level_at_s: list[list[float]] = [[], [], []]
    ahead, behind = drives(50), drives(50, start_s=2)
    for t in times(0, 8):
        traffic.follow(tracks({1: ahead(t), 2: behind(t)}), at(t))
        for place, passings in enumerate(traffic.passings(places)):
            level_at_s[place] += [t] * len(passings)
    for seconds, expected_s in zip(level_at_s, (1.4, 2.5, 3.6), strict=True):
        assert seconds == pytest.approx([expected_s, expected_s + 2], abs=0.25)
    assert traffic.passings(np.empty((0, 4))) == []


@pytest.mark.parametrize(
    ("place", "box"),
    [
        ((150.0, 130.0, 170.0, 140.0), (100.0, 120.0, 180.0, 200.0)),
        ((100.0, 120.0, 180.0, 200.0), (150.0, 130.0, 170.0, 140.0)),
    ],
    ids=["a lorry past a scooter", "a scooter past a lorry"],
)
def test_two_lanes_aside_are_measured_in_sizes_of_the_smaller(place: Box, box: Box) -> None:
    assert Scene(place).run(0, 8, _1=drives(box=box)).passings == []


def test_one_who_waits_beside_and_goes_on_passes_once() -> None:
    waits = way(moved(CAR, 0, 50), (0, -140), (4, -20), (60, -20), (64, 140))
    assert len(Scene().run(0, 66, _1=waits).passings) == 1


@pytest.mark.parametrize("lost_at_s", [2.4, 2.6, 2.8, 3.0])
def test_one_who_is_lost_as_it_comes_level_passes_once_at_most(lost_at_s: float) -> None:
    scene = Scene().run(0, lost_at_s, _1=drives(50)).run(lost_at_s, lost_at_s + 3)
    assert len(scene.passings) == (lost_at_s > 2.7)


def test_the_way_back_is_another_passing_in_the_other_direction() -> None:
    returns = way(moved(CAR, 0, 50), (0, -120), (4, 100), (5, 100), (9, -120))
    first, second = Scene().run(0, 10, _1=returns).passings
    assert (first.direction[0], second.direction[0]) == (1, -1)


def level(lane_px: float, start_s: float) -> Way:
    return drives(lane_px, start_s=start_s)


def after_traffic(scene: Scene, make: Callable[[float, float], Way], *lanes: float) -> Scene:
    """A vehicle drives in each of the lanes, one after the other, before anybody stands."""
    return passed(scene, make, *lanes, start_s=-900).stands_now()


def passed(
    scene: Scene, make: Callable[[float, float], Way], *lanes: float, start_s: float = 0
) -> Scene:
    """A vehicle drives in each of the lanes, one after the other."""
    for lane in lanes:
        scene.run(start_s, start_s + 10, _1=make(lane, start_s)).run(start_s + 10, start_s + 15)
        start_s += 15
    return scene


def test_who_stands_in_a_lane_has_it_driven_before_and_behind_it() -> None:
    flow = passed(after_traffic(Scene(), level, *[0] * 5), level, 50, 50).flow()
    assert flow.over == flow.in_line == pytest.approx(5 * 0.5**0.5, abs=0.3)
    assert flow.beside == pytest.approx(2, abs=0.1)


def test_who_stands_at_the_kerb_has_nobody_drive_in_its_line() -> None:
    flow = passed(Scene(), level, *[50] * 4).flow()
    assert (flow.over, flow.in_line) == (0, 0)
    assert flow.beside == pytest.approx(4, abs=0.2)


def test_without_one_who_passes_nothing_is_known_of_the_line() -> None:
    flow = after_traffic(Scene(), level, 0, 0, 0).flow()
    assert flow.over > 1
    assert (flow.in_line, flow.beside) == (None, 0)


def test_one_side_of_the_line_that_was_driven_is_enough() -> None:
    def drives_up_behind(_: float, start_s: float) -> Way:
        return way(CAR, (start_s, -140), (start_s + 3, -45))

    flow = passed(after_traffic(Scene(), drives_up_behind, 0, 0, 0), level, 50).flow()
    assert flow.over == 0
    assert flow.in_line == pytest.approx(3 * 0.5**0.5, abs=0.2)


def test_places_that_others_stand_on_are_left_out_of_the_line() -> None:
    scene = passed(after_traffic(Scene(), level, 0, 0, 0), level, 50, 50)
    behind_and_before = np.array([moved(CAR, dx, 0) for dx in (-90, -45, 45, 90)])
    assert scene.flow(behind_and_before).in_line == scene.flow().in_line
    closed = np.array([moved(CAR, dx, 0) for dx in range(-180, 181, 20) if dx])
    assert scene.flow(closed).in_line is None


@pytest.mark.parametrize("lane", [-1.0, 1.0])
def test_the_line_narrows_with_the_road_into_the_distance(lane: float) -> None:
    place = recedes(lane, 0)(5)
    in_lane = passed(after_traffic(Scene(place), recedes, *[lane] * 4), recedes, 0, 0)
    assert in_lane.flow().in_line == pytest.approx(4 * 0.5**0.5, abs=0.3)
    at_kerb = passed(Scene(place), recedes, 0, 0, 0)
    assert at_kerb.flow().in_line == 0
    assert at_kerb.flow().beside == pytest.approx(3, abs=0.2)


def test_counts_fade_by_half_in_half_an_hour() -> None:
    scene = passed(Scene(), level, *[0] * 4)
    before = scene.flow().over
    scene.run(1800 + 60, 1800 + 60.2)
    assert scene.flow().over == pytest.approx(before / 2, rel=0.01)


def test_counts_fade_over_the_time_the_process_was_down() -> None:
    before = passed(Scene(), level, *[0] * 4)
    known_at = at(60)
    after = Scene()
    after.traffic = Traffic(before.traffic.flow, known_at)
    over = before.flow().over
    after.run(60 + 3600, 60 + 3600.2)
    assert after.flow().over == pytest.approx(over / 4, rel=0.01)


def test_a_clock_that_goes_back_makes_no_traffic() -> None:
    scene = passed(Scene(), level, *[0] * 4)
    before = scene.flow().over
    scene.run(0, 0.2)
    assert scene.flow().over <= before


def test_counts_of_another_form_of_picture_are_dropped() -> None:
    counts = np.ones((72, 96), np.float32)
    same = FlowMap(4 * WIDTH, 4 * HEIGHT, counts)
    other = FlowMap(WIDTH, WIDTH, counts)
    assert (same.counts.max(), other.counts.max()) == (1, 0)


def test_a_box_at_the_pictures_edge_lies_on_cells_of_it() -> None:
    flow = FlowMap(WIDTH, HEIGHT)
    for box in [(-50, -50, -10, -10), (WIDTH, HEIGHT, WIDTH + 40, HEIGHT + 40), CAR_BOX]:
        assert flow.counts[flow.core(np.array(box, np.float64))].size > 0


def test_an_own_way_that_has_faded_takes_nothing_from_others() -> None:
    scene = passed(Scene(), level, *[0] * 4)
    scene.run(60, 70, _2=way(CAR, (60, -140), (64, 0)))
    own = scene.drive(2)
    scene.run(70, 80).run(1870, 1870.2)
    assert scene.flow(own=[own]).over == pytest.approx(2, abs=0.15)
