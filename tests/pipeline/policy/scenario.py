"""Reads a scenario: what is given becomes a situation, and a decision becomes words.

Times are seconds after the case was opened (`at_s: 25`) or lengths (`at: 10 min`); `opened` is the
hour at the site at which the camera saw it and the case was opened, noon of a Monday without it.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.case import Case, CaseStatus, Reason
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
    load_rulebook,
)
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.entries import Cause, ChannelKind, Way
from pipeline.reminder import DeliveryStatus, Failure
from pipeline.sites import Site, SiteState
from tests.builders import NOON, a_case, a_plate, a_sighting, a_site, a_suspicion, seconds

RULEBOOKS = Path(__file__).parent / "rulebooks"
_UNITS_S = {"s": 1, "min": 60, "h": 3600, "days": 86400}
_STORIES: dict[str, dict[str, Any]] = {
    "reminded, and still there after grace": {
        "status": "grace",
        "delivery": "delivered",
        "delivered_s": 0,
        "grace_ends": "10 min",
        "last_seen": "10 min",
    },
    "never reached, and still there a grace period later": {
        "contact": "opted_out",
        "without_reminder_since_s": 0,
        "last_seen": "10 min",
    },
}
# What a story may be told by; all times may also be lengths, without the "_s".
_TIMES = {"left", "grace_ends", "delivered", "due", "without_reminder_since", "last_seen"}
_WORDS = {
    "attempts",
    "calibrated",
    "channels",
    "contact",
    "contradicted",
    "delivery",
    "earlier_records",
    "opened",
    "permit",
    "place",
    "plate",
    "plate_text",
    "published",
    "records_on",
    "registered",
    "reminded_this_month",
    "reminded_today",
    "rulebook",
    "site",
    "status",
    "stood",
    "story",
    "type",
    "values",
    "vehicle",
    "way",
    "zone",
}
_KNOWN = _WORDS | _TIMES | {f"{one}_s" for one in _TIMES}


def length_of(text: str) -> timedelta:
    number, unit = text.split()
    return seconds(float(number) * _UNITS_S[unit])


def opened_at(given: dict[str, Any]) -> datetime:
    if "opened" not in given:
        return NOON
    local = datetime.fromisoformat(given["opened"])
    return local.replace(tzinfo=_zone(given)).astimezone(UTC)


def instant(told: dict[str, Any], name: str, begins: datetime) -> datetime | None:
    """The time called `name`, in seconds or as a length after `begins`."""
    if f"{name}_s" in told:
        return begins + seconds(told[f"{name}_s"])
    return begins + length_of(told[name]) if name in told else None


def situation_of(told: dict[str, Any], at: timedelta) -> Situation:
    given = {**_STORIES[told["story"]], **told} if "story" in told else told
    assert set(given) <= _KNOWN, f"unknown words: {set(given) - _KNOWN}"
    registered = given.get("registered")
    situation = Situation(
        case=_case(given),
        site=_site(given),
        rulebook=_rulebook(given),
        calendar=load_calendar(),
        now=opened_at(given) + at,
        contact=ContactState(given.get("contact", "found")),
        registered_class=VehicleClass(registered) if registered else None,
        permit=given.get("permit"),
        channels=frozenset(map(ChannelKind, given.get("channels", ChannelKind))),
        attempts=_attempts(given),
        reminded_today=given.get("reminded_today", 0),
        reminded_this_month=given.get("reminded_this_month", 0),
        earlier_records=given.get("earlier_records", 0),
    )
    if "records_on" not in given:
        return situation
    noons = [datetime.combine(day, time(12), tzinfo=UTC) for day in given["records_on"]]
    counting = [at for at in noons if at >= situation.look_back_began_at]
    return replace(situation, earlier_records=len(counting))


def told(decision: Decision) -> object:
    """A decision in the words of a scenario; when a wait ends is said for itself."""
    match decision:
        case SendReminder(channel=channel):
            return {"remind_by": channel.value}
        case AskOperator():
            return "ask_operator"
        case ReferToReview(proposal=proposal):
            return {"refer_and_propose": proposal.outcome.value}
        case Close(disposition=disposition):
            return {"close": disposition.value}
        case Wait():
            return "wait"


def is_expected(decision: Decision, expected: object) -> bool:
    """Whether that was decided; `send_reminder` and `refer` leave open by what, and what for."""
    if expected == "send_reminder":
        return isinstance(decision, SendReminder)
    if expected == "refer":
        return isinstance(decision, ReferToReview)
    if isinstance(expected, dict) and expected.keys() <= {"wait_until", "wait_until_s"}:
        return isinstance(decision, Wait)
    return told(decision) == expected


def end_of_wait(scenario: dict[str, Any]) -> datetime | None:
    """Until when the scenario says that one waits: a length after the opening, or local time."""
    expected, given = scenario["expect"], scenario["given"]
    if not isinstance(expected, dict):
        return None
    if ":" in expected.get("wait_until", ""):
        return datetime.fromisoformat(expected["wait_until"]).replace(tzinfo=_zone(given))
    return instant(expected, "wait_until", opened_at(given))


def due_day(decision: Decision, given: dict[str, Any]) -> date | None:
    """The last day at the site on which a person may decide."""
    if not isinstance(decision, ReferToReview):
        return None
    return (decision.due_at - seconds(1)).astimezone(_zone(given)).date()


def row_in(reasons: tuple[Reason, ...]) -> str | None:
    """The row of the three lists that the reasons name; `none` when they say that none fits."""
    if any(one.rule == "stands_on_no_list" for one in reasons):
        return "none"
    named = [one.entry for one in reasons if one.rule == "stands_on_a_list"]
    return named[0].removeprefix("three_lists.").split(" = ")[0] if named else None


def _zone(given: dict[str, Any]) -> ZoneInfo:
    return ZoneInfo(given.get("zone", "Asia/Shanghai"))


def _site(given: dict[str, Any]) -> Site | None:
    if given.get("site") == "unknown":
        return None
    site = a_site(state=SiteState(given.get("site", "active")))
    return replace(
        site,
        time_zone=_zone(given).key,
        published_on=given.get("published", site.published_on),
        calibrated_until=given.get("calibrated", site.calibrated_until),
    )


@cache
def _loaded(name: str) -> Rulebook:
    file = RULEBOOKS / f"{name}.yaml"
    return load_rulebook(str(file) if file.exists() else name)


def _rulebook(given: dict[str, Any]) -> Rulebook:
    book = _loaded(given.get("rulebook", "demo"))
    values = dict(given.get("values", {}))
    if "way" in given:
        values["without_reminder"] = dict.fromkeys(Cause, Way(given["way"]))
    return with_values(book, values)


def with_values(book: Rulebook, values: dict[str, Any]) -> Rulebook:
    """The rulebook with other values in the newest entries of some of its lists."""
    changed: dict[str, object] = {}
    for name, value in values.items():
        *others, last = getattr(book, name)
        is_whole = isinstance(value, dict) and "value" in value
        fields = last.model_dump(by_alias=True) | (value if is_whole else {"value": value})
        changed[name] = (*others, type(last).model_validate(fields))
    return Rulebook.model_construct(**{**dict(book), **changed})


def _attempts(given: dict[str, Any]) -> tuple[Attempt, ...]:
    tries = given.get("attempts", [{"status": given["delivery"]}] if "delivery" in given else [])
    return tuple(
        Attempt(
            channel=ChannelKind(one.get("channel", "sms")),
            position=one.get("position", number),
            status=DeliveryStatus(one.get("status", "failed")),
            failure=Failure(one["failure"]) if "failure" in one else None,
            ended_at=instant(one, "ended", opened_at(given)),
            is_disowned=one.get("disowned", False),
        )
        for number, one in enumerate(tries)
    )


def _case(given: dict[str, Any]) -> Case:
    begins = opened_at(given)
    plate = a_plate(PlateStatus(given.get("plate", "agreed")))
    if "plate_text" in given:
        plate = plate.model_copy(update={"text": given["plate_text"]})
    suspicion = a_suspicion(
        at=begins, place_class=PlaceClass(given.get("place", "ordinary")), plate=plate
    ).model_copy(
        update={
            "violation_type": ViolationType(given.get("type", "parked")),
            "vehicle_class": VehicleClass(given.get("vehicle", "car")),
            "stood_since_at": begins - length_of(given.get("stood", "5 s")),
        }
    )
    case = a_case(
        suspicion,
        opened_at=begins,
        status=CaseStatus(given.get("status", "suspected")),
        left_at=instant(given, "left", begins),
        grace_ends_at=instant(given, "grace_ends", begins),
        reminder_delivered_at=instant(given, "delivered", begins),
        review_due_at=instant(given, "due", begins),
        no_reminder_at=instant(given, "without_reminder_since", begins),
        is_plate_contradicted=given.get("contradicted", False),
    )
    seen_at = instant(given, "last_seen", begins)
    if seen_at is None:
        return case
    seen = a_case(_as_suspicion(suspicion, seen_at)).sightings
    return replace(case, sightings=(*case.sightings, *seen))


def _as_suspicion(suspicion: Any, at: datetime) -> Any:
    return suspicion.model_copy(update=dict(a_sighting(suspicion, at)) | {"type": suspicion.type})
