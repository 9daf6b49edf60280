"""Policy as situations that a lawyer could read: given, at, expect, rule."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.case import Case, CaseStatus, Disposition
from pipeline.events import PlaceClass, PlateStatus, VehicleClass, ViolationType
from pipeline.policy import (
    AskOperator,
    Attempt,
    Close,
    ContactState,
    Decision,
    ReferToReview,
    Rulebook,
    SendReminder,
    Situation,
    Wait,
    decide,
    load_rulebook,
)
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.entries import Cause, ChannelKind, Way
from pipeline.reminder import DeliveryStatus, Failure
from pipeline.sites import Site, SiteState
from tests.builders import NOON, a_case, a_plate, a_sighting, a_site, a_suspicion, seconds

SCENARIOS = [
    scenario
    for file in sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
    for scenario in yaml.safe_load(file.read_text(encoding="utf-8"))
]


def _at(given: dict[str, Any], name: str) -> datetime | None:
    return NOON + seconds(given[name]) if name in given else None


def _site(given: dict[str, Any]) -> Site | None:
    if given.get("site") == "unknown":
        return None
    site = a_site(state=SiteState(given.get("site", "active")))
    site = replace(site, published_on=given.get("published", site.published_on))
    return replace(site, calibrated_until=given.get("calibrated", site.calibrated_until))


def _rulebook(given: dict[str, Any]) -> Rulebook:
    book = load_rulebook(given.get("rulebook", "demo"))
    if "way" not in given:
        return book
    entry = book.without_reminder[0]
    ways = dict.fromkeys(Cause, Way(given["way"]))
    changed = entry.model_copy(update={"value": ways})
    return book.model_copy(update={"without_reminder": (changed,)})


def _attempts(given: dict[str, Any]) -> tuple[Attempt, ...]:
    told = given.get("attempts", [{"status": given["delivery"]}] if "delivery" in given else [])
    return tuple(
        Attempt(
            channel=ChannelKind(one.get("channel", "sms")),
            position=one.get("position", number),
            status=DeliveryStatus(one.get("status", "failed")),
            failure=Failure(one["failure"]) if "failure" in one else None,
            ended_at=_at(one, "ended_s"),
        )
        for number, one in enumerate(told)
    )


def _case(given: dict[str, Any]) -> Case:
    plate = a_plate(PlateStatus(given.get("plate", "agreed")))
    if "plate_text" in given:
        plate = plate.model_copy(update={"text": given["plate_text"]})
    suspicion = a_suspicion(
        place_class=PlaceClass(given.get("place", "ordinary")), plate=plate
    ).model_copy(
        update={
            "violation_type": ViolationType(given.get("type", "parked")),
            "vehicle_class": VehicleClass(given.get("vehicle", "car")),
        }
    )
    case = a_case(
        suspicion,
        status=CaseStatus(given.get("status", "suspected")),
        left_at=_at(given, "left_s"),
        grace_ends_at=_at(given, "grace_ends_s"),
        reminder_delivered_at=_at(given, "delivered_s"),
        review_due_at=_at(given, "due_s"),
        no_reminder_at=_at(given, "without_reminder_since_s"),
        is_plate_contradicted=given.get("contradicted", False),
    )
    seen_at = _at(given, "last_seen_s")
    if seen_at is None:
        return case
    seen = a_case(a_sighting_as_suspicion(suspicion, seen_at)).sightings
    return replace(case, sightings=(*case.sightings, *seen))


_KNOWN = frozenset(
    [
        "rulebook",
        "place",
        "plate",
        "plate_text",
        "type",
        "vehicle",
        "status",
        "left_s",
        "grace_ends_s",
        "delivered_s",
        "due_s",
        "without_reminder_since_s",
        "contradicted",
        "last_seen_s",
        "registered",
        "contact",
        "permit",
        "channels",
        "attempts",
        "delivery",
        "reminded_today",
        "reminded_this_month",
        "earlier_records",
        "site",
        "published",
        "calibrated",
        "way",
    ]
)


def situation_of(given: dict[str, Any], at_s: float) -> Situation:
    assert set(given) <= _KNOWN, f"unknown words: {set(given) - _KNOWN}"
    registered = given.get("registered")
    return Situation(
        case=_case(given),
        site=_site(given),
        rulebook=_rulebook(given),
        calendar=load_calendar(),
        now=NOON + seconds(at_s),
        contact=ContactState(given.get("contact", "found")),
        registered_class=VehicleClass(registered) if registered else None,
        permit=given.get("permit"),
        channels=frozenset(map(ChannelKind, given.get("channels", ChannelKind))),
        attempts=_attempts(given),
        reminded_today=given.get("reminded_today", 0),
        reminded_this_month=given.get("reminded_this_month", 0),
        earlier_records=given.get("earlier_records", 0),
    )


def a_sighting_as_suspicion(suspicion: Any, at: datetime) -> Any:
    return suspicion.model_copy(update=dict(a_sighting(suspicion, at)) | {"type": suspicion.type})


def told(decision: Decision) -> object:
    match decision:
        case SendReminder(channel=channel):
            return {"remind_by": channel.value}
        case AskOperator():
            return "ask_operator"
        case ReferToReview(proposal=proposal):
            return {"refer_and_propose": proposal.outcome.value}
        case Close(disposition=disposition):
            return {"close": disposition.value}
        case Wait(until=until):
            return {"wait_until_s": (until - NOON).total_seconds()}


def _is_expected(told: object, expected: object) -> bool:
    """Whether that was decided; `send_reminder` and `refer` leave open by what, and what for."""
    if expected == "send_reminder":
        return isinstance(told, dict) and "remind_by" in told
    if expected == "refer":
        return isinstance(told, dict) and "refer_and_propose" in told
    return told == expected


def _lists(decision: Decision) -> list[str]:
    return [decision.proposal.act_list] if isinstance(decision, ReferToReview) else []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_policy_decides_as_the_scenario_says(scenario: dict[str, Any]) -> None:
    situation = situation_of(scenario["given"], scenario["at_s"])

    decision = decide(situation)

    assert _is_expected(told(decision), scenario["expect"])
    assert scenario["rule"] in [reason.rule for reason in decision.reasons]
    assert all(one.source and one.entry and one.edition for one in decision.reasons)
    assert scenario.get("list") in [*_lists(decision), None]


def test_the_day_of_the_pictures_picks_what_was_in_force_not_the_day_they_arrived() -> None:
    situation = situation_of({"place": "strict", "published": NOON.date()}, 0)
    the_day_before = a_suspicion(at=NOON - timedelta(days=1), place_class=PlaceClass.STRICT)

    today = decide(situation)
    yesterday = decide(replace(situation, case=a_case(the_day_before)))

    assert isinstance(today, ReferToReview)
    assert isinstance(yesterday, Close)


def test_a_referral_says_what_the_evidence_needs_and_what_the_law_calls_the_act() -> None:
    decision = decide(situation_of({"type": "emergency_lane", "rulebook": "hubei"}, 0))

    assert isinstance(decision, ReferToReview)
    assert "size" in decision.evidence_needed
    assert "colour" not in decision.evidence_needed
    named = next(reason for reason in decision.reasons if reason.rule == "name_act")
    assert named.entry == "acts.emergency_lane = 1622 from 2021-01-01"
    assert "(unverified)" in named.source
    assert decision.proposal.act_code == "1622"


def test_a_type_that_the_rulebook_has_no_act_for_is_nobodys_case() -> None:
    decision = decide(
        situation_of({"type": "red_light", "rulebook": "england", "plate_text": "AB12CDE"}, 0)
    )

    assert isinstance(decision, Close)
    assert decision.disposition is Disposition.WITHDRAWN
    assert decision.reasons[0].entry == "acts: nothing for red_light from 2022-05-31"


def test_a_referral_is_due_five_working_days_after_the_suspicion() -> None:
    decision = decide(situation_of({"place": "strict"}, 0))

    assert isinstance(decision, ReferToReview)
    # Monday plus five working days, to the end of that day in Shanghai.
    assert decision.due_at.isoformat() == "2026-03-09T16:00:00+00:00"
