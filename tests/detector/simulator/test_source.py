"""The drawn street as a source: its clock, its signal, and its life after a restart."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from detector.errors import SourceError, SourceLostError
from detector.simulator import SceneClock, SimulatedSource, draw_scene, open_simulator
from detector.sources import Frame, FrameSource
from pipeline.events.camera import CameraDocument

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


class Wall:
    """A wall clock that moves when somebody sleeps, or works."""

    def __init__(self) -> None:
        self.at = NOON
        self.slept_s: list[float] = []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.at += timedelta(seconds=seconds)


def a_camera(source: str) -> CameraDocument:
    return CameraDocument.model_validate(
        {
            "camera_id": "kerb-1",
            "name": {"zh": "梧桐街", "en": "Wutong Street"},
            "place": {"road": {"zh": "梧桐街", "en": "Wutong Street"}},
            "source": source,
            "zones": [
                {
                    "zone_id": "kerb",
                    "name": {"zh": "路缘", "en": "Kerb"},
                    "dwell_s": 5,
                    "polygon": [(0.4, 0.9), (0.4, 0.4), (0.9, 0.9)],
                }
            ],
        }
    )


def open_paced(
    source: str, wall: Wall, state_dir: Path | None = None, *, is_told: bool = False
) -> FrameSource:
    return open_simulator(
        a_camera(source),
        leave_signal=lambda: is_told,
        state_dir=state_dir,
        now=wall.now,
        sleep=wall.sleep,
    )


@pytest.fixture(scope="module")
def stays() -> SimulatedSource:
    return SimulatedSource(
        camera_id="kerb-1",
        scene=draw_scene("stays", 1),
        clock=SceneClock(started_at=NOON),
        leave_signal=lambda: False,
    )


def test_frames_come_at_eight_a_second_without_waiting(stays: SimulatedSource) -> None:
    frames = list(islice(stays.frames(), 3))
    assert [frame.captured_at for frame in frames] == [
        NOON + timedelta(milliseconds=125 * k) for k in range(3)
    ]
    assert {frame.camera_id for frame in frames} == {"kerb-1"}
    assert frames[0].image.shape == (720, 1280, 3)
    assert frames[0].image.dtype == np.uint8


def test_a_second_call_goes_on_where_the_first_stopped(stays: SimulatedSource) -> None:
    first = next(stays.frames())
    second = next(stays.frames())
    assert second.captured_at > first.captured_at


def test_the_signal_is_kept_once_with_the_instant_at_which_it_was_seen() -> None:
    kept: list[SceneClock] = []
    source = SimulatedSource(
        camera_id="kerb-1",
        scene=draw_scene("leaves", 1),
        clock=SceneClock(started_at=NOON),
        leave_signal=lambda: True,
        keep=kept.append,
    )
    source.frame(80)
    source.frame(81)
    seen_at = NOON + timedelta(seconds=10)
    assert kept == [SceneClock(started_at=NOON, signalled_at=seen_at)]


def test_the_place_is_empty_again_after_the_driver_was_told_to_leave() -> None:
    is_told = [False]
    source = SimulatedSource(
        camera_id="kerb-1",
        scene=draw_scene("leaves", 1),
        clock=SceneClock(started_at=NOON),
        leave_signal=lambda: is_told[0],
    )
    place = (slice(420, 620), slice(700, 1000))
    empty = source.frame(0).image[place].astype(int)
    parked = source.frame(80).image[place].astype(int)
    is_told[0] = True
    source.frame(88)
    gone = source.frame(88 + 8 * 12).image[place].astype(int)
    assert np.mean(np.abs(parked - empty)) > 20
    assert np.mean(np.abs(gone - empty)) < 4


def test_a_camera_that_drops_out_stays_lost_for_good() -> None:
    wall = Wall()
    is_told = [False]
    source = open_simulator(
        a_camera("simulator:drops_out?seed=2"),
        leave_signal=lambda: is_told[0],
        now=wall.now,
        sleep=wall.sleep,
    )
    frames = source.frames()
    next(frames)
    is_told[0] = True
    with pytest.raises(SourceLostError, match="kerb-1"):
        next(frames)
    is_told[0] = False
    for _ in range(2):
        with pytest.raises(SourceLostError):
            next(source.frames())


def test_a_paced_source_waits_for_each_frame() -> None:
    wall = Wall()
    frames = list(islice(open_paced("simulator:stays?seed=1", wall).frames(), 4))
    assert wall.slept_s == pytest.approx([0.125] * 3)
    assert [frame.captured_at for frame in frames][-1] == wall.at


def test_a_slow_reader_misses_frames_instead_of_lagging_behind() -> None:
    wall = Wall()
    frames: Iterator[Frame] = open_paced("simulator:stays?seed=1", wall).frames()
    next(frames)
    wall.at += timedelta(seconds=10.01)
    assert wall.at - next(frames).captured_at < timedelta(milliseconds=125)


@pytest.mark.slow
def test_a_staged_scene_is_a_source_too_and_leaves_out_what_its_camera_drops() -> None:
    source = "simulator:emergency_lane?seed=2&conditions=drops,glare"
    frames = list(islice(open_paced(source, Wall()).frames(), 90))
    assert frames[0].image.shape == (720, 1280, 3)
    gaps_s = [
        (after.captured_at - before.captured_at).total_seconds()
        for before, after in pairwise(frames)
    ]
    assert min(gaps_s) == pytest.approx(0.125)
    assert max(gaps_s) > 0.3


def test_after_a_restart_the_scene_goes_on_where_the_wall_clock_says(tmp_path: Path) -> None:
    wall = Wall()
    before = open_paced("simulator:stays?seed=1", wall, tmp_path).frames()
    next(before)
    wall.at += timedelta(seconds=60)
    uninterrupted = next(before)
    again = next(open_paced("simulator:stays?seed=1", wall, tmp_path).frames())
    assert again.captured_at == uninterrupted.captured_at
    assert np.array_equal(again.image, uninterrupted.image)


def test_a_lost_camera_is_still_lost_after_a_restart(tmp_path: Path) -> None:
    wall = Wall()
    with pytest.raises(SourceLostError):
        next(open_paced("simulator:drops_out?seed=2", wall, tmp_path, is_told=True).frames())
    with pytest.raises(SourceLostError):
        next(open_paced("simulator:drops_out?seed=2", wall, tmp_path).frames())


def test_a_damaged_start_is_named(tmp_path: Path) -> None:
    (tmp_path / "kerb-1.scene.json").write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match=r"kerb-1\.scene\.json"):
        open_paced("simulator:stays?seed=1", Wall(), tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("simulator:flies?seed=1", "leaves, stays, unreadable, drops_out"),
        ("simulator:stays?seed=-1", "seed '-1'"),
        ("simulator:stays?seed=", "seed ''"),
        ("simulator:stays?sed=1", "unknown option sed"),
        ("simulator:queue?conditions=snow", "no 'snow'; there are night"),
        ("simulator:stays?conditions=rain", "stays has no conditions"),
        ("street.mp4", "simulator:SCENARIO"),
    ],
)
def test_a_source_that_names_no_scene_is_refused(source: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_paced(source, Wall())
