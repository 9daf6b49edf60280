from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from threading import active_count
from time import monotonic

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import IllegalStateError, KafkaTimeoutError

from pipeline.bus import (
    BusError,
    BusPositionError,
    BusUnavailableError,
    EventPublisher,
    EventSubscriber,
    check_topic,
    create_topic,
    open_publisher,
    open_subscriber,
)
from pipeline.bus.kafka import KafkaAddress
from pipeline.events import Envelope
from tests.pipeline.bus.contract import (
    BusContract,
    a_status,
    joined,
    read_all,
    read_partition,
)

pytestmark = pytest.mark.kafka

NOBODY = "kafka://127.0.0.1:1"


@pytest.fixture
def open_reader(kafka_url: str) -> Iterator[Callable[[], EventSubscriber]]:
    opened: list[EventSubscriber] = []

    def open_one() -> EventSubscriber:
        opened.append(open_subscriber(kafka_url))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


class TestKafkaBus(BusContract):
    @pytest.fixture
    def open_writer(self, kafka_url: str, tmp_path: Path) -> Callable[[str], EventPublisher]:
        return lambda source: open_publisher(kafka_url, source=source, state_dir=tmp_path)

    @pytest.fixture
    def open_reader(
        self, open_reader: Callable[[], EventSubscriber]
    ) -> Callable[[], EventSubscriber]:
        return open_reader


def publish(url: str, state_dir: Path, count: int, *, cameras: int = 8) -> list[Envelope]:
    with closing(open_publisher(url, source="one", state_dir=state_dir)) as writer:
        return list(writer.publish([a_status(f"cam-{n % cameras}", n) for n in range(count)]))


def shared_out(*readers: EventSubscriber) -> list[frozenset[int]]:
    """What each reader has, once the group has come to rest and each has something."""
    until_s, shares = monotonic() + 30, [frozenset[int]()]
    while not (all(shares) and sorted(chain(*shares)) == [0, 1, 2, 3]) and monotonic() < until_s:
        shares = [reader.assigned() for reader in readers]
    return shares


def test_a_thousand_events_are_read_once_and_in_order(
    kafka_url: str, open_reader: Callable[[], EventSubscriber], tmp_path: Path
) -> None:
    sent = publish(kafka_url, tmp_path, 1000)

    read = read_all(open_reader())

    for camera in {one.subject for one in sent}:
        assert [one.id for one in read if one.subject == camera] == [
            one.id for one in sent if one.subject == camera
        ]
    assert len(read) == 1000


def test_two_readers_share_the_partitions_and_one_that_closes_gives_them_back(
    open_reader: Callable[[], EventSubscriber],
) -> None:
    first, second = open_reader(), open_reader()
    assert list(map(len, shared_out(first, second))) == [2, 2]

    first.close()

    assert shared_out(second) == [frozenset(range(4))]


def test_a_reader_that_comes_later_goes_where_the_database_says(
    kafka_url: str, open_reader: Callable[[], EventSubscriber], tmp_path: Path
) -> None:
    publish(kafka_url, tmp_path, 50, cameras=1)
    first = open_reader()
    (partition,) = (one for one in joined(first) if any(read_partition(first, one)))
    first.close()

    second = open_reader()
    joined(second)

    assert len(second.fetch(partition, 20, limit=500).messages) == 30


def test_nothing_is_fetched_of_a_partition_that_is_another_readers(
    kafka_url: str, open_reader: Callable[[], EventSubscriber], tmp_path: Path
) -> None:
    publish(kafka_url, tmp_path, 50)
    first, second = open_reader(), open_reader()
    mine, others = shared_out(first, second)

    assert all(not first.fetch(one, 0, limit=9).messages for one in others)
    assert any(first.fetch(one, 0, limit=9).messages for one in mine)


@pytest.mark.parametrize("call", ["seek", "highwater"])
def test_a_partition_that_goes_away_while_it_is_read_gives_nothing(
    kafka_url: str,
    open_reader: Callable[[], EventSubscriber],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    reader = open_reader()
    partition, *_ = joined(reader)
    theirs = getattr(KafkaConsumer, call)

    def goes_away(consumer: KafkaConsumer, *_: object) -> None:
        monkeypatch.setattr(KafkaConsumer, call, theirs)
        place = TopicPartition(reader.topic, partition)
        reader._joined.on_partitions_revoked([place])  # type: ignore[attr-defined]
        raise ValueError("Unassigned partition") if call == "seek" else IllegalStateError

    monkeypatch.setattr(KafkaConsumer, call, goes_away)

    assert reader.fetch(partition, 0, limit=1).messages == ()


@pytest.mark.parametrize("polls_every_s", [0.0, 60.0])
def test_what_is_not_taken_is_not_kept_without_end(
    kafka_url: str,
    open_reader: Callable[[], EventSubscriber],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    polls_every_s: float,
) -> None:
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._MOST_AHEAD", 1000)
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._POLL_EVERY_S", polls_every_s)
    publish(kafka_url, tmp_path, 5000, cameras=1)
    reader = open_reader()
    (partition,) = (one for one in joined(reader) if reader.fetch(one, 0, limit=1).messages)

    for _ in range(50):
        reader.assigned()
        tails = reader._tails.values()  # type: ignore[attr-defined]
        assert all(len(tail.records) <= 1000 for tail in tails)

    assert len(list(read_partition(reader, partition))) == 5000


def test_ordinary_tools_see_how_far_the_readers_are(
    kafka_url: str, open_reader: Callable[[], EventSubscriber], tmp_path: Path
) -> None:
    publish(kafka_url, tmp_path, 100)
    reader = open_reader()
    for partition in joined(reader):
        next_offset = len(list(read_partition(reader, partition)))
        reader.fetch(partition, next_offset, limit=1)
    reader.close()

    address = KafkaAddress.parse(kafka_url)
    with closing(KafkaAdminClient(**address.client())) as admin:
        offsets = admin.list_group_offsets({address.group: None})[address.group]
    assert sum(one.offset for one in offsets.values()) == 100


def test_a_position_before_what_the_broker_still_has_is_an_error_and_no_jump(
    kafka_url: str, open_reader: Callable[[], EventSubscriber], tmp_path: Path
) -> None:
    publish(kafka_url, tmp_path, 100, cameras=1)
    reader = open_reader()
    (partition,) = (one for one in joined(reader) if reader.fetch(one, 0, limit=1).messages)
    address = KafkaAddress.parse(kafka_url)
    with closing(KafkaAdminClient(**address.client())) as admin:
        admin.delete_records({TopicPartition(address.topic, partition): 60})

    with pytest.raises(BusPositionError, match="offset 30 is not on the bus"):
        reader.fetch(partition, 30, limit=1)
    assert len(reader.fetch(partition, 60, limit=100).messages) == 40


def test_bytes_that_are_no_event_come_out_as_they_are(
    kafka_url: str, open_reader: Callable[[], EventSubscriber]
) -> None:
    address = KafkaAddress.parse(kafka_url)
    with closing(KafkaProducer(**address.client())) as producer:
        for value in (b"\xff\xfe", None, b"{}"):
            producer.send(address.topic, key=b"cam-1", value=value)
        producer.flush()
    reader = open_reader()

    read = [one for part in joined(reader) for one in read_partition(reader, part)]

    assert read == [b"\xff\xfe", b"", b"{}"]


def test_events_wait_on_the_disk_while_no_broker_answers_and_keep_ids_and_order(
    kafka_url: str,
    open_reader: Callable[[], EventSubscriber],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.bus.kafka.publisher._CLOSE_WITHIN_S", 0.2)
    sent: list[Envelope] = []
    for _ in range(2):
        with closing(open_publisher(NOBODY, source="one", state_dir=tmp_path)) as writer:
            sent += writer.publish([a_status("cam-1", n) for n in range(5)])
            assert writer.waiting() == len(sent)
    monkeypatch.undo()

    with closing(open_publisher(kafka_url, source="one", state_dir=tmp_path)) as writer:
        sent += writer.publish([a_status("cam-1", 9)])
        until_s = monotonic() + 30
        while writer.waiting() and monotonic() < until_s:
            pass
        assert writer.waiting() == 0

    assert read_all(open_reader()) == sent


def test_an_event_waits_until_what_must_come_before_it_is_done(
    kafka_url: str, open_reader: Callable[[], EventSubscriber], tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def prepare(envelopes: Sequence[Envelope]) -> None:
        asked.append([one.id for one in envelopes])
        if len(asked) < 3:
            raise BusUnavailableError("the pictures cannot be brought there yet")

    with closing(
        open_publisher(kafka_url, source="one", state_dir=tmp_path, before_sending=prepare)
    ) as writer:
        sent = writer.publish([a_status("cam-1", 0), a_status("cam-2", 1)])

    ids = [one.id for one in sent]
    assert asked == [ids] * 3
    assert sorted(one.id for one in read_all(open_reader())) == ids


def test_no_slip_ends_the_forwarding_of_events(
    kafka_url: str,
    open_reader: Callable[[], EventSubscriber],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check, slips = KafkaProducer.send, iter([RuntimeError("a slip"), KafkaTimeoutError("late")])

    def fragile(producer: KafkaProducer, *args: object, **kwargs: object) -> object:
        for slip in slips:
            raise slip
        return check(producer, *args, **kwargs)

    monkeypatch.setattr(KafkaProducer, "send", fragile)
    with closing(open_publisher(kafka_url, source="one", state_dir=tmp_path)) as writer:
        sent = writer.publish([a_status("cam-1", n) for n in range(3)])

    assert read_all(open_reader()) == list(sent)


def test_a_spool_that_another_process_has_is_refused(kafka_url: str, tmp_path: Path) -> None:
    with (
        closing(open_publisher(kafka_url, source="one", state_dir=tmp_path)),
        pytest.raises(BusUnavailableError, match=r"one.spool.db: another process has it"),
    ):
        open_publisher(kafka_url, source="one", state_dir=tmp_path)


def test_a_topic_is_made_once_and_checked(kafka_url: str) -> None:
    assert not create_topic(kafka_url, replicas=1)
    assert check_topic(kafka_url).endswith("of 4 partitions")


def test_a_topic_with_another_number_of_partitions_is_refused(
    kafka_url: str, tmp_path: Path
) -> None:
    other = kafka_url.replace("partitions=4", "partitions=5")
    with pytest.raises(BusError, match="has 4 partitions, the address says 5"):
        check_topic(other)
    with closing(open_subscriber(other)) as reader, pytest.raises(BusError, match="has 4"):
        joined(reader)


def test_a_missing_topic_is_told_with_the_remedy(
    kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = kafka_url.replace("test_", "missing_")
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._ASK_WHY_AFTER_S", 0.1)
    with pytest.raises(BusError, match="run `remindfirst topics create`"):
        check_topic(missing)
    with closing(open_subscriber(missing)) as reader, pytest.raises(BusError, match="no topic"):
        joined(reader)


def test_more_replicas_than_brokers_are_refused(kafka_url: str) -> None:
    with pytest.raises(BusError, match="fewer than 3 brokers"):
        create_topic(kafka_url.replace("test_", "new_"), replicas=3)


def test_a_broker_that_does_not_answer_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._ASK_WHY_AFTER_S", 0.1)
    with pytest.raises(BusUnavailableError, match=r"bus 127\.0\.0\.1:1"):
        check_topic(NOBODY)
    with closing(open_subscriber(NOBODY)) as reader, pytest.raises(BusUnavailableError):
        joined(reader)


def test_a_long_outage_leaves_nothing_behind() -> None:
    threads = active_count()
    for _ in range(3):
        with pytest.raises(BusUnavailableError):
            check_topic(NOBODY)
    assert active_count() <= threads


def test_a_stuck_client_is_replaced_and_reading_goes_on(
    kafka_url: str,
    open_reader: Callable[[], EventSubscriber],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(kafka_url, tmp_path, 10, cameras=1)
    reader = open_reader()
    (partition,) = (one for one in joined(reader) if reader.fetch(one, 0, limit=1).messages)
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._STUCK_AFTER_S", 0.0)
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._FIRST_RECORDS_MS", 10)
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._NEXT_RECORDS_MS", 10)
    poll = KafkaConsumer.poll
    monkeypatch.setattr(KafkaConsumer, "poll", lambda *_, **__: {})
    for _ in range(3):
        assert not reader.fetch(partition, 5, limit=9).messages
    monkeypatch.setattr(KafkaConsumer, "poll", poll)

    assert partition in joined(reader)
    assert len(reader.fetch(partition, 5, limit=9).messages) == 5
