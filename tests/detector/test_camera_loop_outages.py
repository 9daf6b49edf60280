"""When the store, the bus, the disk or the stream is away."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.events import (
    CameraState,
    CameraStatus,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
)
from tests.detector.bench import Bench, leaves_at_40, stands
from tests.detector.builders import (
    CAR_BOX,
    Box,
    at,
)


def test_a_full_evidence_store_holds_events_and_loses_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40)
    bench.store.is_full = True
    bench.run(-3, 60)
    assert bench.said(ViolationSuspected) == []
    assert bench.states() == [CameraState.ONLINE, CameraState.HELD]
    assert bench.loop.state is CameraState.HELD
    bench.store.is_full = False
    bench.loop.flush()
    (suspected,) = bench.said(ViolationSuspected)
    (departed,) = bench.said(VehicleDeparted)
    assert suspected.episode_id == departed.episode_id
    assert abs((suspected.captured_at - at(10)).total_seconds()) < 1
    assert bench.store.get(suspected.panorama)
    assert bench.states() == [CameraState.ONLINE, CameraState.HELD, CameraState.ONLINE]
    assert bench.loop.waiting == 0


def test_a_suspicion_that_waited_leaves_together_with_its_departure(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40)
    bench.store.is_full = True
    bench.run(-3, 60)
    bench.store.is_full = False
    bench.loop.flush()
    (batch,) = (one for one in bench.bus.batches if bench.said(ViolationSuspected)[0] in one)
    assert bench.said(VehicleDeparted)[0] in batch


def test_a_departure_does_not_wait_for_the_pictures_of_another_vehicle(tmp_path: Path) -> None:
    second: Box = (180.0, 100.0, 240.0, 140.0)

    def one_leaves_one_comes(t: float) -> Sequence[Box]:
        return [*leaves_at_40(t), *([second] if t >= 20 else [])]

    bench = Bench(tmp_path, one_leaves_one_comes).run(-3, 25)
    bench.store.is_full = True
    bench.run(25, 60)
    assert len(bench.said(VehicleDeparted)) == 1
    assert len(bench.said(ViolationSuspected)) == 1
    assert bench.loop.waiting > 0


def test_pictures_that_are_stored_wait_for_the_bus_outside_the_memory(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands)
    bench.bus.is_down = True
    bench.run(0, 20)
    assert len([one for one in (tmp_path / "evidence").rglob("*") if one.is_file()]) == 3
    bench.store.is_full = True
    bench.bus.is_down = False
    bench.loop.flush()
    assert len(bench.said(ViolationSuspected)) == 1


def test_no_suspicion_is_taken_while_there_is_no_room_for_its_pictures(tmp_path: Path) -> None:
    second: Box = (180.0, 100.0, 240.0, 140.0)
    bench = Bench(tmp_path, lambda t: [CAR_BOX] if t < 20 else [CAR_BOX, second])
    bench.max_waiting_bytes = 1
    bench.restart()
    bench.store.is_full = True
    bench.run(0, 40)
    waiting = bench.loop.waiting
    bench.run(40, 60)
    assert bench.loop.waiting == waiting
    reasons = [one.reason for one in bench.said(CameraStatus) if one.state is CameraState.HELD]
    assert len(reasons) == 2
    assert "no suspicion is taken" in reasons[1]
    bench.store.is_full = False
    bench.run(60, 65)
    assert len({one.episode_id for one in bench.said(ViolationSuspected)}) == 2
    assert bench.said(ViolationSuspected)[1].captured_at >= at(60)


def test_sightings_are_given_up_before_suspicions_are_put_off(tmp_path: Path) -> None:
    second: Box = (180.0, 100.0, 240.0, 140.0)
    bench = Bench(tmp_path, lambda t: [CAR_BOX] if t < 28 else [CAR_BOX, second])
    bench.max_waiting_bytes = 1
    bench.restart().run(0, 25)
    bench.store.is_full = True
    bench.run(25, 34)
    assert bench.loop.waiting == 1
    bench.run(34, 60)
    assert bench.loop.waiting == 1
    bench.store.is_full = False
    bench.loop.flush()
    assert len(bench.said(ViolationSuspected)) == 2
    assert bench.said(ViolationOngoing) == []


@pytest.mark.parametrize("state", [CameraState.LOST, CameraState.ENDED])
def test_the_last_word_after_holding_is_what_the_stream_is_now(
    tmp_path: Path, state: CameraState
) -> None:
    bench = Bench(tmp_path, stands)
    bench.store.is_full = True
    bench.run(0, 20)
    if state is CameraState.LOST:
        bench.loop.lost(at(21), "no answer")
    else:
        bench.loop.ended()
    bench.store.is_full = False
    bench.loop.flush()
    assert bench.states()[-1] is state
    assert bench.loop.state is state


def test_a_bus_that_is_away_holds_events_and_loses_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands)
    bench.bus.is_down = True
    bench.run(0, 20)
    assert bench.bus.events == []
    bench.bus.is_down = False
    bench.run(20, 45)
    assert len(bench.said(ViolationSuspected)) == 1
    assert bench.states() == [CameraState.ONLINE]
    assert len(bench.said(ViolationOngoing)) == 1


def test_a_state_folder_that_cannot_be_written_holds_events(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, stands)
    blocked = tmp_path / "cam-1.stays.json"
    blocked.mkdir()
    bench.run(0, 20)
    assert bench.said(ViolationSuspected) == []
    assert bench.states() == [CameraState.HELD]
    blocked.rmdir()
    bench.run(20, 22)
    assert len(bench.said(ViolationSuspected)) == 1


def test_a_lost_stream_is_said_once_and_is_no_departure(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 20)
    bench.loop.lost(at(21), "no answer")
    bench.loop.lost(at(22), "no answer")
    assert bench.states() == [CameraState.ONLINE, CameraState.LOST]
    bench.run(60, 70)
    assert bench.states() == [CameraState.ONLINE, CameraState.LOST, CameraState.ONLINE]
    assert bench.said(VehicleDeparted) == []
    assert len(bench.said(ViolationSuspected)) == 1


def test_a_vehicle_that_creeps_while_its_suspicion_waits_is_not_suspected_twice(
    tmp_path: Path,
) -> None:
    def creeps(t: float) -> Sequence[Box]:
        x1, y1, x2, y2 = CAR_BOX
        shift = min(max(0.0, 3 * (t - 15)), 12.0)
        return [(x1 + shift, y1, x2 + shift, y2)]

    bench = Bench(tmp_path, creeps)
    bench.store.is_full = True
    bench.run(0, 40)
    bench.store.is_full = False
    bench.run(40, 60)
    assert len(bench.said(ViolationSuspected)) == 1
