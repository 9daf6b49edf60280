"""What a decision makes of a case: the same as what the histories here make of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from pipeline.case import CaseStatus, Outcome
from pipeline.policy import ReferToReview, SendReminder, decide
from pipeline.policy.effect import begin_grace, effect_of, hold_uncertain
from tests.builders import NOON, a_case, seconds
from tests.pipeline.policy.history import PLAYS, Play
from tests.pipeline.policy.scenario import situation_of

HUBEI = situation_of({"rulebook": "hubei"}, timedelta())
GRACE = HUBEI.in_force(HUBEI.rulebook.grace_period)


@settings(max_examples=60, deadline=None)
@given(PLAYS)
def test_a_decision_makes_of_a_case_what_its_history_says(play: Play) -> None:
    for one in play.answers:
        effect = effect_of(one.situation, one.decision)

        assert effect.case == one.after
        assert (effect.action is None) == (effect.case == one.situation.case)
        if isinstance(one.decision, SendReminder):
            assert effect.timer_at is None


@settings(max_examples=20, deadline=None)
@given(PLAYS)
def test_the_timer_is_that_of_the_last_answer(play: Play) -> None:
    last = play.answers[-1]

    assert effect_of(last.situation, last.decision).timer_at == play.timer


@pytest.mark.parametrize("status", ["suspected", "reminder_due", "reminder_uncertain", "grace"])
def test_grace_begins_or_begins_anew_with_a_delivery(status: str) -> None:
    case = a_case(
        status=CaseStatus(status),
        no_reminder_cause="not_delivered",
        no_reminder_at=NOON,
        asks_operator=True,
    )
    begun = begin_grace(case, GRACE, begins_at=NOON + seconds(5), delivered_at=NOON)

    assert begun == replace(
        case,
        status=CaseStatus.GRACE,
        reminder_delivered_at=NOON,
        grace_ends_at=NOON + seconds(605),
        no_reminder_cause=None,
        no_reminder_at=None,
        asks_operator=False,
    )


@pytest.mark.parametrize("status", ["in_review", "second_review", "decided", "closed"])
def test_a_delivery_that_is_told_of_too_late_begins_no_grace(status: str) -> None:
    case = a_case(status=CaseStatus(status))

    assert begin_grace(case, GRACE, begins_at=NOON, delivered_at=NOON) is case


def test_an_uncertain_message_holds_its_case_and_a_person_sees_it() -> None:
    held = hold_uncertain(a_case(status=CaseStatus.REMINDER_DUE))

    assert (held.status, held.asks_operator) == (CaseStatus.REMINDER_UNCERTAIN, True)


def test_a_case_whose_reminder_reached_somebody_else_is_not_reminded_any_more() -> None:
    given = {
        "rulebook": "hubei",
        "status": "grace",
        "delivered": "1 min",
        "grace_ends": "11 min",
        "attempts": [{"channel": "voice", "failure": "permanent", "disowned": True}],
    }
    situation = situation_of(given, timedelta(minutes=2))
    after = effect_of(situation, decide(situation)).case

    assert (after.grace_ends_at, after.reminder_delivered_at) == (None, None)


def test_who_left_soon_after_the_referral_is_proposed_for_no_penalty() -> None:
    at_a_desk = situation_of(
        {"rulebook": "hubei", "story": "reminded, and still there after grace"},
        timedelta(minutes=12),
    )
    referral = decide(at_a_desk)
    assert isinstance(referral, ReferToReview)
    referred = effect_of(at_a_desk, referral).case
    left = replace(referred, left_at=at_a_desk.now + timedelta(minutes=1))

    renewed = effect_of(replace(at_a_desk, case=left), decide(replace(at_a_desk, case=left)))
    again = replace(at_a_desk, case=renewed.case)

    assert (referral.proposal.outcome, renewed.action) == (Outcome.WARNING, "proposal renewed")
    assert renewed.case.proposal is not None
    assert renewed.case.proposal.outcome is Outcome.EDUCATION
    assert renewed.timer_at == referred.review_due_at
    assert effect_of(again, decide(again)).action is None


def test_what_stood_in_the_way_and_is_gone_is_forgotten() -> None:
    stale = situation_of({"rulebook": "hubei"}, timedelta(minutes=30))
    case = replace(
        stale.case,
        no_reminder_cause="plate_unreadable",
        no_reminder_at=NOON,
        asks_operator=True,
    )
    situation = replace(stale, case=case)

    effect = effect_of(situation, decide(situation))

    assert effect.action == "reminder possible again"
    assert (effect.case.no_reminder_cause, effect.case.no_reminder_at) == (None, None)
    assert not effect.case.asks_operator
