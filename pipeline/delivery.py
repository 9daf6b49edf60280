"""Reminders on their way: claim, call the provider, record; then receipts and answers."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import assert_never

from pipeline.case import Case, CaseStatus, move
from pipeline.metrics import Outcome, WorkerMetrics
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Channel,
    ChannelUnavailableError,
    Message,
    Refused,
    SendResult,
    SendUncertainError,
    Sent,
)
from pipeline.reminder import DeliveryStatus, Receipt, Reminder, is_forward
from pipeline.reminder_queue import CLAIM, ReminderQueue, change
from pipeline.storage.base import DueReminder, Storage, UnitOfWork

__all__ = ["Delivery", "Record"]

log = logging.getLogger(__name__)

Record = Callable[[UnitOfWork], None]
"""What a provider said, to be recorded in a transaction."""

RECEIPT_POLL = timedelta(seconds=1)
LATE_RECEIPT_POLL = timedelta(seconds=60)
MESSAGES = 20
MAX_ATTEMPTS = 8
MAX_BACKOFF_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Carries queued reminders to the provider and brings back what became of them."""

    storage: Storage
    channel: Channel
    queue: ReminderQueue
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)

    def claim(self) -> list[tuple[DueReminder, Reminder]]:
        """Claim messages that are due, for a minute; those not to be sent any more are ended.

        The first of three steps, so that no transaction waits for a provider: claim, call, record.
        One at a time where a message whose sender dies could not be sent again.
        """
        limit = MESSAGES if self.channel.is_repeatable else 1
        with self.storage.begin() as uow:
            due = uow.outbox.claim_due(limit=limit, lease=CLAIM)
            if not due:
                return []
            prepared = self._prepare_all(uow, due)
            uow.commit()
        return prepared

    def claim_one(self) -> list[tuple[DueReminder, Reminder]]:
        """Claim one message, and look at it only then: what is broken waits while others go on."""
        with self.storage.begin() as uow:
            due = uow.outbox.claim_due(limit=1, lease=CLAIM)
            uow.commit()
        with self.storage.begin() as uow:
            prepared = self._prepare_all(uow, due)
            uow.commit()
        return prepared

    def call(self, due: DueReminder, reminder: Reminder) -> Record:
        """Call the provider about a claimed message; the answer is a step that records it."""
        if reminder.status is DeliveryStatus.SENDING:
            return self._send(due, reminder)
        return self._ask_for_receipt(due, reminder)

    def put_back(self, due: DueReminder, reminder: Reminder) -> Record:
        """The step that lets a claimed message be claimed again: the provider was not called."""

        def record(uow: UnitOfWork) -> None:
            fresh = _fresh(uow, reminder)
            if fresh.status is DeliveryStatus.SENDING:
                fresh = replace(fresh, status=DeliveryStatus.CREATED)
            uow.outbox.put_back(due, fresh)

        return record

    def take_receipt(self, uow: UnitOfWork, receipt: Receipt) -> None:
        """Record what became of a message; a receipt that says nothing new changes nothing."""
        reminder = uow.outbox.by_provider_ref(receipt.provider_ref)
        if reminder is None:
            log.warning("receipt for an unknown message", extra={"ref": receipt.provider_ref})
            return
        if not is_forward(reminder.status, receipt.status):
            return
        is_delivered = receipt.status is DeliveryStatus.DELIVERED
        reminder = replace(
            reminder,
            status=receipt.status,
            delivered_at=uow.now() if is_delivered else None,
            provider_at=receipt.provider_at,
            failure_kind=receipt.failure,
            failure=receipt.detail,
        )
        uow.outbox.save(reminder)
        case = uow.cases.get(reminder.case_id)
        if case is None or not case.is_open or case.reminder_key != reminder.key:
            return
        if is_delivered:
            case = self.queue.start_grace(uow, case, delivered_at=uow.now())
        self.queue.ask_policy(uow, case)

    def take_answer(self, uow: UnitOfWork, answer: Answer) -> None:
        """Keep what the driver says; only the camera can tell that a vehicle is gone."""
        reminder = uow.outbox.by_provider_ref(answer.provider_ref)
        if reminder is not None:
            uow.outbox.save(replace(reminder, answer=answer.text, answered_at=uow.now()))

    def _prepare_all(
        self, uow: UnitOfWork, due: Sequence[DueReminder]
    ) -> list[tuple[DueReminder, Reminder]]:
        uow.read_ahead_messages([one.key for one in due])
        prepared = [(one, self._prepare(uow, one)) for one in due]
        return [(one, reminder) for one, reminder in prepared if reminder is not None]

    def _prepare(self, uow: UnitOfWork, due: DueReminder) -> Reminder | None:
        """Look at the case once more; a vehicle that left is never reminded."""
        reminder = uow.outbox.get(due.key)
        case = uow.cases.get(reminder.case_id) if reminder else None
        if reminder is None or case is None:
            return None
        if reminder.status not in {DeliveryStatus.CREATED, DeliveryStatus.SENDING}:
            return reminder
        # Still "sending": whoever sent it died, perhaps after the provider took it.
        has_died = reminder.status is DeliveryStatus.SENDING
        reminder = replace(reminder, is_doubtful=reminder.is_doubtful or has_died)
        if has_died and not self.channel.is_repeatable:
            self._end(uow, due, _unsent(reminder))
            return None
        if not _is_wanted(case, reminder):
            uow.outbox.finish(due, _unsent(reminder), due_at=None)
            return None
        sending = replace(reminder, status=DeliveryStatus.SENDING)
        uow.outbox.save(sending)
        return sending

    def _send(self, due: DueReminder, reminder: Reminder) -> Record:
        with self.storage.read() as uow:
            case = uow.cases.get(reminder.case_id)
        if case is None or not _is_wanted(case, reminder):
            # The case went on since the message was claimed.
            return lambda uow: _finish(uow, due, _unsent(reminder))
        contact = self.queue.contact_of(reminder.plate)
        try:
            result: SendResult = Refused(detail="no contact any more")
            if contact is not None:
                result = self.channel.send(
                    Message(
                        key=reminder.key,
                        phone=contact.phone.get_secret_value(),
                        text=reminder.text,
                    )
                )
        except ChannelUnavailableError:
            return partial(self._retry_later, due, reminder)
        except SendUncertainError as exc:
            return partial(self._fail, due, reminder, DeliveryStatus.UNCERTAIN, str(exc))
        match result:
            case Accepted(provider_ref=provider_ref):
                return partial(self._accept, due, reminder, provider_ref)
            case Refused(detail=detail):
                return partial(self._fail, due, reminder, DeliveryStatus.FAILED, detail)
            case _:
                assert_never(result)

    def _retry_later(self, due: DueReminder, reminder: Reminder, uow: UnitOfWork) -> None:
        self.metrics.reminders.labels(Outcome.UNAVAILABLE).inc()
        if due.attempts >= MAX_ATTEMPTS:
            given_up = DeliveryStatus.UNCERTAIN if reminder.is_doubtful else DeliveryStatus.FAILED
            self._fail(due, reminder, given_up, f"channel unavailable {due.attempts} times", uow)
            return
        log.warning("channel unavailable", extra={"key": due.key, "attempt": due.attempts})
        delay = timedelta(seconds=min(2**due.attempts, MAX_BACKOFF_S))
        again = replace(reminder, status=DeliveryStatus.CREATED)
        uow.outbox.finish(due, again, due_at=uow.now() + delay)

    def _accept(
        self, due: DueReminder, reminder: Reminder, provider_ref: str, uow: UnitOfWork
    ) -> None:
        accepted = replace(
            _fresh(uow, reminder),
            status=DeliveryStatus.ACCEPTED,
            accepted_at=uow.now(),
            provider_ref=provider_ref,
        )
        if not uow.outbox.finish(due, accepted, due_at=uow.now() + RECEIPT_POLL):
            return
        case = uow.cases.get(reminder.case_id)
        if case is not None and case.is_open:
            told = replace(case, reminder_accepted_at=uow.now())
            change(uow, case, told, "reminder accepted")
        self.metrics.reminders.labels(Outcome.ACCEPTED).inc()
        if case is not None:
            # A camera's clock may be ahead of the database's.
            took_s = max((uow.now() - case.suspected_at).total_seconds(), 0.0)
            self.metrics.reminded_after.observe(took_s)
        log.info("reminder accepted", extra={"case_id": str(reminder.case_id)})

    def _fail(
        self,
        due: DueReminder,
        reminder: Reminder,
        status: DeliveryStatus,
        detail: str,
        uow: UnitOfWork,
    ) -> None:
        self._end(uow, due, replace(_fresh(uow, reminder), status=status, failure=detail))

    def _end(self, uow: UnitOfWork, due: DueReminder, ended: Reminder) -> None:
        """Record that a message goes no further, and ask what that means for its case."""
        if not uow.outbox.finish(due, ended, due_at=None):
            return
        case = uow.cases.get(ended.case_id)
        if case is not None and case.is_open:
            self.queue.ask_policy(uow, _told_uncertain(uow, case, ended.status))
        outcome = Outcome.UNCERTAIN if ended.status is DeliveryStatus.UNCERTAIN else Outcome.REFUSED
        self.metrics.reminders.labels(outcome).inc()
        log.error("reminder not sent", extra={"case_id": str(ended.case_id), "as": ended.status})

    def _ask_for_receipt(self, due: DueReminder, reminder: Reminder) -> Record:
        receipt, is_answered = None, True
        contact = self.queue.contact_of(reminder.plate)
        if reminder.provider_ref and reminder.accepted_at and contact:
            sent = Sent(
                key=reminder.key,
                provider_ref=reminder.provider_ref,
                phone=contact.phone.get_secret_value(),
                accepted_at=reminder.accepted_at,
            )
            try:
                receipt = self.channel.fetch_receipt(sent)
            except ChannelUnavailableError:
                is_answered = False
        return partial(self._record_receipt, due, reminder, receipt, is_answered)

    def _record_receipt(
        self,
        due: DueReminder,
        reminder: Reminder,
        receipt: Receipt | None,
        is_answered: bool,  # noqa: FBT001
        uow: UnitOfWork,
    ) -> None:
        fresh, case = _fresh(uow, reminder), uow.cases.get(reminder.case_id)
        is_over = fresh.status is not DeliveryStatus.ACCEPTED or receipt is not None
        is_over = is_over or case is None or not case.is_open
        waited = is_answered and self._waited_enough(uow, fresh)
        poll = LATE_RECEIPT_POLL if waited else RECEIPT_POLL
        if not uow.outbox.finish(due, fresh, due_at=None if is_over else uow.now() + poll):
            return
        if receipt is not None:
            self.take_receipt(uow, receipt)
        elif waited and not is_over and case and case.status is CaseStatus.REMINDER_DUE:
            self.queue.ask_policy(uow, self.queue.start_grace(uow, case, delivered_at=None))

    def _waited_enough(self, uow: UnitOfWork, reminder: Reminder) -> bool:
        if reminder.accepted_at is None:
            return False
        book = self.queue.rulebook
        wait = book.in_force(book.receipt_wait, reminder.accepted_at.date()).length
        return uow.now() >= reminder.accepted_at + wait


def _finish(uow: UnitOfWork, due: DueReminder, ended: Reminder) -> None:
    uow.outbox.finish(due, ended, due_at=None)


def _is_wanted(case: Case, reminder: Reminder) -> bool:
    is_due = case.status is CaseStatus.REMINDER_DUE and case.left_at is None
    return is_due and case.reminder_key == reminder.key


def _unsent(reminder: Reminder) -> Reminder:
    """The message as one that is not sent any more, as far as anybody can tell."""
    ended = DeliveryStatus.UNCERTAIN if reminder.is_doubtful else DeliveryStatus.CANCELLED
    return replace(reminder, status=ended)


def _told_uncertain(uow: UnitOfWork, case: Case, status: DeliveryStatus) -> Case:
    """An uncertain message holds its case: no grace, no second try, and a person sees it."""
    if status is not DeliveryStatus.UNCERTAIN or case.status is not CaseStatus.REMINDER_DUE:
        return case
    moved = replace(move(case, CaseStatus.REMINDER_UNCERTAIN), asks_operator=True)
    return change(uow, case, moved, "reminder uncertain")


def _fresh(uow: UnitOfWork, reminder: Reminder) -> Reminder:
    """The message as it stands now; a receipt or an answer may have come since it was claimed."""
    return uow.outbox.lock(reminder.key) or reminder
