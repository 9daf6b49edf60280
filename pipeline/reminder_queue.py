"""The reminder-first queue: ask policy, send what is due, take receipts, ask policy again."""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from pipeline.audit import AuditNote
from pipeline.case import Case, CaseStatus, Reason, move
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
from pipeline.notify.contacts import Contact, ContactBook
from pipeline.notify.templates import Agency, reminder_text
from pipeline.policy.deadlines import WorkingCalendar
from pipeline.policy.decision import (
    AskOperator,
    Close,
    Decision,
    ReferToReview,
    SendReminder,
    Wait,
)
from pipeline.policy.engine import decide
from pipeline.policy.parameters import Cause, Rulebook
from pipeline.policy.rules import ContactState, Situation
from pipeline.reminder import DeliveryStatus, Receipt, Reminder, is_forward
from pipeline.sites import Site
from pipeline.storage.base import DueReminder, Storage, UnitOfWork

__all__ = ["ReminderQueue"]

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
RECEIPT_POLL = timedelta(seconds=1)
MAX_ATTEMPTS = 8
MAX_BACKOFF_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderQueue:
    """Everything between a suspicion and either a cleared case or a person's desk."""

    storage: Storage
    channel: Channel
    contacts: ContactBook
    rulebook: Rulebook
    calendar: WorkingCalendar
    agency: Agency

    def ask_policy(self, uow: UnitOfWork, case: Case) -> Case:
        """Ask what to do with `case` now and do it, within the transaction of `uow`."""
        if not case.is_open:
            return case
        situation = self._situation(uow, case)
        decision = decide(situation)
        done = self._apply(uow, situation, decision)
        if isinstance(decision, SendReminder):
            # The message waits in the outbox; this sets the timer for what follows.
            return self.ask_policy(uow, done)
        return done

    def claim_due(self, *, limit: int = 100) -> list[UUID]:
        """Cases about which policy must be asked again; a crash only delays them by a minute."""
        with self.storage.begin() as uow:
            due = uow.cases.claim_due(limit=limit, lease=CLAIM)
            if due:
                uow.commit()
        return due

    def ask_again(self, case_id: UUID) -> None:
        """Ask policy about one claimed case."""
        with self.storage.begin() as uow:
            self.ask_policy(uow, _case(uow, case_id))
            uow.commit()

    def claim_messages(self, *, limit: int = 20) -> list[tuple[DueReminder, Reminder]]:
        """Messages to send or to ask after, each claimed for a minute.

        The first of three steps, so that no transaction waits for a provider: claim, call, record.
        """
        with self.storage.begin() as uow:
            due = uow.outbox.claim_due(limit=limit, lease=CLAIM)
            claimed = [(one, self._prepare(uow, one)) for one in due]
            if due:
                uow.commit()
        return [(one, reminder) for one, reminder in claimed if reminder is not None]

    def carry(self, due: DueReminder, reminder: Reminder) -> None:
        """Call the provider about one claimed message, and record what it says."""
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
            failure=receipt.detail,
        )
        uow.outbox.save(reminder)
        case = uow.cases.get(reminder.case_id)
        if case is None or not case.is_open or case.reminder_key != reminder.key:
            return
        if is_delivered:
            case = self._start_grace(uow, case, delivered_at=uow.now())
        self.ask_policy(uow, case)

    def take_answer(self, uow: UnitOfWork, answer: Answer) -> None:
        """Keep what the driver says; only the camera can tell that a vehicle is gone."""
        reminder = uow.outbox.by_provider_ref(answer.provider_ref)
        if reminder is not None:
            uow.outbox.save(replace(reminder, answer=answer.text, answered_at=uow.now()))

    def _situation(self, uow: UnitOfWork, case: Case) -> Situation:
        site = uow.registry.site(case.camera_id)
        contact = self._contact(case)
        reminder = uow.outbox.get(case.reminder_key)
        situation = Situation(
            case=case,
            site=site,
            rulebook=self.rulebook,
            calendar=self.calendar,
            now=uow.now(),
            contact=_contact_state(contact),
            reminded_today=0,
            delivery=reminder.status if reminder else None,
        )
        if case.plate.text is None:
            return situation
        reminded = uow.cases.reminded_since(case.plate.text, situation.today_began_at)
        return replace(situation, reminded_today=reminded)

    def _contact(self, case: Case) -> Contact | None:
        if not case.has_agreed_plate or case.plate.text is None:
            return None
        return self.contacts.find(case.plate.text)

    def _apply(self, uow: UnitOfWork, situation: Situation, decision: Decision) -> Case:
        case, now = situation.case, situation.now
        match decision:
            case SendReminder(reasons=reasons):
                return self._queue_reminder(uow, situation, reasons)
            case Wait(until=until, reasons=reasons, cause=None):
                uow.cases.set_timer(case.id, until)
                return case
            case Wait(until=until, reasons=reasons, cause=cause):
                uow.cases.set_timer(case.id, until)
                return self._without_reminder(uow, situation, cause, asks_operator=False)
            case AskOperator(until=until, cause=cause):
                uow.cases.set_timer(case.id, until)
                return self._without_reminder(uow, situation, cause, asks_operator=True)
            case ReferToReview(due_at=due_at, reasons=reasons):
                uow.cases.set_timer(case.id, due_at)
                moved = replace(
                    move(case, CaseStatus.IN_REVIEW), review_due_at=due_at, asks_operator=False
                )
                return _change(uow, case, moved, "referred to review", reasons)
            case Close(disposition=disposition, reasons=reasons):
                uow.cases.set_timer(case.id, None)
                moved = replace(
                    move(case, CaseStatus.CLOSED),
                    disposition=disposition,
                    closed_at=now,
                    asks_operator=False,
                )
                return _change(uow, case, moved, f"closed as {disposition}", reasons)
            case _:
                assert_never(decision)

    def _queue_reminder(
        self, uow: UnitOfWork, situation: Situation, reasons: tuple[Reason, ...]
    ) -> Case:
        case = situation.case
        contact = self._contact(case)
        if contact is None or case.plate.text is None:
            raise AssertionError(f"case {case.id}: policy reminds only a known contact")
        grace = self.rulebook.in_force(self.rulebook.grace_period, situation.day)
        reminder = Reminder(
            key=case.reminder_key,
            case_id=case.id,
            channel=self.channel.name,
            contact_masked=contact.masked,
            text=reminder_text(
                self.agency,
                plate=case.plate.text,
                place=_place(situation.site, self.agency.language),
                since=case.stood_since_at.astimezone(situation.zone),
                grace=grace.length,
                reference=str(case.id)[:8],
            ),
            status=DeliveryStatus.CREATED,
            created_at=situation.now,
        )
        uow.outbox.add(reminder, due_at=situation.now)
        moved = replace(
            move(case, CaseStatus.REMINDER_DUE),
            asks_operator=False,
            no_reminder_cause=None,
            no_reminder_at=None,
        )
        return _change(uow, case, moved, "reminder queued", reasons)

    def _without_reminder(
        self, uow: UnitOfWork, situation: Situation, cause: Cause | None, *, asks_operator: bool
    ) -> Case:
        case = situation.case
        if case.no_reminder_cause == cause and case.asks_operator == asks_operator:
            return case
        back = case if case.status is CaseStatus.SUSPECTED else move(case, CaseStatus.SUSPECTED)
        moved = replace(
            back,
            no_reminder_cause=cause,
            no_reminder_at=case.no_reminder_at or situation.now,
            asks_operator=asks_operator,
            grace_ends_at=None,
        )
        action = "operator asked" if asks_operator else "without reminder"
        return _change(uow, case, moved, f"{action}: {cause}", ())

    def _start_grace(self, uow: UnitOfWork, case: Case, *, delivered_at: datetime | None) -> Case:
        """Grace runs from the latest of all clocks, so that none of them can shorten it."""
        if case.grace_ends_at is not None:
            moved = replace(case, reminder_delivered_at=delivered_at)
            return _change(uow, case, moved, "receipt came after the wait for it", ())
        if case.status not in {CaseStatus.REMINDER_DUE, CaseStatus.REMINDER_UNCERTAIN}:
            return case
        status = uow.registry.camera_statuses().get(case.camera_id)
        clocks = [uow.now(), case.last_seen_at]
        if status is not None:
            clocks.append(status.captured_at)
        site = uow.registry.site(case.camera_id)
        day = case.opened_at.astimezone(ZoneInfo(site.time_zone if site else "UTC")).date()
        grace = self.rulebook.in_force(self.rulebook.grace_period, day).length
        moved = replace(
            move(case, CaseStatus.GRACE),
            reminder_delivered_at=delivered_at,
            grace_ends_at=max(clocks) + grace,
            asks_operator=False,
        )
        action = "reminder delivered" if delivered_at else "no receipt, grace from acceptance"
        return _change(uow, case, moved, action, ())

    def _prepare(self, uow: UnitOfWork, due: DueReminder) -> Reminder | None:
        """Look at the case once more; a vehicle that left is never reminded."""
        reminder = uow.outbox.get(due.key)
        case = uow.cases.get(reminder.case_id) if reminder else None
        if reminder is None or case is None:
            return None
        if reminder.status not in {DeliveryStatus.CREATED, DeliveryStatus.SENDING}:
            return reminder
        is_wanted = case.status is CaseStatus.REMINDER_DUE and case.left_at is None
        if not is_wanted or case.reminder_key != reminder.key:
            is_unsent = reminder.status is DeliveryStatus.CREATED
            # A worker died while sending it: it may be on the phone, and is not sent again.
            ended = DeliveryStatus.CANCELLED if is_unsent else DeliveryStatus.UNCERTAIN
            uow.outbox.finish(due, replace(reminder, status=ended), due_at=None)
            return None
        sending = replace(reminder, status=DeliveryStatus.SENDING)
        uow.outbox.save(sending)
        return sending

    def _send(self, due: DueReminder, reminder: Reminder) -> None:
        with self.storage.read() as uow:
            case = uow.cases.get(reminder.case_id)
            contact = self._contact(case) if case else None
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
            self._record(due, reminder, status=DeliveryStatus.UNCERTAIN, detail=str(exc))
            return
        match result:
            case Accepted(provider_ref=provider_ref):
                self._record_accepted(due, reminder, provider_ref)
            case Refused(detail=detail):
                self._record(due, reminder, status=DeliveryStatus.FAILED, detail=detail)
            case _:
                assert_never(result)

    def _retry_later(self, due: DueReminder, reminder: Reminder) -> None:
        if due.attempts >= MAX_ATTEMPTS:
            detail = f"channel unavailable {due.attempts} times"
            self._record(due, reminder, status=DeliveryStatus.FAILED, detail=detail)
            return
        log.warning("channel unavailable", extra={"key": due.key, "attempt": due.attempts})
        with self.storage.begin() as uow:
            delay = timedelta(seconds=min(2**due.attempts, MAX_BACKOFF_S))
            created = replace(reminder, status=DeliveryStatus.CREATED)
            uow.outbox.finish(due, created, due_at=uow.now() + delay)
            uow.commit()

    def _record_accepted(self, due: DueReminder, reminder: Reminder, provider_ref: str) -> None:
        with self.storage.begin() as uow:
            accepted = replace(
                _fresh(uow, reminder),
                status=DeliveryStatus.ACCEPTED,
                accepted_at=uow.now(),
                provider_ref=provider_ref,
            )
            if uow.outbox.finish(due, accepted, due_at=uow.now() + RECEIPT_POLL):
                case = _case(uow, reminder.case_id)
                if case.is_open:
                    told = replace(case, reminder_accepted_at=uow.now())
                    _change(uow, case, told, "reminder accepted", ())
                uow.commit()
                log.info("reminder accepted", extra={"case_id": str(reminder.case_id)})

    def _record(
        self, due: DueReminder, reminder: Reminder, *, status: DeliveryStatus, detail: str
    ) -> None:
        with self.storage.begin() as uow:
            ended = replace(_fresh(uow, reminder), status=status, failure=detail)
            if not uow.outbox.finish(due, ended, due_at=None):
                return
            case = _case(uow, reminder.case_id)
            if status is DeliveryStatus.UNCERTAIN and case.status is CaseStatus.REMINDER_DUE:
                moved = replace(move(case, CaseStatus.REMINDER_UNCERTAIN), asks_operator=True)
                case = _change(uow, case, moved, "reminder uncertain", ())
            self.ask_policy(uow, case)
            uow.commit()
        log.error("reminder not sent", extra={"case_id": str(reminder.case_id), "as": status})

    def _ask_for_receipt(self, due: DueReminder, reminder: Reminder) -> None:
        receipt = None
        if reminder.provider_ref is not None:
            with suppress(ChannelUnavailableError):
                receipt = self.channel.fetch_receipt(reminder.provider_ref)
        with self.storage.begin() as uow:
            fresh = _fresh(uow, reminder)
            is_done = fresh.status is not DeliveryStatus.ACCEPTED
            is_given_up = not is_done and receipt is None and self._waited_enough(uow, fresh)
            is_over = is_done or receipt is not None or is_given_up
            if not uow.outbox.finish(
                due, fresh, due_at=None if is_over else uow.now() + RECEIPT_POLL
            ):
                return
            if receipt is not None:
                self.take_receipt(uow, receipt)
            elif is_given_up:
                case = _case(uow, fresh.case_id)
                self.ask_policy(uow, self._start_grace(uow, case, delivered_at=None))
            uow.commit()

    def _waited_enough(self, uow: UnitOfWork, reminder: Reminder) -> bool:
        if reminder.accepted_at is None:
            return False
        wait = self.rulebook.in_force(
            self.rulebook.receipt_wait, reminder.accepted_at.date()
        ).length
        return uow.now() >= reminder.accepted_at + wait


def _contact_state(contact: Contact | None) -> ContactState:
    if contact is None:
        return ContactState.NONE
    return ContactState.OPTED_OUT if contact.is_opted_out else ContactState.FOUND


def _place(site: Site | None, language: str) -> str:
    if site is None:
        return ""
    if language == "zh-CN":
        return site.name.zh if site.road.zh in site.name.zh else f"{site.road.zh}{site.name.zh}"
    return site.name.en if site.road.en in site.name.en else f"{site.road.en}, {site.name.en}"


def _case(uow: UnitOfWork, case_id: UUID) -> Case:
    case = uow.cases.get(case_id)
    if case is None:
        raise AssertionError(f"reminder without a case: {case_id}")
    return case


def _fresh(uow: UnitOfWork, reminder: Reminder) -> Reminder:
    """The message as it stands now; a receipt or an answer may have come since it was claimed."""
    return uow.outbox.get(reminder.key) or reminder


def _change(
    uow: UnitOfWork, before: Case, after: Case, action: str, reasons: tuple[Reason, ...]
) -> Case:
    """Save the changed case with its reasons and one line in its audit chain."""
    saved = uow.cases.save(replace(after, reasons=reasons or after.reasons))
    rule = "; ".join(f"{reason.rule} ({reason.entry})" for reason in reasons)
    uow.audit.append(
        AuditNote(
            case_id=saved.id,
            at=uow.now(),
            actor="pipeline",
            action=action,
            from_status=before.status,
            to_status=saved.status,
            case_version=saved.version,
            cause=rule or action,
        )
    )
    if before.status is not saved.status:
        log.info(
            "case changed",
            extra={"case_id": str(saved.id), "from": before.status, "to": saved.status},
        )
    return saved
