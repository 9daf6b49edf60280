"""Reminders on their way: claim, call the provider, record; then receipts and answers."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import assert_never

from pipeline.case import Case, CaseStatus, reminder_key_of
from pipeline.errors import PermanentError
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
from pipeline.notify.channels import Channels
from pipeline.notify.contacts import Contact, RegisterUnavailableError
from pipeline.own_contacts import OwnContacts
from pipeline.policy.effect import hold_uncertain
from pipeline.reminder import NOT_MINE, STOP, DeliveryStatus, Failure, Receipt, Reminder, is_forward
from pipeline.reminder_queue import CLAIM, ReminderQueue, change
from pipeline.storage.base import DueReminder, Storage, UnitOfWork

__all__ = ["Delivery", "Record", "Said", "UnknownMessageError"]

log = logging.getLogger(__name__)

Record = Callable[[UnitOfWork], None]
"""What a provider said, to be recorded in a transaction."""

RECEIPT_POLL = timedelta(seconds=1)
LATE_RECEIPT_POLL = timedelta(seconds=60)
MESSAGES = 200
MAX_ATTEMPTS = 8
MAX_BACKOFF_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a provider said of a message, to be recorded in a transaction."""

    reminder: Reminder
    record: Record


class UnknownMessageError(PermanentError):
    """A receipt or an answer names a message that we do not know, or do not know yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Carries queued reminders to the provider and brings back what became of them."""

    storage: Storage
    channels: Channels
    queue: ReminderQueue
    own_contacts: OwnContacts | None = None
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)

    def claim(self) -> list[tuple[DueReminder, Reminder]]:
        """Claim messages that are due, for a minute; those not to be sent any more are ended.

        The first of three steps, so that no transaction waits for a provider: claim, call, record.
        One at a time where a message whose sender dies could not be sent again.
        """
        limit = MESSAGES if self.channels.are_repeatable else 1
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

    def call(self, due: DueReminder, reminder: Reminder, *, look_again: bool = True) -> Record:
        """Call the provider about a claimed message; the answer is a step that records it.

        Its case is looked at once more before, but where it was claimed a moment ago.
        """
        if reminder.status is DeliveryStatus.SENDING:
            return self._send(due, reminder, look_again=look_again)
        return self._ask_for_receipt(due, reminder)

    def put_back(self, due: DueReminder, reminder: Reminder) -> Record:
        """The step that lets a claimed message be claimed again: the provider was not called."""

        def record(uow: UnitOfWork) -> None:
            fresh = _fresh(uow, reminder)
            if fresh.status is DeliveryStatus.SENDING:
                fresh = replace(fresh, status=DeliveryStatus.CREATED)
            uow.outbox.put_back(due, fresh)

        return record

    def take_receipt(self, uow: UnitOfWork, receipt: Receipt, *, channel: str) -> None:
        """Record what the provider of a channel says became of a message.

        A receipt that says nothing new changes nothing.

        Raises:
            UnknownMessageError: no message has this name, or its acceptance is not recorded yet.
        """
        self._take(uow, _named(uow, channel, receipt.provider_ref), receipt)

    def _take(self, uow: UnitOfWork, reminder: Reminder, receipt: Receipt) -> None:
        # Who said that the vehicle is not theirs was reached, but is not the driver.
        is_disowned = reminder.answer == NOT_MINE
        if is_disowned or not is_forward(reminder.status, receipt.status):
            return
        is_delivered = receipt.status is DeliveryStatus.DELIVERED
        reminder = replace(
            reminder,
            status=receipt.status,
            delivered_at=uow.now() if is_delivered else None,
            ended_at=uow.now() if receipt.status is DeliveryStatus.FAILED else None,
            provider_at=receipt.provider_at,
            failure_kind=receipt.failure,
            failure=receipt.detail,
        )
        uow.outbox.save(reminder)
        case = uow.cases.get(reminder.case_id)
        if case is None or not case.is_open or not _is_of_this_round(case, reminder):
            return
        if is_delivered:
            # Also by an earlier try that seemed to have failed: the driver was told.
            case = self.queue.start_grace(uow, case, delivered_at=uow.now())
        self.queue.ask_policy(uow, case)

    def take_answer(self, uow: UnitOfWork, answer: Answer, *, channel: str) -> None:
        """Keep what the driver says by a channel; only the camera can tell that a vehicle is gone.

        Raises:
            UnknownMessageError: no message has this name, or its acceptance is not recorded yet.
        """
        reminder = _named(uow, channel, answer.provider_ref)
        told = replace(reminder, answer=answer.text, answered_at=uow.now())
        if answer.text == NOT_MINE:
            # It reached somebody, but not this driver: nobody was reminded.
            told = replace(
                told,
                status=DeliveryStatus.FAILED,
                failure_kind=Failure.PERMANENT,
                failure="the contact said that the vehicle is not theirs",
                ended_at=uow.now(),
            )
        uow.outbox.save(told)
        if self.own_contacts is not None and answer.text == NOT_MINE:
            self.own_contacts.doubt(uow, reminder.plate, reason=answer.text)
        if self.own_contacts is not None and answer.text == STOP:
            self.own_contacts.opt_out(uow, reminder.plate)
        case = uow.cases.get(reminder.case_id)
        if answer.text in {NOT_MINE, STOP} and case is not None and case.is_open:
            # What was said about the contact is seen once this is committed.
            uow.cases.set_timer(case.id, uow.now())

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
        if not _is_wanted(case, reminder) and not reminder.is_doubtful:
            uow.outbox.finish(due, _unsent(reminder), due_at=None)
            return None
        sending = replace(reminder, status=DeliveryStatus.SENDING)
        uow.outbox.save(sending)
        return sending

    def _send(self, due: DueReminder, reminder: Reminder, *, look_again: bool) -> Record:
        is_stale = look_again or reminder.is_doubtful
        is_wanted = not is_stale or self._is_still_wanted(reminder)
        channel = self.channels.of(reminder.channel)
        try:
            contact = self.queue.contact_of(reminder.plate)
        except RegisterUnavailableError:
            return partial(self._retry_later, due, reminder)
        lacks = _lacks(contact, channel)
        if contact is None or channel is None or lacks:
            return self._failing(due, reminder, Failure.PERMANENT, lacks)
        message = _message(reminder, contact)
        if reminder.is_doubtful and (not channel.is_repeatable or not is_wanted):
            return self._look_up(due, reminder, channel, message)
        if not is_wanted:
            # The case went on since the message was claimed.
            return lambda uow: _finish(uow, due, _unsent(reminder))
        return self._hand_over(due, reminder, channel, message)

    def _is_still_wanted(self, reminder: Reminder) -> bool:
        with self.storage.read() as uow:
            case = uow.cases.get(reminder.case_id)
        return case is not None and _is_wanted(case, reminder)

    def _hand_over(
        self, due: DueReminder, reminder: Reminder, channel: Channel, message: Message
    ) -> Record:
        try:
            result: SendResult = channel.send(message)
        except ChannelUnavailableError:
            return partial(self._retry_later, due, reminder)
        except SendUncertainError:
            return self._look_up(due, replace(reminder, is_doubtful=True), channel, message)
        match result:
            case Accepted(provider_ref=provider_ref):
                return partial(self._accept, due, reminder, provider_ref)
            case Refused(detail=detail, failure=failure):
                return self._failing(due, reminder, failure, detail)
            case _:
                assert_never(result)

    def _look_up(
        self, due: DueReminder, reminder: Reminder, channel: Channel, message: Message
    ) -> Record:
        """Ask whether the provider took a message that may have been sent before."""
        try:
            found = channel.look_up(message, since=reminder.created_at)
        except ChannelUnavailableError:
            return partial(self._retry_later, due, reminder)
        except SendUncertainError as exc:
            ended = replace(reminder, status=DeliveryStatus.UNCERTAIN, failure=str(exc))
            return partial(self._fail, due, ended)
        if found is not None:
            return partial(self._accept, due, reminder, found.provider_ref)
        return partial(self._not_taken, due, replace(reminder, is_doubtful=False))

    def _not_taken(self, due: DueReminder, reminder: Reminder, uow: UnitOfWork) -> None:
        case = uow.cases.get(reminder.case_id)
        if case is not None and _is_wanted(case, reminder):
            self._retry_later(due, reminder, uow)
        else:
            _finish(uow, due, _unsent(reminder))

    def _failing(
        self, due: DueReminder, reminder: Reminder, failure: Failure, detail: str
    ) -> Record:
        failed = replace(
            reminder, status=DeliveryStatus.FAILED, failure_kind=failure, failure=detail
        )
        return partial(self._fail, due, failed)

    def _retry_later(self, due: DueReminder, reminder: Reminder, uow: UnitOfWork) -> None:
        self.metrics.reminders.labels(Outcome.UNAVAILABLE).inc()
        if due.attempts >= MAX_ATTEMPTS:
            given_up = DeliveryStatus.UNCERTAIN if reminder.is_doubtful else DeliveryStatus.FAILED
            told = f"channel unavailable {due.attempts} times"
            kind = None if reminder.is_doubtful else Failure.TECHNICAL
            ended = replace(reminder, status=given_up, failure_kind=kind, failure=told)
            self._fail(due, ended, uow)
            return
        log.warning("channel unavailable", extra={"key": due.key, "attempt": due.attempts})
        delay = timedelta(seconds=min(2**due.attempts, MAX_BACKOFF_S))
        again = replace(reminder, status=DeliveryStatus.CREATED)
        uow.outbox.finish(due, again, due_at=uow.now() + delay)

    def _accept(
        self, due: DueReminder, reminder: Reminder, provider_ref: str, uow: UnitOfWork
    ) -> None:
        channel = self.channels.of(reminder.channel)
        accepted = replace(
            _fresh(uow, reminder),
            status=DeliveryStatus.ACCEPTED,
            accepted_at=uow.now(),
            provider_ref=provider_ref,
            sent_by=channel.name if channel else None,
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

    def _fail(self, due: DueReminder, failed: Reminder, uow: UnitOfWork) -> None:
        fresh = _fresh(uow, failed)
        ended = replace(
            fresh,
            status=failed.status,
            is_doubtful=failed.is_doubtful,
            failure_kind=failed.failure_kind,
            failure=failed.failure,
            ended_at=uow.now(),
        )
        self._end(uow, due, ended)

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
        receipt, is_answered, contact = None, True, None
        try:
            contact = self.queue.contact_of(reminder.plate)
        except RegisterUnavailableError:
            is_answered = False
        channel = self.channels.of(reminder.channel)
        if reminder.provider_ref and reminder.accepted_at and contact and channel:
            sent = Sent(
                key=reminder.key,
                provider_ref=reminder.provider_ref,
                phone=contact.phone.get_secret_value(),
                accepted_at=reminder.accepted_at,
            )
            try:
                receipt = channel.fetch_receipt(sent)
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
            self._take(uow, fresh, receipt)
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


def _lacks(contact: Contact | None, channel: Channel | None) -> str:
    """Why a message can no longer go out; a driver may have opted out while it waited."""
    if channel is None:
        return "no channel any more"
    if contact is None:
        return "no contact any more"
    return (
        "the contact may not be used any more"
        if contact.is_opted_out or contact.is_doubtful
        else ""
    )


def _message(reminder: Reminder, contact: Contact) -> Message:
    return Message(
        key=reminder.key,
        phone=contact.phone.get_secret_value(),
        push=contact.push.get_secret_value() if contact.push else "",
        text=reminder.text,
        template=reminder.kind,
        fields=dict(reminder.fields),
    )


def _is_of_this_round(case: Case, reminder: Reminder) -> bool:
    steps = range(case.round_step, case.reminder_step + 1)
    return reminder.key in {reminder_key_of(case.id, step) for step in steps}


def _named(uow: UnitOfWork, channel: str, provider_ref: str) -> Reminder:
    reminder = uow.outbox.by_provider_ref(channel, provider_ref)
    if reminder is None:
        raise UnknownMessageError(f"no message is called {provider_ref} by channel {channel}")
    return reminder


def _unsent(reminder: Reminder) -> Reminder:
    """The message as one that is not sent any more, as far as anybody can tell."""
    ended = DeliveryStatus.UNCERTAIN if reminder.is_doubtful else DeliveryStatus.CANCELLED
    return replace(reminder, status=ended)


def _told_uncertain(uow: UnitOfWork, case: Case, status: DeliveryStatus) -> Case:
    """An uncertain message holds its case: no grace, no second try, and a person sees it."""
    if status is not DeliveryStatus.UNCERTAIN or case.status is not CaseStatus.REMINDER_DUE:
        return case
    return change(uow, case, hold_uncertain(case), "reminder uncertain")


def _fresh(uow: UnitOfWork, reminder: Reminder) -> Reminder:
    """The message as it stands now; a receipt or an answer may have come since it was claimed."""
    return uow.outbox.lock(reminder.key) or reminder
