"""What every bus must do, whichever technology carries it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic

import pytest

from pipeline.bus import BusPositionError, EventPublisher, EventSubscriber
from pipeline.events import CameraState, CameraStatus, Envelope
from tests.builders import NOON, seconds


def a_status(camera_id: str, n: float) -> CameraStatus:
    return CameraStatus(
        camera_id=camera_id, captured_at=NOON + seconds(n), state=CameraState.ONLINE
    )


def joined(subscriber: EventSubscriber) -> list[int]:
    """Its partitions, once it has some."""
    until_s = monotonic() + 30
    while not (mine := subscriber.assigned()) and monotonic() < until_s:
        pass
    return sorted(mine)


def read_partition(subscriber: EventSubscriber, partition: int) -> Iterator[bytes]:
    offset = 0
    while messages := subscriber.fetch(partition, offset, limit=10_000).messages:
        yield from messages
        offset += len(messages)


def read_all(subscriber: EventSubscriber) -> list[Envelope]:
    return [
        Envelope.decode(raw)
        for partition in joined(subscriber)
        for raw in read_partition(subscriber, partition)
    ]


class BusContract:
    """Subclass it with the two fixtures of an adapter."""

    @pytest.fixture
    def open_writer(self) -> Callable[[str], EventPublisher]:
        raise NotImplementedError

    @pytest.fixture
    def open_reader(self) -> Callable[[], EventSubscriber]:
        raise NotImplementedError

    def test_events_of_one_camera_keep_their_order(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        with closing(open_writer("one")) as writer:
            for n in range(20):
                writer.publish([a_status("cam-1", n), a_status("cam-2", n)])

        read = [one for one in read_all(open_reader()) if one.subject == "cam-1"]

        assert [one.time for one in read] == [NOON + seconds(n) for n in range(20)]

    def test_instants_come_back_as_they_were(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        with closing(open_writer("one")) as writer:
            (sent,) = writer.publish([a_status("cam-1", 0.123456)])

        assert read_all(open_reader()) == [sent]

    def test_ids_are_given_once_even_after_a_restart_of_the_source(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        for source in ("one", "one", "one", "two"):
            with closing(open_writer(source)) as writer:
                writer.publish([a_status("cam-1", 0)])

        ids = [one.id for one in read_all(open_reader())]

        assert len(set(ids)) == len(ids) == 4

    def test_reading_again_from_a_position_gives_the_same(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        with closing(open_writer("one")) as writer:
            writer.publish([a_status("cam-1", n) for n in range(5)])
        reader = open_reader()
        partition = next(part for part in joined(reader) if reader.fetch(part, 0, limit=1).messages)

        whole = reader.fetch(partition, 0, limit=10)
        tail = reader.fetch(partition, 2, limit=2)

        assert tail.messages == whole.messages[2:4]
        assert (tail.first_offset, tail.next_offset) == (2, 4)
        assert reader.fetch(partition, 5, limit=10).messages == ()

    def test_a_reader_knows_how_much_it_has_not_read(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        with closing(open_writer("one")) as writer:
            writer.publish([a_status("cam-1", n) for n in range(5)])
        reader = open_reader()
        partition = next(part for part in joined(reader) if reader.fetch(part, 0, limit=1).messages)
        assert [reader.backlog(partition, offset) for offset in (0, 1, 4, 5)] == [5, 4, 1, 0]

        with closing(open_writer("one")) as writer:
            writer.publish([a_status("cam-1", n) for n in range(5, 12)])
        until_s = monotonic() + 30
        while reader.backlog(partition, 1) < 11 and monotonic() < until_s:
            reader.assigned()

        assert reader.backlog(partition, 1) == 11

    def test_a_position_that_is_not_on_the_bus_is_an_error(
        self, open_reader: Callable[[], EventSubscriber]
    ) -> None:
        reader = open_reader()

        with pytest.raises(BusPositionError, match="offset 7 is not on the bus"):
            reader.fetch(min(joined(reader)), 7, limit=1)
