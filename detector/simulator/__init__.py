"""Drawn streets for the demo and the tests: their pixels go through the real detection path."""

from detector.simulator.clip import (
    ClipOrder,
    open_stage,
    parse_conditions,
    parse_situation,
    write_clip,
)
from detector.simulator.conditions import Condition
from detector.simulator.scenarios import Scenario, Truth, draw_scene, plate_of, truth
from detector.simulator.situations import Situation
from detector.simulator.source import PacedSource, SceneClock, SimulatedSource, open_simulator

__all__ = [
    "ClipOrder",
    "Condition",
    "PacedSource",
    "Scenario",
    "SceneClock",
    "SimulatedSource",
    "Situation",
    "Truth",
    "draw_scene",
    "open_simulator",
    "open_stage",
    "parse_conditions",
    "parse_situation",
    "plate_of",
    "truth",
    "write_clip",
]
