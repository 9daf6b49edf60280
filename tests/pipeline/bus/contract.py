"""What every bus must do, whichever technology carries it."""

from collections.abc import Callable

import pytest

from pipeline.bus import BusPositionError, EventPublisher, EventSubscriber
from pipeline.events import CameraState, CameraStatus, Envelope
from tests.builders import NOON, seconds


def a_status(camera_id: str, n: float) -> CameraStatus:
    return CameraStatus(
        camera_id=camera_id, captured_at=NOON + seconds(n), state=CameraState.ONLINE
    )


def read_all(subscriber: EventSubscriber) -> list[Envelope]:
    return [
        Envelope.decode(raw)
        for partition in sorted(subscriber.assigned())
        for raw in subscriber.fetch(partition, 0, limit=10_000).messages
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
        writer = open_writer("one")
        for n in range(20):
            writer.publish([a_status("cam-1", n), a_status("cam-2", n)])

        read = [one for one in read_all(open_reader()) if one.subject == "cam-1"]

        assert [one.time for one in read] == [NOON + seconds(n) for n in range(20)]

    def test_instants_come_back_as_they_were(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        (sent,) = open_writer("one").publish([a_status("cam-1", 0.123456)])

        assert read_all(open_reader()) == [sent]

    def test_ids_are_given_once_even_after_a_restart_of_the_source(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        for _ in range(3):
            writer = open_writer("one")
            writer.publish([a_status("cam-1", 0)])
            writer.close()
        open_writer("two").publish([a_status("cam-1", 0)])

        ids = [one.id for one in read_all(open_reader())]

        assert len(set(ids)) == len(ids) == 4

    def test_reading_again_from_a_position_gives_the_same(
        self,
        open_writer: Callable[[str], EventPublisher],
        open_reader: Callable[[], EventSubscriber],
    ) -> None:
        open_writer("one").publish([a_status("cam-1", n) for n in range(5)])
        reader = open_reader()
        partition = next(
            part for part in reader.assigned() if reader.fetch(part, 0, limit=1).messages
        )

        whole = reader.fetch(partition, 0, limit=10)
        tail = reader.fetch(partition, 2, limit=2)

        assert tail.messages == whole.messages[2:4]
        assert (tail.first_offset, tail.next_offset) == (2, 4)
        assert reader.fetch(partition, 5, limit=10).messages == ()

    def test_a_position_that_is_not_on_the_bus_is_an_error(
        self, open_reader: Callable[[], EventSubscriber]
    ) -> None:
        reader = open_reader()

        with pytest.raises(BusPositionError, match="offset 7 is not on the bus"):
            reader.fetch(min(reader.assigned()), 7, limit=1)
