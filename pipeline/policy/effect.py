"""What a decision makes of a case; the caller saves it, sets its timer and sends the message."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from pipeline.case import Case, CaseStatus, move
from pipeline.policy.decision import (
    AskOperator,
    Close,
    Decision,
    ReferToReview,
    SendReminder,
    Wait,
)
from pipeline.policy.entries import Cause, GraceEntry
from pipeline.policy.situation import Situation

__all__ = ["Effect", "begin_grace", "effect_of", "hold_uncertain"]

_BEGINS_GRACE = frozenset(
    {
        CaseStatus.REMINDER_DUE,
        CaseStatus.REMINDER_UNCERTAIN,
        CaseStatus.SUSPECTED,
        CaseStatus.GRACE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A case after a decision.

    Attributes:
        case: As it is now.
        action: What happened, for the audit chain; None when nothing did.
        timer_at: When policy is asked again; None for never, or where a message goes out first.
    """

    case: Case
    action: str | None
    timer_at: datetime | None


def effect_of(situation: Situation, decision: Decision) -> Effect:
    """What becomes of the case of `situation` by `decision`."""
    case = situation.case
    match decision:
        case SendReminder():
            return Effect(case=_reminder_due(situation), action="reminder queued", timer_at=None)
        case Wait():
            return _waits(situation, decision)
        case AskOperator(until=until, cause=cause):
            return _without_reminder(situation, cause, until, asks_operator=True)
        case ReferToReview(due_at=due_at):
            referred = replace(
                move(case, CaseStatus.IN_REVIEW),
                review_due_at=due_at,
                evidence_needed=decision.evidence_needed,
                proposal=decision.proposal,
                asks_operator=False,
            )
            return Effect(case=referred, action="referred to review", timer_at=due_at)
        case Close(disposition=disposition):
            closed = replace(
                move(case, CaseStatus.CLOSED),
                disposition=disposition,
                closed_at=situation.now,
                asks_operator=False,
            )
            return Effect(case=closed, action=f"closed as {disposition}", timer_at=None)
        case _:
            assert_never(decision)


def begin_grace(
    case: Case, entry: GraceEntry, *, begins_at: datetime, delivered_at: datetime | None
) -> Case:
    """The case in its grace period, or with a longer one; unchanged when it is too late for one.

    `delivered_at` is None where no receipt came and grace runs from the end of the wait for it.
    """
    if case.status not in _BEGINS_GRACE:
        return case
    started = case if case.status is CaseStatus.GRACE else move(case, CaseStatus.GRACE)
    return replace(
        started,
        reminder_delivered_at=delivered_at,
        grace_ends_at=begins_at + entry.length_at(case.place_class),
        asks_operator=False,
        no_reminder_cause=None,
        no_reminder_at=None,
    )


def hold_uncertain(case: Case) -> Case:
    """An uncertain message holds its case: no grace, no second try, and a person sees it."""
    return replace(move(case, CaseStatus.REMINDER_UNCERTAIN), asks_operator=True)


def _reminder_due(situation: Situation) -> Case:
    case = situation.case
    step = case.reminder_step + 1 if situation.attempts else case.reminder_step
    return replace(
        move(_back(case), CaseStatus.REMINDER_DUE),
        reminder_step=step,
        reminder_accepted_at=None,
        reminder_delivered_at=None,
        grace_ends_at=None,
        asks_operator=False,
        no_reminder_cause=None,
        no_reminder_at=None,
    )


def _waits(situation: Situation, decision: Wait) -> Effect:
    if decision.cause is not None:
        return _without_reminder(situation, decision.cause, decision.until, asks_operator=False)
    case = situation.case
    if decision.proposal is not None:
        renewed = replace(case, proposal=decision.proposal)
        return Effect(case=renewed, action="proposal renewed", timer_at=decision.until)
    if case.status is CaseStatus.SUSPECTED and case.no_reminder_cause is not None:
        # What stood in the way is gone: a later cause begins a grace period of its own.
        free = replace(case, no_reminder_cause=None, no_reminder_at=None, asks_operator=False)
        return Effect(case=free, action="reminder possible again", timer_at=decision.until)
    return Effect(case=case, action=None, timer_at=decision.until)


def _without_reminder(
    situation: Situation, cause: Cause, until: datetime, *, asks_operator: bool
) -> Effect:
    case = situation.case
    if case.no_reminder_cause == cause and case.asks_operator == asks_operator:
        return Effect(case=case, action=None, timer_at=until)
    moved = replace(
        _back(case),
        no_reminder_cause=cause,
        no_reminder_at=case.no_reminder_at or situation.now,
        asks_operator=asks_operator,
        reminder_delivered_at=None,
        grace_ends_at=None,
    )
    action = "operator asked" if asks_operator else "without reminder"
    return Effect(case=moved, action=action, timer_at=until)


def _back(case: Case) -> Case:
    """The case as one that nobody has been reminded of."""
    return case if case.status is CaseStatus.SUSPECTED else move(case, CaseStatus.SUSPECTED)
