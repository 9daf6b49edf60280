"""Draws a script at any instant: the empty place, its vehicles and lights, then the weather."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from detector.detection import ImageArray
from detector.simulator.conditions import Conditions
from detector.simulator.drive import Placed, Standing, Traffic
from detector.simulator.exposure import Sensor
from detector.simulator.night import Night
from detector.simulator.script import Script
from detector.simulator.signal_heads import SignalHeads
from detector.simulator.vehicle import Lamps, Pose, Sprite, draw_vehicle, hide, paste

__all__ = ["Stage"]

_Look = tuple[Pose, Lamps]


class Stage:
    """One scene with its weather; drawing an instant twice gives the same picture."""

    is_lost_on_signal = False
    """Nobody here listens to reminders: what happens is written."""

    def __init__(self, script: Script, conditions: Conditions) -> None:
        """Draw the empty place; the pictures are laid over it."""
        rng = np.random.default_rng(script.seed)
        self.script = script
        self.conditions = conditions
        self._view = script.place.view
        self._light = conditions.light(script.light)
        empty = script.place.empty(self._light, rng)
        self.heads = SignalHeads.of(script)
        if self.heads is not None:
            self.heads.hang(empty, self._light)
        self._empty = conditions.wet(empty, self._view, script.place.road_x_m)
        self._night = Night(script.place, rng) if conditions.is_night else None
        self._sensor = Sensor(self._view, rng, sigma=self._light.noise_sigma)
        self._front = script.place.front()
        self._traffic: Traffic = script.traffic()
        self._sprites: dict[str, tuple[_Look, Sprite | None]] = {}

    def has_picture(self, at_s: float) -> bool:
        """Whether the camera delivers what it sees at an instant."""
        return self.conditions.is_delivered(at_s)

    def standings(self, until_s: float) -> list[Standing]:
        """Every time that a vehicle stood still, up to an instant of the scene."""
        return self._traffic.standings(until_s)

    def placed(self, at_s: float) -> list[Placed]:
        """Every vehicle on the road at an instant, furthest first."""
        is_lit = self.conditions.has_lamps_lit
        placed = self._traffic.placed(at_s)
        if is_lit:
            placed = [replace(one, lamps=replace(one.lamps, is_lit=True)) for one in placed]
        return sorted(placed, key=lambda one: -self._distance_m(one))

    def drawn(self, at_s: float) -> Iterator[tuple[Placed, Sprite]]:
        """The vehicles in the picture, furthest first."""
        placed = self.placed(at_s)
        names = {one.part.name for one in placed}
        self._sprites = {name: kept for name, kept in self._sprites.items() if name in names}
        for one in placed:
            sprite = self._sprite(one)
            if sprite is not None:
                yield one, sprite

    def picture(self, at_s: float, _signalled_at_s: float | None = None) -> ImageArray:
        """The place at `at_s` seconds, as the camera gives it."""
        at_s = self.conditions.shown_s(at_s)
        picture = self._empty.copy()
        drawn = list(self.drawn(at_s))
        for _, sprite in drawn:
            paste(picture, sprite)
        if self.heads is not None:
            self.heads.light(picture, at_s)
        if self._night is not None:
            spots = [] if self.heads is None else self.heads.spots(at_s)
            picture = self._night.darken(picture, drawn, spots)
        picture = self.conditions.apply(picture, at_s)
        return self._sensor.expose(picture, at_s)

    def _distance_m(self, one: Placed) -> float:
        half_m = one.part.length_m / 2
        x_m = one.pose.x_m + half_m * np.sin(one.pose.heading_rad)
        y_m = one.pose.y_m + half_m * np.cos(one.pose.heading_rad)
        camera_x_m, camera_y_m, _ = self._view.position_m
        return float(np.hypot(x_m - camera_x_m, y_m - camera_y_m))

    def _sprite(self, one: Placed) -> Sprite | None:
        """A vehicle's sprite; drawn once for as long as nothing about it changes."""
        look = (one.pose, one.lamps)
        kept = self._sprites.get(one.part.name)
        if kept is None or kept[0] != look:
            sprite = draw_vehicle(one.part.vehicle, *look, self._view, self._light)
            if sprite is not None and self._front is not None and one.pose.y_m > self._front[0]:
                sprite = hide(sprite, self._front[1])
            kept = (look, sprite)
            self._sprites[one.part.name] = kept
        return kept[1]
