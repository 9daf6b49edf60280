"""Who stands in the place: the same vehicle again, or another one after it."""

from datetime import timedelta

import pytest

from pipeline.events import DepartureKind
from tests.detector.builders import CAR_BOX, WIDTH, Box, a_frame, at, moved, times
from tests.detector.watch import Watch, always

OURS, OTHER, TRUCK = 2, 77, 5
TRUCK_BOX: Box = (60.0, 60.0, 240.0, 160.0)


def show(watch: Watch, t: float, cars: dict[int, Box], *, unseen: int | None = None) -> None:
    """A frame with cars by their coats; the network sees all but `unseen`."""
    there = {coat: box for coat, box in cars.items() if box[0] < WIDTH}
    frame = a_frame(t, list(there.values()), coats=list(there))
    watch.see(frame, [box for coat, box in there.items() if coat != unseen])


def a_reported_stay() -> Watch:
    watch = Watch().run(-3, 0, always()).run(0, 20, always(CAR_BOX))
    watch.report()
    return watch


@pytest.mark.parametrize("gap_s", [0.0, 0.5, 1.5, 3.0])
@pytest.mark.parametrize("speed_px", [10, 30, 60])
@pytest.mark.parametrize("follower", [OTHER, 3])
def test_the_next_in_a_queue_that_moves_up_has_a_stay_of_its_own(
    gap_s: float, speed_px: float, follower: int
) -> None:
    watch = a_reported_stay()
    ours = watch.the_stay()
    for t in times(20, 45):
        first = moved(CAR_BOX, speed_px * (t - 20), 0)
        second = moved(CAR_BOX, min(0.0, -80 + speed_px * max(0.0, t - 20 - gap_s)), 0)
        show(watch, t, {OURS: first, follower: second})
        assert t < 30 or ours.episode_id not in {one.episode_id for one in watch.book.stays}
    (departure,) = (one for one in watch.departures if one.stay.episode_id == ours.episode_id)
    assert departure.kind is DepartureKind.DROVE_OFF
    assert departure.stay.last_seen_at < at(20) + timedelta(seconds=40 / speed_px)
    assert len(watch.book.in_place_now()) == 1


def test_a_twin_that_rolls_into_the_place_behind_it_has_a_stay_of_its_own() -> None:
    watch = a_reported_stay()
    ours = watch.the_stay()
    for t in times(20, 40):
        first = moved(CAR_BOX, 30 * (t - 20), 0)
        second = moved(CAR_BOX, min(0.0, -80 + 30 * (t - 20)), 0)
        there = [box for box in (first, second) if box[0] < WIDTH]
        watch.see(a_frame(t, there), there)
    assert [one.stay.episode_id for one in watch.departures] == [ours.episode_id]
    assert [one.episode_id == ours.episode_id for one in watch.book.in_place_now()] == [False]


@pytest.mark.parametrize("gap_s", [5, 180, 500])
def test_another_vehicle_in_the_place_after_a_gap_is_not_the_same_stay(gap_s: float) -> None:
    watch = a_reported_stay()
    ours = watch.the_stay()
    for t in times(20 + gap_s, 40 + gap_s):
        show(watch, t, {OTHER: moved(CAR_BOX, 3, 0)})
    (in_place,) = watch.book.in_place_now()
    assert in_place.episode_id != ours.episode_id
    assert watch.departures == []


@pytest.mark.parametrize("gap_s", [5, 180, 500])
def test_the_same_vehicle_after_a_gap_is_the_same_stay(gap_s: float) -> None:
    watch = a_reported_stay()
    watch.run(20 + gap_s, 40 + gap_s, always(moved(CAR_BOX, 2, 1)), truth=always(CAR_BOX))
    assert len(watch.opened) == 1
    assert len(watch.book.in_place_now()) == 1


def test_another_vehicle_behind_one_that_hid_the_place_is_not_the_same_stay() -> None:
    watch = a_reported_stay()
    ours = watch.the_stay()
    for t in times(20, 60):
        show(watch, t, {TRUCK: TRUCK_BOX})
    for t in times(60, 80):
        show(watch, t, {OTHER: CAR_BOX})
    assert ours.episode_id not in {one.episode_id for one in watch.book.in_place_now()}


def test_a_vehicle_hidden_for_a_minute_by_one_that_stands_before_it_is_the_same_stay() -> None:
    before: Box = (98.0, 104.0, 162.0, 146.0)

    def passing(t: float) -> Box:
        return moved(before, 30 * min(0.0, t - 25) + 30 * max(0.0, t - 80), 0)

    watch = a_reported_stay()
    ours = watch.the_stay()
    for t in times(20, 95):
        is_hidden = abs(passing(t)[0] - before[0]) < 40
        show(watch, t, {OURS: CAR_BOX, OTHER: passing(t)}, unseen=OURS if is_hidden else None)
        in_place = {one.episode_id for one in watch.book.in_place_now()}
        assert not 26 < t < 80 or ours.episode_id not in in_place
    assert ours.episode_id in {one.episode_id for one in watch.book.in_place_now()}
    assert ours.episode_id not in {one.stay.episode_id for one in watch.departures}


def test_a_departure_is_seen_late_when_the_one_that_took_the_place_leaves_too() -> None:
    watch = a_reported_stay()
    ours = watch.the_stay()
    for t in times(200, 220):
        show(watch, t, {OTHER: CAR_BOX})
    for t in times(220, 230):
        show(watch, t, {})
    (departure,) = (one for one in watch.departures if one.stay.episode_id == ours.episode_id)
    assert departure.stay.last_seen_at < at(20)


def test_a_track_that_slips_to_a_passing_vehicle_takes_no_stay_with_it() -> None:
    watch = Watch()
    for t in times(0, 20):
        watch.see_tracks(a_frame(t, [CAR_BOX]), {1: CAR_BOX})
    ours = watch.report()
    for t in times(20, 30):
        passing = moved(CAR_BOX, -45 + 25 * (t - 20), 15)
        boxes = {1: passing} if t < 23 else {1: passing, 3: CAR_BOX}
        frame = a_frame(t, [CAR_BOX, passing], coats=[OURS, OTHER])
        watch.see_tracks(frame, {i: box for i, box in boxes.items() if box[0] < WIDTH})
    assert watch.departures == []
    assert watch.the_stay().episode_id == ours.episode_id
    assert len(watch.book.in_place_now()) == 1


def test_what_stands_before_a_vehicle_for_seconds_does_not_become_its_look() -> None:
    post: Box = (120.0, 90.0, 150.0, 150.0)
    watch = a_reported_stay()
    for t in times(20, 26):
        show(watch, t, {OURS: CAR_BOX, OTHER: post}, unseen=OTHER)
    watch.run(26, 32, always(), truth=always(CAR_BOX)).run(32, 45, always(CAR_BOX))
    assert len(watch.opened) == 1
    assert watch.departures == []


def test_a_look_that_has_changed_for_good_is_learnt() -> None:
    post: Box = (120.0, 90.0, 150.0, 150.0)
    watch = a_reported_stay()
    for t in times(20, 60):
        show(watch, t, {OURS: CAR_BOX, OTHER: post}, unseen=OTHER)
    for t in times(90, 100):
        show(watch, t, {OURS: CAR_BOX, OTHER: post}, unseen=OTHER)
    assert len(watch.opened) == 1
    assert len(watch.book.in_place_now()) == 1


def test_a_driver_who_comes_back_to_the_place_is_a_new_stay() -> None:
    watch = a_reported_stay()
    ours = watch.the_stay()

    def away_and_back(t: float) -> list[Box]:
        return [moved(CAR_BOX, 20 * min(t - 20, 7.0, max(0.0, 37 - t)), 0)]

    watch.run(20, 50, away_and_back)
    assert [one.stay.episode_id for one in watch.departures] == [ours.episode_id]
    assert watch.the_stay().episode_id != ours.episode_id


def test_one_unseen_for_a_moment_is_no_other_for_something_unseen_before_it() -> None:
    hides: Box = (100.0, 90.0, 150.0, 150.0)
    watch = Watch()
    for t in times(0, 20):
        watch.see_tracks(a_frame(t, [CAR_BOX]), {1: CAR_BOX})
    ours = watch.report()
    for t in times(23, 40):
        watch.see_tracks(a_frame(t, [CAR_BOX, hides], coats=[OURS, OTHER]), {9: CAR_BOX})
    assert [one.episode_id for one in watch.book.stays] == [ours.episode_id]


def test_what_comes_bit_by_bit_before_a_vehicle_does_not_become_its_look() -> None:
    post: Box = (125.0, 90.0, 160.0, 150.0)
    watch = Watch()
    for t in times(0, 20):
        show(watch, t, {OURS: CAR_BOX, OTHER: post}, unseen=OTHER)
    watch.report()
    watch.run(20, 36, always(CAR_BOX))
    for t in times(36, 48):
        hides = moved((40.0, 90.0, 100.0, 150.0), min(4.0 * (t - 36), 45.0), 0)
        show(watch, t, {OURS: CAR_BOX, OTHER: hides}, unseen=OTHER)
    watch.run(48, 56, always(), truth=always(CAR_BOX)).run(56, 70, always(CAR_BOX))
    assert len(watch.opened) == 1
    assert len(watch.book.in_place_now()) == 1
