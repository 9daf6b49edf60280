from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Flag

import pytest

from detector.batching import BatchingDetector
from detector.detection import Detections
from detector.sources import Frame
from tests.detector.builders import Box, a_frame, detections

# Long enough that a test which needs it to pass would hang.
FOREVER_S = 600


class HeldNetwork:
    """Sees one box per frame, as far right as the frame is late; can be held and can fail."""

    model_version = "held@000000000000"

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.is_entered = Flag()
        self.may_go_on = Flag()
        self.may_go_on.set()
        self.failure: Exception | None = None

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.calls.append([frame.camera_id for frame in frames])
        self.is_entered.set()
        self.may_go_on.wait()
        if self.failure is not None:
            raise self.failure
        return [detections([box_of(frame)]) for frame in frames]


def box_of(frame: Frame) -> Box:
    return (frame.captured_at.second, 0, frame.captured_at.second + 10, 10)


class Bench:
    """Cameras that ask while the network is held by the frame of camera `first`."""

    def __init__(self, pool: ThreadPoolExecutor, **limits: float) -> None:
        self.network = HeldNetwork()
        self.shared = BatchingDetector(self.network, **limits)  # type: ignore[arg-type]
        self.pool = pool
        self.network.may_go_on.clear()
        self.first = self.ask("first", 1)
        self.network.is_entered.wait()

    def ask(self, camera_id: str, second: float) -> "Future[list[Detections]]":
        return self.pool.submit(self.shared.detect, [a_frame(second, camera_id=camera_id)])


def test_frames_of_several_cameras_run_together_and_each_gets_its_own() -> None:
    with ThreadPoolExecutor() as pool:
        bench = Bench(pool, window_s=FOREVER_S, most_frames=3)
        asked = {second: bench.ask(f"cam-{second}", second) for second in (2, 3, 4)}
        bench.network.may_go_on.set()
        for second, answer in asked.items():
            (found,) = answer.result()
            assert found.xyxy_px[0, 0] == second
    assert [len(call) for call in bench.network.calls] == [1, 3]


def test_the_network_waits_for_those_it_served_last_time() -> None:
    with ThreadPoolExecutor() as pool:
        bench = Bench(pool, window_s=FOREVER_S)
        other = bench.ask("other", 2)
        bench.network.may_go_on.set()
        bench.first.result()
        bench.ask("first", 3).result()
        other.result()
    assert sorted(bench.network.calls[1]) == ["first", "other"]


def test_a_camera_that_stays_away_holds_nobody_up() -> None:
    with ThreadPoolExecutor() as pool:
        bench = Bench(pool)
        bench.network.may_go_on.set()
        for second in range(3):
            bench.ask("other", second).result()
    assert bench.network.calls == [["first"], ["other"], ["other"], ["other"]]


def test_a_call_takes_no_more_than_its_most_frames() -> None:
    with ThreadPoolExecutor() as pool:
        bench = Bench(pool, window_s=0, most_frames=2)
        asked = [bench.ask(f"cam-{k}", k) for k in range(5)]
        bench.network.may_go_on.set()
        assert all(len(one.result()) == 1 for one in asked)
    assert max(len(call) for call in bench.network.calls) <= 2


def test_a_failure_of_the_network_reaches_all_who_wait_for_it_and_then_it_goes_on() -> None:
    with ThreadPoolExecutor() as pool:
        bench = Bench(pool, window_s=FOREVER_S, most_frames=2)
        asked = [bench.ask("a", 2), bench.ask("b", 3)]
        bench.network.failure = RuntimeError("out of memory")
        bench.network.may_go_on.set()
        for one in [bench.first, *asked]:
            with pytest.raises(RuntimeError, match="out of memory"):
                one.result()
        bench.network.failure = None
        assert len(bench.shared.detect([a_frame(4, camera_id="a"), a_frame(5, camera_id="b")])) == 2


def test_events_name_the_shared_network() -> None:
    assert BatchingDetector(HeldNetwork()).model_version == "held@000000000000"
