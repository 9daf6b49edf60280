"""The evidence standard: what the pictures and facts of a case must show, clause by clause.

Source: GA/T 832-2014 (the clauses that are public) and P105 article 18. Only what a machine can
check is checked; whether sign and landmark can be seen is for the person who decides. No case
holds a video yet, so 3.3.2 (one panorama is enough beside a video) never applies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pipeline.case import Case
from pipeline.events.violation import VehicleClass
from pipeline.policy.picture_plan import picture_plan

__all__ = ["Clause", "Finding", "Result", "check_evidence", "has_panorama_pair", "missing"]

CLOCK_ERROR = timedelta(seconds=1.0)
LEAST_WIDTH_PX = 1280
LEAST_HEIGHT_PX = 720
EDGE_RATIO = 0.002


class Clause(StrEnum):
    """What is checked; the order is that of the standard."""

    CLOCK = "clock"
    PANORAMAS = "panoramas"
    SIZE = "size"
    COLOUR = "colour"
    SPACING = "spacing"
    WHOLE_VEHICLE = "whole_vehicle"
    PLATE = "plate"
    VEHICLE_TYPE = "vehicle_type"
    PLACE = "place"
    FACTS = "facts"


class Result(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKABLE = "not_checkable"


SOURCES = {
    Clause.CLOCK: "GA/T 832-2014, 3.2",
    Clause.PANORAMAS: "GA/T 832-2014, 3.3.1",
    Clause.SIZE: "GA/T 832-2014, 3.4",
    Clause.COLOUR: "GA/T 832-2014, 3.4",
    Clause.SPACING: "GA/T 832-2014, 3.5",
    Clause.WHOLE_VEHICLE: "GA/T 832-2014, 2.4",
    Clause.PLATE: "GA/T 832-2014, 2.4; P105 art 18",
    Clause.VEHICLE_TYPE: "GA/T 832-2014, 2.4; P105 art 18",
    Clause.PLACE: "P105 art 18",
    Clause.FACTS: "P105 art 18",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one clause asks for and what was found.

    `numbers` are (name, text) pairs for the sentence on the page.
    """

    clause: Clause
    result: Result
    numbers: tuple[tuple[str, str], ...] = ()

    @property
    def source(self) -> str:
        """The text that the clause stands in."""
        return SOURCES[self.clause]


def check_evidence(case: Case) -> tuple[Finding, ...]:
    """Hold what the case has against every clause, in their order."""
    return tuple(_finding(clause, *check(case)) for clause, check in _CHECKS.items())


def missing(case: Case) -> tuple[Finding, ...]:
    """The failed clauses without which this case is not confirmed.

    What cannot be checked does not stand in the way: the person who decides has to look.
    """
    return tuple(
        one
        for one in check_evidence(case)
        if one.result is Result.FAILED and one.clause in case.evidence_needed
    )


def has_panorama_pair(case: Case) -> bool:
    """Whether there are as many panoramas, and as far apart, as the act needs."""
    checked = (_check_panoramas(case), _check_spacing(case))
    return all(result is Result.PASSED for result, _ in checked)


_Checked = tuple[Result, dict[str, object]]


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.1f}".removesuffix(".0")


def _finding(clause: Clause, result: Result, numbers: dict[str, object]) -> Finding:
    texts = tuple((name, str(value)) for name, value in numbers.items())
    return Finding(clause=clause, result=result, numbers=texts)


def _passed_if(is_met: bool, **numbers: object) -> _Checked:  # noqa: FBT001
    return (Result.PASSED if is_met else Result.FAILED), numbers


def _check_clock(case: Case) -> _Checked:
    """A picture cannot be taken after it came in; how late it came says nothing."""
    ahead = case.suspected_at - case.opened_at
    if ahead > CLOCK_ERROR:
        return _passed_if(False, ahead_s=_seconds(ahead))  # noqa: FBT003
    return Result.NOT_CHECKABLE, {}


def _check_panoramas(case: Case) -> _Checked:
    needed = picture_plan(case.violation_type).panoramas
    count = len({one.captured_at for one in case.sightings})
    return _passed_if(count >= needed, count=count, needed=needed)


def _check_spacing(case: Case) -> _Checked:
    needed = picture_plan(case.violation_type).apart
    apart = case.last_seen_at - case.suspected_at
    return _passed_if(
        apart >= needed,
        apart_s=_seconds(apart),
        needed_s=_seconds(needed),
    )


def _check_size(case: Case) -> _Checked:
    """The smallest panorama counts."""
    sizes = [(one.panorama.width_px, one.panorama.height_px) for one in case.sightings]
    known = [(width, height) for width, height in sizes if width and height]
    if len(known) < len(sizes):
        return Result.NOT_CHECKABLE, {}
    width, height = min(known)
    return _passed_if(
        width >= LEAST_WIDTH_PX and height >= LEAST_HEIGHT_PX,
        size=f"{width}x{height}",
        least=f"{LEAST_WIDTH_PX}x{LEAST_HEIGHT_PX}",
    )


def _check_colour(_case: Case) -> _Checked:
    """Files hold 24 bits; whether the camera filled them with colour is not known here."""
    return Result.NOT_CHECKABLE, {}


def _check_whole_vehicle(case: Case) -> _Checked:
    cut = sum(_is_cut(one.box) for one in case.sightings)
    return _passed_if(cut == 0, cut=cut, count=len(case.sightings))


def _is_cut(box: Sequence[float]) -> bool:
    return min(box) <= EDGE_RATIO or max(box) >= 1 - EDGE_RATIO


def _check_plate(case: Case) -> _Checked:
    return _passed_if(case.has_agreed_plate, agreeing=case.plate.agreeing, reads=case.plate.reads)


def _check_vehicle_type(case: Case) -> _Checked:
    return _passed_if(case.vehicle_class is not VehicleClass.VEHICLE)


def _check_place(case: Case) -> _Checked:
    """The zone as it was then is drawn on a copy of every panorama."""
    drawn = sum(one.drawn.derived_from == one.panorama.sha256 for one in case.sightings)
    return _passed_if(drawn == len(case.sightings), drawn=drawn, count=len(case.sightings))


def _check_facts(case: Case) -> _Checked:
    observed_s = case.sightings[-1].observed_s
    return _passed_if(
        observed_s >= case.dwell_limit_s,
        observed_s=f"{observed_s:.0f}",
        limit_s=f"{case.dwell_limit_s:.0f}",
    )


_CHECKS: dict[Clause, Callable[[Case], _Checked]] = {
    Clause.CLOCK: _check_clock,
    Clause.PANORAMAS: _check_panoramas,
    Clause.SIZE: _check_size,
    Clause.COLOUR: _check_colour,
    Clause.SPACING: _check_spacing,
    Clause.WHOLE_VEHICLE: _check_whole_vehicle,
    Clause.PLATE: _check_plate,
    Clause.VEHICLE_TYPE: _check_vehicle_type,
    Clause.PLACE: _check_place,
    Clause.FACTS: _check_facts,
}
