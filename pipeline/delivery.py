"""Reminders on their way: claim, call the provider, record; then receipts and answers."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from pipeline.case import Case, CaseStatus, move
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Channel,
    ChannelUnavailableError,
    Message,
    Refused,
    SendResult,
    SendUncertainError,
)
from pipeline.reminder import DeliveryStatus, Receipt, Reminder, is_forward
from pipeline.reminder_queue import CLAIM, ReminderQueue, change
from pipeline.storage.base import DueReminder, Storage, UnitOfWork

__all__ = ["Delivery"]

log = logging.getLogger(__name__)

RECEIPT_POLL = timedelta(seconds=1)
LATE_RECEIPT_POLL = timedelta(seconds=60)
MAX_ATTEMPTS = 8
MAX_BACKOFF_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Carries queued reminders to the provider and brings back what became of them."""

    storage: Storage
    channel: Channel
    queue: ReminderQueue

    def claim_next(self) -> tuple[DueReminder, Reminder | None] | None:
        """Claim the message that is due first, for a minute; None when none is due.

        The first of three steps, so that no transaction waits for a provider: claim, call, record.
        The message is None when it turned out that it must not be sent any more.
        """
        with self.storage.begin() as uow:
            due = next(iter(uow.outbox.claim_due(limit=1, lease=CLAIM)), None)
            if due is None:
                return None
            reminder = self._prepare(uow, due)
            uow.commit()
        return due, reminder

    def carry(self, due: DueReminder, reminder: Reminder) -> None:
        """Call the provider about a claimed message, and record what it says."""
        if reminder.status is DeliveryStatus.SENDING:
            self._send(due, reminder)
        else:
            self._ask_for_receipt(due, reminder)

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

    def _send(self, due: DueReminder, reminder: Reminder) -> None:
        if self._is_cancelled(due, reminder):
            return
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
            self._retry_later(due, reminder)
            return
        except SendUncertainError as exc:
            self._record_failure(due, reminder, DeliveryStatus.UNCERTAIN, str(exc))
            return
        match result:
            case Accepted(provider_ref=provider_ref):
                self._record_accepted(due, reminder, provider_ref)
            case Refused(detail=detail):
                self._record_failure(due, reminder, DeliveryStatus.FAILED, detail)
            case _:
                assert_never(result)

    def _is_cancelled(self, due: DueReminder, reminder: Reminder) -> bool:
        """Whether the case went on since the message was claimed; it is then not sent."""
        with self.storage.read() as uow:
            case = uow.cases.get(reminder.case_id)
        if case is not None and _is_wanted(case, reminder):
            return False
        with self.storage.begin() as uow:
            uow.outbox.finish(due, _unsent(reminder), due_at=None)
            uow.commit()
        return True

    def _retry_later(self, due: DueReminder, reminder: Reminder) -> None:
        if due.attempts >= MAX_ATTEMPTS:
            given_up = DeliveryStatus.UNCERTAIN if reminder.is_doubtful else DeliveryStatus.FAILED
            detail = f"channel unavailable {due.attempts} times"
            self._record_failure(due, reminder, given_up, detail)
            return
        log.warning("channel unavailable", extra={"key": due.key, "attempt": due.attempts})
        with self.storage.begin() as uow:
            delay = timedelta(seconds=min(2**due.attempts, MAX_BACKOFF_S))
            again = replace(reminder, status=DeliveryStatus.CREATED)
            uow.outbox.finish(due, again, due_at=uow.now() + delay)
            uow.commit()

    def _record_accepted(self, due: DueReminder, reminder: Reminder, provider_ref: str) -> None:
        with self.storage.begin() as uow:
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
            uow.commit()
        log.info("reminder accepted", extra={"case_id": str(reminder.case_id)})

    def _record_failure(
        self, due: DueReminder, reminder: Reminder, status: DeliveryStatus, detail: str
    ) -> None:
        with self.storage.begin() as uow:
            ended = replace(_fresh(uow, reminder), status=status, failure=detail)
            if self._end(uow, due, ended):
                uow.commit()

    def _end(self, uow: UnitOfWork, due: DueReminder, ended: Reminder) -> bool:
        """Record that a message goes no further, and ask what that means for its case."""
        if not uow.outbox.finish(due, ended, due_at=None):
            return False
        case = uow.cases.get(ended.case_id)
        if case is not None and case.is_open:
            self.queue.ask_policy(uow, _told_uncertain(uow, case, ended.status))
        log.error("reminder not sent", extra={"case_id": str(ended.case_id), "as": ended.status})
        return True

    def _ask_for_receipt(self, due: DueReminder, reminder: Reminder) -> None:
        receipt, is_answered = None, True
        if reminder.provider_ref is not None:
            try:
                receipt = self.channel.fetch_receipt(reminder.provider_ref)
            except ChannelUnavailableError:
                is_answered = False
        with self.storage.begin() as uow:
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
            uow.commit()

    def _waited_enough(self, uow: UnitOfWork, reminder: Reminder) -> bool:
        if reminder.accepted_at is None:
            return False
        book = self.queue.rulebook
        wait = book.in_force(book.receipt_wait, reminder.accepted_at.date()).length
        return uow.now() >= reminder.accepted_at + wait


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
    return uow.outbox.get(reminder.key) or reminder
