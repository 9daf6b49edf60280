"""What truly happened in simulated traffic, and how a camera's events answer to it.

Only tests, benchmarks and scores may ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from detector.detection import FloatArray
from detector.geometry import covered_ratio, iou
from detector.simulator.noise import SeenVehicle
from detector.simulator.traffic import STEP_S
from detector.simulator.traffic_vehicle import Doing, Vehicle
from pipeline.events import Event, VehicleDeparted, ViolationOngoing, ViolationSuspected

__all__ = ["FalseStop", "TrafficTruth", "TrueStay"]

_OWN_IOU = 0.3
# Less hidden than the first is in plain sight; more hidden than the second is out of sight.
_PLAIN_RATIO = 0.15
_HIDDEN_RATIO = 0.7
# The last of rolling to rest counts as rest.
_EARLY_S = 2.0
_DEPARTURE_WITHIN_S = 20.0
_STEP_AWAY_M = 1.0
# What is said as it drives off is said of its stay: motion is measured over seconds.
_JUST_LEFT_S = 1.0


@dataclass(slots=True, kw_only=True)
class TrueStay:
    """A vehicle that truly parked, and what was said of it; seconds of the scene.

    Attributes:
        front_m: Where it stands, along its lane.
        until_s: When it was a step away from there; None while it stands.
        plain_s: For how long it stood whole and in plain sight.
        sight_s: The same, and hidden in part.
        left_hidden: Whether it left unseen.
        suspected_s: Of each episode said of it: how long it had stood in sight by then.
        departed_s: Of each episode: when it was said to have left.
        false_departures: How often it was said to have left while it stood.
        blind_departures: How often it was said to have left while its place was hidden.
    """

    vehicle_id: int
    doing: Doing
    since_s: float
    front_m: float
    until_s: float | None = None
    plain_s: float = 0.0
    sight_s: float = 0.0
    left_hidden: bool = False
    suspected_s: dict[UUID, float] = field(default_factory=dict)
    departed_s: dict[UUID, float] = field(default_factory=dict)
    false_departures: int = 0
    blind_departures: int = 0

    def has_missed_departure(self, end_s: float) -> bool:
        """Whether a suspected vehicle left in plain view and nobody said so in time."""
        is_due = self.until_s is not None and end_s - self.until_s > _DEPARTURE_WITHIN_S
        if not is_due or self.left_hidden or not self.suspected_s:
            return False
        return not set(self.suspected_s) <= set(self.departed_s)

    def delays_s(self, dwell_s: float) -> list[float]:
        """How long after the dwell in sight each episode was said; below zero is too early."""
        return [sight_s - dwell_s for sight_s in self.suspected_s.values()]

    def is_early(self, dwell_s: float) -> bool:
        """Whether it was suspected before it had stood in sight for the dwell."""
        return any(delay_s < -_EARLY_S for delay_s in self.delays_s(dwell_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseStop:
    """A suspicion of a vehicle that did not park; `doing` is None where no vehicle was."""

    at_s: float
    zone_id: str
    vehicle_id: int | None
    doing: Doing | None


class TrafficTruth:
    """Follows what truly happens and judges each event as it is said."""

    def __init__(self) -> None:
        """Begin with nobody standing."""
        self.stays: list[TrueStay] = []
        self.false_stops: list[FalseStop] = []
        self.wrong_sightings = 0
        self._standing: dict[int, TrueStay] = {}
        self._of_episode: dict[UUID, TrueStay] = {}
        self._hidden: dict[int, float] = {}
        self._cut: set[int] = set()
        self._places: dict[int, FloatArray] = {}

    @property
    def standing(self) -> tuple[TrueStay, ...]:
        """The stays of those who stand now."""
        return tuple(self._standing.values())

    def see(self, now_s: float, vehicles: Sequence[Vehicle], seen: Sequence[SeenVehicle]) -> None:
        """Note who stands where as the next frame is taken; `seen` is what is in the picture.

        A frame that nobody gets is noted with nothing seen.
        """
        by_id = {one.vehicle_id: one for one in vehicles}
        for vehicle_id, stay in list(self._standing.items()):
            vehicle = by_id.get(vehicle_id)
            if vehicle is None or abs(vehicle.front_m - stay.front_m) > _STEP_AWAY_M:
                stay.until_s = now_s
                stay.left_hidden = self._hidden.get(vehicle_id, 1.0) > _PLAIN_RATIO
                del self._standing[vehicle_id]
        for vehicle in vehicles:
            if vehicle.errand_until_s is not None and vehicle.vehicle_id not in self._standing:
                self._begin(vehicle, now_s)
        self._hidden = {one.vehicle_id: one.hidden_ratio for one in seen}
        # Where one stands whose wheels are outside the picture, nobody can say.
        self._cut = {one.vehicle_id for one in seen if one.is_cut}
        self._places |= {
            one.vehicle_id: one.box_px for one in seen if one.vehicle_id in self._standing
        }
        for vehicle_id, stay in self._standing.items():
            hidden_ratio = self._hidden.get(vehicle_id, 1.0)
            is_plain = hidden_ratio < _PLAIN_RATIO and vehicle_id not in self._cut
            stay.plain_s += STEP_S * is_plain
            stay.sight_s += STEP_S * (hidden_ratio <= _HIDDEN_RATIO)

    def hear(
        self,
        event: Event,
        now_s: float,
        vehicles: Sequence[Vehicle],
        seen: Sequence[SeenVehicle],
        size_px: tuple[int, int],
    ) -> None:
        """Judge an event said right after this frame; `size_px` is the picture's."""
        match event:
            case ViolationSuspected():
                owner = _owner(np.array(event.box) * np.tile(size_px, 2), seen)
                self._hear_suspicion(event, now_s, vehicles, owner)
            case ViolationOngoing():
                stay = self._of_episode.get(event.episode_id)
                owner = _owner(np.array(event.box) * np.tile(size_px, 2), seen)
                self.wrong_sightings += stay is not None and owner != stay.vehicle_id
            case VehicleDeparted():
                stay = self._of_episode.get(event.episode_id)
                if stay is not None:
                    stay.departed_s[event.episode_id] = now_s
                    stay.false_departures += stay.until_s is None
                    stay.blind_departures += _is_hidden(self._places[stay.vehicle_id], seen)

    def _begin(self, vehicle: Vehicle, now_s: float) -> None:
        since_s = vehicle.rest_since_s if vehicle.rest_since_s is not None else now_s
        doing = vehicle.errand.doing if vehicle.errand else vehicle.doing
        stay = TrueStay(
            vehicle_id=vehicle.vehicle_id, doing=doing, since_s=since_s, front_m=vehicle.front_m
        )
        self._standing[vehicle.vehicle_id] = stay
        self.stays.append(stay)

    def _hear_suspicion(
        self,
        event: ViolationSuspected,
        now_s: float,
        vehicles: Sequence[Vehicle],
        owner: int | None,
    ) -> None:
        own = (one for one in reversed(self.stays) if one.vehicle_id == owner)
        stay = next(own, None)
        if stay is not None and (stay.until_s is None or now_s - stay.until_s <= _JUST_LEFT_S):
            self._of_episode[event.episode_id] = stay
            stay.suspected_s.setdefault(event.episode_id, stay.sight_s)
            return
        doing = next((one.doing for one in vehicles if one.vehicle_id == owner), None)
        self.false_stops.append(
            FalseStop(at_s=now_s, zone_id=event.zone_id, vehicle_id=owner, doing=doing)
        )


def _is_hidden(place_px: FloatArray, seen: Sequence[SeenVehicle]) -> bool:
    boxes = np.array([one.box_px for one in seen]).reshape(-1, 4)
    return bool((covered_ratio(place_px, boxes) > _HIDDEN_RATIO).any())


def _owner(box_px: FloatArray, seen: Sequence[SeenVehicle]) -> int | None:
    """The vehicle that a box shows; None when it shows none."""
    if not seen:
        return None
    whole = iou(box_px, np.array([one.box_px for one in seen]))
    visible = iou(box_px, np.array([one.visible_px for one in seen]))
    fit = np.maximum(whole, visible)
    fit[[one.hidden_ratio > _HIDDEN_RATIO for one in seen]] = 0.0
    best = int(np.argmax(fit))
    return seen[best].vehicle_id if fit[best] >= _OWN_IOU else None
