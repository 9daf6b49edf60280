from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.events import (
    PlateStatus,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
)
from tests.detector.bench import Bench, leaves_at_40, stands
from tests.detector.builders import (
    CAR_BOX,
    WIDE_BOX,
    Box,
    ToldPlateReader,
    a_camera,
    a_frame,
    at,
    moved,
    times,
)


def test_a_vehicle_that_stands_for_the_dwell_is_suspected_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 60)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.observed_s == pytest.approx(10, abs=0.5)
    assert abs((suspected.captured_at - at(10)).total_seconds()) < 1
    assert suspected.zone_id == "kerb"
    assert suspected.box == pytest.approx((100 / 320, 100 / 240, 160 / 320, 140 / 240), abs=1e-4)
    assert suspected.model_version == "told@000000000000"


def test_a_vehicle_that_stands_less_than_the_dwell_is_not_suspected(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda t: [CAR_BOX] if t < 9 else []).run(0, 30)
    assert bench.said(ViolationSuspected) == []
    assert bench.said(VehicleDeparted) == []


def test_the_pictures_are_stored_and_the_drawing_is_a_copy(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 15)
    (suspected,) = bench.said(ViolationSuspected)
    originals = [suspected.panorama, suspected.crop]
    assert [ref.derived_from for ref in originals] == [None, None]
    assert suspected.drawn.derived_from == suspected.panorama.sha256
    for ref in (*originals, suspected.drawn):
        assert bench.store.get(ref).startswith(b"\xff\xd8")
        assert ref.captured_at == suspected.captured_at
    assert len({ref.sha256 for ref in (*originals, suspected.drawn)}) == 3


def test_sightings_come_at_the_zones_pace_each_with_a_fresh_panorama(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 75)
    sightings = bench.said(ViolationOngoing)
    gaps = [
        (later.captured_at - earlier.captured_at).total_seconds()
        for earlier, later in pairwise(sightings)
    ]
    assert len(sightings) == 3
    assert gaps == pytest.approx([20, 20], abs=0.3)
    assert all(one.panorama.captured_at == one.captured_at for one in sightings)


def test_no_sighting_while_the_vehicle_is_not_seen(tmp_path: Path) -> None:
    def missed(t: float) -> Sequence[Box]:
        return [CAR_BOX] if t < 15 else []

    bench = Bench(tmp_path, missed)
    for t in times(0, 90):
        bench.loop.step(a_frame(t, [CAR_BOX]))
    assert len(bench.said(ViolationSuspected)) == 1
    assert bench.said(ViolationOngoing) == []
    assert bench.said(VehicleDeparted) == []


def test_a_sighting_waits_for_a_picture_that_shows_the_vehicle_itself(tmp_path: Path) -> None:
    hides = moved(CAR_BOX, 8, 4)
    bench = Bench(tmp_path, stands).run(-3, 25)
    bench.run(25, 33, lambda t: a_frame(t, [CAR_BOX, hides], coats=[2, 77])).run(33, 40)
    (sighting,) = bench.said(ViolationOngoing)
    assert sighting.captured_at == at(33)


def test_the_departure_carries_the_same_episode(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40).run(-3, 60)
    (suspected,) = bench.said(ViolationSuspected)
    (departed,) = bench.said(VehicleDeparted)
    assert departed.episode_id == suspected.episode_id
    assert abs((departed.left_at - at(40)).total_seconds()) < 1
    assert departed.captured_at > departed.left_at


def test_a_class_that_the_zone_lets_stand_is_not_suspected(tmp_path: Path) -> None:
    zone = a_camera().zones[0].model_dump() | {"vehicle_classes": ["bus"]}
    bench = Bench(tmp_path, stands, a_camera(zones=[zone])).run(0, 30)
    assert bench.said(ViolationSuspected) == []


def test_plates_are_read_until_they_agree_and_no_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader("鄂A12345", "TAXI", "鄂A·12345", "鄂A 12345", "鄂A99999")
    bench.restart().run(0, 60)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.plate.status is PlateStatus.AGREED
    assert suspected.plate.text == "鄂A12345"
    assert bench.reader.calls == 4


def test_plate_reads_that_differ_leave_the_plate_doubtful_at_a_bounded_cost(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader(*(f"鄂A1234{n % 5}" for n in range(100)))
    bench.restart().run(0, 60)
    assert bench.said(ViolationOngoing)[-1].plate.status is PlateStatus.DOUBTFUL
    assert bench.reader.calls < 15


def test_a_plate_that_shows_in_no_picture_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader(*["TAXI"] * 100)
    bench.restart().run(0, 400)
    assert bench.said(ViolationOngoing)[-1].plate.status is PlateStatus.UNREADABLE
    assert bench.reader.calls == 10


def test_another_plate_on_a_vehicle_found_again_is_another_episode(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader(*["鄂A12345"] * 3, *["鄂B99999"] * 100)
    bench.restart().run(0, 45)
    bench.loop.lost(at(45), "no answer")
    bench.run(245, 360)
    first, second = bench.said(ViolationSuspected)
    assert (first.plate.text, second.plate.text) == ("鄂A12345", "鄂B99999")
    assert second.plate.status is PlateStatus.AGREED
    later = [one for one in bench.said(ViolationOngoing) if one.captured_at > at(245)]
    assert {one.episode_id for one in later} == {second.episode_id}
    assert {one.plate.text for one in later} == {"鄂B99999"}
    assert bench.said(VehicleDeparted) == []


def test_one_misread_of_a_vehicle_found_again_is_no_other_vehicle(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader(*["鄂A12345"] * 3, "鄂A12346", *["鄂A12345"] * 100)
    bench.restart().run(0, 45).run(245, 330)
    (suspected,) = bench.said(ViolationSuspected)
    sightings = bench.said(ViolationOngoing)
    assert {one.episode_id for one in sightings} == {suspected.episode_id}
    assert {one.plate.text for one in sightings} == {"鄂A12345"}
    assert bench.reader.calls < 8


def test_a_plate_that_is_contradicted_before_the_suspicion_is_not_agreed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader(*["鄂A12345"] * 3, *["鄂B99999"] * 2)
    bench.restart().run(0, 7).run(12, 30)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.plate.status is PlateStatus.DOUBTFUL


def test_a_suspicion_waits_a_moment_for_a_plate_that_is_still_being_read(tmp_path: Path) -> None:
    zone = a_camera().zones[0].model_dump() | {"dwell_s": 4}
    bench = Bench(tmp_path, lambda _: [WIDE_BOX], a_camera(zones=[zone]))
    bench.reader = ToldPlateReader("鄂A12345", "鄂A12345", "鄂A12345")
    bench.restart().run(0, 8)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.plate.status is PlateStatus.AGREED
    assert (suspected.captured_at - at(4)).total_seconds() < 1.5


def test_no_plate_is_read_on_a_vehicle_too_small_to_show_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands)
    bench.run(0, 30)
    assert bench.reader.calls == 0
    assert bench.said(ViolationSuspected)[0].plate.status is PlateStatus.UNREADABLE


def test_an_episode_id_is_never_shared_by_two_vehicles(tmp_path: Path) -> None:
    second: Box = (180.0, 100.0, 240.0, 140.0)
    bench = Bench(tmp_path, lambda _: [CAR_BOX, second]).run(0, 30)
    episodes: list[UUID] = [one.episode_id for one in bench.said(ViolationSuspected)]
    assert len(set(episodes)) == 2
