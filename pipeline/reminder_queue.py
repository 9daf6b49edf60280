"""The reminder-first queue: ask policy what to do with a case, and do it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from pipeline.audit import AuditNote
from pipeline.case import Case, CaseStatus, Reason, reminder_key_of
from pipeline.errors import PermanentError
from pipeline.notify.contacts import Contact, ContactBook, RegisterUnavailableError
from pipeline.notify.templates import Agency, Texts, load_texts
from pipeline.notify.wording import ReminderFacts, reminder_only
from pipeline.policy.deadlines import WorkingCalendar
from pipeline.policy.decision import Decision, SendReminder
from pipeline.policy.effect import begin_grace, effect_of
from pipeline.policy.engine import decide
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import Rulebook
from pipeline.policy.permits import NO_PERMITS, Permits
from pipeline.policy.situation import Attempt, ContactState, Situation
from pipeline.reminder import NOT_MINE, DeliveryStatus, Reminder
from pipeline.sites import Site
from pipeline.storage.base import Storage, UnitOfWork

__all__ = ["CLAIM", "ReminderQueue", "change"]

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
REGISTER_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderQueue:
    """Everything between a suspicion and either a cleared case or a person's desk.

    `kinds` are the ways by which drivers can be reached from here.
    """

    storage: Storage
    contacts: ContactBook
    rulebook: Rulebook
    calendar: WorkingCalendar
    agency: Agency
    kinds: frozenset[ChannelKind]
    texts: Texts = field(default_factory=load_texts)
    permits: Permits = NO_PERMITS

    def ask_policy(self, uow: UnitOfWork, case: Case) -> Case:
        """Ask what to do with `case` now and do it, within the transaction of `uow`."""
        if not case.is_open:
            return case
        attempts = _attempts(uow, case)
        try:
            contact = self._contact(case, attempts)
        except RegisterUnavailableError as exc:
            # Nobody is "without a contact" because the register is away.
            log.warning("asked again later", extra={"case_id": str(case.id), "error": str(exc)})
            uow.cases.set_timer(case.id, uow.now() + REGISTER_AGAIN)
            return case
        situation = self._situation(uow, case, contact, attempts)
        decision = decide(situation)
        done = self._apply(uow, situation, contact, decision)
        if isinstance(decision, SendReminder):
            # The message waits in the outbox; this sets the timer for what follows.
            return self.ask_policy(uow, done)
        return done

    def claim_due(self, *, limit: int = 500) -> dict[UUID, timedelta]:
        """Cases about which policy must be asked again, and how late that is.

        A crash only delays them by a minute.
        """
        with self.storage.begin() as uow:
            due = uow.cases.claim_due(limit=limit, lease=CLAIM)
            if due:
                uow.commit()
        return due

    def start_grace(self, uow: UnitOfWork, case: Case, *, delivered_at: datetime | None) -> Case:
        """Begin the grace period, or prolong it when a receipt comes after the wait for it.

        It runs from the latest of all clocks, so that none of them can shorten it.
        """
        site = uow.registry.site(case.camera_id)
        day = site.day_of(case.suspected_at) if site else case.suspected_at.date()
        entry = self.rulebook.in_force(self.rulebook.grace_period, day)
        status = uow.registry.camera_status(case.camera_id)
        clocks = [uow.now(), case.last_seen_at, *([status.captured_at] if status else [])]
        moved = begin_grace(case, entry, begins_at=max(clocks), delivered_at=delivered_at)
        if moved is case:
            return case
        reason = Reason(
            rule="start_grace",
            entry=f"grace_period from {entry.valid_from.isoformat()}",
            source=entry.source,
            edition=self.rulebook.edition,
        )
        action = "reminder delivered" if delivered_at else "no receipt, grace from acceptance"
        return change(uow, case, moved, action, (reason,))

    def contact_of(self, plate_text: str | None) -> Contact | None:
        """Whom the register names for a plate.

        Raises:
            RegisterUnavailableError: it cannot be asked now.
        """
        return None if plate_text is None else self.contacts.find(plate_text)

    def _contact(self, case: Case, attempts: Sequence[Attempt]) -> Contact | None:
        """Whom to remind, where that is the question; the register is asked for nothing else."""
        has_failed = bool(attempts) and attempts[-1].status is DeliveryStatus.FAILED
        is_asked = case.status is CaseStatus.SUSPECTED or has_failed
        return self.contact_of(case.plate.text) if is_asked and case.has_agreed_plate else None

    def _situation(
        self,
        uow: UnitOfWork,
        case: Case,
        contact: Contact | None,
        attempts: tuple[Attempt, ...],
    ) -> Situation:
        situation = Situation(
            case=case,
            site=uow.registry.site(case.camera_id),
            rulebook=self.rulebook,
            calendar=self.calendar,
            now=uow.now(),
            contact=_contact_state(contact),
            registered_class=contact.vehicle_class if contact else None,
            channels=self.kinds,
            attempts=attempts,
        )
        if situation.site is None:
            log.warning(
                "site is not registered; run: remindfirst register",
                extra={"camera_id": case.camera_id, "case_id": str(case.id)},
            )
        plate = case.plate.text
        if plate is None:
            return situation
        return replace(
            situation,
            permit=self.permits.find(plate, case.camera_id, situation.day),
            reminded_today=uow.cases.reminded_since(plate, situation.today_began_at),
            reminded_this_month=uow.cases.reminded_since(plate, situation.month_began_at),
            earlier_records=uow.cases.records_since(plate, situation.look_back_began_at),
        )

    def _apply(
        self, uow: UnitOfWork, situation: Situation, contact: Contact | None, decision: Decision
    ) -> Case:
        effect = effect_of(situation, decision)
        if isinstance(decision, SendReminder):
            self._queue_reminder(uow, situation, contact, decision, effect.case)
        else:
            uow.cases.set_timer(effect.case.id, effect.timer_at)
        if effect.action is None:
            return effect.case
        return change(uow, situation.case, effect.case, effect.action, decision.reasons)

    def _queue_reminder(
        self,
        uow: UnitOfWork,
        situation: Situation,
        contact: Contact | None,
        decision: SendReminder,
        case: Case,
    ) -> None:
        plate = case.plate.text
        if contact is None or plate is None:
            raise PermanentError(f"case {case.id}: policy reminds only a known contact")
        entry = situation.in_force(self.rulebook.grace_period)
        text = reminder_only(
            self.texts.remind(
                ReminderFacts(
                    agency=self.agency,
                    plate=plate,
                    place=_place(situation.site, self.agency.language),
                    reference=case.number,
                    now=situation.now,
                    zone=situation.zone,
                    since=case.stood_since_at,
                    grace=entry.length_at(case.place_class),
                ),
                channel=decision.channel,
            )
        )
        reminder = Reminder(
            key=case.reminder_key,
            case_id=case.id,
            plate=plate,
            channel=decision.channel,
            position=decision.position,
            contact_masked=contact.masked,
            text=text.text,
            template=f"{text.template_id} v{text.version}",
            kind=text.kind,
            fields=tuple(text.fields.items()),
            status=DeliveryStatus.CREATED,
            created_at=situation.now,
        )
        if not uow.outbox.add(reminder, due_at=situation.now):
            raise PermanentError(f"case {case.id}: step {case.reminder_step} was reminded already")


def _attempts(uow: UnitOfWork, case: Case) -> tuple[Attempt, ...]:
    """The present tries to reach the driver."""
    steps = range(case.round_step, case.reminder_step + 1)
    messages = [uow.outbox.get(reminder_key_of(case.id, step)) for step in steps]
    return tuple(
        Attempt(
            channel=ChannelKind(one.channel),
            position=one.position,
            status=one.status,
            failure=one.failure_kind,
            ended_at=one.ended_at,
            is_disowned=one.answer == NOT_MINE,
        )
        for one in messages
        if one is not None
    )


def _contact_state(contact: Contact | None) -> ContactState:
    if contact is None:
        return ContactState.NONE
    if contact.is_doubtful:
        return ContactState.DOUBTFUL
    return ContactState.OPTED_OUT if contact.is_opted_out else ContactState.FOUND


def _place(site: Site | None, language: str) -> str:
    if site is None:
        return ""
    if language == "zh-CN":
        return site.name.zh if site.road.zh in site.name.zh else f"{site.road.zh}{site.name.zh}"
    return site.name.en if site.road.en in site.name.en else f"{site.road.en}, {site.name.en}"


def change(
    uow: UnitOfWork, before: Case, after: Case, action: str, reasons: tuple[Reason, ...] = ()
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
            cause=(rule or action)[:200],
            reasons=reasons,
        )
    )
    if before.status is not saved.status:
        log.info(
            "case changed",
            extra={"case_id": str(saved.id), "from": before.status, "to": saved.status},
        )
    return saved
