from datetime import timedelta

import numpy as np
import pytest

from detector.geometry import FloatArray
from detector.sources import Frame
from pipeline.events import DepartureKind, VehicleClass
from tests.detector.builders import (
    CAR_BOX,
    FPS,
    Box,
    a_frame,
    a_picture,
    at,
    detections,
    jitter,
    moved,
    times,
)
from tests.detector.watch import WHOLE_PICTURE, Watch, always


@pytest.mark.parametrize("speed_px", [3, 12])
def test_a_vehicle_at_rest_is_one_stay_whose_time_counts_from_when_it_stopped(
    speed_px: float,
) -> None:
    def approach(t: float) -> list[Box]:
        return [moved(CAR_BOX, -speed_px * max(0.0, 10 - t), 0)]

    stay = Watch().run(2, 30, approach).the_stay()
    assert (stay.stood_since_at - at(0)).total_seconds() == pytest.approx(10, abs=0.4)
    assert stay.observed_s == pytest.approx(19.8, abs=0.4)


@pytest.mark.parametrize("size_px", [20, 60, 150])
@pytest.mark.parametrize("seed", range(3))
def test_a_jittering_box_rests(size_px: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = (80.0, 60.0, 80.0 + size_px, 60.0 + size_px)
    sigma_px = min(2.0, 0.07 * size_px)
    watch = Watch().run(0, 40, lambda _: jitter([box], rng, sigma_px), truth=always(box))
    assert watch.longest_s > 25


@pytest.mark.parametrize("size_px", [20, 60, 150])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("speed_ratio", [0.05, 0.1, 0.5])
def test_a_rolling_vehicle_does_not_rest(size_px: int, seed: int, speed_ratio: float) -> None:
    rng = np.random.default_rng(seed)
    box = (30.0, 20.0, 30.0 + size_px, 20.0 + size_px)
    sigma_px = min(1.0, 0.03 * size_px)

    def rolling(t: float) -> list[Box]:
        return jitter([moved(box, speed_ratio * size_px * t, 0)], rng, sigma_px)

    watch = Watch().run(0, 25, rolling, truth=always())
    assert watch.longest_s < 5


def test_a_vehicle_that_comes_straight_nearer_does_not_rest() -> None:
    def nearing(t: float) -> list[Box]:
        # 1.5 m/s from 40 m on; the point it comes from lies at (130, 40).
        zoom = 40 / (40 - 1.5 * t)
        return [(130 - 20 * zoom, 40 + 30 * zoom, 130 + 20 * zoom, 40 + 60 * zoom)]

    assert Watch().run(0, 18, nearing, truth=always()).longest_s < 5


def test_a_vehicle_hidden_in_part_stays_at_rest() -> None:
    def half_hidden(t: float) -> list[Box]:
        x1, y1, x2, y2 = CAR_BOX
        return [(x1, y1, x2 - (22 if int(t) % 4 < 2 else 0), y2)]

    assert Watch().run(0, 20, half_hidden, truth=always(CAR_BOX)).longest_s > 14


def test_only_time_in_which_it_was_seen_counts() -> None:
    def hidden_for_10_s(t: float) -> list[Box]:
        return [] if 10 <= t < 20 else [CAR_BOX]

    watch = Watch().run(0, 30, hidden_for_10_s, truth=always(CAR_BOX))
    assert watch.the_stay().observed_s == pytest.approx(19.4, abs=0.5)


def test_misses_and_new_track_ids_do_not_make_a_new_stay() -> None:
    def flickering(t: float) -> list[Box]:
        return [CAR_BOX] if int(t) % 7 < 4 else []

    watch = Watch().run(0, 60, flickering, truth=always(CAR_BOX))
    assert len(watch.opened) == 1
    assert watch.departures == []


def test_the_network_missing_a_parked_vehicle_for_minutes_is_no_departure() -> None:
    watch = Watch().run(0, 20, always(CAR_BOX))
    watch.report()
    watch.run(20, 200, always(), truth=always(CAR_BOX))
    assert watch.departures == []
    assert len(watch.run(200, 210, always(CAR_BOX)).opened) == 1


def test_driving_off_is_a_departure_with_the_time_it_was_last_in_place() -> None:
    watch = Watch().run(0, 20, always(CAR_BOX))
    stay = watch.report()
    watch.run(20, 30, lambda t: [moved(CAR_BOX, 15 * (t - 20), 0)])
    (departure,) = watch.departures
    assert departure.kind is DepartureKind.DROVE_OFF
    assert departure.stay.episode_id == stay.episode_id
    assert abs(departure.stay.last_seen_at - at(20)) < timedelta(seconds=3)
    assert watch.book.stays == () or watch.the_stay().episode_id != stay.episode_id


@pytest.mark.parametrize(
    ("seen_empty_from_s", "empty_for_s"), [(-3, 4), (0, 60)], ids=["street known", "never seen"]
)
def test_a_place_that_looks_empty_long_enough_is_a_departure(
    seen_empty_from_s: float, empty_for_s: float
) -> None:
    watch = Watch().run(seen_empty_from_s, 0, always()).run(0, 20, always(CAR_BOX))
    watch.report()
    watch.run(20, 20 + empty_for_s, always())
    assert watch.departures == []
    watch.run(20 + empty_for_s, 22 + empty_for_s, always())
    assert [one.kind for one in watch.departures] == [DepartureKind.PLACE_EMPTY]


def test_something_unseen_that_stands_before_the_place_is_no_departure() -> None:
    booth: Box = (96.0, 102.0, 164.0, 144.0)
    watch = Watch().run(-3, 0, always()).run(0, 20, always(CAR_BOX))
    ours = watch.report()
    for t in times(20, 50):
        watch.see(a_frame(t, [CAR_BOX, booth], coats=[2, 77]), [])
    watch.run(50, 60, always(CAR_BOX))
    assert watch.departures == []
    assert watch.the_stay().episode_id == ours.episode_id
    assert watch.the_stay().observed_s == pytest.approx(29.6, abs=0.5)


def test_a_vehicle_that_left_behind_something_unseen_is_gone_once_the_street_shows() -> None:
    booth: Box = (96.0, 102.0, 164.0, 144.0)
    watch = Watch().run(-3, 0, always()).run(0, 20, always(CAR_BOX))
    ours = watch.report()
    for t in times(20, 50):
        watch.see(a_frame(t, [booth], coats=[77]), [])
    watch.run(50, 56, always())
    (departure,) = watch.departures
    assert departure.stay.episode_id == ours.episode_id
    assert departure.stay.last_seen_at < at(20)


def test_another_vehicle_before_the_place_is_no_departure() -> None:
    bus = (70.0, 70.0, 220.0, 170.0)
    watch = Watch().run(0, 20, always(CAR_BOX))
    watch.report()
    watch.run(20, 60, always(bus), truth=always(CAR_BOX, bus))
    assert watch.departures == []


def test_unseen_things_that_pass_before_the_place_are_no_departure() -> None:
    watch = Watch().run(0, 20, always(CAR_BOX))
    watch.report()

    def passing(t: float) -> list[Box]:
        return [CAR_BOX, moved((0.0, 80.0, 240.0, 160.0), 20 * (t - 24), 0)]

    watch.run(20, 32, always(), truth=lambda t: passing(t) if t < 29 else [CAR_BOX])
    assert watch.departures == []


def test_a_gap_in_the_stream_is_no_departure() -> None:
    watch = Watch().run(0, 20, always(CAR_BOX))
    watch.report()
    watch.run(300, 303, always())
    assert watch.departures == []


@pytest.mark.parametrize("level", [0, 255], ids=["black", "dazzled"])
def test_a_picture_that_shows_nothing_is_no_departure(level: int) -> None:
    watch = Watch().run(0, 20, always(CAR_BOX))
    watch.report()
    for t in times(20, 60):
        nothing = np.full_like(a_picture(), level)
        watch.see(Frame(camera_id="cam-1", image=nothing, captured_at=at(t)), [])
    assert watch.departures == []


def test_a_stay_goes_on_after_a_restart() -> None:
    before = Watch().run(0, 20, always(CAR_BOX))
    stay = before.report()
    after = before.restart().run(40, 60, always(CAR_BOX))
    assert after.the_stay().episode_id == stay.episode_id
    assert after.the_stay().observed_s == pytest.approx(stay.observed_s + 19.8, abs=0.5)


def test_a_vehicle_that_left_during_a_restart_is_seen_to_be_gone() -> None:
    before = Watch().run(0, 20, always(CAR_BOX))
    stay = before.report()
    after = before.restart().run(40, 102, always())
    assert [one.stay.episode_id for one in after.departures] == [stay.episode_id]


def test_an_unreported_vehicle_that_rolls_on_is_no_stay_any_more() -> None:
    watch = Watch().run(0, 8, always(CAR_BOX))
    watch.run(8, 30, lambda t: [moved(CAR_BOX, 3 * (t - 8), 0)], truth=always())
    assert watch.longest_s < 11.5
    assert watch.book.stays == ()


def test_a_reported_vehicle_that_rolls_up_a_little_keeps_its_episode() -> None:
    watch = Watch().run(0, 20, always(CAR_BOX))
    stay = watch.report()
    watch.run(20, 50, lambda t: [moved(CAR_BOX, min(30.0, 10 * (t - 20)), 0)])
    assert watch.departures == []
    assert watch.the_stay().episode_id == stay.episode_id
    assert watch.the_stay().moved_ratio > 0.4


def test_a_box_within_a_parked_vehicles_box_is_no_second_stay() -> None:
    double = (100.0, 112.0, 135.0, 142.0)
    watch = Watch().run(0, 10, always(CAR_BOX)).run(10, 30, always(CAR_BOX, double))
    assert len(watch.opened) == 1


def test_two_vehicles_side_by_side_are_two_stays() -> None:
    watch = Watch().run(0, 20, always(CAR_BOX, moved(CAR_BOX, 65, 0)))
    assert len(watch.book.stays) == 2


def test_a_vehicle_outside_every_watched_polygon_is_no_stay() -> None:
    watch = Watch()
    corner: FloatArray = np.array([[0, 0], [40, 0], [40, 40], [0, 40]], dtype=np.float64)
    for t in times(0, 10):
        tracked = watch.tracker.update(detections([CAR_BOX]), at(t))
        watch.book.update(a_frame(t, [CAR_BOX]), tracked, watched_px=[corner])
    assert watch.book.stays == ()


def test_after_a_long_time_unseen_a_vehicle_that_looks_different_is_a_new_stay() -> None:
    before = Watch().run(0, 20, always(CAR_BOX))
    stay = before.report()
    other = (104.0, 102.0, 164.0, 142.0)
    after = before.restart()
    for t in times(2000, 2010):
        image = a_picture()
        image[102:142, 104:164] = 255 - a_picture([other])[102:142, 104:164]
        after.see(Frame(camera_id="cam-1", image=image, captured_at=at(t)), [other])
    assert after.departures == []
    assert after.the_stay().episode_id != stay.episode_id


def test_the_class_of_a_vehicle_is_the_one_it_was_mostly_seen_as() -> None:
    watch = Watch()
    for t in times(0, 8):
        kind = VehicleClass.TRUCK if round(t * FPS) % 4 == 0 else VehicleClass.CAR
        tracked = watch.tracker.update(detections([CAR_BOX], kind=kind), at(t))
        watch.book.update(a_frame(t, [CAR_BOX]), tracked, watched_px=[WHOLE_PICTURE])
    assert watch.the_stay().vehicle_class is VehicleClass.CAR


def test_what_shows_of_a_vehicle_behind_a_nearer_one_is_no_second_stay() -> None:
    x1, y1, x2, y2 = CAR_BOX
    upper_part: Box = (x1, y1, x2, y1 + 0.45 * (y2 - y1))
    nearer: Box = (x1 - 10, y1 + 0.45 * (y2 - y1), x2 + 10, y2 + 40)
    watch = Watch().run(0, 10, always(CAR_BOX))
    (ours,) = watch.book.stays
    watch.run(10, 11, always(nearer), truth=always(CAR_BOX, nearer))
    watch.run(11, 30, always(upper_part, nearer), truth=always(CAR_BOX, nearer))
    places = [stay.place_px for stay in watch.book.stays if stay.episode_id != ours.episode_id]
    assert all(place[3] > y2 for place in places)
    assert ours.episode_id in {stay.episode_id for stay in watch.book.stays}


def test_what_shows_of_a_vehicle_whose_wheels_are_hidden_is_no_second_stay() -> None:
    x1, y1, x2, y2 = CAR_BOX
    upper_half: Box = (x1, y1 - 20, x2, y2 - 14)
    nearer: Box = (x1 - 10, y2 - 14, x2 + 10, y2 + 48)
    watch = Watch()
    for t in times(0, 20):
        watch.see_tracks(a_frame(t, [CAR_BOX]), {1: CAR_BOX})
    ours = watch.report()
    for t in times(26, 40):
        watch.see_tracks(a_frame(t, [CAR_BOX, nearer], coats=[2, 5]), {8: upper_half, 9: nearer})
    others = [one for one in watch.book.stays if one.episode_id != ours.episode_id]
    assert [one.place_px.tolist() for one in others] == [list(nearer)]
