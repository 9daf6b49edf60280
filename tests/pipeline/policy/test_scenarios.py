"""Policy as situations that a lawyer could read: given, at, expect, rule; one file a theme."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.case import Disposition, Reason
from pipeline.events import PlaceClass
from pipeline.policy import AskOperator, Close, Decision, ReferToReview, SendReminder, Wait, decide
from pipeline.policy.discretion import propose
from tests.builders import NOON, a_case, a_suspicion, seconds
from tests.pipeline.policy.scenario import (
    due_day,
    end_of_wait,
    instant,
    is_expected,
    row_in,
    situation_of,
)

_WORDS = {
    "name",
    "given",
    "at",
    "at_s",
    "expect",
    "rule",
    "list",
    "row",
    "cause",
    "try",
    "due",
    "entry",
    "source",
}


def _read(file: Path) -> list[Any]:
    theme = file.stem.replace("_", " ")
    return [
        pytest.param(scenario, id=f"{theme}: {scenario['name']}")
        for scenario in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


SCENARIOS = [
    scenario
    for file in sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
    for scenario in _read(file)
]


def _at(scenario: dict[str, Any]) -> timedelta:
    at = instant(scenario, "at", NOON)
    assert at is not None, "a scenario says when"
    return at - NOON


def _assert_details(scenario: dict[str, Any], decision: Decision) -> None:
    """What else the scenario says of a decision."""
    ends_at = end_of_wait(scenario)
    if ends_at is not None and isinstance(decision, Wait):
        assert decision.until == ends_at
    if "cause" in scenario:
        assert isinstance(decision, AskOperator | Wait)
        assert decision.cause == scenario["cause"]
    if "try" in scenario:
        assert isinstance(decision, SendReminder)
        assert decision.position + 1 == scenario["try"]
    if "due" in scenario:
        assert due_day(decision, scenario["given"]) == scenario["due"]
    if "list" in scenario:
        assert isinstance(decision, ReferToReview)
        assert decision.proposal.act_list == scenario["list"]


def _assert_reasons(scenario: dict[str, Any], reasons: tuple[Reason, ...]) -> None:
    assert scenario["rule"] in [one.rule for one in reasons]
    assert all(one.source and one.entry and one.edition for one in reasons)
    assert scenario.get("entry", "") in "; ".join(one.entry for one in reasons)
    assert scenario.get("source", "") in "; ".join(one.source for one in reasons)
    assert scenario.get("row") in [row_in(reasons), None]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_policy_decides_as_the_scenario_says(scenario: dict[str, Any]) -> None:
    assert scenario.keys() <= _WORDS, f"unknown words: {scenario.keys() - _WORDS}"
    situation = situation_of(scenario["given"], _at(scenario))
    if "propose" in scenario["expect"]:
        act = situation.act
        assert act is not None, "there is nothing to propose without an act"
        proposal = propose(situation, act)

        assert proposal.outcome == scenario["expect"]["propose"]
        assert scenario.get("list") in [proposal.act_list, None]
        _assert_reasons(scenario, proposal.reasons)
        return

    decision = decide(situation)

    assert is_expected(decision, scenario["expect"]), decision
    _assert_details(scenario, decision)
    _assert_reasons(scenario, decision.reasons)


def test_no_two_scenarios_have_one_name() -> None:
    names = [one.values[0]["name"] for one in SCENARIOS]

    assert len(set(names)) == len(names)


def test_the_day_of_the_pictures_picks_what_was_in_force_not_the_day_they_arrived() -> None:
    situation = situation_of({"place": "strict", "published": NOON.date()}, seconds(0))
    the_day_before = a_suspicion(at=NOON - timedelta(days=1), place_class=PlaceClass.STRICT)

    today = decide(situation)
    yesterday = decide(replace(situation, case=a_case(the_day_before)))

    assert isinstance(today, ReferToReview)
    assert isinstance(yesterday, Close)


def test_a_referral_says_what_the_evidence_needs_and_what_the_law_calls_the_act() -> None:
    decision = decide(situation_of({"type": "emergency_lane", "rulebook": "hubei"}, seconds(0)))

    assert isinstance(decision, ReferToReview)
    assert "size" in decision.evidence_needed
    assert "colour" not in decision.evidence_needed
    named = next(reason for reason in decision.reasons if reason.rule == "name_act")
    assert named.entry == "acts.emergency_lane = 1622 from 2021-01-01"
    assert "(unverified)" in named.source
    assert decision.proposal.act_code == "1622"


def test_a_type_that_the_rulebook_has_no_act_for_is_nobodys_case() -> None:
    given = {"type": "red_light", "rulebook": "england", "plate_text": "AB12CDE"}
    decision = decide(situation_of(given, seconds(0)))

    assert isinstance(decision, Close)
    assert decision.disposition is Disposition.WITHDRAWN
    assert decision.reasons[0].entry == "acts: nothing for red_light from 2022-05-31"


def test_a_referral_is_due_five_working_days_after_the_suspicion() -> None:
    decision = decide(situation_of({"place": "strict"}, seconds(0)))

    assert isinstance(decision, ReferToReview)
    # Monday plus five working days, to the end of that day in Shanghai.
    assert decision.due_at.isoformat() == "2026-03-09T16:00:00+00:00"


@pytest.mark.parametrize(
    ("given", "factors"),
    [
        (
            {
                "story": "reminded, and still there after grace",
                "rulebook": "hubei",
                "stood": "5 min",
            },
            {
                "earlier_records": ("0", True),
                "is_reminded": ("yes", False),
                "has_left": ("no", False),
                "stood_min": ("15", False),
                "place": ("ordinary", False),
            },
        ),
        (
            {"rulebook": "hubei", "place": "fire_lane", "earlier_records": 2, "left": "1 min"},
            {
                "earlier_records": ("2", False),
                "is_reminded": ("no", True),
                "has_left": ("yes", True),
                "stood_min": ("1", False),
                "place": ("fire_lane", False),
            },
        ),
    ],
    ids=["a first parker who was reminded and stayed", "a second offence in a fire lane"],
)
def test_a_proposal_shows_all_that_was_looked_at(
    given: dict[str, Any], factors: dict[str, tuple[str, bool]]
) -> None:
    decision = decide(situation_of(given, timedelta(minutes=10)))

    assert isinstance(decision, ReferToReview)
    looked_at = decision.proposal.factors
    assert {one.name: (one.value, one.is_lenient) for one in looked_at} == factors


def test_a_proposal_says_what_the_law_allows() -> None:
    given = {"type": "wrong_way", "rulebook": "hubei"}
    decision = decide(situation_of(given, seconds(0)))

    assert isinstance(decision, ReferToReview)
    assert decision.proposal.act_code == "1301"
    assert decision.proposal.fine == (20, 200)
    assert decision.proposal.points == 3


def test_a_site_in_its_warning_phase_is_named_as_what_it_is() -> None:
    decision = decide(situation_of({"place": "strict", "site": "warning"}, seconds(0)))
    named = next(one for one in decision.reasons if one.rule == "no_penalty_before_everyday_use")

    assert named.entry == "site warning"
