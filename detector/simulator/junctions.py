"""What happens at a junction: queues at the light, a full exit, a turn, a queue that creeps."""

from dataclasses import replace

import numpy as np

from detector.simulator.drive import Halt, Part, Signal
from detector.simulator.fleet import invent_car
from detector.simulator.place import Place
from detector.simulator.script import EMPTY_S, Act, Flow, Plot, at_kerb, halting, parked
from pipeline.events import ViolationType

__all__ = [
    "plot_blocked",
    "plot_creeping",
    "plot_queue",
    "plot_queue_and_parked",
    "plot_turning",
]


def _light(place: Place, route: str, first_green_s: float) -> Signal:
    line_m = place.routes[route].along_at((0.0, place.stop_y_m or 0.0))
    return Signal(line_m=line_m, first_green_s=first_green_s, green_s=18.0, cycle_s=48.0)


def _open_lights(place: Place) -> dict[str, Signal]:
    """Green for as long as the scene lasts."""
    signal = replace(_light(place, "right", 0.0), green_s=3600.0, cycle_s=7200.0)
    return {"right": signal, "left": signal}


def _junction_traffic(
    place: Place, rng: np.random.Generator
) -> tuple[dict[str, Signal], tuple[Flow, ...]]:
    """A light that lets the streets drive in turns."""
    green_s = float(rng.uniform(22, 27))
    signals = {route: _light(place, route, green_s) for route in ("right", "left")}
    far_m = place.routes["oncoming"].along_at((0.0, (place.signal_y_m or 0.0) + 2.0))
    signals["oncoming"] = replace(signals["left"], line_m=far_m)
    for route in ("rightwards", "leftwards"):
        line_m = place.routes[route].length_m / 2 - 14.0
        signals[route] = replace(
            signals["left"], line_m=line_m, first_green_s=max(0.0, green_s - 24), green_s=15.0
        )
    flows = (
        Flow(route="right", every_s=(2.6, 5.5)),
        Flow(route="left", every_s=(2.6, 5.5)),
        Flow(route="oncoming", every_s=(4.0, 9.0)),
        Flow(route="rightwards", every_s=(4.0, 9.0), speed_mps=(8.0, 10.0)),
        Flow(route="leftwards", every_s=(4.0, 9.0), speed_mps=(8.0, 10.0)),
    )
    return signals, flows


def plot_queue(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    """Both lanes wait at red, and drive on at green."""
    signals, flows = _junction_traffic(place, rng)
    return Plot(signals=signals, flows=flows, waits="waits at the light", shown_s=90.0)


def plot_queue_and_parked(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    """The same, and a car at the kerb beside the queue."""
    at = (float(rng.uniform(-1.3, -1.15)), float(rng.uniform(15.5, 24.0)))
    since_s = float(rng.uniform(11, 13))
    part = at_kerb(place, invent_car(rng), at, (since_s, since_s + float(rng.uniform(48, 70))))
    return replace(
        plot_queue(place, rng, _seed),
        parts=(part,),
        acts={part.name: parked("a car stands at the kerb beside a queue")},
    )


def plot_blocked(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    """The exit is full; the last car that follows into the box stays in it."""
    rear_m = float(rng.uniform(25.0, 28.5))
    since_s = float(rng.uniform(15, 17))
    until_s = since_s + float(rng.uniform(18, 34))
    cars = [invent_car(rng) for _ in range(3)]
    train = [
        Part(name=f"jam-{n}", vehicle=car, route="right", enters_s=0, speed_mps=8.0)
        for n, car in enumerate(cars)
    ]
    train[-1] = replace(train[-1], gap_m=float(rng.uniform(4.4, 5.4)))
    lead_y_m = rear_m + sum(part.length_m + part.gap_m for part in train[1:])
    x_m = float(place.routes["right"].points_m[0, 0])
    lead = halting(
        place, cars[0], route="right", at=(x_m, lead_y_m), stands_s=(since_s - 4, until_s)
    )
    followers = [
        replace(part, enters_s=lead.enters_s + 1.6 * n) for n, part in enumerate(train) if n
    ]
    blocker = followers[-1]
    signal = _light(place, "right", 0.0)
    red_s = blocker.enters_s + signal.line_m / blocker.speed_mps + 0.5
    signal = replace(signal, green_s=red_s, cycle_s=until_s + 8.0)
    flows = (
        Flow(route="right", every_s=(4.0, 8.0), quiet_s=((0.0, red_s - 2.5),)),
        Flow(route="left", every_s=(4.0, 8.0)),
        Flow(route="oncoming", every_s=(4.0, 9.0)),
    )
    signals = {"right": signal, "left": replace(signal, green_s=red_s + 12)}
    return Plot(
        parts=(lead, *followers),
        signals=signals,
        flows=flows,
        acts={
            blocker.name: Act(
                violation_type=ViolationType.BLOCKED_JUNCTION,
                zone_id="box",
                what="a car has followed into the full exit and stands in the box",
            )
        },
        waits="stands in the jam beyond the box, or at the light",
        shown_s=until_s + 14,
    )


def plot_turning(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    """A car waits in the box for a gap in the oncoming traffic, then turns left."""
    x_m = float(place.routes["turning"].points_m[0, 0])
    since_s = float(rng.uniform(11, 13))
    until_s = since_s + float(rng.uniform(14, 26))
    part = halting(
        place,
        invent_car(rng),
        route="turning",
        at=(x_m, float(rng.uniform(20.4, 21.6))),
        stands_s=(since_s, until_s),
    )
    part = replace(part, speed_mps=7.0, indicates=((part.enters_s, until_s + 3.0, True),))
    flight_s = 17.0
    gap_s = (until_s - flight_s - 3.0, until_s - flight_s + 8.0)
    return Plot(
        parts=(part,),
        flows=(
            Flow(route="right", every_s=(4.0, 8.0)),
            Flow(route="oncoming", every_s=(2.4, 3.6), quiet_s=(gap_s,)),
        ),
        signals=_open_lights(place),
        waits="waits in the box for a gap, to turn left",
        shown_s=until_s + 16,
    )


def plot_creeping(place: Place, rng: np.random.Generator, _seed: int) -> Plot:
    """A queue that moves on by a car's length every few seconds, through the box."""
    route = place.routes["right"]
    at_m, at_s, halts = route.along_at((0.0, 33.0)), 9.0, []
    while at_m < route.length_m:
        at_s += float(rng.uniform(7.0, 8.5))
        halts.append(Halt(at_m=at_m, until_s=at_s))
        at_m += float(rng.uniform(6.0, 9.0))
    lead = Part(
        name="creeps",
        vehicle=invent_car(rng),
        route="right",
        enters_s=EMPTY_S,
        speed_mps=6.0,
        halts=tuple(halts),
    )
    return Plot(
        parts=(lead,),
        flows=(
            Flow(route="right", every_s=(2.0, 3.0), speed_mps=(6.0, 7.0)),
            Flow(route="oncoming", every_s=(4.0, 9.0)),
        ),
        signals=_open_lights(place),
        waits="a queue creeps through the box and never stands for long",
        shown_s=70.0,
    )
