"""What may happen to a case, and random beginnings, happenings and rulebook values for one."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from hypothesis import strategies as st

from pipeline.events import PlaceClass, PlateStatus, ViolationType
from pipeline.policy import Cause, ContactState
from pipeline.policy.entries import ChannelKind, Way
from pipeline.reminder import Failure
from pipeline.sites import SiteState
from tests.builders import PLATE


@dataclass(frozen=True)
class TimePasses:
    span_s: int


@dataclass(frozen=True)
class TheTimerFires:
    pass


@dataclass(frozen=True)
class TheVehicleIsSeen:
    ago_s: int
    status: PlateStatus = PlateStatus.AGREED
    text: str = PLATE


@dataclass(frozen=True)
class TheVehicleLeaves:
    ago_s: int


@dataclass(frozen=True)
class TheProviderIsCalled:
    """With the newest message, which it takes, refuses, or says nothing about."""

    failure: Failure | None = None
    is_uncertain: bool = False


@dataclass(frozen=True)
class AReceiptComes:
    """For the message before the newest by so many: delivered, or failed."""

    back: int = 0
    failure: Failure | None = None


@dataclass(frozen=True)
class NoReceiptComes:
    pass


@dataclass(frozen=True)
class SomebodySaysItIsNotTheirs:
    pass


@dataclass(frozen=True)
class TheContactBecomes:
    contact: ContactState


@dataclass(frozen=True)
class TheSiteBecomes:
    state: SiteState


@dataclass(frozen=True)
class AnotherCameraReminds:
    pass


@dataclass(frozen=True)
class TheOperatorReadsThePlate:
    text: str = PLATE


Happening = (
    TimePasses
    | TheTimerFires
    | TheVehicleIsSeen
    | TheVehicleLeaves
    | TheProviderIsCalled
    | AReceiptComes
    | NoReceiptComes
    | SomebodySaysItIsNotTheirs
    | TheContactBecomes
    | TheSiteBecomes
    | AnotherCameraReminds
    | TheOperatorReadsThePlate
)


# Random rulebook values, beginnings and happenings.

_TEXTS = [PLATE, PLATE, PLATE, "鄂A54321", "鄂A1234警", "AB12CDE"]
_CHANNELS = st.sampled_from(list(ChannelKind))
_FAILURES = st.sampled_from(list(Failure))
_HOURS = st.integers(0, 23).map(lambda hour: f"{hour:02}:00")


@st.composite
def _quiet_hours(draw: st.DrawFn) -> dict[str, object]:
    begins, ends = draw(st.tuples(_HOURS, _HOURS).filter(lambda both: both[0] != both[1]))
    channels = draw(st.lists(_CHANNELS, min_size=1, max_size=3, unique=True))
    return {"from": begins, "to": ends, "channels": channels}


_TRY = st.fixed_dictionaries(
    {"channel": _CHANNELS, "after_s": st.sampled_from([0, 0, 10, 60, 600])}
)
_VALUES = st.fixed_dictionaries(
    {
        "grace_period": st.fixed_dictionaries(
            {
                "value": st.integers(1, 20),
                "unit": st.just("min"),
                "places": st.sampled_from([{}, {"bus_stop": 1}, {"ordinary": 30}]),
            }
        ),
        "longest_wait": st.fixed_dictionaries({"value": st.integers(1, 24), "unit": st.just("h")}),
        "freshest_sighting": st.fixed_dictionaries(
            {"value": st.integers(1, 600), "unit": st.just("min")}
        ),
        "contact_steps": st.lists(_TRY, min_size=1, max_size=4),
        "quiet_hours": st.none() | _quiet_hours(),
        "reminders_per_day": st.sampled_from([1, 1, 2, 3, 0]),
        "reminders_per_month": st.sampled_from([1, 2, 4, 5, 0]),
        "contact_plates": st.just(["civil", "generic"]),
        "without_reminder": st.fixed_dictionaries(
            {cause.value: st.sampled_from(list(Way)) for cause in Cause}
        ),
        "strict_places": st.lists(st.sampled_from(list(PlaceClass)), max_size=2, unique=True),
    }
)


def _mostly(usual: Any, others: Iterable[Any]) -> st.SearchStrategy[Any]:
    """One value four times out of five, so that most cases are such that one is reminded."""
    others = list(others)
    return st.sampled_from([usual] * (4 * len(others)) + others)


STARTS = st.fixed_dictionaries(
    {
        "rulebook": st.sampled_from(["hubei", "generic", "england"]),
        "values": _VALUES,
        "opened": st.tuples(st.integers(1, 31), _HOURS).map(
            lambda when: f"2026-03-{when[0]:02} {when[1]}"
        ),
        "site": _mostly("active", ["warning", "warning", "trial", "suspended"]),
        "type": _mostly("parked", (one.value for one in ViolationType)),
        "place": _mostly("ordinary", (one.value for one in PlaceClass)),
        "vehicle": _mostly("car", ["motorcycle"]),
        "registered": st.sampled_from([None, "car"]),
        "plate": _mostly("agreed", ["doubtful", "unreadable"]),
        "plate_text": _mostly(PLATE, _TEXTS),
        "contact": _mostly("found", (one.value for one in ContactState)),
        "channels": st.lists(_CHANNELS, min_size=1, unique=True).map(sorted),
        "earlier_records": st.integers(0, 2),
        "reminded_today": _mostly(0, [1]),
        "reminded_this_month": _mostly(0, [1, 4]),
    }
)

_SEEN_NOW = TheVehicleIsSeen(0)
_STORIES: list[list[Happening]] = [
    [TheProviderIsCalled(), AReceiptComes(), TheTimerFires(), _SEEN_NOW],
    [TheProviderIsCalled(), NoReceiptComes(), TheTimerFires(), _SEEN_NOW],
    [TheProviderIsCalled(Failure.TEMPORARY), TimePasses(60), _SEEN_NOW],
    [TheProviderIsCalled(Failure.PERMANENT), TimePasses(600), _SEEN_NOW],
    [TheTimerFires(), _SEEN_NOW],
]
_HAPPENING = st.one_of(
    st.builds(TimePasses, st.sampled_from([1, 10, 60, 120, 600, 1200, 3600, 6 * 3600])),
    st.builds(TheVehicleIsSeen, st.sampled_from([0, 0, 0, 2, 60, 900, -5])),
    st.builds(
        TheVehicleIsSeen,
        st.sampled_from([0, 30]),
        st.sampled_from(list(PlateStatus)),
        st.sampled_from(_TEXTS),
    ),
    st.builds(TheVehicleLeaves, st.sampled_from([0, 5, 700])),
    st.builds(TheProviderIsCalled, st.none() | _FAILURES, st.booleans()),
    st.builds(AReceiptComes, st.integers(0, 2), st.none() | _FAILURES),
    st.just(NoReceiptComes()),
    st.just(SomebodySaysItIsNotTheirs()),
    st.builds(TheContactBecomes, st.sampled_from(list(ContactState))),
    st.builds(TheSiteBecomes, st.sampled_from(list(SiteState))),
    st.just(AnotherCameraReminds()),
    st.builds(TheOperatorReadsThePlate, st.sampled_from(_TEXTS)),
)
_CHAPTER = st.one_of(st.sampled_from(_STORIES), st.lists(_HAPPENING, min_size=1, max_size=1))
HAPPENINGS: st.SearchStrategy[list[Happening]] = st.lists(_CHAPTER, min_size=3, max_size=12).map(
    lambda chapters: list(chain.from_iterable(chapters))
)
