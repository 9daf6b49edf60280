import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.bus import (
    BusError,
    BusPositionError,
    BusUnavailableError,
    EventPublisher,
    EventSubscriber,
    forget_read,
    open_publisher,
    open_subscriber,
)
from tests.pipeline.bus.contract import BusContract, a_status


class TestEmbeddedBus(BusContract):
    @pytest.fixture
    def open_writer(self, bus_url: str, tmp_path: Path) -> Callable[[str], EventPublisher]:
        return lambda source: open_publisher(bus_url, source=source, state_dir=tmp_path)

    @pytest.fixture
    def open_reader(self, bus_url: str) -> Callable[[], EventSubscriber]:
        return lambda: open_subscriber(bus_url)


def test_two_consumers_share_the_partitions_and_one_takes_over(
    bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    first, second = open_subscriber(bus_url), open_subscriber(bus_url)
    assert len(first.assigned()) == 4
    assert second.assigned() == frozenset()

    for _ in range(2):
        now[0] += 6
        first.assigned()
        second.assigned()
    assert len(first.assigned()) == len(second.assigned()) == 2
    assert not first.assigned() & second.assigned()

    # The first one dies without a word; its leases end.
    now[0] += 20
    assert len(second.assigned()) == 4


def test_a_consumer_that_closes_gives_its_partitions_back_at_once(bus_url: str) -> None:
    first = open_subscriber(bus_url)
    first.assigned()
    first.close()

    assert len(open_subscriber(bus_url).assigned()) == 4


def test_nothing_waits_for_a_bus_on_this_machine(bus_url: str, tmp_path: Path) -> None:
    with closing(open_publisher(bus_url, source="one", state_dir=tmp_path)) as writer:
        writer.publish([a_status("cam-1", 0)])

        assert writer.waiting() == 0


def test_a_file_that_is_no_bus_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bus.db"
    file.write_text("this is no database, however long it may be" * 100)

    with pytest.raises(BusError, match="not a bus file"):
        open_publisher(f"sqlite:///{file}", source="one", state_dir=tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BusUnavailableError, match="bus "):
        open_publisher(f"sqlite:///{tmp_path}/file/bus.db", source="one", state_dir=tmp_path)


def test_an_unknown_kind_of_bus_is_refused() -> None:
    with pytest.raises(BusError, match="use sqlite:///FILE or kafka:"):
        open_subscriber("carrier-pigeon://roof")


def test_what_was_written_by_hand_comes_out_as_bytes_and_keeps_its_offset(
    tmp_path: Path, bus_url: str
) -> None:
    reader = open_subscriber(bus_url)
    with sqlite3.connect(tmp_path / "bus.db") as bus:
        bus.execute("INSERT INTO rec VALUES (2, 0, 'k', 'text by hand')")
        bus.execute("INSERT INTO rec VALUES (2, 1, 'k', 7)")
    bus.close()

    assert reader.fetch(2, 0, limit=9).messages == (b"text by hand", b"7")


def test_old_events_that_were_read_are_forgotten_and_the_others_stay(
    bus_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.bus.embedded.FORGET_AT_ONCE", 3)
    reader = open_subscriber(bus_url)
    with closing(open_publisher(bus_url, source="one", state_dir=tmp_path)) as writer:
        writer.publish([a_status("cam-1", n) for n in range(20)])
    partition = next(one for one in range(4) if reader.fetch(one, 0, limit=9).messages)

    def forget(read: int, old: int, *, is_rehearsal: bool = False) -> int:
        before = a_status("cam-1", old).captured_at
        return forget_read(bus_url, lambda *_: read, before=before, is_rehearsal=is_rehearsal)

    assert forget(8, 20, is_rehearsal=True) == 8
    assert len(reader.fetch(partition, 0, limit=99).messages) == 20
    assert forget(8, 20) == 8
    assert forget(20, 11) == 3
    with pytest.raises(BusPositionError):
        reader.fetch(partition, 10, limit=9)
    assert len(reader.fetch(partition, 11, limit=99).messages) == 9

    # The last one stays, so that the next one's offset is one more.
    assert forget(20, 99) == 8
    assert forget(20, 99) == 0
    with closing(open_publisher(bus_url, source="one", state_dir=tmp_path)) as writer:
        writer.publish([a_status("cam-1", 20)])
    assert len(reader.fetch(partition, 20, limit=9).messages) == 1


def test_neither_a_clock_that_is_ahead_nor_a_broken_message_keeps_old_events(
    bus_url: str, tmp_path: Path
) -> None:
    reader = open_subscriber(bus_url)
    with closing(open_publisher(bus_url, source="one", state_dir=tmp_path)) as writer:
        writer.publish([a_status("cam-1", n) for n in (0, 10**8, 1, 2, 10**8, 3)])
    partition = next(one for one in range(4) if reader.fetch(one, 0, limit=9).messages)
    with closing(sqlite3.connect(tmp_path / "bus.db")) as file:
        file.execute("UPDATE rec SET val = x'00' WHERE part = ? AND off = 3", (partition,))
        file.execute('UPDATE rec SET val = \'"time": "x"\' WHERE off = 2')
        file.commit()

    before = a_status("cam-1", 100).captured_at
    assert forget_read(bus_url, lambda *_: 6, before=before) == 4


def test_a_bus_that_is_not_there_is_not_made_to_forget(tmp_path: Path) -> None:
    before = a_status("cam-1", 0).captured_at
    for url in (f"sqlite:///{tmp_path}/none.db", "kafka://nowhere"):
        assert forget_read(url, lambda *_: 0, before=before) == 0
    assert not (tmp_path / "none.db").exists()
