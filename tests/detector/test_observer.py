"""A camera's eyes: what is not looked at, and what happens while nothing can be seen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from detector.sources import Frame
from pipeline.events import (
    CameraFault,
    CameraState,
    CameraStatus,
    UnseenReason,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
)
from tests.detector.bench import Bench, stands
from tests.detector.builders import (
    CAR_BOX,
    Box,
    a_camera,
    a_camera_with_zone,
    a_frame,
    at,
    moved,
)

SMALL_PLATES = CameraFault.PLATE_TOO_SMALL
ONLINE, IMPAIRED = CameraState.ONLINE, CameraState.IMPAIRED
SECOND: Box = (180.0, 100.0, 240.0, 140.0)


def faults(bench: Bench) -> list[tuple[CameraState, set[CameraFault]]]:
    """What was said of the camera, time after time, but for plates that are always small here."""
    said = ((one.state, {*one.faults} - {SMALL_PLATES}) for one in bench.said(CameraStatus))
    return [one for one, _ in groupby(said)]


def stands_still(t: float) -> Frame:
    """The same picture again and again; only its time goes on."""
    return replace(a_frame(0, [CAR_BOX]), captured_at=at(t))


def bumped(t: float) -> Frame:
    """The camera looks 60 pixels aside of where it did."""
    frame = a_frame(t, [CAR_BOX])
    return replace(frame, image=np.roll(frame.image, 60, axis=1))


def late(t: float) -> Frame:
    """The camera's clock is half a minute slow."""
    return replace(a_frame(t, [CAR_BOX]), received_at=at(t + 30))


def in_time(t: float) -> Frame:
    return replace(a_frame(t, [CAR_BOX]), received_at=at(t + 0.3))


def test_vehicles_in_a_mask_do_not_exist(tmp_path: Path) -> None:
    mask = {
        "mask_id": "yard",
        "name": {"zh": "院子", "en": "Yard"},
        "polygon": [[0.25, 0.5], [0.55, 0.5], [0.55, 0.65], [0.25, 0.65]],
    }
    bench = Bench(tmp_path, lambda _: [CAR_BOX, SECOND], a_camera(masks=[mask])).run(0, 20)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.box[0] == pytest.approx(180 / 320)
    assert bench.loop.scene is not None
    assert bench.loop.scene.detections.xyxy_px.tolist() == [list(SECOND)]


def test_a_vehicle_whose_box_only_reaches_into_a_mask_exists(tmp_path: Path) -> None:
    mask = {
        "mask_id": "screen",
        "name": {"zh": "屏幕", "en": "Screen"},
        "polygon": [[0.25, 0.2], [0.55, 0.2], [0.55, 0.5], [0.25, 0.5]],
    }
    bench = Bench(tmp_path, stands, a_camera(masks=[mask])).run(0, 15)
    assert len(bench.said(ViolationSuspected)) == 1


def test_time_under_a_frozen_picture_does_not_count(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 6).run(6, 30, stands_still)
    assert bench.loop.state is IMPAIRED
    assert bench.said(ViolationSuspected) == []
    bench.run(30, 45)
    assert faults(bench) == [(ONLINE, set()), (IMPAIRED, {CameraFault.FROZEN}), (ONLINE, set())]
    (suspected,) = bench.said(ViolationSuspected)
    (gap,) = suspected.unseen
    assert gap.reason is UnseenReason.IMPAIRED
    assert gap.until - gap.since > timedelta(seconds=23.9)
    assert suspected.observed_s == pytest.approx(10, abs=0.3)


def test_a_picture_that_freezes_is_told_within_seconds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 6).run(6, 12, stands_still)
    told = bench.said(CameraStatus)[-1]
    assert told.state is IMPAIRED
    assert at(6) < told.captured_at < at(10)


def test_there_is_no_sighting_and_no_departure_under_a_frozen_picture(tmp_path: Path) -> None:
    def leaves_unseen(t: float) -> Sequence[Box]:
        return [CAR_BOX] if 0 <= t < 15 else []

    bench = Bench(tmp_path, leaves_unseen).run(-3, 15).run(15, 60, stands_still)
    assert len(bench.said(ViolationSuspected)) == 1
    assert bench.said(ViolationOngoing) == []
    assert bench.said(VehicleDeparted) == []
    bench.run(60, 70)
    (departed,) = bench.said(VehicleDeparted)
    assert departed.left_at < at(15.1)
    assert departed.captured_at > at(60)


def test_nothing_is_concluded_from_a_moved_view_until_it_is_back(tmp_path: Path) -> None:
    seen = {"box": CAR_BOX}
    bench = Bench(tmp_path, lambda _: [seen["box"]], a_camera_with_zone(dwell_s=30)).run(0, 20)
    seen["box"] = moved(CAR_BOX, 60, 0)
    bench.run(20, 60, bumped)
    assert faults(bench)[-1] == (IMPAIRED, {CameraFault.VIEW_MOVED})
    assert bench.said(ViolationSuspected) == []
    seen["box"] = CAR_BOX
    bench.run(60, 95)
    assert faults(bench)[-1] == (ONLINE, set())
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.stood_since_at < at(2)
    assert UnseenReason.IMPAIRED in {gap.reason for gap in suspected.unseen}
    assert bench.said(VehicleDeparted) == []


def test_a_view_that_moved_while_the_process_was_down_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 15)
    bench.restart().run(20, 35, bumped)
    assert faults(bench)[-1] == (IMPAIRED, {CameraFault.VIEW_MOVED})
    assert bench.said(VehicleDeparted) == []


def test_a_new_version_of_the_document_is_drawn_on_a_view_of_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 15)
    bench.camera = a_camera(version=2)
    bench.script = lambda _: [moved(CAR_BOX, 60, 0)]
    bench.restart().run(20, 50, bumped)
    assert faults(bench) == [(ONLINE, set())]
    (first, second) = bench.said(ViolationSuspected)
    assert (first.zone_version, second.zone_version) == (1, 2)
    assert first.episode_id != second.episode_id


def test_a_wrong_clock_forbids_suspicions_but_not_to_see(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 30, late)
    assert faults(bench)[-1] == (ONLINE, {CameraFault.CLOCK_WRONG})
    assert bench.said(ViolationSuspected) == []
    bench.run(30, 45, in_time)
    assert faults(bench)[-1] == (ONLINE, set())
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.unseen == ()
    assert suspected.observed_s > 35


def test_plates_too_small_to_read_are_told_and_hinder_no_suspicion(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 20)
    told = [(one.state, one.faults) for one in bench.said(CameraStatus)]
    assert told == [(ONLINE, ()), (ONLINE, (SMALL_PLATES,))]
    assert len(bench.said(ViolationSuspected)) == 1


def test_the_clock_of_a_recording_is_held_against_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 15)
    assert faults(bench) == [(ONLINE, set())]
    assert len(bench.said(ViolationSuspected)) == 1


def test_a_fault_that_lasts_is_told_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 6).run(6, 60, stands_still)
    assert [state for state, _ in faults(bench)] == [ONLINE, IMPAIRED]


def test_the_reference_of_the_view_is_on_disk_once_it_is_learnt(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 20)
    memory = bench.file().load()
    assert memory is not None
    assert memory.reference is not None
    assert memory.reference.grey.shape == (240, 320)
    assert [stay.observed_s > 10 for stay in memory.stays] == [True]
