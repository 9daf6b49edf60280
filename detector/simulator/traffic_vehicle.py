"""One vehicle of simulated traffic: its body, its errand, and how it follows the one before it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detector.simulator.traffic_road import Lane
from pipeline.events import VehicleClass

__all__ = ["Body", "Doing", "Errand", "Vehicle", "choose_body", "follow_mps2"]

# Source: Treiber, Hennecke, Helbing: Congested traffic states in empirical observations and
# microscopic simulations, Physical Review E 62 (2000), the intelligent driver model; the numbers
# are those usual in towns.
_SPEEDING_MPS2 = 1.6
_BRAKING_MPS2 = 2.2
_HEADWAY_S = 1.2
_HARDEST_BRAKING_MPS2 = 7.0


class Doing(StrEnum):
    """What a vehicle truly does; only truth and scores ask."""

    DRIVING = "driving"
    IN_QUEUE = "in_queue"
    AT_SIGNAL = "at_signal"
    AT_STOP_SIGN = "at_stop_sign"
    GIVING_WAY = "giving_way"
    BEHIND_OBSTACLE = "behind_obstacle"
    AT_BUS_STOP = "at_bus_stop"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a vehicle is and looks like; vehicles with the same `coat` look alike."""

    kind: VehicleClass
    length_m: float
    width_m: float
    height_m: float
    coat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A stop that a driver means to make.

    Attributes:
        front_m: Where its front comes to rest, along its lane.
        stays_s: For how long it stands.
        aside_m: How far right of its lane's middle it stands.
        doing: Whether this is parking, or a bus at its stop.
        vanishes: It is gone afterwards, without a drive that anyone could see.
    """

    front_m: float
    stays_s: float
    aside_m: float
    doing: Doing = Doing.PARKED
    vanishes: bool = False


@dataclass(slots=True, kw_only=True)
class Vehicle:
    """One vehicle on its way.

    Attributes:
        vehicle_id: Its number in the scene.
        front_m: Its front, along its lane.
        aside_m: How far right of the lane's middle it is.
        wants_aside_m: Where it steers to.
        free_mps: How fast it drives on an empty road.
        bumper_m: What it leaves free before it when it stands.
        rest_since_s: Since when it stands still; None while it moves.
        errand: The stop it still has to make, or makes.
        errand_until_s: When it will leave; None before it has come to rest for its errand.
    """

    vehicle_id: int
    body: Body
    lane: Lane
    front_m: float
    speed_mps: float
    free_mps: float
    aside_m: float = 0.0
    wants_aside_m: float = 0.0
    bumper_m: float = 2.0
    rest_since_s: float | None = None
    doing: Doing = Doing.DRIVING
    errand: Errand | None = None
    errand_until_s: float | None = None
    is_cleared: bool = False

    @property
    def rear_m(self) -> float:
        """Its rear, along its lane."""
        return self.front_m - self.body.length_m

    @property
    def is_obstacle(self) -> bool:
        """Whether those behind it had better drive around it."""
        return self.doing in (Doing.PARKED, Doing.AT_BUS_STOP)

    def move(self, speeding_mps2: float, now_s: float, step_s: float) -> None:
        """Drive for `step_s`, up to `now_s`."""
        before = self.speed_mps
        self.speed_mps = max(0.0, before + speeding_mps2 * step_s)
        self.front_m += (before + self.speed_mps) / 2 * step_s
        left_m = self.wants_aside_m - self.aside_m
        most_m = min(1.3, 0.35 * self.speed_mps) * step_s
        self.aside_m += float(np.clip(left_m, -most_m, most_m))
        if self.speed_mps > 0.15:
            self.rest_since_s = None
        elif self.rest_since_s is None:
            self.rest_since_s = now_s


def follow_mps2(vehicle: Vehicle, gap_m: float, ahead_mps: float) -> float:
    """The intelligent driver model's acceleration, `gap_m` behind something that drives so fast."""
    speed = vehicle.speed_mps
    dynamic_m = speed * _HEADWAY_S + speed * (speed - ahead_mps) / (
        2 * np.sqrt(_SPEEDING_MPS2 * _BRAKING_MPS2)
    )
    wanted_m = vehicle.bumper_m + max(0.0, dynamic_m)
    free = 1 - (speed / vehicle.free_mps) ** 4
    raw = _SPEEDING_MPS2 * (free - (wanted_m / max(gap_m, 0.1)) ** 2)
    return float(max(-_HARDEST_BRAKING_MPS2, raw))


def choose_body(rng: np.random.Generator) -> Body:
    """A vehicle as they come: mostly cars."""
    kinds = (VehicleClass.CAR, VehicleClass.TRUCK, VehicleClass.BUS, VehicleClass.MOTORCYCLE)
    kind = kinds[rng.choice(4, p=[0.8, 0.1, 0.05, 0.05])]
    low, high = {
        VehicleClass.CAR: ((3.8, 1.7, 1.4), (5.0, 1.95, 1.8)),
        VehicleClass.TRUCK: ((6.0, 2.1, 2.4), (10.0, 2.5, 3.6)),
        VehicleClass.BUS: ((10.5, 2.5, 2.9), (12.0, 2.5, 3.2)),
        VehicleClass.MOTORCYCLE: ((2.0, 0.7, 1.5), (2.2, 0.9, 1.8)),
    }[kind]
    length_m, width_m, height_m = rng.uniform(low, high).tolist()
    return Body(
        kind=kind,
        length_m=length_m,
        width_m=width_m,
        height_m=height_m,
        coat=int(rng.integers(1, 2**31)),
    )
