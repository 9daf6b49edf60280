"""The named scenes of the demo, and the truth about them for tests."""

import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detector.detection import FloatArray
from detector.simulator.fleet import invent_vehicle
from detector.simulator.light import choose_light
from detector.simulator.motion import Passage, Stay
from detector.simulator.plate import invent_plate
from detector.simulator.scene import Scene, SceneScript
from detector.simulator.vehicle import Lamps, Pose, Vehicle, draw_vehicle
from detector.simulator.viewpoint import STREET_VIEW

__all__ = ["Scenario", "Truth", "draw_scene", "plate_of", "truth", "write_script"]


class Scenario(StrEnum):
    """The drivers of the demo's four cameras."""

    LEAVES = "leaves"
    STAYS = "stays"
    UNREADABLE = "unreadable"
    DROPS_OUT = "drops_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happens; only tests and the score may read it.

    Attributes:
        plate: The stopping vehicle's plate, whether or not it can be read.
        rest_at_s: Seconds from the scene's start until it stands still.
        box_px: Shape (4,), its box at rest, xyxy.
    """

    plate: str
    rest_at_s: float
    box_px: FloatArray


_FIRST_PASSAGE_S = 2.8


def _rng(scenario: Scenario, seed: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(scenario.encode()), seed])


def plate_of(scenario: str, seed: int) -> str:
    """The plate of the vehicle that stops, in its one spelling: 鄂A8K215."""
    return invent_plate(_rng(Scenario(scenario), seed))


def _traffic(rng: np.random.Generator) -> tuple[tuple[Passage, Vehicle], ...]:
    passing = []
    for is_oncoming, speed_mps in ((False, rng.uniform(10, 12)), (True, rng.uniform(11, 13))):
        at_s = _FIRST_PASSAGE_S + rng.uniform(0, 4)
        while at_s < _FIRST_PASSAGE_S + 56:
            passage = Passage(
                enters_at_s=float(at_s), speed_mps=float(speed_mps), is_oncoming=is_oncoming
            )
            passing.append((passage, invent_vehicle(rng, invent_plate(rng))))
            at_s += rng.uniform(9, 15)
    return tuple(passing)


def write_script(scenario: Scenario, seed: int) -> SceneScript:
    """The scene that a seed stands for; the same seed gives the same scene."""
    rng = _rng(scenario, seed)
    plate = invent_plate(rng)
    stay = Stay(
        rest_at_s=float(rng.uniform(5.6, 6.4)),
        rest=Pose(
            x_m=float(rng.uniform(-1.38, -1.22)),
            y_m=float(rng.uniform(7.75, 8.1)),
            heading_rad=float(rng.uniform(-0.012, 0.012)),
        ),
        leave_delay_s=float(rng.uniform(2.0, 4.0)),
    )
    return SceneScript(
        light=choose_light(rng),
        stay=stay,
        stopping=invent_vehicle(rng, plate, is_muddy=scenario is Scenario.UNREADABLE),
        passing=_traffic(rng),
        street_seed=int(rng.integers(2**32)),
        is_lost_on_signal=scenario is Scenario.DROPS_OUT,
    )


def draw_scene(scenario: str, seed: int) -> Scene:
    """The scene that a seed stands for, its empty street already drawn."""
    return Scene(write_script(Scenario(scenario), seed))


def truth(scenario: str, seed: int) -> Truth:
    """What the detector should find in a scene."""
    script = write_script(Scenario(scenario), seed)
    sprite = draw_vehicle(script.stopping, script.stay.rest, Lamps(), STREET_VIEW, script.light)
    if sprite is None:
        raise RuntimeError(f"scene {scenario}, seed {seed}: nobody stands there")
    return Truth(
        plate=plate_of(scenario, seed),
        rest_at_s=script.stay.rest_at_s,
        box_px=sprite.box_px,
    )
