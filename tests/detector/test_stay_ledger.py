"""The ledger of a stay: when its vehicle was seen, when not, and what was in the way."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from detector.stay_file import CameraMemory, StayFile
from detector.stays import Departure, Stay
from pipeline.events import DepartureKind, UnseenReason
from tests.detector.builders import CAR_BOX, WIDTH, Box, a_frame, a_stay, at, moved, times, way
from tests.detector.watch import Watch, always

BUS: Box = (70.0, 70.0, 220.0, 170.0)


def gaps_of(stay: Stay) -> list[tuple[float, UnseenReason]]:
    return [((gap.until - gap.since).total_seconds(), gap.reason) for gap in stay.unseen]


def with_gaps(count: int, *, seen_s: float = 1.0, unseen_s: float = 3.0) -> Stay:
    """Seen for a while, not seen for a while, and so on, from the start."""
    stay = a_stay(last_seen_at=at(0), observed_s=0.0)
    now_s = 0.0
    for _ in range(count):
        now_s += seen_s
        stay = stay.seen(at(now_s), stay.box_px)
        now_s += unseen_s
        stay = stay.found_again(at(now_s), stay.box_px, UnseenReason.MISSED)
    return stay


def hidden(watch: Watch, start_s: float, end_s: float) -> None:
    """A bus comes, stands before it, and goes."""
    bus = way(BUS, (start_s, -240), (start_s + 1, 0), (end_s - 1, 0), (end_s, 280))
    for t in times(start_s, end_s):
        is_there = bus(t)[2] > 0 and bus(t)[0] < WIDTH
        frame = a_frame(t, [CAR_BOX, bus(t)], coats=[2, 77])
        watch.see(frame, [bus(t)] if is_there else [])


def missed(watch: Watch, start_s: float, end_s: float) -> None:
    watch.run(start_s, end_s, always(), truth=always(CAR_BOX))


def no_picture(watch: Watch, start_s: float, end_s: float) -> None:
    """The stream gives nothing."""


def impaired(watch: Watch, start_s: float, end_s: float) -> None:
    for t in times(start_s, end_s):
        watch.book.pass_over(at(t), UnseenReason.IMPAIRED)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (hidden, UnseenReason.HIDDEN),
        (missed, UnseenReason.MISSED),
        (no_picture, UnseenReason.NO_PICTURE),
        (impaired, UnseenReason.IMPAIRED),
    ],
)
def test_the_ledger_says_how_long_it_was_not_seen_and_why(
    meanwhile: Callable[[Watch, float, float], None], reason: UnseenReason
) -> None:
    watch = Watch().run(0, 12, always(CAR_BOX))
    meanwhile(watch, 12, 24)
    stay = watch.run(24, 30, always(CAR_BOX)).the_stay()
    ((unseen_s, why),) = gaps_of(stay)
    assert unseen_s == pytest.approx(12.2, abs=0.5)
    assert why is reason
    assert stay.observed_s == pytest.approx(17.6, abs=0.8)


def test_of_several_things_in_the_way_the_one_that_lasted_longest_is_named() -> None:
    watch = Watch().run(0, 12, always(CAR_BOX))
    hidden(watch, 12, 15)
    impaired(watch, 15, 22)
    missed(watch, 22, 24)
    stay = watch.run(24, 27, always(CAR_BOX)).the_stay()
    assert [reason for _, reason in gaps_of(stay)] == [UnseenReason.IMPAIRED]


def test_each_gap_stands_for_itself() -> None:
    watch = Watch().run(0, 12, always(CAR_BOX))
    hidden(watch, 12, 22)
    watch.run(22, 28, always(CAR_BOX))
    missed(watch, 28, 32)
    stay = watch.run(32, 36, always(CAR_BOX)).the_stay()
    assert [reason for _, reason in gaps_of(stay)] == [UnseenReason.HIDDEN, UnseenReason.MISSED]
    assert all(first.until <= second.since for first, second in pairwise(stay.unseen))


def test_a_moment_in_which_it_was_missed_is_no_gap() -> None:
    stay = Watch().run(0, 30, lambda t: [] if 12 <= t < 13.4 else [CAR_BOX]).the_stay()
    assert stay.unseen == ()
    assert stay.observed_s == pytest.approx(29.8, abs=0.3)


def test_nothing_is_seen_and_nobody_has_left_while_no_picture_can_be_judged() -> None:
    watch = Watch().run(0, 12, always(CAR_BOX))
    watch.report()
    assert len(watch.book.in_place_now()) == 1
    impaired(watch, 12, 40)
    assert watch.book.in_place_now() == ()
    assert watch.the_stay().last_seen_at < at(12)


def test_a_vehicle_that_left_while_nothing_could_be_judged_is_seen_to_be_gone() -> None:
    watch = Watch().run(-3, 0, always()).run(0, 12, always(CAR_BOX))
    watch.report()
    impaired(watch, 12, 40)
    watch.run(40, 50, always())
    (departure,) = watch.departures
    assert departure.kind is DepartureKind.PLACE_EMPTY
    assert departure.stay.last_seen_at < at(12)


def test_seen_and_unseen_time_fill_the_stay() -> None:
    stay = with_gaps(20)
    unseen_s = sum(seconds for seconds, _ in gaps_of(stay))
    stood_s = (stay.last_seen_at - stay.stood_since_at).total_seconds()
    assert stay.observed_s + unseen_s == pytest.approx(stood_s)


@pytest.mark.parametrize("since_s", [-5, 0, 0.5, 2, 9, 100, 999])
def test_the_time_seen_since_an_instant_leaves_out_the_gaps(since_s: float) -> None:
    stay = with_gaps(20)
    seconds = np.arange(0, 80, 0.25)
    truly_seen = seconds % 4 < 1
    expected_s = 0.25 * np.count_nonzero(truly_seen & (seconds >= since_s))
    assert stay.observed_since_s(at(since_s)) == pytest.approx(expected_s)


def test_a_ledger_of_many_gaps_stays_short_and_gives_up_what_was_seen_between_old_ones() -> None:
    stay = with_gaps(100)
    assert len(stay.unseen) == 64
    assert stay.observed_s == 100
    assert stay.unseen[0].since == at(1)
    assert all(first.until < second.since for first, second in pairwise(stay.unseen))
    for since_s in range(0, 400, 7):
        truly_seen_s = sum(max(0.0, 4 * n + 1 - max(since_s, 4 * n)) for n in range(100))
        assert stay.observed_since_s(at(since_s)) <= truly_seen_s
    assert stay.observed_since_s(at(360)) == 10


def test_a_stay_found_again_keeps_the_time_that_counts() -> None:
    stay = a_stay().found_again(at(60), np.array(moved(CAR_BOX, 2, 0)), UnseenReason.HIDDEN)
    assert (stay.observed_s, stay.last_seen_at) == (12, at(60))
    assert stay.box_px[0] == CAR_BOX[0] + 2
    assert stay.seen(at(61), stay.box_px).observed_s == 13


def test_a_stay_in_pictures_of_another_size_stands_in_the_same_place() -> None:
    stay = a_stay().scaled((320, 240), (640, 360))
    assert stay.place_px.tolist() == [200, 150, 320, 210]
    assert stay.box_px.tolist() == [200, 150, 320, 210]


def test_no_instant_of_a_stay_lies_after_a_clock_that_was_set_back() -> None:
    stay = with_gaps(20)
    back = stay.not_after(at(30))
    assert back.last_seen_at == at(30)
    assert back.stood_since_at == at(0)
    assert all(gap.until <= at(30) for gap in back.unseen)
    assert stay.not_after(at(-30)).stood_since_at == at(-30)


def test_a_gap_that_ends_after_a_clock_was_set_back_stays_a_gap() -> None:
    stay = a_stay(last_seen_at=at(40), observed_s=40.0)
    stay = stay.found_again(at(80), stay.box_px, UnseenReason.MISSED).seen(at(90), stay.box_px)
    back = stay.not_after(at(60))
    assert [(gap.since, gap.until) for gap in back.unseen] == [(at(40), at(60))]
    assert back.observed_since_s(at(30)) == 10
    assert back.observed_since_s(at(45)) == 0
    assert stay.not_after(at(40)).unseen == ()


def test_the_ledger_and_the_surroundings_of_a_stay_outlast_a_restart(tmp_path: Path) -> None:
    stay = replace(with_gaps(3), heading=np.array([0.6, 0.8]), passed_by=5)
    file = StayFile(tmp_path / "stays.json")
    flow = np.arange(72 * 96, dtype=np.float32).reshape(72, 96) % 50
    file.save(
        CameraMemory(
            recording=None,
            started_at=None,
            seen_until_at=at(20),
            picture_px=(320, 240),
            version=4,
            stays=(stay,),
            departures=(Departure(stay=stay, kind=DepartureKind.DROVE_OFF, seen_at=at(21)),),
            flow=flow,
        )
    )
    memory = file.load()
    assert memory is not None
    assert memory.flow is not None
    assert memory.flow == pytest.approx(flow)
    assert memory.version == 4
    (loaded,) = memory.stays
    assert loaded.unseen == stay.unseen
    assert loaded.heading is not None
    assert (loaded.heading.tolist(), loaded.passed_by) == ([0.6, 0.8], 5)
    assert loaded.observed_since_s(at(2)) == stay.observed_since_s(at(2))
