"""The worker's loop: events, requests, timers, messages; and the only catch-all handlers."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Event as StopSignal
from time import monotonic
from uuid import UUID

from pipeline import intake
from pipeline.bus.base import BusUnavailableError, EventSubscriber, RawBatch
from pipeline.delivery import Delivery, Record, Said, UnknownMessageError
from pipeline.errors import PermanentError, PipelineError, RetryableError
from pipeline.events.envelope import Envelope, UndecodableEventError
from pipeline.metrics import Away, WorkerMetrics
from pipeline.notify.channel import Callback, UnreadableCallbackError
from pipeline.reminder import Receipt, Reminder
from pipeline.reminder_queue import CLAIM, ReminderQueue
from pipeline.storage.base import (
    ClockSetBackError,
    DeadLetter,
    DueReminder,
    Request,
    StaleCaseError,
    Storage,
    StorageUnavailableError,
    UnitOfWork,
)

__all__ = ["Worker"]

log = logging.getLogger(__name__)

BATCH = 500
MAX_FAILURES_IN_A_ROW = 20
IDLE_S = 0.05
LOOK_BACK_EVERY_S = 5.0
DRAIN_S = 2.0
STALE_AFTER_S = 0.5
"""A message that was claimed so long ago is looked at once more before it is sent."""
EARLY = timedelta(minutes=2)
EARLY_AGAIN = timedelta(seconds=2)
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(kw_only=True)
class Worker:
    """Moves cases on; any number of them may run on one database."""

    subscriber: EventSubscriber
    storage: Storage
    queue: ReminderQueue
    delivery: Delivery
    _offsets: dict[int, int] = field(default_factory=dict)
    _failures_in_a_row: int = 0
    _look_back_at_s: float = 0.0
    _unrecorded: list[Said] = field(default_factory=list)

    @property
    def metrics(self) -> WorkerMetrics:
        """What this worker has counted, messages to the provider included."""
        return self.delivery.metrics

    def run(self, stop: StopSignal) -> None:
        """Work until `stop` is set; what may pass is waited out, ever longer.

        Raises:
            PermanentError: the surroundings are wrong; a person must act.
        """
        failures = 0
        while not stop.is_set():
            try:
                is_busy = self.run_once()
            except RetryableError as exc:
                wait_s = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
                failures += 1
                self._offsets.clear()
                self._count_wait(exc)
                log.warning("work waits", extra={"error": str(exc), "wait_s": wait_s})
                stop.wait(wait_s)
                continue
            failures = 0
            if not is_busy:
                stop.wait(IDLE_S)

    def _count_wait(self, exc: RetryableError) -> None:
        match exc:
            case BusUnavailableError():
                self.metrics.waits.labels(Away.BUS).inc()
            case ClockSetBackError():
                self.metrics.clock_refusals.inc()
            case StorageUnavailableError():
                self.metrics.waits.labels(Away.DATABASE).inc()

    def run_once(self) -> bool:
        """One round; False when there was nothing to do.

        Events come first, all there are: what they tell may stop a message or a referral.
        """
        handled = self._drain()
        due = self.queue.claim_due()
        self._fire(due)
        carried = self._carry()
        answered = self._answer_next_request()
        return bool(handled or due or carried or answered)

    def _fire(self, due: Mapping[UUID, timedelta]) -> None:
        """Ask policy about cases whose time has come; if one of them breaks that, one by one."""
        if not due:
            return
        for late in due.values():
            self.metrics.timer_lateness.observe(late.total_seconds())
        self._together("timer", [(case_id, partial(self._ask_again, case_id)) for case_id in due])

    def _ask_again(self, case_id: UUID, uow: UnitOfWork) -> None:
        case = uow.cases.get(case_id)
        if case is None or not case.is_open:
            uow.cases.set_timer(case_id, None)
        else:
            self.queue.ask_policy(uow, case)

    def _carry(self) -> int:
        """Bring messages to the provider, then record together what it said."""
        said, self._unrecorded = self._unrecorded, []
        self._record(said)
        claimed: list[tuple[DueReminder, Reminder]] = []
        try:
            claimed = self.delivery.claim()
        except PermanentError:
            log.exception("messages cannot be claimed together, one by one now")
            with _contained("message"):
                claimed = self.delivery.claim_one()
        stale_s = monotonic() + STALE_AFTER_S
        calls_until_s = monotonic() + CLAIM.total_seconds() / 2
        said = []
        try:
            for due, reminder in claimed:
                if monotonic() >= calls_until_s:
                    # Before the claim runs out and another worker sends what is left.
                    said.append(
                        Said(reminder=reminder, record=self.delivery.put_back(due, reminder))
                    )
                    continue
                with _contained("message", reminder.case_id):
                    record = self.delivery.call(due, reminder, look_again=monotonic() >= stale_s)
                    said.append(Said(reminder=reminder, record=record))
        finally:
            # Whatever stops the calls, what the provider said already is recorded.
            self._record(said)
        return len(claimed)

    def _record(self, said: Sequence[Said]) -> None:
        """Record what the provider said; what cannot be recorded now is kept for the next round."""
        try:
            steps = [(one.reminder.case_id, one.record) for one in said]
            self._together("message", steps, keys=[one.reminder.key for one in said])
        except RetryableError:
            self._unrecorded = [*said]
            raise

    def _together(
        self, what: str, steps: Sequence[tuple[UUID, Record]], *, keys: Collection[str] = ()
    ) -> None:
        """Do a step of each case in one transaction; if one of them breaks it, one by one."""
        if not steps:
            return
        # All transactions take cases in one order, so that no two wait for one another.
        in_order = sorted(steps, key=lambda one: one[0])
        try:
            self._do(in_order, keys=keys)
        except Exception as exc:
            if isinstance(exc, RetryableError) and not isinstance(exc, StaleCaseError):
                raise
            if isinstance(exc, StaleCaseError):
                log.info("a case changed meanwhile, one by one now", extra={"what": what})
            else:
                log.exception("steps failed, one by one now", extra={"what": what})
            for case_id, step in in_order:
                with _contained(what, case_id), suppress(StaleCaseError):
                    self._do([(case_id, step)])

    def _do(self, steps: Sequence[tuple[UUID, Record]], *, keys: Collection[str] = ()) -> None:
        with self.storage.begin() as uow:
            if keys:
                uow.read_ahead_messages(keys, with_chains=True)
            else:
                uow.read_ahead_cases([case_id for case_id, _ in steps])
            for _, step in steps:
                step(uow)
            uow.commit()

    def _drain(self) -> int:
        """Take what there is, a batch of each partition in turn, so that none waits for another.

        Behind a long backlog the rest of the round comes too: timers, messages, a wish to stop.
        """
        handled, until_s = 0, monotonic() + DRAIN_S
        while True:
            taken = [self._consume(partition) for partition in sorted(self._assigned())]
            handled += sum(taken)
            self._look_back()
            if max(taken, default=0) < BATCH or monotonic() >= until_s:
                return handled

    def _look_back(self) -> None:
        """Tell now and then how much is still to be handled; only this thread may ask the bus."""
        if monotonic() >= self._look_back_at_s:
            self._look_back_at_s = monotonic() + LOOK_BACK_EVERY_S
            offsets = self._offsets.items()
            self.metrics.tell_lag({one: self.subscriber.backlog(one, at) for one, at in offsets})

    def _assigned(self) -> frozenset[int]:
        assigned = self.subscriber.assigned()
        for lost in set(self._offsets) - assigned:
            del self._offsets[lost]
        return assigned

    def _consume(self, partition: int) -> int:
        if partition not in self._offsets:
            with self.storage.begin() as uow:
                self._offsets[partition] = uow.inbox.next_offset(self.subscriber.topic, partition)
        batch = self.subscriber.fetch(partition, self._offsets[partition], limit=BATCH)
        if batch.messages:
            self._handle(batch)
        return len(batch.messages)

    def _handle(self, batch: RawBatch) -> None:
        """Handle a batch in one transaction; if one event breaks it, one by one."""
        try:
            self._commit(batch)
        except RetryableError:
            raise
        except Exception:
            log.exception("batch failed, one by one now", extra={"offset": batch.first_offset})
            for number, message in enumerate(batch.messages):
                self._handle_alone(
                    RawBatch(
                        topic=batch.topic,
                        partition=batch.partition,
                        first_offset=batch.first_offset + number,
                        messages=(message,),
                    )
                )

    def _handle_alone(self, single: RawBatch) -> None:
        try:
            self._commit(single)
        except RetryableError:
            raise
        except Exception as exc:
            self._failures_in_a_row += 1
            if self._failures_in_a_row > MAX_FAILURES_IN_A_ROW:
                raise PermanentError(
                    f"{MAX_FAILURES_IN_A_ROW} events in a row could not be handled; this is not "
                    "about single events, so the rest stays on the bus until it is mended"
                ) from exc
            log.exception("event cannot be handled", extra={"offset": single.first_offset})
            # Another library's words may quote a plate; ours never do.
            told = f": {exc}" if isinstance(exc, PipelineError) else ""
            self._commit(single, dead_because=f"{type(exc).__name__}{told}")
        else:
            self._failures_in_a_row = 0

    def _commit(self, batch: RawBatch, *, dead_because: str | None = None) -> None:
        with self.storage.begin() as uow:
            is_ours = uow.inbox.advance(
                batch.topic, batch.partition, start=batch.first_offset, to=batch.next_offset
            )
            if not is_ours:
                # Another worker was faster; the position in the database is the true one.
                self._offsets.pop(batch.partition, None)
                return
            read = [dead_because or _read(message) for message in batch.messages]
            uow.read_ahead([one for one in read if isinstance(one, Envelope)])
            for number, one in enumerate(read):
                if isinstance(one, Envelope):
                    self._take(uow, one)
                else:
                    uow.inbox.add_dead_letter(_dead_letter(batch, number, one, uow.now()))
            uow.commit()
        self._offsets[batch.partition] = batch.next_offset
        handled = sum(isinstance(one, Envelope) for one in read)
        self.metrics.events_handled.inc(handled)
        self.metrics.events_dead_lettered.inc(len(read) - handled)

    def _take(self, uow: UnitOfWork, envelope: Envelope) -> None:
        case = intake.take(uow, envelope)
        if case is not None:
            self.queue.ask_policy(uow, case)

    def _answer_next_request(self) -> bool:
        """Answer what the web left; one that cannot be answered is dropped, not tried for ever."""
        request = None
        # Outside the transaction, so that a failure of the database is one, and is tried again.
        with _contained("request") as outcome, self.storage.begin() as uow:
            request = uow.registry.next_request()
            if request is not None:
                uow.registry.drop_request(request.id)
                self._answer(uow, request)
                uow.commit()
        if request is not None and not outcome.is_fine:
            with self.storage.begin() as uow:
                if outcome.is_early and uow.now() < request.requested_at + EARLY:
                    uow.registry.put_off_request(request.id, uow.now() + EARLY_AGAIN)
                else:
                    uow.registry.drop_request(request.id)
                uow.commit()
        return request is not None

    def _answer(self, uow: UnitOfWork, request: Request) -> None:
        channel = self.delivery.channels.named(request.channel)
        if channel is None:
            log.warning("call-back for a channel that is not here", extra={"request": request.id})
            return
        callback = Callback(
            body=request.body,
            headers=request.headers,
            query=request.query,
            received_at=request.requested_at,
        )
        try:
            told = channel.read_callback(callback)
        except UnreadableCallbackError as exc:
            log.warning("call-back refused", extra={"request": request.id, "reason": str(exc)})
            return
        for one in told:
            if isinstance(one, Receipt):
                self.delivery.take_receipt(uow, one, channel=channel.name)
            else:
                self.delivery.take_answer(uow, one, channel=channel.name)


def _read(message: bytes) -> Envelope | str:
    """The event, or why it cannot be read."""
    try:
        return Envelope.decode(message)
    except UndecodableEventError as exc:
        return str(exc)


def _dead_letter(batch: RawBatch, number: int, reason: str, at: datetime) -> DeadLetter:
    offset = batch.first_offset + number
    log.error("event goes to the dead letters", extra={"offset": offset, "reason": reason})
    return DeadLetter(
        topic=batch.topic,
        partition=batch.partition,
        offset=offset,
        raw=batch.messages[number],
        reason=reason,
        at=at,
    )


@dataclass
class _Outcome:
    is_fine: bool = True
    is_early: bool = False


@contextmanager
def _contained(what: str, case_id: UUID | None = None) -> Iterator[_Outcome]:
    """Keep a slip in one piece of work from stopping all others; it is logged for a person."""
    outcome = _Outcome()
    try:
        yield outcome
    except RetryableError:
        raise
    except UnknownMessageError as exc:
        # A provider may be faster than the record of what it accepted.
        outcome.is_fine, outcome.is_early = False, True
        log.warning("call-back about an unknown message", extra={"reason": str(exc)})
    except Exception:
        outcome.is_fine = False
        log.exception("left alone for now", extra={"what": what, "case_id": str(case_id)})
