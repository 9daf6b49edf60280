"""Publishing through a spool: what is published is on this disk, whatever the broker does."""

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic

from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.bus.kafka.address import KafkaAddress
from pipeline.bus.kafka.entry import translated
from pipeline.bus.kafka.spool import Spool, Spooled
from pipeline.bus.kafka.topic import check_topic
from pipeline.errors import PermanentError, PipelineError
from pipeline.events.envelope import Envelope, Event

__all__ = ["KafkaPublisher"]

log = logging.getLogger(__name__)

_BATCH = 500
_LOOK_EVERY_S = 0.05
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 30.0
_CLOSE_WITHIN_S = 5.0
_END_WITHIN_S = 10.0
_DELIVERY_S = 30.0
_FLUSH_MARGIN_S = 5.0
_SETTINGS = {
    "acks": "all",
    "compression_type": "zstd",
    "linger_ms": 10,
    "batch_size": 262144,
    "request_timeout_ms": 10_000,
    "delivery_timeout_ms": round(_DELIVERY_S * 1000),
    "max_block_ms": 2_000,
}


class KafkaPublisher:
    """Spools events and forwards them; see `EventPublisher`. Threads may share it."""

    def __init__(
        self,
        address: KafkaAddress,
        *,
        source: str,
        spool: Path,
        before_sending: Callable[[Sequence[Envelope]], None] | None = None,
    ) -> None:
        """Open the spool and begin to forward; a broker need not answer yet.

        Args:
            address: The cluster.
            source: Who publishes.
            spool: The file that keeps what waits.
            before_sending: Called with events before the broker gets them; while it raises a
                `PipelineError` they wait.

        Raises:
            BusUnavailableError: the spool cannot be opened or written, or another process has it.
            BusError: the spool's file is something else.
        """
        self._address = address
        self._spool = Spool(spool, source=source)
        self._has_new, self._stop = Flag(), Flag()
        self._before_sending = before_sending
        self._is_ready_up_to = 0
        self._producer: KafkaProducer | None = None
        self._thread = Thread(target=self._forward, name="forward-events", daemon=True)
        self._thread.start()

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        """Spool in order; see `EventPublisher.publish`."""
        envelopes = self._spool.append(events)
        self._has_new.set()
        return envelopes

    def waiting(self) -> int:
        """How many events wait in the spool; see `SpoolingPublisher.waiting`."""
        return self._spool.depth()

    def close(self) -> None:
        """Give the broker a moment to take the rest; what it does not take stays on the disk."""
        self.flush(within_s=_CLOSE_WITHIN_S)
        self._stop.set()
        self._has_new.set()
        self._thread.join(timeout=_END_WITHIN_S)
        if not self._thread.is_alive():
            self._spool.close()

    def flush(self, *, within_s: float) -> bool:
        """Wait until the broker has everything; False when it has not in time."""
        until_s = monotonic() + within_s
        while self._spool.depth() and monotonic() < until_s:
            self._stop.wait(_LOOK_EVERY_S)
        return not self._spool.depth()

    def _forward(self) -> None:
        """Forward until told to stop; a broker that is away is asked ever less often."""
        failures = 0
        while not self._stop.is_set():
            try:
                is_busy = self._forward_next()
            except PipelineError as exc:
                # What a person must mend may be mended while we wait.
                level = logging.ERROR if isinstance(exc, PermanentError) else logging.WARNING
                log.log(level, "events wait in the spool", extra={"error": str(exc)})
            except Exception:
                # This thread is their only way out: whatever it is, it goes on.
                log.exception("events wait in the spool")
            else:
                failures = 0
                if not is_busy:
                    self._has_new.wait()
                    self._has_new.clear()
                continue
            self._drop_producer()
            longest_s = min(_FIRST_PAUSE_S * 2**failures, _LONGEST_PAUSE_S)
            failures = min(failures + 1, 10)
            # Many detectors must not come back at the same moment.
            self._stop.wait(random.uniform(0, longest_s))  # noqa: S311
        self._drop_producer()

    def _forward_next(self) -> bool:
        waiting = self._spool.waiting(limit=_BATCH)
        if waiting:
            self._prepare([one for one in waiting if one.number > self._is_ready_up_to])
            self._is_ready_up_to = waiting[-1].number
            with translated(self._address):
                self._send(waiting)
        return bool(waiting)

    def _prepare(self, new: Sequence[Spooled]) -> None:
        if self._before_sending is not None and new:
            self._before_sending([Envelope.decode(one.value) for one in new])

    def _send(self, waiting: Sequence[Spooled]) -> None:
        """Send in order; behind the first that fails nothing counts as taken."""
        producer = self._producer = self._producer or self._open_producer()
        topic = self._address.topic
        sent = [producer.send(topic, key=one.key.encode(), value=one.value) for one in waiting]
        taken = None
        try:
            producer.flush(timeout=_DELIVERY_S + _FLUSH_MARGIN_S)
            for one, result in zip(waiting, sent, strict=True):
                result.get(timeout=0)
                taken = one.number
        finally:
            if taken is not None:
                self._spool.taken(up_to=taken)

    def _open_producer(self) -> KafkaProducer:
        check_topic(self._address)
        return KafkaProducer(**self._address.client(), **_SETTINGS)

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # What it has not sent is in the spool; it complains about that.
            with suppress(KafkaError):
                producer.close(timeout=0)
