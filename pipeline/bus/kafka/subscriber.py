"""Reading as a member of the workers' group, from the positions that the workers' database says."""

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import IllegalStateError, OffsetOutOfRangeError

from pipeline.bus.base import BusPositionError, BusUnavailableError, RawBatch
from pipeline.bus.kafka.address import KafkaAddress
from pipeline.bus.kafka.entry import translated
from pipeline.bus.kafka.topic import check_topic

__all__ = ["KafkaSubscriber"]

log = logging.getLogger(__name__)

_BATCH = 500
# A dead worker's partitions are another's after the session; one that works long is not dead.
_SETTINGS = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "fetch_max_wait_ms": 100,
    "max_poll_records": _BATCH,
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 1_000,
}
_MOST_AHEAD = 10 * _BATCH
_POLL_EVERY_S = 3.0
_ASK_WITHIN_MS = 10_000
# A poll of 0 ms never joins the group: the client's own thread gets no turn (kafka-python 3.0.12).
_ROUND_MS = 5
_JOIN_MS = 50
_FIRST_RECORDS_MS = 5_000
_NEXT_RECORDS_MS = 500
_ASK_WHY_AFTER_S = 10.0
_SILENT_AFTER_S = 60.0
_COMMIT_EVERY_S = 5.0
_STUCK_AFTER_S = 60.0
_CLOSE_WITHIN_MS = 5_000
_REMEDY = "records were lost or expired: restore them, or start with a new state database"


@dataclass(slots=True)
class _Tail:
    """Where the reading of one partition stands; `records` are what was fetched ahead."""

    next_offset: int
    end: int
    records: deque[tuple[int, bytes]] = field(default_factory=deque)
    is_fresh: bool = True
    asked_since_s: float | None = None


class _Joined(ConsumerRebalanceListener):  # type: ignore[misc]
    """Holds every new partition until somebody says where to go on.

    Called in the client's own thread, which must not wait.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self._lock = Lock()
        self._mine: set[TopicPartition] = set()
        self._fresh: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing to save: the position is in the workers' database."""
        with self._lock:
            self._mine -= set(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Wait at a place that is a place; Kafka's own offset may be old or missing."""
        for one in assigned:
            self._consumer.pause(one)
            self._consumer.seek(one, 0)
        with self._lock:
            self._mine |= set(assigned)
            self._fresh |= set(assigned)

    def mine(self) -> set[TopicPartition]:
        """The partitions that are ours and held; the client tells of them a moment too early."""
        with self._lock:
            held = set(self._mine)
        return held.intersection(self._consumer.assignment())

    def take_fresh(self) -> set[TopicPartition]:
        """The partitions that came, or came back, since the last call."""
        with self._lock:
            fresh, self._fresh = self._fresh, set()
        return fresh


class KafkaSubscriber:
    """A member of the workers' group; see `EventSubscriber`. One thread at a time."""

    def __init__(self, address: KafkaAddress) -> None:
        """Begin to join the group; a broker need not answer yet."""
        self.topic = address.topic
        self._address = address
        self._tails: dict[TopicPartition, _Tail] = {}
        self._done: dict[TopicPartition, int] = {}
        self._commit_at_s = 0.0
        self._open()

    def _open(self) -> None:
        self._tails.clear()
        self._poll_again_s = 0.0
        self._ask_why_at_s = monotonic() + _ASK_WHY_AFTER_S
        self._is_checked = False
        with translated(self._address):
            self._consumer = KafkaConsumer(
                **self._address.client(), group_id=self._address.group, **_SETTINGS
            )
            self._joined = _Joined(self._consumer)
            self._consumer.subscribe([self.topic], listener=self._joined)

    def assigned(self) -> frozenset[int]:
        """The partitions that the group gives to this member now.

        Raises:
            BusUnavailableError: no broker answers.
            BusError: the topic is not the one that the address names.
        """
        # While the database is away nothing is taken: what is ahead already must not grow.
        is_full = any(len(one.records) >= _BATCH for one in self._tails.values())
        if not is_full or monotonic() >= self._poll_again_s:
            self._poll(_ROUND_MS if self._joined.mine() else _JOIN_MS)
        mine = self._joined.mine()
        self._check(has_any=bool(mine))
        self._commit_for_lag_tools()
        return frozenset(one.partition for one in mine)

    def _check(self, *, has_any: bool) -> None:
        """Look at the topic once, and again whenever nothing comes: the client never says why."""
        if monotonic() >= self._ask_why_at_s or (has_any and not self._is_checked):
            self._ask_why_at_s = monotonic() + (_SILENT_AFTER_S if has_any else _ASK_WHY_AFTER_S)
            check_topic(self._address)
            self._is_checked = True

    def fetch(self, partition: int, offset: int, *, limit: int) -> RawBatch:
        """Up to `limit` messages from `offset` on; see `EventSubscriber.fetch`."""
        place = TopicPartition(self.topic, partition)
        messages: list[bytes] = []
        if place in self._joined.mine():
            self._done[place] = offset
            try:
                tail = self._tail(place, offset)
                self._fill(place, tail)
            except (IllegalStateError, ValueError):
                # So the client says that the group took the partition away a moment ago.
                if place in self._joined.mine():
                    raise
            else:
                messages = self._take_from(place, tail, limit)
        return RawBatch(
            topic=self.topic, partition=partition, first_offset=offset, messages=tuple(messages)
        )

    def _take_from(self, place: TopicPartition, tail: _Tail, limit: int) -> list[bytes]:
        messages: list[bytes] = []
        while tail.records and len(messages) < limit:
            at, value = tail.records.popleft()
            if at != tail.next_offset:
                self._mind_the_gap(place, tail, at)
                break
            messages.append(value)
            tail.next_offset, tail.is_fresh = at + 1, False
        return messages

    def backlog(self, partition: int, offset: int) -> int:
        """How many messages stand from `offset` on, by what the broker said with the last ones."""
        place = TopicPartition(self.topic, partition)
        if place not in self._joined.mine():
            return 0
        tail = self._tails.get(place)
        try:
            heard = self._consumer.highwater(place) or 0
        except IllegalStateError:
            # The group took the partition away a moment ago.
            return 0
        return max(tail.end - offset if tail else 0, heard - offset, 0)

    def close(self) -> None:
        """Leave the group, so that others need not wait for the session to end."""
        self._commit_at_s = 0.0
        self._commit_for_lag_tools()
        self._consumer.close(autocommit=False, timeout_ms=_CLOSE_WITHIN_MS)

    def _tail(self, place: TopicPartition, offset: int) -> _Tail:
        """Go on where we are, or go where the database says, if the broker has that place."""
        tail = self._tails.get(place)
        if tail is not None and tail.next_offset == offset:
            return tail
        with translated(self._address):
            first = self._consumer.beginning_offsets([place], timeout_ms=_ASK_WITHIN_MS)[place]
            end = self._consumer.end_offsets([place], timeout_ms=_ASK_WITHIN_MS)[place]
        if not first <= offset <= end:
            raise _lost(place.partition, offset, f"{first} to {end}")
        tail = self._tails[place] = _Tail(next_offset=offset, end=end)
        self._consumer.seek(place, offset)
        self._consumer.resume(place)
        if offset < end:
            self._poll(_FIRST_RECORDS_MS, until=place)
        return tail

    def _fill(self, place: TopicPartition, tail: _Tail) -> None:
        """Have something to give, if the broker has more; a client that is stuck is replaced."""
        if not tail.records:
            tail.end = max(tail.end, self._consumer.highwater(place) or 0)
            if tail.next_offset < tail.end:
                self._poll(_NEXT_RECORDS_MS, until=place)
        if tail.records or tail.next_offset >= tail.end:
            tail.asked_since_s = None
        elif tail.asked_since_s is None:
            tail.asked_since_s = monotonic()
        elif monotonic() - tail.asked_since_s > _STUCK_AFTER_S:
            log.error("the Kafka client stands still; a new one", extra={"partition": place[1]})
            self._consumer.close(autocommit=False, timeout_ms=_CLOSE_WITHIN_MS)
            self._open()

    def _mind_the_gap(self, place: TopicPartition, tail: _Tail, found: int) -> None:
        """Ask for the place again; a gap that is there again right after asking is a loss."""
        if tail.is_fresh:
            raise _lost(place.partition, tail.next_offset, f"{found} next")
        del self._tails[place]

    def _poll(self, wait_ms: int, *, until: TopicPartition | None = None) -> None:
        """Let the client work and take what has come; with `until`, wait for its records."""
        until_s = monotonic() + wait_ms / 1000
        while True:
            for place, records in self._take(wait_ms if until is None else _JOIN_MS).items():
                self._keep(place, records)
            tail = self._tails.get(until)
            if tail is None or tail.records or monotonic() >= until_s:
                return

    def _keep(self, place: TopicPartition, records: list[ConsumerRecord]) -> None:
        """Keep what is next in line; too much of it is let go, and fetched again when asked for.

        No partition is ever paused that has been read from: what the client has of it then is stuck
        for good (kafka-python 3.0.12, `Fetcher.fetched_records`).
        """
        self._ask_why_at_s = monotonic() + _SILENT_AFTER_S
        tail = self._tails.get(place)
        if tail is None:
            return
        tail.records.extend((one.offset, one.value or b"") for one in records)
        if len(tail.records) > _MOST_AHEAD:
            del self._tails[place]

    def _take(self, wait_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        self._poll_again_s = monotonic() + _POLL_EVERY_S
        try:
            with translated(self._address):
                polled = self._consumer.poll(timeout_ms=wait_ms)
        except BusUnavailableError as exc:
            if isinstance(exc.__cause__, OffsetOutOfRangeError):
                raise BusPositionError(f"{exc}; {_REMEDY}") from exc
            raise
        for place in self._joined.take_fresh():
            self._tails.pop(place, None)
        return dict(polled)

    def _commit_for_lag_tools(self) -> None:
        if monotonic() < self._commit_at_s or not self._done:
            return
        self._commit_at_s = monotonic() + _COMMIT_EVERY_S
        mine = self._joined.mine()
        offsets = {
            place: OffsetAndMetadata(offset, "", -1)
            for place, offset in self._done.items()
            if place in mine
        }
        self._done.clear()
        if offsets:
            self._consumer.commit_async(offsets)


def _lost(partition: int, offset: int, has: str) -> BusPositionError:
    return BusPositionError(
        f"partition {partition}: offset {offset} is not on the bus (it has {has}); {_REMEDY}"
    )
