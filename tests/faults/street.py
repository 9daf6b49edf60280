"""A simulated street: who parks, who leaves when, and what its cameras tell of it; seeded."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pipeline.events import Event, PlaceClass, PlateReading, PlateStatus, ViolationSuspected
from tests.builders import a_departure, a_sighting, a_suspicion, seconds

__all__ = ["Deed", "Visit", "events_of", "plates_of", "visits"]

SIGHTING_EVERY_S = 2.0
_BLIND_AFTER_S = 1.0


class Deed(StrEnum):
    """What a vehicle does, and what the camera sees of it."""

    LEAVES_AT_ONCE = "leaves at once"
    LEAVES_IN_GRACE = "leaves in grace"
    STAYS = "stays"
    LEAVES_UNSEEN = "leaves unseen"
    """It drives off while the camera is blind; nothing more is heard of it."""
    HAS_NO_PLATE = "has no plate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One vehicle in one place; seconds count from the street's first."""

    number: int
    camera_id: str
    episode_id: UUID
    deed: Deed
    parked_at_s: float
    left_at_s: float

    @property
    def plate(self) -> str:
        """Its own, so that no cap on reminders stands in its way."""
        return f"鄂A{self.number:05d}"


def visits(seed: int, *, count: int, cameras: Sequence[str], span_s: float) -> list[Visit]:
    """Vehicles that come within `span_s` seconds, in the order in which they come."""
    dice = random.Random(seed)
    comes = sorted(dice.uniform(0, span_s) for _ in range(count))
    return [
        _visit(dice, number, dice.choice(cameras), parked_at_s)
        for number, parked_at_s in enumerate(comes)
    ]


def _visit(dice: random.Random, number: int, camera_id: str, parked_at_s: float) -> Visit:
    (deed,) = dice.choices(list(Deed), weights=[3 if one is Deed.STAYS else 1 for one in Deed])
    stay_s = {
        Deed.LEAVES_AT_ONCE: dice.uniform(0.1, 1),
        Deed.LEAVES_IN_GRACE: dice.uniform(2, 12),
    }.get(deed, dice.uniform(25, 60))
    return Visit(
        number=number,
        camera_id=camera_id,
        episode_id=UUID(int=dice.getrandbits(128), version=4),
        deed=deed,
        parked_at_s=parked_at_s,
        left_at_s=parked_at_s + stay_s,
    )


def plates_of(found: Sequence[Visit]) -> list[str]:
    """Whom the register of contacts must know."""
    return [one.plate for one in found]


def events_of(visit: Visit, began_at: datetime) -> Iterator[tuple[float, Event]]:
    """What the camera tells of a visit, each with the second in which it does."""
    suspicion = _suspicion(visit, began_at)
    yield visit.parked_at_s, suspicion
    seen_until_s = visit.left_at_s
    if visit.deed is Deed.LEAVES_UNSEEN:
        seen_until_s = visit.parked_at_s + _BLIND_AFTER_S
    at_s = visit.parked_at_s + SIGHTING_EVERY_S
    while at_s < seen_until_s:
        yield at_s, a_sighting(suspicion, began_at + seconds(at_s))
        at_s += SIGHTING_EVERY_S
    if visit.deed in {Deed.LEAVES_AT_ONCE, Deed.LEAVES_IN_GRACE}:
        yield visit.left_at_s, a_departure(suspicion, began_at + seconds(visit.left_at_s))


def _suspicion(visit: Visit, began_at: datetime) -> ViolationSuspected:
    is_readable = visit.deed is not Deed.HAS_NO_PLATE
    return a_suspicion(
        at=began_at + seconds(visit.parked_at_s),
        camera_id=visit.camera_id,
        episode_id=visit.episode_id,
        place_class=PlaceClass.ORDINARY,
        plate=PlateReading(
            status=PlateStatus.AGREED if is_readable else PlateStatus.UNREADABLE,
            text=visit.plate if is_readable else None,
            agreeing=5,
            reads=5,
        ),
    )
