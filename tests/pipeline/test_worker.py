"""The worker's own promises: broken messages, broken surroundings, sudden death."""

import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from pipeline import intake
from pipeline.bus import EventPublisher, open_subscriber
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.errors import PermanentError
from pipeline.events import ViolationSuspected
from pipeline.notify import Callback, Channels, UnreadableCallbackError
from pipeline.notify.channel import ChannelUnavailableError, SendResult
from pipeline.reminder import DeliveryStatus
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage, StorageError, StorageUnavailableError
from pipeline.worker import Worker
from tests.builders import NOON, a_case, a_departure, a_sighting, a_suspicion, by_hand, seconds
from tests.fakes import Killed, PassingChannel, RecordingChannel


def _put_raw(bus_file: Path, raw: bytes) -> None:
    with sqlite3.connect(bus_file) as bus:
        (part, off) = bus.execute(
            "SELECT part, MAX(off) + 1 FROM rec GROUP BY part ORDER BY 2 DESC LIMIT 1"
        ).fetchone()
        bus.execute("INSERT INTO rec VALUES (?, ?, 'cam-1', ?)", (part, off, raw))
    bus.close()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\xff\xfe no text", "JSON"),
        (b'{"id": 7}', "id: Input should be a valid string"),
        (b"x" * 9000, "limit 8192"),
    ],
)
def test_a_broken_message_becomes_a_dead_letter_and_the_next_one_is_handled(
    publisher: EventPublisher,
    worker: Worker,
    storage: Storage,
    tmp_path: Path,
    raw: bytes,
    reason: str,
) -> None:
    publisher.publish([a_suspicion()])
    _put_raw(tmp_path / "bus.db", raw)
    publisher.publish([a_suspicion()])
    worker.run_once()

    with storage.begin() as uow:
        (letter,) = uow.inbox.dead_letters()
        assert letter.raw == raw
        assert reason in letter.reason
        assert len(uow.cases.find()) == 2


def test_an_event_that_breaks_its_handler_harms_no_other(
    publisher: EventPublisher,
    worker: Worker,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, bad = a_suspicion(), a_suspicion()
    take = intake.take

    def fragile(uow: Any, envelope: Any) -> Case | None:
        if envelope.data.episode_id == bad.episode_id:
            raise RuntimeError("a slip in our own code")
        return take(uow, envelope)

    monkeypatch.setattr(intake, "take", fragile)
    publisher.publish([good, bad, a_sighting(good, NOON + seconds(20))])
    worker.run_once()

    with storage.begin() as uow:
        assert [case.episode_id for case in uow.cases.find()] == [good.episode_id]
        (letter,) = uow.inbox.dead_letters()
    assert letter.reason == "RuntimeError"


class Fuse:
    """Kills at the n-th named point that the worker passes."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.passed: list[str] = []

    def pass_point(self, name: str) -> None:
        self.passed.append(name)
        self.left -= 1
        if self.left == 0:
            raise Killed(name)


class FusedStorage:
    """A storage that dies before or after a commit."""

    def __init__(self, storage: Storage, fuse: Fuse) -> None:
        self._storage, self._fuse = storage, fuse

    def read(self) -> Any:
        return self._storage.read()

    @contextmanager
    def begin(self) -> Iterator[Any]:
        with self._storage.begin() as uow:
            commit = uow.commit

            def fused() -> None:
                self._fuse.pass_point("before commit")
                commit()
                self._fuse.pass_point("after commit")

            uow.commit = fused  # type: ignore[method-assign]
            yield uow


def _story() -> tuple[ViolationSuspected, ViolationSuspected]:
    return a_suspicion(camera_id="cam-1"), a_suspicion(camera_id="cam-1")


def _tell(story: tuple[ViolationSuspected, ViolationSuspected], at_s: int) -> list[Any]:
    leaves, stays = story
    at = NOON + seconds(at_s)
    match at_s:
        case 0:
            return [leaves, stays]
        case 12:
            return [a_departure(leaves, at)]
        case _ if at_s % 15 == 0:
            return [a_sighting(stays, at)]
        case _:
            return []


def _play(worker_of: Any, clock: ManualClock, publisher: EventPublisher) -> int:
    """Run both stories for 100 s; returns how often a worker died."""
    story, deaths = _story(), 0
    worker = worker_of()
    for at_s in range(100):
        publisher.publish(_tell(story, at_s))
        for _ in range(6):
            try:
                worker.run_once()
            except Killed:
                deaths += 1
                worker.subscriber.close()
                worker = worker_of()
        clock.advance(seconds(1))
    return deaths


@pytest.fixture
def bus(bus_url: str, publisher: EventPublisher) -> tuple[str, EventPublisher]:
    return bus_url, publisher


@pytest.mark.parametrize("n", range(1, 29))
def test_a_worker_killed_at_any_point_loses_no_case_and_reminds_nobody_twice(
    n: int,
    storage: Storage,
    queue: ReminderQueue,
    channel: RecordingChannel,
    bus: tuple[str, EventPublisher],
    clock: ManualClock,
) -> None:
    bus_url, publisher = bus
    channel.delivers_at_once = True
    fuse = Fuse(n)
    fused_storage: Any = FusedStorage(storage, fuse)
    fused_queue = replace(queue, storage=fused_storage)
    channels = Channels(PassingChannel(channel, fuse.pass_point))
    fused_delivery = Delivery(storage=fused_storage, channels=channels, queue=fused_queue)

    def a_worker() -> Worker:
        return Worker(
            subscriber=open_subscriber(bus_url),
            storage=fused_storage,
            queue=fused_queue,
            delivery=fused_delivery,
        )

    deaths = _play(a_worker, clock, publisher)

    assert deaths == 1, f"the story passes only {len(fuse.passed)} points"
    with storage.begin() as uow:
        cases = uow.cases.find()
        endings = sorted(case.disposition or case.status for case in cases)
    assert endings == [Disposition.CLEARED, "in_review"]
    # The one that left may have left before its reminder could be sent again.
    stayed = next(case for case in cases if case.disposition is None)
    assert stayed.reminder_key in channel.accepted
    assert set(channel.accepted) <= {case.reminder_key for case in cases}


def test_a_slip_in_one_request_is_dropped_and_the_next_one_is_answered(
    worker: Worker, storage: Storage, channel: RecordingChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = []

    def read(callback: Callback) -> Any:
        body = callback.body
        if body == "bad":
            raise RuntimeError("a slip in our own code")
        answered.append(body)
        raise UnreadableCallbackError(body)

    monkeypatch.setattr(channel, "read_callback", read)
    with storage.begin() as uow:
        for body in ("bad", "good"):
            uow.registry.add_callback("recording", body)
        uow.commit()
    worker.run_once()
    worker.run_once()

    assert answered == ["good"]


def test_a_slip_about_one_case_does_not_stop_the_others(
    publisher: EventPublisher,
    worker: Worker,
    storage: Storage,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = a_suspicion(), a_suspicion()
    publisher.publish([first, second])
    worker.run_once()
    ask = ReminderQueue.ask_policy

    def fragile(self: ReminderQueue, uow: Any, case: Case) -> Case:
        if case.episode_id == first.episode_id:
            raise RuntimeError("a slip in our own code")
        return ask(self, uow, case)

    monkeypatch.setattr(ReminderQueue, "ask_policy", fragile)
    clock.advance(seconds(700))
    worker.run_once()

    with storage.begin() as uow:
        ended = {case.episode_id: case.disposition for case in uow.cases.find()}
    assert ended == {first.episode_id: None, second.episode_id: Disposition.UNPROVEN}


@pytest.mark.parametrize(
    ("is_repeatable", "ended"),
    [(True, DeliveryStatus.CANCELLED), (False, DeliveryStatus.UNCERTAIN)],
)
def test_a_worker_that_died_while_sending_does_not_remind_a_car_that_left(
    publisher: EventPublisher,
    worker: Worker,
    storage: Storage,
    channel: RecordingChannel,
    clock: ManualClock,
    *,
    is_repeatable: bool,
    ended: DeliveryStatus,
) -> None:
    suspicion = a_suspicion()
    channel.is_repeatable = is_repeatable

    def die() -> SendResult | None:
        raise Killed

    channel.before_answer = die
    publisher.publish([suspicion])
    with pytest.raises(Killed):
        worker.run_once()
    channel.before_answer = lambda: None
    publisher.publish([a_departure(suspicion, NOON + seconds(5))])
    clock.advance(seconds(61))
    worker.run_once()

    assert channel.accepted == {}
    with storage.begin() as uow:
        (case,) = uow.cases.find()
        (reminder,) = uow.outbox.of_case(case.id)
    assert case.disposition is Disposition.CLEARED
    assert reminder.status is ended


def test_when_nothing_can_be_handled_the_worker_stops_and_the_events_stay(
    publisher: EventPublisher,
    worker: Worker,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(uow: Any, envelope: Any) -> Case | None:
        raise RuntimeError("a slip in our own code")

    monkeypatch.setattr(intake, "take", broken)
    publisher.publish([a_suspicion() for _ in range(30)])
    with pytest.raises(PermanentError, match="20 events in a row"):
        worker.run_once()

    with storage.read() as uow:
        assert len(uow.inbox.dead_letters()) == 20


def test_no_plate_reaches_the_log_when_the_database_refuses(
    storage: Storage, storage_url: str
) -> None:
    by_hand(storage_url, "ALTER TABLE case_file RENAME TO gone")
    with storage.begin() as uow:
        uow.cases.add(a_case())
        with pytest.raises((StorageError, StorageUnavailableError)) as refused:
            uow.commit()

    told = "".join(traceback.format_exception(refused.value))
    assert "12345" not in told


def test_a_request_outlives_a_failure_of_the_database(
    worker: Worker, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storage.begin() as uow:
        uow.registry.add_callback("recording", "anything")
        uow.commit()

    def away(_request: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("terminating connection"))

    monkeypatch.setattr(worker, "_answer", lambda _uow, request: away(request))
    with pytest.raises(StorageUnavailableError):
        worker.run_once()

    with storage.begin() as uow:
        assert uow.registry.next_request() is not None


def test_a_request_is_answered_however_many_events_come(
    worker: Worker, storage: Storage, publisher: EventPublisher
) -> None:
    with storage.begin() as uow:
        uow.registry.add_callback("recording", "anything")
        uow.commit()
    publisher.publish([a_suspicion()])
    assert worker.run_once()

    with storage.begin() as uow:
        assert uow.registry.next_request() is None


def test_a_long_backlog_of_one_partition_holds_up_no_other(
    worker: Worker, publisher: EventPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.worker.BATCH", 2)
    asked: list[int] = []
    consume = worker._consume

    def consume_and_tell(partition: int) -> int:
        asked.append(partition)
        return consume(partition)

    monkeypatch.setattr(worker, "_consume", consume_and_tell)
    publisher.publish([a_suspicion(camera_id="cam-1") for _ in range(6)])

    worker.run_once()

    assert asked == [0, 1, 2, 3] * 4


def test_the_timer_of_a_closed_case_fires_once(
    worker: Worker, storage: Storage, clock: ManualClock
) -> None:
    closed = a_case(status=CaseStatus.CLOSED)
    with storage.begin() as uow:
        uow.cases.add(closed)
        uow.cases.set_timer(closed.id, clock.now())
        uow.commit()
    worker.run_once()
    clock.advance(seconds(3600))

    with storage.begin() as uow:
        assert uow.cases.claim_due(limit=9, lease=seconds(60)) == {}


def test_an_unreadable_message_stops_no_other(
    worker: Worker,
    publisher: EventPublisher,
    storage_url: str,
    channel: RecordingChannel,
    clock: ManualClock,
) -> None:
    channel.before_answer = _unavailable
    suspicions = [a_suspicion(camera_id="cam-1") for _ in range(3)]
    publisher.publish(suspicions)
    worker.run_once()
    channel.before_answer = lambda: None
    by_hand(
        storage_url,
        "UPDATE reminder SET document = '{}' WHERE key = (SELECT MIN(key) FROM reminder)",
    )
    clock.advance(seconds(10))
    for _ in range(6):
        worker.run_once()

    assert len(channel.accepted) == 2


def test_what_the_provider_said_is_recorded_once_the_database_is_back(
    worker: Worker,
    publisher: EventPublisher,
    storage: Storage,
    channel: RecordingChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(_steps: Any) -> None:
        raise StorageUnavailableError("away")

    publisher.publish([a_suspicion(camera_id="cam-1") for _ in range(3)])
    do = worker._do
    monkeypatch.setattr(worker, "_do", away)
    with pytest.raises(StorageUnavailableError):
        worker.run_once()
    monkeypatch.setattr(worker, "_do", do)
    worker.run_once()

    assert len(channel.calls) == 3
    with storage.read() as uow:
        assert uow.outbox.count(DeliveryStatus.ACCEPTED) == 3


def _unavailable() -> SendResult | None:
    raise ChannelUnavailableError("down")
