from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest

from detector.camera_loop import CameraLoop, Eyes
from detector.reporting import Reporter
from detector.stay_file import Recording, StayFile
from detector.tracking import ByteTracker
from pipeline.events import (
    CameraDocument,
    CameraState,
    CameraStatus,
    PlateStatus,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
)
from tests.detector.builders import (
    CAR_BOX,
    FPS,
    START,
    Box,
    ListBus,
    Script,
    SwitchedStore,
    ToldDetector,
    ToldPlateReader,
    a_camera,
    a_frame,
    at,
    times,
)

E = TypeVar("E")


class Bench:
    """A camera loop with everything around it that a test may look at or switch."""

    def __init__(self, folder: Path, script: Script, camera: CameraDocument | None = None) -> None:
        self.folder = folder
        self.script = script
        self.camera = camera or a_camera()
        self.bus = ListBus()
        self.store = SwitchedStore(folder / "evidence")
        self.reader = ToldPlateReader()
        self.max_waiting_bytes = 2**20
        self.loop = self.open()

    def open(self, recording: Recording | None = None) -> CameraLoop:
        return CameraLoop(
            self.camera,
            Eyes(
                detector=ToldDetector(self.script),
                tracker=ByteTracker(FPS),
                plate_reader=self.reader,
            ),
            Reporter(
                self.camera.camera_id,
                self.bus,
                self.store,
                max_waiting_bytes=self.max_waiting_bytes,
            ),
            StayFile(self.folder / "cam-1.stays.json"),
            recording=recording,
        )

    def restart(self, recording: Recording | None = None) -> "Bench":
        """As after kill -9: nothing was closed, only what is on disk is left."""
        self.loop = self.open(recording)
        return self

    def run(self, start_s: float, end_s: float) -> "Bench":
        for t in times(start_s, end_s):
            self.loop.step(a_frame(t, self.script(t)))
        return self

    def said(self, kind: type[E]) -> list[E]:
        return [event for event in self.bus.events if isinstance(event, kind)]

    def states(self) -> list[CameraState]:
        return [state for state, _ in groupby(status.state for status in self.said(CameraStatus))]


def stands(t: float) -> Sequence[Box]:
    return [CAR_BOX]


def leaves_at_40(t: float) -> Sequence[Box]:
    return [CAR_BOX] if t < 40 else []


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


def test_the_departure_carries_the_same_episode(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40).run(0, 60)
    (suspected,) = bench.said(ViolationSuspected)
    (departed,) = bench.said(VehicleDeparted)
    assert departed.episode_id == suspected.episode_id
    assert abs((departed.left_at - at(40)).total_seconds()) < 1
    assert departed.captured_at > departed.left_at


def test_a_class_that_the_zone_lets_stand_is_not_suspected(tmp_path: Path) -> None:
    zone = a_camera().zones[0].model_dump() | {"vehicle_classes": ["bus"]}
    bench = Bench(tmp_path, stands, a_camera(zones=[zone])).run(0, 30)
    assert bench.said(ViolationSuspected) == []


def test_a_full_evidence_store_holds_events_and_loses_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40)
    bench.store.is_full = True
    bench.run(0, 60)
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
    bench.run(0, 60)
    bench.store.is_full = False
    bench.loop.flush()
    (batch,) = (one for one in bench.bus.batches if bench.said(ViolationSuspected)[0] in one)
    assert bench.said(VehicleDeparted)[0] in batch


def test_a_departure_does_not_wait_for_the_pictures_of_another_vehicle(tmp_path: Path) -> None:
    second: Box = (180.0, 100.0, 240.0, 140.0)

    def one_leaves_one_comes(t: float) -> Sequence[Box]:
        return [*([CAR_BOX] if t < 40 else []), *([second] if t >= 20 else [])]

    bench = Bench(tmp_path, one_leaves_one_comes).run(0, 25)
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
    bench.restart().run(16, 60)
    (suspected,) = bench.said(ViolationSuspected)
    assert bench.said(VehicleDeparted)[0].episode_id == suspected.episode_id
    assert len(bench.said(ViolationOngoing)) == 1
    assert any("clock went back" in status.reason for status in bench.said(CameraStatus))


def test_a_departure_that_the_bus_did_not_take_is_said_after_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path, leaves_at_40).run(0, 38)
    bench.bus.is_down = True
    bench.run(38, 50)
    bench.bus.is_down = False
    bench.restart().run(50, 52)
    assert len(bench.said(VehicleDeparted)) == 1


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


def test_a_lost_stream_is_said_once_and_is_no_departure(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stands).run(0, 20)
    bench.loop.lost(at(21), "no answer")
    bench.loop.lost(at(22), "no answer")
    assert bench.states() == [CameraState.ONLINE, CameraState.LOST]
    bench.run(60, 70)
    assert bench.states() == [CameraState.ONLINE, CameraState.LOST, CameraState.ONLINE]
    assert bench.said(VehicleDeparted) == []
    assert len(bench.said(ViolationSuspected)) == 1


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


WIDE: Box = (100.0, 100.0, 180.0, 150.0)


def test_plates_are_read_until_they_agree_and_no_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE])
    bench.reader = ToldPlateReader("鄂A12345", "TAXI", "鄂A·12345", "鄂A 12345", "鄂A99999")
    bench.restart().run(0, 60)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.plate.status is PlateStatus.AGREED
    assert suspected.plate.text == "鄂A12345"
    assert bench.reader.calls == 4


def test_plate_reads_that_differ_leave_the_plate_doubtful_at_a_bounded_cost(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE])
    bench.reader = ToldPlateReader(*(f"鄂A1234{n % 5}" for n in range(100)))
    bench.restart().run(0, 60)
    assert bench.said(ViolationOngoing)[-1].plate.status is PlateStatus.DOUBTFUL
    assert bench.reader.calls < 15


def test_another_plate_on_a_vehicle_found_again_is_another_episode(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE])
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
    bench = Bench(tmp_path, lambda _: [WIDE])
    bench.reader = ToldPlateReader(*["鄂A12345"] * 3, "鄂A12346", *["鄂A12345"] * 100)
    bench.restart().run(0, 45).run(245, 330)
    (suspected,) = bench.said(ViolationSuspected)
    sightings = bench.said(ViolationOngoing)
    assert {one.episode_id for one in sightings} == {suspected.episode_id}
    assert {one.plate.text for one in sightings} == {"鄂A12345"}
    assert bench.reader.calls < 8


def test_a_plate_that_is_contradicted_before_the_suspicion_is_not_agreed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [WIDE])
    bench.reader = ToldPlateReader(*["鄂A12345"] * 3, *["鄂B99999"] * 2)
    bench.restart().run(0, 7).run(12, 30)
    (suspected,) = bench.said(ViolationSuspected)
    assert suspected.plate.status is PlateStatus.DOUBTFUL


def test_a_suspicion_waits_a_moment_for_a_plate_that_is_still_being_read(tmp_path: Path) -> None:
    zone = a_camera().zones[0].model_dump() | {"dwell_s": 4}
    bench = Bench(tmp_path, lambda _: [WIDE], a_camera(zones=[zone]))
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


def test_the_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Bench(tmp_path, stands).run(0, 20)
    assert (tmp_path / "cam-1.stays.json").stat().st_mode & 0o077 == 0


def test_an_episode_id_is_never_shared_by_two_vehicles(tmp_path: Path) -> None:
    second: Box = (180.0, 100.0, 240.0, 140.0)
    bench = Bench(tmp_path, lambda _: [CAR_BOX, second]).run(0, 30)
    episodes: list[UUID] = [one.episode_id for one in bench.said(ViolationSuspected)]
    assert len(set(episodes)) == 2


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
