"""What happens in the drawn scenes, one function for each: who drives, halts and breaks a rule."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum

import cv2
import numpy as np

from detector.simulator.drive import Aside, Halt, Part
from detector.simulator.fleet import invent_bus, invent_car, invent_fleet, invent_look_alike
from detector.simulator.junctions import (
    plot_blocked,
    plot_creeping,
    plot_queue,
    plot_queue_and_parked,
    plot_turning,
)
from detector.simulator.light import choose_light
from detector.simulator.place import Place, PlaceName, open_place
from detector.simulator.script import Act, Flow, Plot, Script, at_kerb, halting, parked
from detector.simulator.vehicle import Vehicle
from pipeline.events import ViolationType

__all__ = ["Situation", "write_situation"]

_FLEET = 12
_HIGH_M = 4.0


class Situation(StrEnum):
    """What a scene shows."""

    PARKED = "parked"
    QUEUE = "queue"
    QUEUE_AND_PARKED = "queue_and_parked"
    STOPPED_ON_CROSSING = "stopped_on_crossing"
    BLOCKED_JUNCTION = "blocked_junction"
    WAITS_TO_TURN = "waits_to_turn"
    CREEPING_QUEUE = "creeping_queue"
    EMERGENCY_LANE = "emergency_lane"
    TAKES_TURNS = "takes_turns"
    LOOK_ALIKE = "look_alike"
    HIDDEN = "hidden"


def write_situation(situation: Situation, seed: int) -> Script:
    """The scene that a seed stands for; the same seed gives the same scene."""
    rng = np.random.default_rng([zlib.crc32(situation.encode()), seed])
    name, plot_of = _SITUATIONS[situation]
    place, light = open_place(name), choose_light(rng)
    fleet = invent_fleet(rng, _FLEET)
    plot = plot_of(place, rng, seed)
    return Script(
        place=place,
        light=light,
        parts=tuple(replace(part, vehicle=_seen_from(place, part.vehicle)) for part in plot.parts),
        signals=plot.signals,
        flows=plot.flows,
        fleet=tuple(_seen_from(place, one) for one in fleet),
        acts=plot.acts,
        waits=plot.waits,
        seed=int(rng.integers(2**32)),
        shown_s=plot.shown_s,
    )


def _seen_from(place: Place, vehicle: Vehicle) -> Vehicle:
    """The vehicle with a plate no finer than a high camera can show; it is drawn much faster."""
    if place.view.position_m[2] < _HIGH_M:
        return vehicle
    small = cv2.resize(vehicle.plate, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return replace(vehicle, plate=np.asarray(small, np.uint8))


_STREET_FLOWS = (
    Flow(route="far", every_s=(5.0, 12.0)),
    Flow(route="oncoming", every_s=(5.0, 12.0), speed_mps=(11.0, 13.0)),
)


def _plot_parked(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    at = (float(rng.uniform(-1.38, -1.22)), float(rng.uniform(8.2, 9.6)))
    since_s = float(rng.uniform(9.5, 11.5))
    until_s = since_s + float(rng.uniform(28, 42))
    part = at_kerb(place, invent_car(rng), at, (since_s, until_s))
    return Plot(
        parts=(part,),
        flows=_STREET_FLOWS,
        acts={part.name: parked("a car stands at the kerb while traffic passes")},
    )


def _take_turns(place: Place, rng: np.random.Generator, cars: list[Vehicle]) -> Plot:
    at = (float(rng.uniform(-1.38, -1.22)), float(rng.uniform(8.2, 9.6)))
    since_s = float(rng.uniform(9.5, 11.0))
    parts = []
    for car in cars:
        until_s = since_s + float(rng.uniform(9, 13))
        near = (at[0] + float(rng.uniform(-0.1, 0.1)), at[1] + float(rng.uniform(-0.25, 0.25)))
        parts.append(at_kerb(place, car, near, (since_s, until_s)))
        since_s = until_s + float(rng.uniform(7.5, 10))
    acts = {part.name: parked("a car stands where another stood before") for part in parts}
    return Plot(parts=tuple(parts), flows=_STREET_FLOWS, acts=acts, shown_s=since_s + 2)


def _plot_turns(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    return _take_turns(place, rng, [invent_car(rng) for _ in range(3)])


def _plot_look_alike(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    first = invent_car(rng)
    return _take_turns(place, rng, [first, invent_look_alike(rng, first)])


_BUS_AHEAD_RATIO = 0.6
"""Where the line of sight to the kerb crosses the next lane, as seen from the other pavement."""


def _plot_hidden(place: Place, rng: np.random.Generator, seed: int) -> Plot:
    """A car at the kerb, and a jam in the next lane whose bus stops just before it."""
    at = (float(rng.uniform(-1.38, -1.22)), float(rng.uniform(20.5, 22.5)))
    hides_s = 10.0 * 60.0 ** (seed % 10 / 9)
    jam_s = float(rng.uniform(25, 29))
    stands_s = (float(rng.uniform(10.5, 12)), jam_s + hides_s + 24)
    hidden = at_kerb(place, invent_car(rng), at, stands_s)
    bus, lead = invent_bus(rng), invent_car(rng)
    bus_rear_m = _BUS_AHEAD_RATIO * (at[1] + 2.3) - 5.4
    lane_x_m = float(place.routes["far"].points_m[0, 0])
    jam_ends_s = jam_s + hides_s
    front = halting(
        place,
        lead,
        route="far",
        at=(lane_x_m, bus_rear_m + 10.8 + 2.5),
        stands_s=(jam_s - 3.0, jam_ends_s),
    )
    behind = Part(
        name="far-bus",
        vehicle=bus,
        route="far",
        enters_s=front.enters_s + 2.5,
        speed_mps=8.0,
        gap_m=2.5,
    )
    return Plot(
        parts=(hidden, front, behind),
        flows=(
            replace(_STREET_FLOWS[0], quiet_s=((front.enters_s - 3, behind.enters_s + 2),)),
            _STREET_FLOWS[1],
        ),
        acts={hidden.name: parked("a car at the kerb, hidden behind a bus for a while")},
        waits="stands in a jam",
        shown_s=jam_ends_s + 32,
    )


def _plot_on_crossing(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    at = (-1.75 + float(rng.uniform(-0.15, 0.25)), float(rng.uniform(19.5, 21.3)))
    since_s = float(rng.uniform(11, 13))
    part = at_kerb(place, invent_car(rng), at, (since_s, since_s + float(rng.uniform(20, 36))))
    yields_m = place.routes["far"].along_at((0.0, (place.stop_y_m or 0.0) - 5.6))
    at_s = since_s + float(rng.uniform(6, 10))
    polite = Part(
        name="far-yields",
        vehicle=invent_car(rng),
        route="far",
        enters_s=at_s,
        speed_mps=8.0,
        halts=(Halt(at_m=yields_m, until_s=at_s + 7.5),),
    )
    return Plot(
        parts=(part, polite),
        flows=(
            replace(_STREET_FLOWS[0], quiet_s=((at_s - 3, at_s + 3),)),
            _STREET_FLOWS[1],
        ),
        acts={
            part.name: Act(
                violation_type=ViolationType.STOPPED_ON_CROSSING,
                zone_id="zebra",
                what="a car stands on the zebra crossing",
            )
        },
        waits="lets somebody cross",
    )


def _plot_shoulder(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    at = (float(rng.uniform(-1.6, -1.1)), float(rng.uniform(30.0, 40.0)))
    since_s = float(rng.uniform(9, 11))
    until_s = since_s + float(rng.uniform(24, 40))
    part = halting(place, invent_car(rng), route="shoulder", at=at, stands_s=(since_s, until_s))
    rest_m = part.halts[0].at_m
    entry_m = place.routes["shoulder"].along_at((0.0, -8.0))
    lane_m = float(place.routes["lane-1"].points_m[0, 0] - place.routes["shoulder"].points_m[0, 0])
    part = replace(
        part,
        speed_mps=12.0,
        aside=Aside(aside_m=lane_m, out_m=(-60.0, -59.0), back_m=(entry_m, rest_m - 14)),
        indicates=(
            (since_s - 7, since_s, False),
            (until_s - 2.0, until_s + 4.0, True),
        ),
    )
    fast = ((23.0, 27.0), (26.0, 30.0), (29.0, 33.0))
    lanes = [
        Flow(route=f"lane-{n}", every_s=(2.2, 6.0), speed_mps=speed, quiet_s=quiet)
        for n, speed, quiet in zip(
            (1, 2, 3), fast, (((part.enters_s - 1.5, part.enters_s + 5.0),), (), ()), strict=True
        )
    ]
    opposite = [
        Flow(route=f"oncoming-{n}", every_s=(2.5, 7.0), speed_mps=(24.0, 30.0)) for n in (1, 2)
    ]
    return Plot(
        parts=(part,),
        flows=(*lanes, *opposite),
        acts={
            part.name: Act(
                violation_type=ViolationType.EMERGENCY_LANE,
                zone_id="shoulder",
                what="a car stands on the hard shoulder",
            )
        },
        shown_s=until_s + 12,
    )


_SITUATIONS: Mapping[
    Situation, tuple[PlaceName, Callable[[Place, np.random.Generator, int], Plot]]
] = {
    Situation.PARKED: (PlaceName.KERB, _plot_parked),
    Situation.QUEUE: (PlaceName.APPROACH, plot_queue),
    Situation.QUEUE_AND_PARKED: (PlaceName.APPROACH, plot_queue_and_parked),
    Situation.STOPPED_ON_CROSSING: (PlaceName.CROSSING, _plot_on_crossing),
    Situation.BLOCKED_JUNCTION: (PlaceName.JUNCTION, plot_blocked),
    Situation.WAITS_TO_TURN: (PlaceName.JUNCTION, plot_turning),
    Situation.CREEPING_QUEUE: (PlaceName.JUNCTION, plot_creeping),
    Situation.EMERGENCY_LANE: (PlaceName.MOTORWAY, _plot_shoulder),
    Situation.TAKES_TURNS: (PlaceName.KERB, _plot_turns),
    Situation.LOOK_ALIKE: (PlaceName.KERB, _plot_look_alike),
    Situation.HIDDEN: (PlaceName.OPPOSITE, _plot_hidden),
}
