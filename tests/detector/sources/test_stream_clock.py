from datetime import timedelta

import numpy as np

from detector.sources.stream_clock import StreamClock
from tests.detector.builders import at

STEP_S = 0.04


def seconds(instant: object) -> float:
    return (instant - at(0)).total_seconds()  # type: ignore[operator, no-any-return]


class Talk:
    """A stream whose second 0 was captured at `at(0)`, as its clock goes."""

    def __init__(self) -> None:
        self.clock = StreamClock()

    def receive(self, stream_s: float, delay_s: float, *, rate: float = 1.0) -> float:
        """Error of the capture time in seconds."""
        self.clock.receive(stream_s, at(stream_s * rate + delay_s))
        return seconds(self.clock.captured_at(stream_s)) - stream_s * rate


def test_jitter_of_the_network_is_no_jitter_of_time() -> None:
    talk, rng = Talk(), np.random.default_rng(1)
    errors = [talk.receive(k * STEP_S, 0.02 + float(rng.exponential(0.1))) for k in range(1000)]
    assert max(errors[200:]) - min(errors[200:]) < 0.02
    assert min(errors) >= 0.02 - 1e-6


def test_a_clock_that_runs_wrong_is_followed() -> None:
    for rate in (1.0002, 0.9998):
        talk = Talk()
        errors = [talk.receive(k * 1.0, 0.02, rate=rate) for k in range(20_000)]
        assert abs(errors[-1] - 0.02) < 0.01


def test_a_stream_whose_clock_starts_over_goes_on() -> None:
    talk = Talk()
    for k in range(100):
        talk.receive(1000 + k * STEP_S, 0.02)
    talk.clock.receive(0.0, at(1010))
    assert seconds(talk.clock.captured_at(0.0)) == 1010


def test_one_wrong_time_does_no_lasting_harm() -> None:
    talk = Talk()
    talk.receive(1.0, 0.02)
    talk.clock.receive(500.0, at(1.04))
    assert seconds(talk.clock.captured_at(500.0)) == 1.04
    talk.clock.receive(1.08, at(1.10))
    assert seconds(talk.clock.captured_at(1.08)) == 1.10


def test_older_pictures_that_come_in_a_burst_are_not_settled() -> None:
    clock = StreamClock()
    settled = []
    for k in range(30):
        received_s = max(1.0 + k * 0.001, k * STEP_S)
        clock.receive(k * STEP_S, at(received_s))
        settled.append(clock.is_settled)
    assert not any(settled[:25])
    assert settled[-1]
    assert abs(seconds(clock.captured_at(30 * STEP_S)) - 30 * STEP_S) < 0.01


def test_a_stream_is_settled_after_two_seconds_at_the_latest() -> None:
    clock = StreamClock()
    for k in range(51):
        clock.receive(k * 10.0, at(k * STEP_S))
    assert clock.is_settled


def test_a_stall_is_forgiven_and_a_lasting_lag_is_told() -> None:
    talk = Talk()
    talk.receive(0.0, 0.02)
    for k in range(1, 200):
        talk.receive(k * STEP_S, 5.0)
    assert not talk.clock.is_behind
    talk.receive(8.0, 0.02)
    for k in range(1, 300):
        talk.receive(8.0 + k * STEP_S, 5.0)
    assert talk.clock.is_behind
    assert at(0) + timedelta(seconds=20) > talk.clock.captured_at(20.0) - timedelta(seconds=1)
