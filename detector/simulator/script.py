"""A scene as its seed writes it: vehicles with a part of their own, and those that pass."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from detector.simulator.drive import Aside, Halt, Part, Signal, Traffic
from detector.simulator.light import Light
from detector.simulator.place import Place
from detector.simulator.vehicle import Vehicle
from pipeline.events import ViolationType

__all__ = ["EMPTY_S", "Act", "Flow", "Plot", "Script", "at_kerb", "halting", "parked"]

EMPTY_S = 2.8
"""Nobody is seen before: the background detector learns the empty street."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a part's standing is, and the zone it stands in."""

    violation_type: ViolationType
    zone_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Vehicles that pass on a route without end.

    Attributes:
        every_s: Shortest and longest time between two.
        speed_mps: Slowest and fastest.
        quiet_s: Spans in which none appears.
    """

    route: str
    every_s: tuple[float, float]
    speed_mps: tuple[float, float] = (10.0, 12.0)
    quiet_s: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that a seed decides.

    Attributes:
        acts: What is to be found, by the name of the part that does it.
        waits: Why those who do nothing wrong stand still, in words.
        shown_s: How long a clip of it should be.
    """

    place: Place
    light: Light
    parts: tuple[Part, ...]
    signals: Mapping[str, Signal]
    flows: tuple[Flow, ...]
    fleet: tuple[Vehicle, ...]
    acts: Mapping[str, Act]
    waits: str
    seed: int
    shown_s: float

    def traffic(self) -> Traffic:
        """Its vehicles, from the start."""
        passing = partial(_passing, self.flows, self.fleet, self.seed) if self.flows else None
        return Traffic(dict(self.place.routes), self.parts, dict(self.signals), passing)


def _flow_parts(flow: Flow, fleet: tuple[Vehicle, ...], rng: np.random.Generator) -> Iterator[Part]:
    at_s, number = EMPTY_S + float(rng.uniform(0, flow.every_s[0])), 0
    while True:
        if not any(start <= at_s < end for start, end in flow.quiet_s):
            yield Part(
                name=f"{flow.route}-{number}",
                vehicle=fleet[int(rng.integers(len(fleet)))],
                route=flow.route,
                enters_s=at_s,
                speed_mps=float(rng.uniform(*flow.speed_mps)),
                gap_m=float(rng.uniform(1.8, 3.0)),
            )
        number += 1
        at_s += float(rng.uniform(*flow.every_s))


def _passing(flows: tuple[Flow, ...], fleet: tuple[Vehicle, ...], seed: int) -> Iterator[Part]:
    streams = [
        _flow_parts(flow, fleet, np.random.default_rng([seed, n])) for n, flow in enumerate(flows)
    ]
    return heapq.merge(*streams, key=lambda part: part.enters_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What one situation adds to its place."""

    parts: tuple[Part, ...] = ()
    signals: Mapping[str, Signal] = field(default_factory=dict)
    flows: tuple[Flow, ...] = ()
    acts: Mapping[str, Act] = field(default_factory=dict)
    waits: str = "waits in traffic"
    shown_s: float = 60.0


def halting(
    place: Place,
    vehicle: Vehicle,
    *,
    route: str,
    at: tuple[float, float],
    stands_s: tuple[float, float],
) -> Part:
    """A vehicle that comes in time to stand at a place of its route from, and until, a time."""
    way_m = place.routes[route].along_at(at)
    speed_mps = 8.0
    braking_m = speed_mps**2 / (2 * 2.4)
    under_way_s = (way_m - braking_m) / speed_mps + 2 * braking_m / speed_mps + 1.2
    return Part(
        name=f"{route}-{round(stands_s[0] * 10)}-halts",
        vehicle=vehicle,
        route=route,
        enters_s=max(0.5, stands_s[0] - under_way_s),
        speed_mps=speed_mps,
        halts=(Halt(at_m=way_m, until_s=stands_s[1]),),
    )


def at_kerb(
    place: Place, vehicle: Vehicle, at: tuple[float, float], stands_s: tuple[float, float]
) -> Part:
    """A car that pulls over from the kerb lane's middle, and pulls out again."""
    part = halting(place, vehicle, route="kerb", at=at, stands_s=stands_s)
    rest_m = part.halts[0].at_m
    middle_m = float(place.routes["kerb"].points_m[0, 0])
    aside = Aside(
        aside_m=at[0] - middle_m, out_m=(rest_m - 11, rest_m), back_m=(rest_m, rest_m + 13)
    )
    indicates = (
        (stands_s[0] - 4, stands_s[0], False),
        (stands_s[1] - 1.5, stands_s[1] + 2.5, True),
    )
    return replace(part, aside=aside, indicates=indicates)


def parked(what: str) -> Act:
    """Standing in the no-stopping zone at the kerb."""
    return Act(violation_type=ViolationType.PARKED, zone_id="kerb", what=what)
