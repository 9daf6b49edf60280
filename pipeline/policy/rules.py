"""One pure function per rule; each answers, or is silent and lets the next one speak."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from pipeline.case import AT_THE_DESK, Case, CaseStatus, Disposition, Reason
from pipeline.events.plate import PlateStatus
from pipeline.policy.deadlines import WorkingCalendar, deadline
from pipeline.policy.decision import (
    AskOperator,
    Close,
    Decision,
    ReferToReview,
    SendReminder,
    Wait,
)
from pipeline.policy.parameters import Act, ActList, Cause, Entry, Rulebook, Way
from pipeline.reminder import DeliveryStatus
from pipeline.sites import Site

__all__ = ["RULES", "ContactState", "Situation"]


class ContactState(StrEnum):
    """Whether the register knows whom to remind."""

    FOUND = "found"
    NONE = "none"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that policy may look at; the caller fetches it.

    `reminded_today` counts reminders to this plate on the site's day; `delivery` is the state of
    the case's own reminder, None when there is none.
    """

    case: Case
    site: Site | None
    rulebook: Rulebook
    calendar: WorkingCalendar
    now: datetime
    contact: ContactState
    reminded_today: int
    delivery: DeliveryStatus | None

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.site.time_zone if self.site else "UTC")

    @property
    def day(self) -> date:
        """The site's day on which the camera saw it; it picks the rulebook's entries."""
        return self.case.suspected_at.astimezone(self.zone).date()

    @property
    def today_began_at(self) -> datetime:
        """Midnight at the site."""
        return datetime.combine(self.now.astimezone(self.zone).date(), time(), tzinfo=self.zone)


def _reason(rule: str, name: str, entry: Entry) -> Reason:
    return Reason(
        rule=rule, entry=f"{name} from {entry.valid_from.isoformat()}", source=entry.source
    )


def _give_up_at(situation: Situation) -> datetime:
    """When a case that nothing is heard of closes: the longest wait after grace or opening."""
    book = situation.rulebook
    wait = book.in_force(book.longest_wait, situation.day).length
    return (situation.case.grace_ends_at or situation.case.opened_at) + wait


def close_if_site_not_in_use(situation: Situation) -> Decision | None:
    """Nothing may come of what a camera saw that is not in use."""
    site = situation.site
    if site is not None and site.may_remind():
        return None
    reason = Reason(
        rule="close_if_site_not_in_use",
        entry=f"site {site.state if site else 'unknown'}",
        source="P105 articles 15 and 16",
    )
    return Close(disposition=Disposition.WITHDRAWN, reasons=(reason,))


def withdraw_from_review(situation: Situation) -> Decision | None:
    """A late word takes a reminded case out of review: it left in time, or was never reminded."""
    case = situation.case
    if case.status not in AT_THE_DESK or case.grace_ends_at is None:
        return None
    has_left_in_time = case.left_at is not None and case.left_at <= case.grace_ends_at
    if not has_left_in_time and situation.delivery is not DeliveryStatus.FAILED:
        return None
    book = situation.rulebook
    entry = book.in_force(book.grace_period, situation.day)
    reason = _reason("withdraw_from_review", "grace_period", entry)
    return Close(disposition=Disposition.WITHDRAWN, reasons=(reason,))


def expire_if_overdue(situation: Situation) -> Decision | None:
    """A case not decided by its deadline can only expire; until then it waits in review."""
    case = situation.case
    if case.status not in AT_THE_DESK:
        return None
    book = situation.rulebook
    entry = book.in_force(book.review_deadline, situation.day)
    reasons = (_reason("expire_if_overdue", "review_deadline", entry),)
    due_at = case.review_due_at or situation.now
    if situation.now >= due_at:
        return Close(disposition=Disposition.EXPIRED, reasons=reasons)
    return Wait(until=due_at, reasons=reasons)


def refer_if_strict(situation: Situation) -> Decision | None:
    """Some places know no reminder: the case goes straight to a person."""
    case = situation.case
    book = situation.rulebook
    entry = book.in_force(book.strict_places, situation.day)
    if case.status is not CaseStatus.SUSPECTED or case.place_class not in entry.value:
        return None
    return _refer(situation, (_reason("refer_if_strict", "strict_places", entry),))


def refer_if_serious(situation: Situation) -> Decision | None:
    """Some acts know no reminder, wherever they happen."""
    act = _act(situation)
    if situation.case.status is not CaseStatus.SUSPECTED or act is None:
        return None
    if act.list is not ActList.STRICT:
        return None
    book = situation.rulebook
    entry = book.in_force(book.acts, situation.day)
    return _refer(situation, (_reason("refer_if_serious", "acts", entry),))


def _act(situation: Situation) -> Act | None:
    """What the law calls it, on the day of the pictures."""
    book = situation.rulebook
    return book.in_force(book.acts, situation.day).value.get(situation.case.violation_type)


def close_if_left(situation: Situation) -> Decision | None:
    """The vehicle is gone and nobody had to look: no record."""
    if situation.case.left_at is None:
        return None
    book = situation.rulebook
    entry = book.in_force(book.grace_period, situation.day)
    reason = _reason("close_if_left", "grace_period", entry)
    return Close(disposition=Disposition.CLEARED, reasons=(reason,))


def refer_if_seen_again(situation: Situation) -> Decision | None:
    """A reminded vehicle seen after its grace period goes to a person; silence never does."""
    case = situation.case
    if case.grace_ends_at is None or _cause(situation) is not None:
        return None
    book = situation.rulebook
    entry = book.in_force(book.grace_period, situation.day)
    reasons = (_reason("refer_if_seen_again", "grace_period", entry),)
    if situation.now >= case.grace_ends_at and case.last_seen_at >= case.grace_ends_at:
        return _refer(situation, reasons)
    if situation.now < case.grace_ends_at:
        return Wait(until=case.grace_ends_at, reasons=reasons)
    # Silence after the grace period is not a sighting: the camera may be down.
    return None


def close_if_silent(situation: Situation) -> Decision | None:
    """Nothing more was seen until the longest wait: nothing is proven."""
    if situation.now < _give_up_at(situation):
        return None
    book = situation.rulebook
    entry = book.in_force(book.longest_wait, situation.day)
    reason = _reason("close_if_silent", "longest_wait", entry)
    return Close(disposition=Disposition.UNPROVEN, reasons=(reason,))


def wait_for_a_fresh_sighting(situation: Situation) -> Decision | None:
    """Nobody is asked to move a car that may be long gone."""
    case = situation.case
    book = situation.rulebook
    entry = book.in_force(book.freshest_sighting, situation.day)
    if case.status is not CaseStatus.SUSPECTED or _cause(situation) is not None:
        return None
    if situation.now - case.last_seen_at <= entry.length:
        return None
    reasons = (_reason("wait_for_a_fresh_sighting", "freshest_sighting", entry),)
    return Wait(until=_give_up_at(situation), reasons=reasons)


def remind_first(situation: Situation) -> Decision | None:
    """Before anything else the driver is asked to move."""
    if situation.case.status is not CaseStatus.SUSPECTED or _cause(situation) is not None:
        return None
    book = situation.rulebook
    entry = book.in_force(book.reminders_per_day, situation.day)
    return SendReminder(reasons=(_reason("remind_first", "reminders_per_day", entry),))


def go_without_reminder(situation: Situation) -> Decision | None:
    """No reminder is possible: the rulebook says per cause what happens then."""
    case = situation.case
    cause = _cause(situation)
    if cause is None:
        return None
    book = situation.rulebook
    entry = book.in_force(book.without_reminder, situation.day)
    way = entry.value[cause]
    reasons = (
        Reason(
            rule="go_without_reminder",
            entry=f"without_reminder.{cause} = {way} from {entry.valid_from.isoformat()}",
            source=entry.source,
        ),
    )
    match way:
        case Way.CLOSE:
            return Close(disposition=Disposition.UNPROVEN, reasons=reasons)
        case Way.ASK_OPERATOR:
            return AskOperator(until=_give_up_at(situation), reasons=reasons, cause=cause)
        case Way.REFER:
            return _refer_after_a_grace(situation, case, cause, reasons)
        case _:
            assert_never(way)


def wait_for_delivery(situation: Situation) -> Decision | None:
    """The reminder is on its way, or grace is over and the camera has said nothing since."""
    book = situation.rulebook
    entry = book.in_force(book.longest_wait, situation.day)
    return Wait(
        until=_give_up_at(situation),
        reasons=(_reason("wait_for_delivery", "longest_wait", entry),),
    )


def _refer_after_a_grace(
    situation: Situation, case: Case, cause: Cause, reasons: tuple[Reason, ...]
) -> Decision:
    """Without a reminder the vehicle still gets one grace period before a person looks."""
    book = situation.rulebook
    grace = book.in_force(book.grace_period, situation.day).length
    ends_at = (case.no_reminder_at or situation.now) + grace
    if situation.now >= ends_at and case.last_seen_at >= ends_at:
        return _refer(situation, reasons)
    until = ends_at if situation.now < ends_at else _give_up_at(situation)
    return Wait(until=until, reasons=reasons, cause=cause)


def _refer(situation: Situation, reasons: tuple[Reason, ...]) -> Decision:
    """To review; from a site on trial, or not in order on that day, the case ends as education."""
    site = situation.site
    if site is None or not site.may_refer(situation.day):
        reason = Reason(
            rule="only_active_sites_refer",
            entry=f"site {site.state if site else 'unknown'}",
            source="P105 articles 15 and 16",
        )
        return Close(disposition=Disposition.EDUCATION, reasons=(*reasons, reason))
    book = situation.rulebook
    entry = book.in_force(book.review_deadline, situation.day)
    due_at = deadline(situation.case.suspected_at, entry.value, situation.zone, situation.calendar)
    return ReferToReview(
        due_at=due_at,
        reasons=(*reasons, *_name_act(situation)),
        evidence_needed=book.in_force(book.evidence_clauses, situation.day).needed,
    )


def _name_act(situation: Situation) -> tuple[Reason, ...]:
    """The act that a person is asked about, where the rulebook knows it."""
    act = _act(situation)
    if act is None:
        return ()
    entry = f"acts.{situation.case.violation_type} = {act.code}, {act.list}"
    return (Reason(rule="name_act", entry=entry, source=act.source),)


def _cause(situation: Situation) -> Cause | None:
    """Why no reminder can go out; None when one can, or is already under way."""
    case = situation.case
    if situation.delivery is DeliveryStatus.FAILED:
        return Cause.NOT_DELIVERED
    if case.is_plate_contradicted:
        return Cause.PLATE_DOUBTFUL
    if case.status is not CaseStatus.SUSPECTED:
        return None
    if not case.has_agreed_plate:
        is_doubtful = case.plate.status is PlateStatus.DOUBTFUL
        return Cause.PLATE_DOUBTFUL if is_doubtful else Cause.PLATE_UNREADABLE
    return _contact_cause(situation)


def _contact_cause(situation: Situation) -> Cause | None:
    book = situation.rulebook
    cap = book.in_force(book.reminders_per_day, situation.day)
    match situation.contact:
        case ContactState.NONE:
            return Cause.NO_CONTACT
        case ContactState.OPTED_OUT:
            return Cause.OPTED_OUT
        case ContactState.FOUND:
            return Cause.CAP_REACHED if situation.reminded_today >= cap.value else None
        case _:
            assert_never(situation.contact)


RULES = (
    close_if_site_not_in_use,
    withdraw_from_review,
    expire_if_overdue,
    refer_if_strict,
    refer_if_serious,
    close_if_left,
    refer_if_seen_again,
    close_if_silent,
    wait_for_a_fresh_sighting,
    remind_first,
    go_without_reminder,
    wait_for_delivery,
)
"""The first rule that answers decides; the last one always does."""
