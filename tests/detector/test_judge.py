"""What is reported from a whole street: who is parked, who waits, who may stand there."""

from collections.abc import Sequence
from datetime import time
from pathlib import Path

import numpy as np
import pytest

from detector.sources import Frame
from pipeline.events import (
    NotWaiting,
    PlateStatus,
    UnseenReason,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
)
from tests.detector.bench import Bench, stands
from tests.detector.builders import (
    CAR_BOX,
    WIDE_BOX,
    WIDTH,
    Box,
    Street,
    ToldPlateReader,
    Way,
    a_camera_with_zone,
    a_frame,
    at,
    moved,
    way,
)

LANE: Box = (0.0, 150.0, 40.0, 180.0)
KERB: Box = (140.0, 105.0, 180.0, 135.0)
ROADWAY = a_camera_with_zone(is_roadway=True)


def drives_by(start_s: float, lane: Box = LANE) -> Way:
    return way(lane, (start_s, -60), (start_s + 8, 340))


def queues(x_px: float, start_s: float, goes_at_s: float) -> Way:
    """Comes from the left, waits at the light, and drives off to the right."""
    comes_s = start_s + (x_px + 60) / 50
    return way(
        LANE, (start_s, -60), (comes_s, x_px), (goes_at_s, x_px), (goes_at_s + 8, x_px + 400)
    )


def seconds(event: ViolationSuspected | ViolationOngoing | VehicleDeparted) -> float:
    return (event.captured_at - at(0)).total_seconds()


def test_a_queue_at_a_light_is_silent_and_the_one_who_stays_is_reported(tmp_path: Path) -> None:
    lasts = way(LANE, (8, -60), (10, 40))
    street = Street(
        *(queues(260 - 55 * n, 2 * n, 60 + 2 * n) for n in range(4)),
        lasts,
    )
    bench = Bench(tmp_path, street, ROADWAY).run(0, 50, street.frame)
    waiting = bench.file().load()
    assert waiting is not None
    assert len(waiting.stays) == 5
    bench.run(50, 85, street.frame).run(85, 180, street.frame, fps=1)
    assert bench.said(ViolationSuspected) == []
    bench.run(180, 200, street.frame)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.box[0] == pytest.approx(40 / WIDTH, abs=0.01)
    assert suspected.standing is not None
    assert suspected.standing.basis is NotWaiting.OUTLASTED
    assert suspected.standing.is_arrival_seen
    assert suspected.observed_s == pytest.approx(180, abs=1)


def test_one_around_whom_the_others_drive_is_reported_where_nobody_may_stop(
    tmp_path: Path,
) -> None:
    around = [drives_by(start_s, moved(LANE, 0, -45)) for start_s in (40, 52)]
    street = Street(drives_by(0), drives_by(5), drives_by(10), queues(140, 16, 900), *around)
    bench = Bench(tmp_path, street, a_camera_with_zone()).run(0, 40, street.frame)
    assert bench.said(ViolationSuspected) == []
    bench.run(40, 62, street.frame)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.standing is not None
    assert suspected.standing.basis is NotWaiting.PASSED
    assert suspected.standing.passed_by == 2
    assert suspected.standing.drove_over == 3


def test_a_car_parked_beside_flowing_traffic_is_reported_with_its_numbers(tmp_path: Path) -> None:
    parks = way(KERB, (0, -140), (4, 0))
    street = Street(parks, *(drives_by(8 + 6 * n) for n in range(6)))
    bench = Bench(tmp_path, street, ROADWAY).run(0, 50, street.frame)
    (suspected,) = bench.said(ViolationSuspected)
    assert 33 < seconds(suspected) < 37
    assert suspected.standing is not None
    assert suspected.standing.basis is NotWaiting.BESIDE_TRAFFIC
    assert suspected.standing.passed_by >= 3
    assert suspected.standing.drove_over == 0
    assert suspected.standing.is_arrival_seen


@pytest.mark.parametrize(
    "traffic", [4, 2, 0], ids=["where vehicles drive", "where two drove", "where nobody drives"]
)
def test_cars_that_wait_at_a_kerb_where_vehicles_drive_are_silent(
    tmp_path: Path, traffic: int
) -> None:
    before = [drives_by(5 * n) for n in range(traffic)]
    street = Street(*before, queues(220, 24, 70), queues(160, 26, 72))
    bench = Bench(tmp_path, street, a_camera_with_zone()).run(0, 80, street.frame)
    bases = [one.standing and one.standing.basis for one in bench.said(ViolationSuspected)]
    assert bases == ([] if traffic else [NotWaiting.PLACE, NotWaiting.PLACE])


def test_where_vehicles_drive_is_known_until_the_document_has_another_view(tmp_path: Path) -> None:
    waits = queues(140, 44, 900)
    street = Street(*(drives_by(6 * n) for n in range(4)), waits)
    bench = Bench(tmp_path, street, a_camera_with_zone()).run(0, 42, street.frame)
    bench.restart().run(43, 70, street.frame)
    assert bench.said(ViolationSuspected) == []
    bench.camera = bench.camera.model_copy(update={"version": 2})
    bench.restart().run(70, 85, street.frame)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.standing is not None
    assert suspected.standing.basis is NotWaiting.PLACE


@pytest.mark.parametrize(
    ("texts", "is_suspected"),
    [
        (["鄂A12345"] * 3, False),
        (["鄂A12346"] * 3, True),
        ([], True),
        (["鄂A12345", "鄂A12346", "鄂A12345", "鄂B12345", "鄂A54321"] * 2, True),
    ],
    ids=["exempt", "another", "unread", "doubtful"],
)
def test_a_vehicle_is_exempt_only_when_its_plate_is_known_for_certain(
    tmp_path: Path, texts: Sequence[str], is_suspected: bool
) -> None:
    camera = a_camera_with_zone(exempt_plates=["鄂A·12345"])
    bench = Bench(tmp_path, lambda _: [WIDE_BOX], camera)
    bench.reader = ToldPlateReader(*texts)
    bench.restart().run(0, 40)
    assert len(bench.said(ViolationSuspected)) == is_suspected
    assert len(bench.said(ViolationOngoing)) == is_suspected


def test_a_plate_is_read_in_the_last_seconds_before_the_suspicion(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE_BOX])
    bench.reader = ToldPlateReader(*["鄂A12345"] * 30)
    bench.restart().run(0, 5.6)
    assert bench.reader.calls == 0
    bench.run(5.6, 9.6)
    assert bench.reader.calls > 0
    assert bench.said(ViolationSuspected) == []
    bench.run(9.6, 10.6)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.plate.status is PlateStatus.AGREED


def test_the_plate_of_one_who_stood_there_before_the_hours_is_known_when_they_begin(
    tmp_path: Path,
) -> None:
    hours = [{"begin": time(16, 0, 30), "end": time(17)}]
    for plate, expected in (("鄂A12345", []), ("鄂A54321", [PlateStatus.AGREED])):
        camera = a_camera_with_zone(exempt_plates=["鄂A12345"], hours=hours)
        bench = Bench(tmp_path / plate, lambda _: [WIDE_BOX], camera)
        bench.reader = ToldPlateReader(*[plate] * 30)
        bench.restart().run(0, 60)
        assert [one.plate.status for one in bench.said(ViolationSuspected)] == expected


@pytest.mark.parametrize(
    ("exempt_plate", "is_suspected"), [("鄂A12345", False), ("鄂A54321", True)]
)
def test_the_plate_of_one_who_stands_beside_traffic_is_read_before_it_is_suspected(
    tmp_path: Path, exempt_plate: str, is_suspected: bool
) -> None:
    far: Box = (0.0, 100.0, 60.0, 140.0)
    near: Box = (100.0, 140.0, 230.0, 210.0)
    drivers = (drives_by(start_s, far) for start_s in (10, 20, 30, 40, 50))
    street = Street(lambda _: near, *drivers)
    camera = a_camera_with_zone(is_roadway=True, exempt_plates=[exempt_plate])
    bench = Bench(tmp_path, street, camera)
    bench.reader = ToldPlateReader(*["鄂A12345"] * 30)
    bench.restart().run(0, 60, street.frame)
    told = [(one.plate.status, one.plate.text) for one in bench.said(ViolationSuspected)]
    assert told == [(PlateStatus.AGREED, "鄂A12345")] * is_suspected


def test_one_who_waits_as_the_process_begins_is_not_beside_the_traffic_across(
    tmp_path: Path,
) -> None:
    across: Box = (0.0, 150.0, 80.0, 180.0)
    street = Street(lambda _: KERB, *(drives_by(6 + 8 * n, across) for n in range(4)))
    bench = Bench(tmp_path, street, ROADWAY).run(0, 45, street.frame)
    assert bench.said(ViolationSuspected) == []


def test_outside_its_hours_a_zone_is_silent(tmp_path: Path) -> None:
    # The vehicle comes at 16:00 by the camera's clock.
    hours = [{"begin": time(16, 0, 30), "end": time(16, 1, 20)}]
    camera = a_camera_with_zone(hours=hours, sighting_every_s=15)
    bench = Bench(tmp_path, lambda t: [CAR_BOX] if 0 <= t < 110 else [], camera).run(-3, 120)
    (suspected,) = bench.said(ViolationSuspected)
    assert seconds(suspected) == pytest.approx(40, abs=0.3)
    assert suspected.observed_s == pytest.approx(40, abs=0.5)
    assert [seconds(one) for one in bench.said(ViolationOngoing)] == pytest.approx(
        [55, 70], abs=0.5
    )
    assert len(bench.said(VehicleDeparted)) == 1


def test_who_leaves_before_the_hours_begin_is_never_spoken_of(tmp_path: Path) -> None:
    camera = a_camera_with_zone(hours=[{"begin": time(16, 0, 30), "end": time(17)}])
    bench = Bench(tmp_path, lambda t: [CAR_BOX] if t < 25 else [], camera).run(0, 45)
    assert bench.said(ViolationSuspected) == []
    assert bench.said(VehicleDeparted) == []


def test_the_suspicion_lists_when_the_vehicle_was_not_seen_and_why(tmp_path: Path) -> None:
    lorry = way((70.0, 70.0, 220.0, 180.0), (18, -240), (19, 0), (23, 0), (24, 280))

    def seen(t: float) -> Sequence[Box]:
        if 18 <= t < 24:
            return [lorry(t)] if lorry(t)[2] > 0 and lorry(t)[0] < WIDTH else []
        return [] if 10 <= t < 14 else [CAR_BOX]

    def frame(t: float) -> Frame:
        if 28 <= t < 32:
            dark = a_frame(t).image // 100
            return Frame(camera_id="cam-1", image=dark.astype(np.uint8), captured_at=at(t))
        return a_frame(t, [CAR_BOX, lorry(t)], coats=[2, 77])

    camera = a_camera_with_zone(dwell_s=30)
    bench = Bench(tmp_path, seen, camera, rests_when_still=False).run(0, 42, frame)
    assert bench.said(ViolationSuspected) == []
    bench.run(54, 80, frame)
    (suspected,) = bench.said(ViolationSuspected)
    assert [gap.reason for gap in suspected.unseen] == [
        UnseenReason.MISSED,
        UnseenReason.HIDDEN,
        UnseenReason.IMPAIRED,
        UnseenReason.NO_PICTURE,
    ]
    unseen_s = sum((gap.until - gap.since).total_seconds() for gap in suspected.unseen)
    assert suspected.observed_s + unseen_s == pytest.approx(seconds(suspected), abs=0.5)
    assert suspected.observed_s == pytest.approx(30, abs=0.5)


def test_a_zone_taken_from_the_document_ends_the_sightings(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 15)
    bench.camera = a_camera_with_zone(zone_id="other")
    bench.restart().run(15, 60)
    assert len(bench.said(ViolationSuspected)) == 1
    assert bench.said(ViolationOngoing) == []
