"""A plate in place of one that was deleted: of a class that policy treated in the same way."""

from dataclasses import replace
from datetime import date

from pipeline.events.plate import PlateClass, PlateMark, PlateReading
from pipeline.policy.entries import Cause
from pipeline.policy.parameters import Rulebook
from pipeline.rehearsal.facts import Fact, PlateEntered, PlateRead
from pipeline.rehearsal.recorded import Recorded

__all__ = ["with_stand_in"]

_SAMPLES: dict[PlateClass | PlateMark, str] = {
    PlateClass.CIVIL: "鄂A00000",
    PlateClass.NEV_SMALL: "鄂AD00000",
    PlateClass.NEV_LARGE: "鄂A00000D",
    PlateClass.GENERIC: "AA00AAA",
    PlateClass.EMERGENCY: "鄂A0000应急",
    PlateClass.EMBASSY: "使000000",
    PlateClass.ARMED_POLICE: "WJ00000",
    **{mark: f"鄂A0000{mark}" for mark in PlateMark},
}


def with_stand_in(
    recorded: Recorded, against: Rulebook, draft: Rulebook, day: date
) -> Recorded | None:
    """The timeline with a plate that stands in for the deleted one.

    None where the draft treats plates otherwise, so that it depends on which one it was.
    """
    if any(_is_changed(against, draft, name, day) for name in _ABOUT_PLATES):
        return None
    reasons = recorded.case.reasons
    is_exempt = any(one.rule == "close_if_exempt" for one in reasons) and not recorded.permit
    can_be_reached = Cause.PLATE_CLASS not in recorded.causes
    exempt = against.in_force(against.exempt_plates, day).value
    contact = against.in_force(against.contact_plates, day).value
    for kind, text in _SAMPLES.items():
        if (kind in exempt) is is_exempt and (is_exempt or (kind in contact) is can_be_reached):
            return replace(
                recorded,
                opening=replace(recorded.opening, plate=_with_text(recorded.opening.plate, text)),
                facts=tuple(_fact(one, text) for one in recorded.facts),
            )
    return None


_ABOUT_PLATES = ("exempt_plates", "contact_plates", "reminders_per_day", "reminders_per_month")


def _is_changed(against: Rulebook, draft: Rulebook, name: str, day: date) -> bool:
    old = against.in_force(getattr(against, name), day)
    new = draft.in_force(getattr(draft, name), day)
    return bool(old.value != new.value)


def _with_text(plate: PlateReading, text: str) -> PlateReading:
    return plate.model_copy(update={"text": text})


def _fact(fact: Fact, text: str) -> Fact:
    if isinstance(fact, PlateRead | PlateEntered):
        return replace(fact, plate=_with_text(fact.plate, text))
    return fact
