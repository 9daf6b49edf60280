"""What is on disk goes on: after a kill, in a recording, in pictures of another size."""

from pathlib import Path

import pytest

from detector.stay_file import Recording
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
    START,
    Box,
    Street,
    a_frame,
    at,
    times,
    way,
)


@pytest.mark.parametrize("killed_at_s", [5, 9.8, 10.6, 12, 29, 33])
def test_a_kill_at_any_time_goes_on_with_the_same_episode(
    tmp_path: Path, killed_at_s: float
) -> None:
    bench = Bench(tmp_path, stands).run(0, killed_at_s)
    bench.restart().run(killed_at_s + 3, 60)
    episodes = {one.episode_id for one in bench.said(ViolationSuspected)}
    assert len(episodes) == 1
    assert {one.episode_id for one in bench.said(ViolationOngoing)} <= episodes
    assert bench.said(VehicleDeparted) == []


def test_a_kill_between_publishing_and_saving_repeats_the_same_episode(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 9)
    state = (tmp_path / "cam-1.stays.json").read_bytes()
    bench.run(9, 12)
    (tmp_path / "cam-1.stays.json").write_bytes(state)
    bench.restart().run(12, 20)
    assert len({one.episode_id for one in bench.said(ViolationSuspected)}) == 1


def test_a_live_camera_whose_clock_was_in_the_future_is_not_blind_after_a_restart(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, leaves_at_40).run(0, 15)
    state_file = tmp_path / "cam-1.stays.json"
    future = state_file.read_text().replace("2026-03-02T", "2027-03-02T")
    state_file.write_text(future)
    bench.restart().run(16, 105)
    (suspected,) = bench.said(ViolationSuspected)
    assert bench.said(VehicleDeparted)[0].episode_id == suspected.episode_id
    assert len(bench.said(ViolationOngoing)) == 1
    assert any("clock went back" in status.reason for status in bench.said(CameraStatus))


def test_a_departure_that_the_bus_did_not_take_is_said_after_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40).run(-3, 38)
    bench.bus.is_down = True
    bench.run(38, 50)
    bench.bus.is_down = False
    bench.restart().run(50, 52)
    assert len(bench.said(VehicleDeparted)) == 1


def test_what_is_known_of_the_traffic_fades_while_the_process_is_down(tmp_path: Path) -> None:
    lane: Box = (0.0, 150.0, 40.0, 180.0)
    street = Street(*(way(lane, (6 * n, -60), (6 * n + 8, 340)) for n in range(4)))
    bench = Bench(tmp_path, street).run(0, 42, street.frame)
    before = bench.file().load()
    bench.restart().run(3600, 3606, street.frame)
    after = bench.file().load()
    assert before is not None
    assert before.flow is not None
    assert after is not None
    assert after.flow is not None
    assert before.flow.max() > 3
    assert after.flow.max() == pytest.approx(before.flow.max() / 4, rel=0.05)


def test_a_recording_goes_on_where_it_was_killed_and_is_forgotten_at_its_end(
    tmp_path: Path,
) -> None:
    recording = Recording(name="clip.mp4:1", started_at=START)
    bench = Bench(tmp_path, stands).restart(recording).run(0, 30)
    bench.restart(recording).run(0, 50)
    assert len(bench.said(ViolationSuspected)) == 1
    assert len(bench.said(ViolationOngoing)) == 1
    bench.loop.ended()
    bench.loop.close()
    assert list(tmp_path.glob("*.json")) == []
    assert bench.said(VehicleDeparted) == []
    assert bench.states()[-1] is CameraState.ENDED


def test_open_stays_of_another_recording_are_left_behind(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands)
    bench.restart(Recording(name="first.mp4:1", started_at=START)).run(0, 30)
    bench.restart(Recording(name="second.mp4:1", started_at=START)).run(0, 30)
    assert len({one.episode_id for one in bench.said(ViolationSuspected)}) == 2


def test_a_stay_survives_pictures_that_change_their_size(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 20)
    episode = bench.said(ViolationSuspected)[0].episode_id
    half: Box = (50.0, 50.0, 80.0, 70.0)
    bench.script = lambda _: [half]
    bench.restart()
    for t in times(21, 45):
        frame = a_frame(t, [CAR_BOX])
        small = frame.image[::2, ::2].copy()
        bench.loop.step(type(frame)(camera_id="cam-1", image=small, captured_at=at(t)))
    assert {one.episode_id for one in bench.said(ViolationSuspected)} == {episode}
    assert [one.episode_id for one in bench.said(ViolationOngoing)] == [episode]


def test_the_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Bench(tmp_path, stands).run(0, 20)
    assert (tmp_path / "cam-1.stays.json").stat().st_mode & 0o077 == 0
