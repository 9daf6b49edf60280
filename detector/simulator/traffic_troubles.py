"""Scenes of one vehicle that stays, each with one kind of trouble for whoever watches it.

The camera stands across the road, so that what halts in the lane hides what stands at the kerb.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from detector.simulator.traffic_picture import DAYLIGHT, Exposure
from detector.simulator.traffic_plan import Arrival, TrafficPlan, strip_errand
from detector.simulator.traffic_road import LaneName, Road, choose_view
from detector.simulator.traffic_signal import Signal
from detector.simulator.traffic_vehicle import Body, Doing, Errand
from detector.simulator.viewpoint import Viewpoint
from pipeline.events import VehicleClass

__all__ = ["Break", "BreakKind", "Trouble", "TroubleScene", "write_scene"]

_FIRST_ARRIVAL_S = 4.0
_DRIVE_S = 9.0
_AFTERWARDS_S = 40.0
_LANES_BEGIN_M = -35.0
_BUS = Body(kind=VehicleClass.BUS, length_m=12.0, width_m=2.5, height_m=3.1, coat=0)


class Trouble(StrEnum):
    """What happens while a vehicle stays."""

    NONE = "none"
    BEHIND_BUS = "behind_bus"
    BEHIND_QUEUE = "behind_queue"
    HEADLIGHTS = "headlights"
    RAIN = "rain"
    TRACKER_RESET = "tracker_reset"
    STREAM_GAP = "stream_gap"
    RESTART = "restart"
    TURNS = "turns"
    LOOK_ALIKE = "look_alike"
    LEFT_HIDDEN = "left_hidden"
    SWAPPED_HIDDEN = "swapped_hidden"
    SWAPPED_LOOK_ALIKE = "swapped_look_alike"


# Those who take turns find a gap at once, or each would stand for the dwell by himself.
_BUSY = {Trouble.BEHIND_QUEUE: 0.14, Trouble.TURNS: 0.0}


class BreakKind(StrEnum):
    """What breaks off in the detector."""

    TRACKER = "tracker"
    STREAM = "stream"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """From when and for how long nothing is looked at; a tracker that starts anew takes no time."""

    at_s: float
    lasts_s: float
    kind: BreakKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleScene:
    """What one seed decides of a scene.

    Attributes:
        break_: What breaks off, if anything does.
        dim_s: From when until when the light is another one.
        dim: That light.
    """

    trouble: Trouble
    seed: int
    plan: TrafficPlan
    view: Viewpoint
    lasts_s: float
    break_: Break | None = None
    dim_s: tuple[float, float] = (0.0, 0.0)
    dim: Exposure = DAYLIGHT

    def exposure(self, at_s: float) -> Exposure:
        """The light at a time of the scene."""
        return self.dim if self.dim_s[0] <= at_s < self.dim_s[1] else DAYLIGHT


class _Writer:
    """Writes one scene; times are seconds of the scene."""

    def __init__(self, trouble: Trouble, seed: int) -> None:
        self._rng = np.random.default_rng([list(Trouble).index(trouble), seed])
        self._trouble = trouble
        self._seed = seed
        # Only near the camera can a plate be read, and so one who is swapped be told.
        is_swapped = trouble in (Trouble.SWAPPED_HIDDEN, Trouble.SWAPPED_LOOK_ALIKE)
        self._y_m = float(self._rng.uniform(*((22.5, 25) if is_swapped else (24, 33))))
        self._rest_s = _FIRST_ARRIVAL_S + _DRIVE_S
        # Trouble comes before the dwell is over as well as after it.
        self._from_s = self._rest_s + float(self._rng.uniform(3, 40))

    def write(self) -> TroubleScene:
        of_kind: dict[Trouble, Callable[[], TroubleScene]] = {
            Trouble.NONE: self._alone,
            Trouble.BEHIND_BUS: self._behind_bus,
            Trouble.BEHIND_QUEUE: self._alone,
            Trouble.HEADLIGHTS: self._other_light,
            Trouble.RAIN: self._other_light,
            Trouble.TRACKER_RESET: self._broken_off,
            Trouble.STREAM_GAP: self._broken_off,
            Trouble.RESTART: self._broken_off,
            Trouble.TURNS: self._turns,
            Trouble.LOOK_ALIKE: self._look_alike,
            Trouble.LEFT_HIDDEN: self._behind_bus,
            Trouble.SWAPPED_HIDDEN: self._swapped,
            Trouble.SWAPPED_LOOK_ALIKE: self._swapped,
        }
        return of_kind[self._trouble]()

    def _alone(self) -> TroubleScene:
        """One car and the traffic; for the queue it stays through some red phases."""
        least_s, most_s = (150, 300) if self._trouble is Trouble.BEHIND_QUEUE else (20, 180)
        return self._scene([self._car(stays_s=float(self._rng.uniform(least_s, most_s)))])

    def _behind_bus(self) -> TroubleScene:
        hidden_s = self._long_s()
        leaves_hidden = self._trouble is Trouble.LEFT_HIDDEN
        from_s = self._rest_s + 25 if leaves_hidden else self._from_s
        until_s = from_s + hidden_s
        leaves_s = from_s + 0.6 * hidden_s if leaves_hidden else until_s + self._some_s()
        car = self._car(stays_s=leaves_s - self._rest_s)
        if leaves_hidden:
            car = replace(car, errand=replace(car.errand, vanishes=True))
        return self._scene([car, self._bus(from_s, hidden_s)])

    def _swapped(self) -> TroubleScene:
        """Another vehicle takes the place while nobody can see it."""
        hidden_s = max(25.0, self._long_s())
        from_s = self._rest_s + 25
        swap_s = from_s + 0.6 * hidden_s
        first = self._car(stays_s=swap_s - self._rest_s)
        coat = first.body.coat if self._trouble is Trouble.SWAPPED_LOOK_ALIKE else self._coat()
        second = Arrival(
            at_s=swap_s + 2,
            body=replace(first.body, coat=coat),
            errand=strip_errand(
                self._y_m + float(self._rng.uniform(-0.3, 0.3)), stays_s=0.4 * hidden_s + 60
            ),
            appears=True,
        )
        first = replace(first, errand=replace(first.errand, vanishes=True))
        return self._scene([first, self._bus(from_s, hidden_s), second])

    def _other_light(self) -> TroubleScene:
        lasts_s = float(self._rng.uniform(10, 60))
        dim = Exposure(noise_levels=9.0, rain_streaks=120, gain=0.8)
        if self._trouble is Trouble.HEADLIGHTS:
            x_px, y_px = self._rng.uniform([100, 60], [380, 200]).tolist()
            radius_px = float(self._rng.uniform(30, 90))
            gain = float(self._rng.uniform(0.35, 0.8))
            dim = Exposure(gain=gain, noise_levels=6.0, glare_px=(x_px, y_px, radius_px))
        car = self._car(stays_s=self._from_s + lasts_s + self._some_s() - self._rest_s)
        return replace(self._scene([car]), dim=dim, dim_s=(self._from_s, self._from_s + lasts_s))

    def _broken_off(self) -> TroubleScene:
        kind, lasts_s = {
            Trouble.TRACKER_RESET: (BreakKind.TRACKER, 0.0),
            Trouble.STREAM_GAP: (BreakKind.STREAM, self._long_s()),
            Trouble.RESTART: (BreakKind.PROCESS, float(self._rng.uniform(2, 120))),
        }[self._trouble]
        car = self._car(stays_s=self._from_s + lasts_s + self._some_s() - self._rest_s)
        broken = Break(at_s=self._from_s, lasts_s=lasts_s, kind=kind)
        return replace(self._scene([car]), break_=broken)

    def _turns(self) -> TroubleScene:
        """Four cars take turns in one place, each for less than ten seconds."""
        cars, at_s = [], _FIRST_ARRIVAL_S
        for _ in range(4):
            stays_s = float(self._rng.uniform(4.0, 6.0))
            cars.append(self._car(at_s=at_s, stays_s=stays_s))
            at_s += stays_s + float(self._rng.uniform(6, 11))
        return self._scene(cars)

    def _look_alike(self) -> TroubleScene:
        first = self._car(stays_s=float(self._rng.uniform(20, 40)))
        second = self._car(
            at_s=self._rest_s + first.errand.stays_s - float(self._rng.uniform(0, 8)),
            stays_s=float(self._rng.uniform(25, 50)),
        )
        return self._scene([first, replace(second, body=first.body)])

    def _car(self, *, stays_s: float, at_s: float = _FIRST_ARRIVAL_S) -> Arrival:
        length_m, width_m, height_m = self._rng.uniform((4.0, 1.7, 1.4), (4.9, 1.9, 1.7)).tolist()
        body = Body(
            kind=VehicleClass.CAR,
            length_m=length_m,
            width_m=width_m,
            height_m=height_m,
            coat=self._coat(),
        )
        return Arrival(at_s=at_s, body=body, errand=strip_errand(self._y_m, stays_s=stays_s))

    def _bus(self, from_s: float, stays_s: float) -> Arrival:
        """One that halts in the lane before the place, as the camera sees it."""
        middle_m = 0.83 * (self._y_m - 2.2)
        errand = Errand(
            front_m=middle_m + 6.0 - _LANES_BEGIN_M,
            stays_s=stays_s,
            aside_m=0.0,
            doing=Doing.AT_BUS_STOP,
        )
        return Arrival(at_s=from_s - _DRIVE_S, body=replace(_BUS, coat=self._coat()), errand=errand)

    def _coat(self) -> int:
        return int(self._rng.integers(1, 2**31))

    def _long_s(self) -> float:
        """10 s to 10 min, the short ones more often."""
        return float(np.exp(self._rng.uniform(np.log(10), np.log(600))))

    def _some_s(self) -> float:
        return float(self._rng.uniform(20, 60))

    def _scene(self, arrivals: list[Arrival]) -> TroubleScene:
        is_queue = self._trouble is Trouble.BEHIND_QUEUE
        lasts_s = max(one.at_s + _DRIVE_S + one.errand.stays_s for one in arrivals)
        lasts_s += _AFTERWARDS_S
        busy = _BUSY.get(self._trouble, 0.03)
        names = (LaneName.KERB, LaneName.MIDDLE, LaneName.ONCOMING_FAST, LaneName.ONCOMING_SLOW)
        road = Road(stop_line_m=48.0, oncoming_line_m=None, side_m=25.0, bus_stop_m=None)
        always = Signal(green_at_s=(-1.0,), red_at_s=(1e6,))
        plan = TrafficPlan(
            road=road,
            signal=Signal.choose(self._rng, lasts_s=lasts_s) if is_queue else always,
            rates=dict.fromkeys(names, busy),
            swing_ratio=0.0,
            swing_s=600.0,
            arrivals=tuple(sorted(arrivals, key=lambda one: one.at_s)),
        )
        return TroubleScene(
            trouble=self._trouble,
            seed=self._seed,
            plan=plan,
            view=choose_view(self._rng, is_across=True),
            lasts_s=lasts_s,
        )


def write_scene(trouble: Trouble, seed: int) -> TroubleScene:
    """The scene that a seed stands for; the same seed gives the same scene."""
    return _Writer(trouble, seed).write()
