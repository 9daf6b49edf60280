"""Invented vehicles: kind, paint and plate."""

from dataclasses import replace

import numpy as np

from detector.simulator.form import CAR_KINDS
from detector.simulator.plate import draw_plate, invent_plate
from detector.simulator.vehicle import Vehicle

__all__ = ["invent_bus", "invent_car", "invent_fleet", "invent_look_alike", "invent_vehicle"]

# Paints stand out against asphalt and pavement: the background detector takes a grey car for the
# street's own shadow.
_PAINTS = (
    (240.0, 242.0, 244.0),
    (46.0, 38.0, 176.0),
    (150.0, 66.0, 30.0),
    (190.0, 150.0, 70.0),
    (44.0, 128.0, 206.0),
    (88.0, 112.0, 34.0),
    (70.0, 40.0, 118.0),
)
_EVERYDAY_PAINTS = (
    (238.0, 240.0, 242.0),
    (196.0, 198.0, 200.0),
    (52.0, 48.0, 46.0),
    (40.0, 36.0, 150.0),
)
_BUS_PAINTS = ((90.0, 160.0, 66.0), (196.0, 132.0, 44.0), (60.0, 166.0, 226.0))


def invent_vehicle(rng: np.random.Generator, plate: str, *, is_muddy: bool = False) -> Vehicle:
    """A car in a paint that no street has."""
    paint = np.array(_PAINTS[int(rng.integers(len(_PAINTS)))]) * rng.uniform(0.94, 1.04)
    return Vehicle(
        kind=str(rng.choice(CAR_KINDS)),
        paint_bgr=(float(paint[0]), float(paint[1]), float(paint[2])),
        plate=draw_plate(plate, rng=rng, is_muddy=is_muddy),
    )


def invent_car(rng: np.random.Generator) -> Vehicle:
    """A car with a plate of its own."""
    return invent_vehicle(rng, invent_plate(rng))


def invent_look_alike(rng: np.random.Generator, other: Vehicle) -> Vehicle:
    """A car that differs from another by its plate alone."""
    return replace(other, plate=draw_plate(invent_plate(rng), rng=rng))


def invent_bus(rng: np.random.Generator) -> Vehicle:
    """A city bus."""
    paint = _BUS_PAINTS[int(rng.integers(len(_BUS_PAINTS)))]
    return Vehicle(kind="bus", paint_bgr=paint, plate=draw_plate(invent_plate(rng), rng=rng))


def invent_fleet(rng: np.random.Generator, count: int) -> tuple[Vehicle, ...]:
    """What drives past: cars, half of them in the paints that most cars have, and a bus."""
    cars = [invent_car(rng) for _ in range(count - 1)]
    everyday = [
        replace(car, paint_bgr=_EVERYDAY_PAINTS[n % len(_EVERYDAY_PAINTS)]) if n % 2 else car
        for n, car in enumerate(cars)
    ]
    return (*everyday, invent_bus(rng))
