"""What is around those who stand: their heading, who passes them, who stands with them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from detector.camera_config import LanePolygon
from detector.sources import Frame
from detector.stays import Situation, Stay, Surroundings
from detector.tracking import ByteTracker
from detector.traffic import FlowMap
from tests.detector.builders import (
    FPS,
    HEIGHT,
    WIDTH,
    Box,
    Street,
    Way,
    at,
    detections,
    moved,
    times,
    way,
)
from tests.detector.watch import WHOLE_PICTURE, Watch

CAR: Box = (140.0, 100.0, 180.0, 130.0)
KERB: Box = (140.0, 60.0, 180.0, 90.0)


class Road(Watch):
    """A watch that sees what happens around its stays too."""

    def __init__(self, *lanes: LanePolygon) -> None:
        super().__init__()
        self.surroundings = Surroundings(FlowMap(WIDTH, HEIGHT), lanes)
        self._first_id = 0

    def see(self, frame: Frame, boxes: Sequence[Box]) -> None:
        tracked = self.tracker.update(detections(boxes), frame.captured_at)
        ids = np.where(tracked.track_id < 0, -1, tracked.track_id + self._first_id)
        tracked = replace(tracked, track_id=ids)
        self.departures += self.book.update(frame, tracked, watched_px=[WHOLE_PICTURE])
        self.surroundings.update(self.book, tracked, frame.captured_at)

    def show(self, start_s: float, end_s: float, street: Street) -> "Road":
        for t in times(start_s, end_s):
            self.see(street.frame(t), street(t))
        self.at_s = end_s
        return self

    def lose_tracks(self) -> "Road":
        """From now on all get tracks that nobody had before."""
        self.tracker = ByteTracker(FPS)
        self._first_id += 1000
        return self

    def stay_at(self, box: Box) -> Stay:
        return min(self.book.stays, key=lambda one: float(np.abs(one.place_px - box).sum()))

    def around(self, box: Box) -> Situation:
        return self.surroundings.of(self.stay_at(box), self.book, at(self.at_s))

    def row_before(self, box: Box) -> list[float]:
        """The left edges of those ahead."""
        ahead_px = self.around(box).ahead_px
        assert ahead_px is not None
        return [float(one[0]) for one in ahead_px]


def stands(box: Box) -> Way:
    return lambda _: box


def arrives(box: Box, start_s: float = 0.0) -> Way:
    """From the left edge."""
    return way(box, (start_s, -box[0]), (start_s + box[0] / 40, 0))


def passes(box: Box, start_s: float) -> Way:
    """From the left edge to the right one and out."""
    return way(box, (start_s, -box[2]), (start_s + 8, 240))


def returns(box: Box, start_s: float) -> Way:
    """From the right edge to the left one and out."""
    return way(box, (start_s, WIDTH - box[0]), (start_s + 8, -box[2]))


def crosses(box: Box, start_s: float) -> Way:
    """Down the picture, past the right side of a place."""

    def place(t: float) -> Box:
        return moved(box, 70, 35 * (t - start_s) - 140)

    return place


def drives_across(start_s: float) -> Way:
    """Along the road before the place of `CAR`, whose back is seen: its side is twice as long."""
    side: Box = (CAR[0] - 20, CAR[1] + 45, CAR[2] + 20, CAR[3] + 45)
    return passes(side, start_s)


def a_lane(*direction: float) -> LanePolygon:
    polygon = np.array([[0.0, 90], [WIDTH, 90], [WIDTH, 135], [0, 135]])
    return LanePolygon(polygon_px=polygon, direction=np.array(direction))


def test_a_vehicle_that_was_seen_to_come_is_known_to_head_where_it_drove() -> None:
    road = Road().show(0, 14, Street(arrives(CAR)))
    heading = road.the_stay().heading
    assert heading is not None
    assert heading == pytest.approx([1, 0], abs=0.05)


def test_of_one_that_stood_there_before_no_heading_is_known() -> None:
    road = Road().show(0, 14, Street(stands(CAR)))
    assert road.the_stay().heading is None


def test_vehicles_of_its_own_direction_pass_it() -> None:
    beside = moved(CAR, 0, 45)
    street = Street(arrives(CAR), *(passes(beside, start_s) for start_s in (10, 20, 30)))
    assert Road().show(0, 40, street).the_stay().passed_by == 3


@pytest.mark.parametrize("other", [returns, crosses])
def test_traffic_the_other_way_or_across_does_not_pass_it(
    other: Callable[[Box, float], Way],
) -> None:
    street = Street(arrives(CAR), *(other(moved(CAR, 0, 45), start_s) for start_s in (10, 20)))
    assert Road().show(0, 32, street).the_stay().passed_by == 0


def test_the_other_side_of_the_road_still_tells_where_lanes_are() -> None:
    beside = moved(CAR, 0, 45)
    street = Street(arrives(CAR), *(returns(beside, start_s) for start_s in (10, 20)))
    flow = Road().show(0, 32, street).around(CAR).flow
    assert (flow.over, flow.in_line) == (0, 0)
    assert flow.beside == pytest.approx(2, abs=0.1)


def test_traffic_across_says_nothing_of_the_lanes_beside_it() -> None:
    street = Street(arrives(CAR), *(crosses(moved(CAR, 0, 45), start_s) for start_s in (10, 20)))
    flow = Road().show(0, 32, street).around(CAR).flow
    assert (flow.in_line, flow.beside) == (None, 0)


def test_of_one_that_stood_there_before_all_who_drive_by_pass_it() -> None:
    beside = moved(CAR, 0, 45)
    street = Street(stands(CAR), passes(beside, 10), returns(beside, 20))
    assert Road().show(0, 32, street).the_stay().passed_by == 2


def test_one_who_stood_there_before_is_not_beside_those_who_show_their_side() -> None:
    street = Street(stands(CAR), *(drives_across(start_s) for start_s in (6, 14, 22)))
    road = Road().show(0, 32, street)
    assert road.the_stay().passed_by == 0
    flow = road.around(CAR).flow
    assert (flow.in_line, flow.beside) == (None, 0)


@pytest.mark.parametrize(("width_px", "passed_by"), [(52, 2), (32, 2), (60, 0), (26, 0)])
def test_one_who_stood_there_before_is_passed_by_those_of_about_its_form(
    width_px: float, passed_by: int
) -> None:
    other: Box = (140.0, 145.0, 140.0 + width_px, 175.0)
    street = Street(stands(CAR), passes(other, 6), passes(other, 16))
    assert Road().show(0, 28, street).the_stay().passed_by == passed_by


def test_the_form_of_others_says_nothing_where_it_is_known_which_way_one_is_bound() -> None:
    street = [drives_across(start_s) for start_s in (10, 20)]
    arrived = Road().show(0, 32, Street(arrives(CAR), *street))
    in_lane = Road(a_lane(1, 0)).show(0, 32, Street(stands(CAR), *street))
    assert [road.the_stay().passed_by for road in (arrived, in_lane)] == [2, 2]


def test_a_vehicle_that_was_hidden_did_not_drive_over_its_own_place() -> None:
    street = Street(way(CAR, (0, -140), (4, 0)))
    road = Road().show(0, 12, street)
    for t in times(12, 20):
        road.see(street.frame(t), [])
    assert road.show(20, 30, street).around(CAR).flow.over == pytest.approx(0, abs=1e-3)
    assert road.surroundings.flow_counts().max() == pytest.approx(0, abs=1e-3)


def test_a_marked_lane_tells_which_way_one_that_stood_there_before_is_bound() -> None:
    beside = moved(CAR, 0, 45)
    street = Street(stands(CAR), passes(beside, 10), passes(beside, 20), returns(beside, 30))
    to_the_right = Road(a_lane(1, 0)).show(0, 42, street)
    to_the_left = Road(a_lane(-1, 0)).show(0, 42, street)
    assert to_the_right.the_stay().passed_by == 2
    assert to_the_left.the_stay().passed_by == 1
    assert to_the_right.the_stay().heading is None


def test_who_passed_before_it_came_did_not_pass_it() -> None:
    beside = moved(CAR, 0, 45)
    street = Street(arrives(CAR, 20), passes(beside, 0), passes(beside, 8))
    assert Road().show(0, 34, street).the_stay().passed_by == 0


@pytest.mark.parametrize(
    ("other", "is_alone"),
    [
        (stands(moved(CAR, 70, 0)), False),
        (stands(moved(CAR, 0, 45)), False),
        (stands(moved(CAR, -110, 0)), True),
        (passes(moved(CAR, 0, 45), 4), True),
    ],
    ids=["in its row", "in the next lane", "far off", "drives by"],
)
def test_one_is_alone_while_nobody_stands_close_by(other: Way, is_alone: bool) -> None:
    road = Road().show(0, 9, Street(stands(CAR), other))
    assert road.around(CAR).is_alone is is_alone


def test_those_ahead_are_the_row_before_it_nearest_first() -> None:
    last: Box = (80.0, 100.0, 120.0, 130.0)
    row = [moved(last, dx, 0) for dx in (50, 110, 160)]
    others = [moved(last, 35, 45), moved(last, 90, -45), moved(last, -55, 0)]
    street = Street(arrives(last), *(stands(box) for box in (*row, *others)))
    road = Road().show(0, 14, street)
    assert road.row_before(last) == [box[0] for box in row]
    assert road.around(row[1]).ahead_px is None


def test_a_row_ends_where_there_is_room_for_another_vehicle_or_two() -> None:
    last: Box = (80.0, 100.0, 120.0, 130.0)
    row = [moved(last, dx, 0) for dx in (50, 200)]
    road = Road().show(0, 14, Street(arrives(last), *(stands(box) for box in row)))
    assert len(road.row_before(last)) == 1


def test_the_row_before_it_is_known_by_its_marked_lane_too() -> None:
    last: Box = (20.0, 100.0, 60.0, 130.0)
    street = Street(*(stands(moved(last, dx, 0)) for dx in (0, 50, 100)))
    assert len(Road(a_lane(1, 0)).show(0, 9, street).row_before(last)) == 2
    assert Road(a_lane(-1, 0)).show(0, 9, street).row_before(last) == []


def test_a_place_of_the_kerb_lane_is_beside_traffic_and_a_queue_is_not() -> None:
    lane = moved(KERB, 0, 45)
    street = Street(
        stands(KERB),
        arrives(lane, 24),
        *(passes(lane, start_s) for start_s in (0, 8, 16)),
    )
    road = Road().show(0, 40, street)
    at_kerb, in_lane = road.around(KERB).flow, road.around(lane).flow
    assert (at_kerb.over, at_kerb.in_line) == (0, 0)
    assert at_kerb.beside == pytest.approx(in_lane.over, abs=1.1)
    assert in_lane.over == pytest.approx(3, abs=0.1)


def test_nobody_drove_over_its_place_who_came_to_it_or_left_it() -> None:
    road = Road().show(0, 12, Street(arrives(CAR))).lose_tracks()
    assert road.show(12, 14, Street(stands(CAR))).around(CAR).flow.over == 0
    road.book.amend(replace(road.the_stay(), zone_id="kerb"))
    road.show(14, 15, Street(stands(CAR))).lose_tracks()
    leaves = way(CAR, (16, 0), (22, 240))
    assert road.show(15, 30, Street(leaves)).departures
    road.show(30, 34, Street(arrives(CAR, 30))).lose_tracks()
    over = road.show(34, 44, Street(stands(CAR))).around(CAR).flow.over
    assert over == pytest.approx(0, abs=1e-3)


def test_it_is_known_how_one_came_whose_track_was_lost_as_it_came_to_rest() -> None:
    road = Road().show(0, 4, Street(arrives(CAR))).lose_tracks()
    heading = road.show(4, 14, Street(stands(CAR))).the_stay().heading
    assert heading == pytest.approx([1, 0], abs=0.05)


def test_how_many_others_drove_the_way_by_which_it_came() -> None:
    in_lane, aside = way(CAR, (20, -140), (24, 0)), way(CAR, (23, 0), (24, -40))

    def pulls_over(t: float) -> Box:
        return moved(in_lane(t), 0, aside(t)[0] - CAR[0])

    lane = [passes(CAR, start_s) for start_s in (0, 8)]
    pulled_over = Road().show(0, 40, Street(pulls_over, *lane))
    assert pulled_over.around(KERB).flow.on_its_way == pytest.approx(2, abs=0.1)
    straight = Road().show(0, 14, Street(arrives(CAR), passes(moved(CAR, 0, 45), 0)))
    assert straight.around(CAR).flow.on_its_way == 0
    stood = Road().show(0, 14, Street(stands(CAR), passes(moved(CAR, 0, 45), 0)))
    assert stood.around(CAR).flow.on_its_way is None


def test_whether_those_before_it_stand_where_others_drive() -> None:
    last: Box = (80.0, 100.0, 120.0, 130.0)
    first = moved(last, 50, 0)
    lane = [passes(last, start_s) for start_s in (0, 8)]
    queue = Street(arrives(last, 24), arrives(first, 20), *lane)
    assert Road().show(0, 40, queue).around(last).flow.ahead == pytest.approx(3, abs=0.1)
    row = Street(arrives(last), stands(first))
    assert Road().show(0, 14, row).around(last).flow.ahead == 0


def test_a_situation_is_looked_at_again_after_a_second() -> None:
    road = Road().show(0, 9, Street(stands(CAR)))
    stay = road.the_stay()
    first = road.surroundings.of(stay, road.book, at(9))
    road.show(9, 15, Street(stands(CAR), stands(moved(CAR, 60, 0))))
    assert road.surroundings.of(stay, road.book, at(9.9)) is first
    assert first.is_alone
    assert not road.surroundings.of(stay, road.book, at(15)).is_alone


def test_what_is_known_of_a_stay_that_goes_on_after_a_restart_is_kept() -> None:
    beside = moved(CAR, 0, 45)
    street = Street(arrives(CAR), passes(beside, 10), passes(beside, 30))
    before = Road().show(0, 20, street)
    after = Road()
    after.book = before.restart().book
    after.surroundings = Surroundings(FlowMap(WIDTH, HEIGHT, before.surroundings.flow_counts()))
    stay = after.show(22, 42, street).the_stay()
    assert stay.passed_by == 2
    assert stay.heading is before.the_stay().heading
    assert stay.episode_id == before.the_stay().episode_id
