"""A drawn street for the demo and the tests: its pixels go through the real detection path."""

from detector.simulator.scenarios import Scenario, Truth, draw_scene, plate_of, truth
from detector.simulator.source import PacedSource, SceneClock, SimulatedSource, open_simulator

__all__ = [
    "PacedSource",
    "Scenario",
    "SceneClock",
    "SimulatedSource",
    "Truth",
    "draw_scene",
    "open_simulator",
    "plate_of",
    "truth",
]
