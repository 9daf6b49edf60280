"""What holds in whatever happens to a case, under whatever values a rulebook gives."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.case import AT_THE_DESK, CaseStatus, Disposition, Outcome, Reason
from pipeline.events.plate import PlateNumber
from pipeline.policy import (
    AskOperator,
    Close,
    ContactState,
    ReferToReview,
    SendReminder,
    Situation,
    Wait,
    decide,
)
from pipeline.policy.entries import ActList, Way
from pipeline.reminder import DeliveryStatus, Failure
from pipeline.sites import SiteState
from tests.pipeline.policy.happenings import (
    AReceiptComes,
    TheProviderIsCalled,
    TheVehicleIsSeen,
    TheVehicleLeaves,
    TimePasses,
)
from tests.pipeline.policy.history import PLAYS, Answer, Play, is_on_its_way, played
from tests.pipeline.policy.scenario import situation_of

ANY_HISTORY = settings(max_examples=60, deadline=None)
THREE_MESSAGES = {"values": {"contact_steps": [{"channel": "sms"}] * 3}}
QUIET_FROM_NOON = {"values": {"quiet_hours": {"from": "12:00", "to": "14:00", "channels": ["sms"]}}}
BY_POLICY_ALONE = {
    Disposition.CLEARED,
    Disposition.EDUCATION,
    Disposition.EXEMPT,
    Disposition.EXPIRED,
    Disposition.UNPROVEN,
    Disposition.WITHDRAWN,
}
# The reasons for which a case may come to a person before, or without, a grace period.
AT_ONCE = {"refer_if_strict", "refer_if_serious", "refer_if_over"}


def reminders(play: Play) -> Iterator[tuple[Situation, SendReminder]]:
    for one in play.answers:
        if isinstance(one.decision, SendReminder):
            yield one.situation, one.decision


def referrals(play: Play) -> Iterator[tuple[Answer, ReferToReview]]:
    for one in play.answers:
        if isinstance(one.decision, ReferToReview):
            yield one, one.decision


def rules_of(reasons: tuple[Reason, ...]) -> set[str]:
    return {one.rule for one in reasons}


# The reminder.


@ANY_HISTORY
@example(
    played(
        {"values": {"contact_steps": [{"channel": "sms"}, {"channel": "sms", "after_s": 20}]}},
        [TheProviderIsCalled(Failure.TEMPORARY), TheVehicleLeaves(1), TimePasses(20)],
    )
)
@given(PLAYS)
def test_nobody_is_reminded_after_the_vehicle_was_seen_to_leave(play: Play) -> None:
    assert all(situation.case.left_at is None for situation, _ in reminders(play))


@ANY_HISTORY
@given(PLAYS)
def test_no_try_is_made_twice(play: Play) -> None:
    tries = Counter(
        (situation.case.round_step, told.position) for situation, told in reminders(play)
    )

    assert all(count == 1 for count in tries.values())


@ANY_HISTORY
@given(PLAYS)
def test_tries_are_made_in_the_order_of_the_rulebook(play: Play) -> None:
    for situation, told in reminders(play):
        steps = situation.in_force(situation.rulebook.contact_steps).value

        assert steps[told.position].channel is told.channel
        assert all(one.position < told.position for one in situation.attempts)


@ANY_HISTORY
@given(PLAYS)
def test_a_try_waits_for_its_time_after_the_one_before_failed(play: Play) -> None:
    for situation, told in reminders(play):
        if situation.attempts:
            steps = situation.in_force(situation.rulebook.contact_steps).value
            ended_at = situation.attempts[-1].ended_at

            assert ended_at is not None
            assert situation.now >= ended_at + timedelta(seconds=steps[told.position].after_s)


@ANY_HISTORY
@given(PLAYS)
def test_no_plate_is_reminded_more_often_than_the_rulebook_allows(play: Play) -> None:
    for situation, _ in reminders(play):
        a_day = situation.in_force(situation.rulebook.reminders_per_day).value
        a_month = situation.in_force(situation.rulebook.reminders_per_month).value

        assert situation.reminded_today < a_day
        assert situation.reminded_this_month < a_month


@ANY_HISTORY
@example(played(THREE_MESSAGES, [TheProviderIsCalled(Failure.PERMANENT)]))
@given(PLAYS)
def test_no_way_is_tried_that_said_never_or_that_this_machine_lacks(play: Play) -> None:
    for situation, told in reminders(play):
        never = {one.channel for one in situation.attempts if one.failure is Failure.PERMANENT}

        assert told.channel in situation.channels - never


@ANY_HISTORY
@example(played(QUIET_FROM_NOON, []))
@given(PLAYS)
def test_nobody_is_disturbed_in_the_quiet_hours(play: Play) -> None:
    for situation, told in reminders(play):
        quiet = situation.in_force(situation.rulebook.quiet_hours).value
        if quiet is None or told.channel not in quiet.channels:
            continue
        # The hours of a day that are quiet, counted one minute after the other.
        minute, end = quiet.begins.hour * 60, quiet.ends.hour * 60
        minutes = set()
        while minute != end:
            minutes.add(minute)
            minute = (minute + 1) % (24 * 60)
        local = situation.now.astimezone(situation.zone)

        assert local.hour * 60 + local.minute not in minutes


@ANY_HISTORY
@given(PLAYS)
def test_only_a_known_contact_of_an_agreed_plate_at_a_site_in_use_is_reminded(play: Play) -> None:
    for situation, _ in reminders(play):
        assert situation.contact is ContactState.FOUND
        assert situation.case.has_agreed_plate
        assert situation.site is not None
        assert situation.site.may_remind()
        assert situation.case.status not in AT_THE_DESK
        assert not any(one.is_disowned for one in situation.attempts)


@ANY_HISTORY
@given(PLAYS)
def test_no_exempt_vehicle_is_reminded_or_referred(play: Play) -> None:
    exempt = {"警", "emergency", "armed_police", "embassy"}
    for one in play.answers:
        if not one.situation.case.has_agreed_plate or one.situation.rulebook.region != "hubei":
            continue
        plate = PlateNumber.parse(one.situation.case.plate.text or "")
        if (plate.mark or plate.plate_class) in exempt:
            assert not isinstance(one.decision, SendReminder | ReferToReview)


@ANY_HISTORY
@given(PLAYS)
def test_no_try_is_made_while_another_is_on_its_way(play: Play) -> None:
    for situation, _ in reminders(play):
        assert not any(is_on_its_way(one) for one in situation.attempts)


@ANY_HISTORY
@example(
    played(
        THREE_MESSAGES,
        [
            TheProviderIsCalled(Failure.TEMPORARY),
            TheProviderIsCalled(),
            AReceiptComes(back=1),
            AReceiptComes(failure=Failure.TEMPORARY),
        ],
    )
)
@given(PLAYS)
def test_no_try_is_made_after_one_that_was_delivered(play: Play) -> None:
    for situation, _ in reminders(play):
        known = {one.status for one in situation.attempts}

        assert DeliveryStatus.DELIVERED not in known


@ANY_HISTORY
@given(PLAYS)
def test_a_reminder_is_about_a_vehicle_that_was_seen_just_now(play: Play) -> None:
    for situation, _ in reminders(play):
        freshest = situation.in_force(situation.rulebook.freshest_sighting).length

        assert situation.now - situation.case.last_seen_at <= freshest


# The review.


@ANY_HISTORY
@example(
    played(
        THREE_MESSAGES | {"way": "refer"},
        [
            TimePasses(15),
            TheProviderIsCalled(Failure.PERMANENT),
            TimePasses(6),
            TheVehicleIsSeen(0),
        ],
    )
)
@given(PLAYS)
def test_nothing_comes_to_a_person_before_a_grace_period_but_for_a_listed_reason(
    play: Play,
) -> None:
    for one, told in referrals(play):
        situation = one.situation
        grace = situation.in_force(situation.rulebook.grace_period)
        length = grace.length_at(situation.case.place_class)
        rules = rules_of(told.reasons)
        if rules & AT_ONCE:
            _assert_is_listed(situation, rules)
        elif "refer_if_seen_again" in rules:
            assert one.grace_began_at is not None
            assert situation.now >= one.grace_began_at + length
        else:
            assert "go_without_reminder" in rules
            assert situation.now >= _without_reminder_since(play, one) + length


def _assert_is_listed(situation: Situation, rules: set[str]) -> None:
    """Whether the rulebook lists the place, the act, or that it is over when it is seen."""
    case, book = situation.case, situation.rulebook
    is_strict_place = case.place_class in situation.in_force(book.strict_places).value
    is_serious = any(
        row.list is ActList.STRICT and case.violation_type in row.acts
        for row in situation.in_force(book.three_lists).value
    )
    is_over = situation.act is not None and situation.act.is_over
    listed = {
        "refer_if_strict": is_strict_place,
        "refer_if_serious": is_serious,
        "refer_if_over": is_over,
    }

    assert case.status is CaseStatus.SUSPECTED
    assert all(listed[rule] for rule in rules & AT_ONCE)


def _without_reminder_since(play: Play, referral: Answer) -> datetime:
    """Since when the case has been without a reminder, as the answers before tell."""
    since = referral.situation.now
    for one in reversed(play.answers[: play.answers.index(referral)]):
        decision = one.decision
        if not isinstance(decision, AskOperator | Wait) or decision.cause is None:
            break
        since = one.situation.now
    return since


@ANY_HISTORY
@given(PLAYS)
def test_without_a_reminder_a_case_comes_to_a_person_only_where_the_rulebook_says_so(
    play: Play,
) -> None:
    for one, told in referrals(play):
        if "go_without_reminder" in rules_of(told.reasons):
            ways = one.situation.in_force(one.situation.rulebook.without_reminder).value
            name = next(r.entry for r in told.reasons if r.rule == "go_without_reminder")
            cause = name.removeprefix("without_reminder.").split(" = ")[0]

            assert ways[next(known for known in ways if known == cause)] is Way.REFER


@ANY_HISTORY
@given(PLAYS)
def test_silence_never_comes_to_a_person(play: Play) -> None:
    for one, told in referrals(play):
        situation = one.situation
        if rules_of(told.reasons) & AT_ONCE:
            continue
        began_at = one.grace_began_at or _without_reminder_since(play, one)
        grace = situation.in_force(situation.rulebook.grace_period)

        assert situation.case.last_seen_at >= began_at + grace.length_at(situation.case.place_class)


@ANY_HISTORY
@given(PLAYS)
def test_who_left_is_never_looked_at_unless_the_act_was_listed_as_strict_or_over(
    play: Play,
) -> None:
    for one, told in referrals(play):
        assert one.situation.case.left_at is None or rules_of(told.reasons) & AT_ONCE


@ANY_HISTORY
@given(PLAYS)
def test_only_a_site_in_everyday_use_proposes_a_penalty(play: Play) -> None:
    for one, told in referrals(play):
        site = one.situation.site
        assert site is not None
        assert site.state in {SiteState.ACTIVE, SiteState.WARNING}
        if site.state is not SiteState.ACTIVE:
            # A warning is a penalty, too.
            assert told.proposal.outcome is Outcome.EDUCATION


@ANY_HISTORY
@given(PLAYS)
def test_every_proposal_has_reasons_with_sources_and_all_its_factors(play: Play) -> None:
    for _, told in referrals(play):
        assert told.proposal.reasons
        assert all(one.source.strip() for one in told.proposal.reasons)
        assert len(told.proposal.factors) == 5
        assert told.proposal.act_code


@ANY_HISTORY
@given(PLAYS)
def test_policy_alone_never_confirms_or_rejects_anything(play: Play) -> None:
    closed = [one.decision for one in play.answers if isinstance(one.decision, Close)]

    assert {one.disposition for one in closed} <= BY_POLICY_ALONE


# Every answer.


@ANY_HISTORY
@given(PLAYS)
def test_every_answer_names_its_rule_its_entry_the_source_and_the_edition(play: Play) -> None:
    for one in play.answers:
        assert one.decision.reasons
        for reason in one.decision.reasons:
            assert reason.rule
            assert reason.entry
            assert reason.source.strip()
            assert reason.edition == one.situation.rulebook.edition


@ANY_HISTORY
@given(PLAYS)
def test_the_same_situation_always_gets_the_same_answer(play: Play) -> None:
    assert all(decide(one.situation) == one.decision for one in play.answers)


@ANY_HISTORY
@given(PLAYS)
def test_a_wait_always_ends_later_than_now(play: Play) -> None:
    for one in play.answers:
        if isinstance(one.decision, Wait | AskOperator):
            assert one.decision.until > one.situation.now


@ANY_HISTORY
@example(
    played(
        {"rulebook": "hubei", "channels": ["sms"], "values": {"freshest_sighting": 1000}},
        [],
    )
)
@given(PLAYS)
def test_a_case_that_nobody_touches_comes_to_its_end_by_its_timers(play: Play) -> None:
    for _ in range(30):
        if not play.case.is_open:
            return
        assert play.timer is not None
        play.now = max(play.now, play.timer)
        play.ask()

    raise AssertionError(f"still {play.case.status}")


# Also situations into which no history leads.

_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "channel": st.sampled_from(["voice", "sms", "push"]),
            "status": st.sampled_from([one.value for one in DeliveryStatus]),
            "disowned": st.booleans(),
        },
        optional={
            "failure": st.sampled_from([one.value for one in Failure]),
            "ended_s": st.integers(0, 600),
        },
    ),
    max_size=4,
)


@ANY_HISTORY
@given(
    st.fixed_dictionaries(
        {
            "rulebook": st.sampled_from(["hubei", "generic", "england", "demo", "county"]),
            "status": st.sampled_from(
                [one.value for one in CaseStatus if one not in {"decided", "closed"}]
            ),
            "site": st.sampled_from([*(one.value for one in SiteState), "unknown"]),
            "contact": st.sampled_from([one.value for one in ContactState]),
            "contradicted": st.booleans(),
            "attempts": _MESSAGES,
            "type": st.sampled_from(["parked", "red_light", "bus_lane"]),
        },
        optional={
            name: st.integers(0, 6000)
            for name in (
                "left_s",
                "grace_ends_s",
                "delivered_s",
                "due_s",
                "without_reminder_since_s",
                "last_seen_s",
            )
        },
    ),
    st.integers(0, 100_000),
)
def test_policy_always_has_an_answer(given: dict[str, Any], at_s: int) -> None:
    situation = situation_of(given, timedelta(seconds=at_s))

    decision = decide(situation)

    assert decision == decide(situation)
    assert all(one.rule and one.entry and one.source and one.edition for one in decision.reasons)
