from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.bus import BusError, BusUnavailableError
from pipeline.bus.kafka.spool import Spool
from pipeline.events import Envelope
from tests.builders import NOON, a_departure, a_sighting, a_suspicion, seconds
from tests.pipeline.bus.contract import a_status

SMALL = 128 * 1024


@pytest.fixture
def open_spool(tmp_path: Path) -> Callable[[], Spool]:
    return lambda: Spool(tmp_path / "spool.db", source="one", max_bytes=SMALL)


def waiting(spool: Spool) -> list[Envelope]:
    return [Envelope.decode(one.value) for one in spool.waiting(limit=10**6)]


def test_events_wait_in_order_and_are_forgotten_once_taken(open_spool: Callable[[], Spool]) -> None:
    with closing(open_spool()) as spool:
        sent = spool.append([a_status("cam-1", n) for n in range(5)])
        third = spool.waiting(limit=3)[-1]
        spool.taken(up_to=third.number)

        assert waiting(spool) == list(sent[3:])
        assert spool.depth() == 2


def test_a_restart_goes_on_with_what_waits_and_gives_new_ids(
    open_spool: Callable[[], Spool],
) -> None:
    with closing(open_spool()) as spool:
        before = spool.append([a_status("cam-1", 0)])
    with closing(open_spool()) as spool:
        after = spool.append([a_status("cam-1", 1)])

        epochs = [int(one.id.split(".")[1]) for one in (*before, *after)]
        assert epochs[1] == epochs[0] + 1
        assert waiting(spool) == [*before, *after]


def test_a_full_spool_gives_up_sightings_that_a_newer_one_makes_needless(
    open_spool: Callable[[], Spool],
) -> None:
    suspicion = a_suspicion()
    with closing(open_spool()) as spool:
        spool.append([suspicion])
        told = 0
        while not spool.given_up():
            told += 1
            spool.append([a_sighting(suspicion, NOON + seconds(told))])
        spool.append([a_departure(suspicion, NOON + seconds(told))])

        left = waiting(spool)
        given_up = spool.given_up()

    assert [left[0].type, left[-1].type] == ["ViolationSuspected", "VehicleDeparted"]
    assert given_up == {"ViolationOngoing": told - (len(left) - 2)}
    assert left[-2].time == NOON + seconds(told)


def test_then_it_gives_up_what_a_camera_has_said_since(open_spool: Callable[[], Spool]) -> None:
    with closing(open_spool()) as spool:
        n = 0
        while not spool.given_up():
            n += 1
            spool.append([a_status("cam-1", n), a_status("cam-2", n)])

        assert set(spool.given_up()) == {"CameraStatus"}
        assert {one.subject for one in waiting(spool)} == {"cam-1", "cam-2"}


def test_suspicions_and_departures_are_never_given_up(open_spool: Callable[[], Spool]) -> None:
    kept: list[Envelope] = []

    def fill(spool: Spool) -> None:
        for _ in range(1000):
            suspicion = a_suspicion()
            kept.extend(spool.append([suspicion, a_departure(suspicion, NOON)]))

    with closing(open_spool()) as spool:
        with pytest.raises(BusUnavailableError, match="full"):
            fill(spool)

        assert waiting(spool) == kept
        assert spool.given_up() == {}


def test_what_the_broker_has_goes_first(open_spool: Callable[[], Spool]) -> None:
    with closing(open_spool()) as spool:
        spool.append([a_suspicion() for _ in range(20)])
        spool.taken(up_to=spool.waiting(limit=100)[-1].number)
        sent: list[Envelope] = []
        for _ in range(30):
            sent += spool.append([a_suspicion()])

        assert waiting(spool) == sent
        assert spool.given_up() == {}


def test_a_file_that_is_no_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_text("this is no database, however long it may be" * 100)
    with pytest.raises(BusError, match="move it away"):
        Spool(tmp_path / "spool.db", source="one")
