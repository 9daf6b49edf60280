"""One pure function per rule; each answers, or is silent and lets the next one speak."""

from datetime import datetime
from typing import assert_never

from pipeline.case import AT_THE_DESK, CaseStatus, Disposition, Reason
from pipeline.events.plate import PlateNumber, PlateStatus
from pipeline.events.violation import VehicleClass
from pipeline.policy.deadlines import deadline
from pipeline.policy.decision import (
    AskOperator,
    Close,
    Decision,
    ReferToReview,
    SendReminder,
    Wait,
)
from pipeline.policy.discretion import propose, renew, row_of
from pipeline.policy.entries import ActList, Cause, PlatesEntry, Way
from pipeline.policy.situation import ContactState, Situation
from pipeline.policy.steps import NextTry, next_try
from pipeline.reminder import DeliveryStatus

__all__ = ["RULES"]

_TWO_WHEELS = frozenset({VehicleClass.MOTORCYCLE, VehicleClass.BICYCLE})


def close_if_site_not_in_use(situation: Situation) -> Decision | None:
    """Nothing may come of what a camera saw that is not in use."""
    site = situation.site
    if site is not None and site.may_remind():
        return None
    reason = _of_the_site(situation, "close_if_site_not_in_use")
    return Close(disposition=Disposition.WITHDRAWN, reasons=(reason,))


def withdraw_from_review(situation: Situation) -> Decision | None:
    """A late word takes a reminded case out of review: it left in time, or was never reminded."""
    case = situation.case
    if case.status not in AT_THE_DESK or case.grace_ends_at is None:
        return None
    has_left_in_time = case.left_at is not None and case.left_at <= case.grace_ends_at
    was_reached = situation.delivery is not DeliveryStatus.FAILED and not situation.is_disowned
    if was_reached and not has_left_in_time:
        return None
    entry = situation.in_force(situation.rulebook.grace_period)
    reason = situation.reason("withdraw_from_review", "grace_period", entry)
    return Close(disposition=Disposition.WITHDRAWN, reasons=(reason,))


def expire_if_overdue(situation: Situation) -> Decision | None:
    """A case not decided by its deadline can only expire; until then it waits in review."""
    case = situation.case
    if case.status not in AT_THE_DESK:
        return None
    entry = situation.in_force(situation.rulebook.review_deadline)
    reasons = (situation.reason("expire_if_overdue", "review_deadline", entry),)
    due_at = case.review_due_at or situation.now
    if situation.now >= due_at:
        return Close(disposition=Disposition.EXPIRED, reasons=reasons)
    renewed = renew(situation)
    if renewed is not None:
        return Wait(until=due_at, reasons=(*reasons, *renewed.reasons), proposal=renewed)
    return Wait(until=due_at, reasons=reasons)


def close_if_exempt(situation: Situation) -> Decision | None:
    """A vehicle that may stand here, by its plate or by a permit, is no case."""
    if not situation.case.has_agreed_plate:
        return None
    entry = situation.in_force(situation.rulebook.exempt_plates)
    if _is_listed(situation, entry):
        reason = situation.reason("close_if_exempt", "exempt_plates", entry)
    elif situation.permit is not None:
        reason = situation.reason("close_if_exempt", "permit", entry, source=situation.permit)
    else:
        return None
    return Close(disposition=Disposition.EXEMPT, reasons=(reason,))


def close_if_no_act(situation: Situation) -> Decision | None:
    """What the rulebook knows no act for, nobody is held to."""
    if situation.act is not None:
        return None
    entry = situation.in_force(situation.rulebook.acts)
    detail = f": nothing for {situation.case.violation_type}"
    reason = situation.reason("close_if_no_act", "acts", entry, detail=detail)
    return Close(disposition=Disposition.WITHDRAWN, reasons=(reason,))


def refer_if_strict(situation: Situation) -> Decision | None:
    """Some places know no reminder: the case goes straight to a person."""
    case = situation.case
    entry = situation.in_force(situation.rulebook.strict_places)
    if case.status is not CaseStatus.SUSPECTED or case.place_class not in entry.value:
        return None
    return _refer(situation, (situation.reason("refer_if_strict", "strict_places", entry),))


def refer_if_serious(situation: Situation) -> Decision | None:
    """Some acts know no reminder, wherever they happen."""
    if situation.case.status is not CaseStatus.SUSPECTED:
        return None
    row = row_of(situation)
    if row is None or row.list is not ActList.STRICT:
        return None
    entry = situation.in_force(situation.rulebook.three_lists)
    name = f"three_lists.{row.id}"
    return _refer(
        situation, (situation.reason("refer_if_serious", name, entry, source=row.source),)
    )


def refer_if_over(situation: Situation) -> Decision | None:
    """Nobody can be reminded to end what is over when it is seen."""
    act = situation.act
    if situation.case.status is not CaseStatus.SUSPECTED or act is None or not act.is_over:
        return None
    entry = situation.in_force(situation.rulebook.acts)
    name = f"acts.{situation.case.violation_type}"
    return _refer(situation, (situation.reason("refer_if_over", name, entry, source=act.source),))


def close_if_left(situation: Situation) -> Decision | None:
    """The vehicle is gone and nobody had to look: no record."""
    if situation.case.left_at is None:
        return None
    entry = situation.in_force(situation.rulebook.grace_period)
    reason = situation.reason("close_if_left", "grace_period", entry)
    return Close(disposition=Disposition.CLEARED, reasons=(reason,))


def refer_if_seen_again(situation: Situation) -> Decision | None:
    """A reminded vehicle seen after its grace period goes to a person; silence never does."""
    case = situation.case
    was_reached = situation.delivery is not DeliveryStatus.FAILED
    if case.grace_ends_at is None or not was_reached or _cause(situation) is not None:
        return None
    entry = situation.in_force(situation.rulebook.grace_period)
    reasons = (situation.reason("refer_if_seen_again", "grace_period", entry),)
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
    entry = situation.in_force(situation.rulebook.longest_wait)
    reason = situation.reason("close_if_silent", "longest_wait", entry)
    return Close(disposition=Disposition.UNPROVEN, reasons=(reason,))


def wait_for_a_fresh_sighting(situation: Situation) -> Decision | None:
    """Nobody is asked to move a car that may be long gone."""
    if not _may_try(situation):
        return None
    entry = situation.in_force(situation.rulebook.freshest_sighting)
    if situation.now - situation.case.last_seen_at <= entry.length:
        return None
    reasons = (situation.reason("wait_for_a_fresh_sighting", "freshest_sighting", entry),)
    return Wait(until=_give_up_at(situation), reasons=reasons)


def remind_first(situation: Situation) -> Decision | None:
    """Before anything else the driver is asked to move, by one way after the other."""
    found = _next_try(situation)
    if found is None or not _may_try(situation):
        return None
    steps = situation.in_force(situation.rulebook.contact_steps)
    detail = f", try {found.position + 1}: {found.channel}"
    reason = situation.reason("remind_first", "contact_steps", steps, detail=detail)
    if found.not_before <= situation.now:
        return SendReminder(reasons=(reason,), channel=found.channel, position=found.position)
    quiet = situation.in_force(situation.rulebook.quiet_hours)
    reasons = (reason, situation.reason("wait_for_the_hour", "quiet_hours", quiet))
    return Wait(until=min(found.not_before, _give_up_at(situation)), reasons=reasons)


def go_without_reminder(situation: Situation) -> Decision | None:
    """No reminder is possible: the rulebook says per cause what happens then."""
    cause = _cause(situation)
    if cause is None:
        return None
    entry = situation.in_force(situation.rulebook.without_reminder)
    way = entry.value[cause]
    name, detail = f"without_reminder.{cause}", f" = {way}"
    reasons = (situation.reason("go_without_reminder", name, entry, detail=detail),)
    match way:
        case Way.CLOSE:
            return Close(disposition=Disposition.UNPROVEN, reasons=reasons)
        case Way.ASK_OPERATOR:
            return AskOperator(until=_give_up_at(situation), reasons=reasons, cause=cause)
        case Way.REFER:
            return _refer_after_a_grace(situation, cause, reasons)
        case _:
            assert_never(way)


def wait_for_delivery(situation: Situation) -> Decision | None:
    """The reminder is on its way, or grace is over and the camera has said nothing since."""
    entry = situation.in_force(situation.rulebook.longest_wait)
    return Wait(
        until=_give_up_at(situation),
        reasons=(situation.reason("wait_for_delivery", "longest_wait", entry),),
    )


def _of_the_site(situation: Situation, rule: str) -> Reason:
    state = situation.site.state if situation.site else "unknown"
    return Reason(
        rule=rule,
        entry=f"site {state}",
        source="P105 articles 15 and 16",
        edition=situation.rulebook.edition,
    )


def _give_up_at(situation: Situation) -> datetime:
    """When a case that nothing is heard of closes: the longest wait after grace or opening."""
    wait = situation.in_force(situation.rulebook.longest_wait).length
    return (situation.case.grace_ends_at or situation.case.opened_at) + wait


def _refer_after_a_grace(
    situation: Situation, cause: Cause, reasons: tuple[Reason, ...]
) -> Decision:
    """Without a reminder the vehicle still gets one grace period before a person looks."""
    case = situation.case
    grace = situation.in_force(situation.rulebook.grace_period).length_at(case.place_class)
    ends_at = (case.no_reminder_at or situation.now) + grace
    if situation.now >= ends_at and case.last_seen_at >= ends_at:
        return _refer(situation, reasons)
    until = ends_at if situation.now < ends_at else _give_up_at(situation)
    return Wait(until=until, reasons=reasons, cause=cause)


def _refer(situation: Situation, reasons: tuple[Reason, ...]) -> Decision:
    """To review; from a site on trial, or not in order on that day, the case ends as education."""
    site, act = situation.site, situation.act
    if site is None or act is None or not site.may_refer(situation.day):
        reason = _of_the_site(situation, "only_active_sites_refer")
        return Close(disposition=Disposition.EDUCATION, reasons=(*reasons, reason))
    days = situation.in_force(situation.rulebook.review_deadline).value
    proposal = propose(situation, act)
    return ReferToReview(
        due_at=deadline(situation.case.suspected_at, days, situation.zone, situation.calendar),
        reasons=(*reasons, *proposal.reasons),
        evidence_needed=situation.in_force(situation.rulebook.evidence_clauses).needed,
        proposal=proposal,
    )


def _may_try(situation: Situation) -> bool:
    """Whether a message may go out: nothing forbids it, and none is under way."""
    is_failed = situation.delivery is DeliveryStatus.FAILED
    is_free = situation.case.status is CaseStatus.SUSPECTED or is_failed
    return is_free and situation.case.status not in AT_THE_DESK and _cause(situation) is None


def _next_try(situation: Situation) -> NextTry | None:
    steps = situation.in_force(situation.rulebook.contact_steps)
    quiet = situation.in_force(situation.rulebook.quiet_hours).value
    return next_try(situation, steps, quiet)


def _cause(situation: Situation) -> Cause | None:
    """Why no reminder can go out; None when one can, or is already under way."""
    case = situation.case
    if case.is_plate_contradicted:
        return Cause.PLATE_DOUBTFUL
    if situation.is_disowned:
        return Cause.CONTACT_DOUBTFUL
    has_failed = situation.delivery is DeliveryStatus.FAILED
    if has_failed and _next_try(situation) is None:
        return Cause.NOT_DELIVERED
    if case.status is not CaseStatus.SUSPECTED and not has_failed:
        return None
    cause = _plate_cause(situation) or _contact_cause(situation) or _cap_cause(situation)
    is_out_of_reach = cause is None and _next_try(situation) is None
    return Cause.NOT_DELIVERED if is_out_of_reach else cause


def _plate_cause(situation: Situation) -> Cause | None:
    case = situation.case
    if not case.has_agreed_plate:
        is_doubtful = case.plate.status is PlateStatus.DOUBTFUL
        return Cause.PLATE_DOUBTFUL if is_doubtful else Cause.PLATE_UNREADABLE
    entry = situation.in_force(situation.rulebook.contact_plates)
    return None if _is_listed(situation, entry) else Cause.PLATE_CLASS


def _contact_cause(situation: Situation) -> Cause | None:
    match situation.contact:
        case ContactState.NONE:
            return Cause.NO_CONTACT
        case ContactState.DOUBTFUL:
            return Cause.CONTACT_DOUBTFUL
        case ContactState.OPTED_OUT:
            return Cause.OPTED_OUT
        case ContactState.FOUND:
            return Cause.REGISTER_CONTRADICTS if _is_another_vehicle(situation) else None
        case _:
            assert_never(situation.contact)


def _cap_cause(situation: Situation) -> Cause | None:
    a_day = situation.in_force(situation.rulebook.reminders_per_day).value
    a_month = situation.in_force(situation.rulebook.reminders_per_month).value
    is_over = situation.reminded_today >= a_day or situation.reminded_this_month >= a_month
    return Cause.CAP_REACHED if is_over else None


def _is_another_vehicle(situation: Situation) -> bool:
    """Whether the register's vehicle cannot be the one seen: two wheels are not four.

    Cameras mix up cars, vans and lorries, so those do not contradict each other.
    """
    registered, seen = situation.registered_class, situation.case.vehicle_class
    if registered is None or VehicleClass.VEHICLE in {registered, seen}:
        return False
    return (registered in _TWO_WHEELS) != (seen in _TWO_WHEELS)


def _is_listed(situation: Situation, entry: PlatesEntry) -> bool:
    """Whether the plate's class, or the mark of a marked plate, is on the list."""
    try:
        plate = PlateNumber.parse(situation.case.plate.text or "")
    except ValueError:
        return False
    return (plate.mark or plate.plate_class) in entry.value


RULES = (
    close_if_site_not_in_use,
    withdraw_from_review,
    expire_if_overdue,
    close_if_exempt,
    close_if_no_act,
    refer_if_strict,
    refer_if_serious,
    refer_if_over,
    close_if_left,
    refer_if_seen_again,
    close_if_silent,
    wait_for_a_fresh_sighting,
    remind_first,
    go_without_reminder,
    wait_for_delivery,
)
"""The first rule that answers decides; the last one always does."""
