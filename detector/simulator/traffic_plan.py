"""What an hour of simulated traffic is made of: road, light, how busy it is, who comes to park."""

from dataclasses import dataclass, replace

import numpy as np

from detector.simulator.traffic_road import LANE_M, STRIP_X_M, LaneName, Road
from detector.simulator.traffic_signal import Signal
from detector.simulator.traffic_vehicle import Body, Errand, choose_body
from pipeline.events import VehicleClass

__all__ = ["PLACE_M", "Arrival", "TrafficPlan", "choose_plan", "strip_errand"]

PLACE_M = 7.5
"""From one place at the kerb to the next."""
_STRIP_M = (22.0, 46.0)
_LANES_BEGIN_M = -35.0
_KERB_LANE_X_M = -2.2 - LANE_M / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A driver who enters the kerb lane on an errand, or simply is where it leads him."""

    at_s: float
    body: Body
    errand: Errand
    appears: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPlan:
    """What a seed decides of an hour of traffic; rates are vehicles per second.

    Attributes:
        rates: How many enter each lane on average.
        swing_ratio: By how much that goes up and down.
        swing_s: How long one such up and down takes.
        arrivals: Those who come on an errand, in the order of time.
    """

    road: Road
    signal: Signal
    rates: dict[LaneName, float]
    swing_ratio: float
    swing_s: float
    arrivals: tuple[Arrival, ...] = ()


def choose_plan(seed: int, *, lasts_s: float) -> TrafficPlan:
    """The traffic that a seed stands for: busy or thin, with a few who park and one who blocks."""
    rng = np.random.default_rng([seed, 0x706C616E])
    road = Road(
        stop_line_m=float(rng.uniform(42, 62)),
        oncoming_line_m=float(rng.uniform(14, 22)) if rng.random() < 0.5 else None,
        side_m=float(rng.uniform(20, 30)),
        bus_stop_m=float(rng.uniform(28, 40)),
    )
    busy = float(rng.uniform(0.05, 0.16))
    return TrafficPlan(
        road=road,
        signal=Signal.choose(rng, lasts_s=lasts_s),
        rates={
            LaneName.KERB: busy,
            LaneName.MIDDLE: busy,
            LaneName.TURN: 0.4 * busy,
            LaneName.ONCOMING_FAST: busy,
            LaneName.ONCOMING_SLOW: 0.8 * busy,
            LaneName.SIDE: 0.02,
            LaneName.CROSS: 0.08,
        },
        swing_ratio=float(rng.uniform(0.3, 0.9)),
        swing_s=float(rng.uniform(600, 2400)),
        arrivals=_choose_arrivals(rng, lasts_s),
    )


def _choose_arrivals(rng: np.random.Generator, lasts_s: float) -> tuple[Arrival, ...]:
    """Some park at the kerb, and now and then one in the lane."""
    arrivals, at_s = [], float(rng.uniform(5, 60))
    while at_s < lasts_s:
        body = choose_body(rng)
        if body.kind is VehicleClass.CAR:
            is_in_lane = rng.random() < 0.15
            arrivals.append(Arrival(at_s=at_s, body=body, errand=_park(rng, in_lane=is_in_lane)))
            at_s += float(rng.exponential(240))
    return tuple(arrivals)


def _park(rng: np.random.Generator, *, in_lane: bool) -> Errand:
    y_m = float(rng.choice(np.arange(*_STRIP_M, PLACE_M)))
    errand = strip_errand(y_m, stays_s=float(rng.uniform(60, 420)))
    return replace(errand, aside_m=0.4) if in_lane else errand


def strip_errand(y_m: float, *, stays_s: float) -> Errand:
    """To stand at the kerb with the front at `y_m` along the road."""
    aside_m = STRIP_X_M - _KERB_LANE_X_M
    return Errand(front_m=y_m - _LANES_BEGIN_M, stays_s=stays_s, aside_m=aside_m)
