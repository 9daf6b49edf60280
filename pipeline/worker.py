"""The worker's loop: events, requests, timers, messages; and the only catch-all handlers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event as StopSignal
from uuid import UUID

from pipeline import intake
from pipeline.bus.base import EventSubscriber, RawBatch
from pipeline.delivery import Delivery
from pipeline.errors import PermanentError, PipelineError, RetryableError
from pipeline.events.envelope import Envelope, UndecodableEventError
from pipeline.notify.channel import UnreadableCallbackError
from pipeline.reminder import Receipt
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage.base import DeadLetter, Request, Storage, UnitOfWork

__all__ = ["Worker"]

log = logging.getLogger(__name__)

BATCH = 500
MESSAGES_PER_ROUND = 20
MAX_FAILURES_IN_A_ROW = 20
IDLE_S = 0.05
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
                log.warning("work waits", extra={"error": str(exc), "wait_s": wait_s})
                stop.wait(wait_s)
                continue
            failures = 0
            if not is_busy:
                stop.wait(IDLE_S)

    def run_once(self) -> bool:
        """One round; False when there was nothing to do.

        Events come first, all there are: what they tell may stop a message or a referral.
        """
        handled = self._drain()
        due = self.queue.claim_due()
        for case_id in due:
            with _contained("timer", case_id):
                self.queue.ask_again(case_id)
        carried = 0
        while carried < MESSAGES_PER_ROUND and self._carry_next():
            carried += 1
        return bool(handled or due or carried) or self._answer_next_request()

    def _carry_next(self) -> bool:
        claimed = self.delivery.claim_next()
        if claimed is None:
            return False
        due, reminder = claimed
        if reminder is not None:
            with _contained("message", reminder.case_id):
                self.delivery.carry(due, reminder)
        return True

    def _drain(self) -> int:
        """Take all there is, a batch of each partition in turn, so that none waits for another."""
        handled, behind = 0, sorted(self._assigned())
        while behind:
            taken = {partition: self._consume(partition) for partition in behind}
            handled += sum(taken.values())
            behind = [partition for partition, count in taken.items() if count == BATCH]
        return handled

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
            log.exception("event goes to the dead letters", extra={"offset": single.first_offset})
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
            for offset, message in enumerate(batch.messages, start=batch.first_offset):
                self._take(uow, batch, offset, message, dead_because)
            uow.commit()
        self._offsets[batch.partition] = batch.next_offset

    def _take(
        self,
        uow: UnitOfWork,
        batch: RawBatch,
        offset: int,
        message: bytes,
        dead_because: str | None,
    ) -> None:
        reason = dead_because
        if reason is None:
            try:
                envelope = Envelope.decode(message)
            except UndecodableEventError as exc:
                reason = str(exc)
                log.error("event cannot be read", extra={"offset": offset, "reason": reason})  # noqa: TRY400
        if reason is None:
            case = intake.take(uow, envelope)
            if case is not None:
                self.queue.ask_policy(uow, case)
            return
        uow.inbox.add_dead_letter(
            DeadLetter(
                topic=batch.topic,
                partition=batch.partition,
                offset=offset,
                raw=message,
                reason=reason,
                at=uow.now(),
            )
        )

    def _answer_next_request(self) -> bool:
        """Answer what the web left; one that cannot be answered is dropped, not tried for ever."""
        with self.storage.begin() as uow:
            request = uow.registry.next_request()
            if request is None:
                return False
            uow.registry.drop_request(request.id)
            with _contained("request") as outcome:
                self._answer(uow, request)
            if outcome.is_fine:
                uow.commit()
        if not outcome.is_fine:
            with self.storage.begin() as uow:
                uow.registry.drop_request(request.id)
                uow.commit()
        return True

    def _answer(self, uow: UnitOfWork, request: Request) -> None:
        try:
            told = self.delivery.channel.read_callback(request.body)
        except UnreadableCallbackError as exc:
            log.warning("call-back refused", extra={"request": request.id, "reason": str(exc)})
            return
        if isinstance(told, Receipt):
            self.delivery.take_receipt(uow, told)
        else:
            self.delivery.take_answer(uow, told)


@dataclass
class _Outcome:
    is_fine: bool = True


@contextmanager
def _contained(what: str, case_id: UUID | None = None) -> Iterator[_Outcome]:
    """Keep a slip in one piece of work from stopping all others; it is logged for a person."""
    outcome = _Outcome()
    try:
        yield outcome
    except RetryableError:
        raise
    except Exception:
        outcome.is_fine = False
        log.exception("left alone for now", extra={"what": what, "case_id": str(case_id)})
