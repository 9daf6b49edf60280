"""Vehicles that drive along routes: they keep their distance, obey the light and halt as told.

Time goes in ticks from the scene's start, whatever is drawn first: a scene is always the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from detector.simulator.form import FORMS
from detector.simulator.route import Route
from detector.simulator.vehicle import Lamps, Pose, Vehicle

__all__ = ["TICK_S", "Aside", "Halt", "Part", "Placed", "Signal", "Standing", "Traffic"]

TICK_S = 0.1

_SPEEDING_MPS2 = 1.9
_BRAKING_MPS2 = 2.4
_REACTION_S = 0.55
_CREEP_MPS = 0.07
_START_GAP_M = 0.9
_LINE_MARGIN_M = 0.7
_AMBER_S = 3.0
_NEVER_S = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Come to rest with the rear bumper at `at_m` of the route, and stay until `until_s`."""

    at_m: float
    until_s: float = _NEVER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Drift from the route's line to `aside_m` beside it, between two places, and back again.

    Attributes:
        aside_m: To the right of the line.
        out_m: Where the drift out begins and ends.
        back_m: Where the drift back begins and ends; None for one that stays aside.
    """

    aside_m: float
    out_m: tuple[float, float]
    back_m: tuple[float, float] | None = None

    def at(self, along_m: float) -> float:
        """How far beside the line."""
        share = _ease((along_m - self.out_m[0]) / (self.out_m[1] - self.out_m[0]))
        if self.back_m is not None:
            share -= _ease((along_m - self.back_m[0]) / (self.back_m[1] - self.back_m[0]))
        return self.aside_m * share


def _ease(share: float) -> float:
    inside = min(max(share, 0.0), 1.0)
    return inside * inside * (3 - 2 * inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A light that turns green again and again; times in seconds of the scene.

    Attributes:
        line_m: The stop line, along the route.
        first_green_s: It is red before.
        green_s: How long it is green.
        cycle_s: From one green to the next.
    """

    line_m: float
    first_green_s: float
    green_s: float
    cycle_s: float

    def is_green(self, at_s: float) -> bool:
        """Whether vehicles may pass."""
        return self.state(at_s) == "green"

    def state(self, at_s: float) -> Literal["red", "amber", "green"]:
        """What the lamps show; nobody starts into an amber light."""
        since_s = at_s - self.first_green_s
        if since_s < 0:
            return "red"
        since_s %= self.cycle_s
        if since_s < self.green_s:
            return "green"
        return "amber" if since_s < self.green_s + _AMBER_S else "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One vehicle's part in a scene.

    Attributes:
        name: Unique in its scene.
        enters_s: When it appears at the start of its route, if there is room.
        speed_mps: What it drives when nothing hinders it; it appears at this speed.
        gap_m: What it leaves to the vehicle before it when both stand.
        indicates: From and until in seconds, then whether to the left.
    """

    name: str
    vehicle: Vehicle
    route: str
    enters_s: float
    speed_mps: float
    gap_m: float = 2.2
    halts: tuple[Halt, ...] = ()
    aside: Aside | None = None
    indicates: tuple[tuple[float, float, bool], ...] = ()

    @property
    def length_m(self) -> float:
        """Length of the vehicle."""
        return FORMS[self.vehicle.kind].length_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A part at one instant."""

    part: Part
    pose: Pose
    lamps: Lamps


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A span, in seconds of the scene, in which one vehicle did not move; None while it stands."""

    part: Part
    pose: Pose
    since_s: float
    until_s: float | None


@dataclass(slots=True)
class _Driver:
    """How far a part has come: rear bumper along its route, at each tick since it appeared."""

    part: Part
    first_tick: int
    speed_mps: float
    along_m: list[float] = field(default_factory=lambda: [0.0])
    is_gone: bool = False

    @property
    def rear_m(self) -> float:
        return self.along_m[-1]

    @property
    def front_m(self) -> float:
        return self.along_m[-1] + self.part.length_m

    def at(self, at_s: float) -> tuple[float, float] | None:
        """Way and speed at one instant; None before it appears and after it has gone."""
        tick = at_s / TICK_S - self.first_tick
        last = len(self.along_m) - 1
        if tick < 0 or tick > last:
            return None
        before = min(int(tick), last - 1) if last else 0
        if not last:
            return self.along_m[0], self.part.speed_mps
        step_m = self.along_m[before + 1] - self.along_m[before]
        return self.along_m[before] + (tick - before) * step_m, step_m / TICK_S


class Traffic:
    """All vehicles of one scene, driven forward as far as somebody asks."""

    def __init__(
        self,
        routes: dict[str, Route],
        parts: tuple[Part, ...],
        signals: dict[str, Signal],
        endless: Callable[[], Iterator[Part]] | None = None,
    ) -> None:
        """Nothing drives yet.

        Args:
            routes: By name.
            parts: Vehicles with a part of their own.
            signals: The light of a route, by the route's name.
            endless: Gives passing vehicles without end, ordered by the time they enter.
        """
        self._routes = routes
        self._signals = signals
        self._waiting = sorted(parts, key=lambda part: part.enters_s)
        self._endless = iter(()) if endless is None else endless()
        self._next_endless = next(self._endless, None)
        self._lanes: dict[str, list[_Driver]] = {name: [] for name in routes}
        self._all: list[_Driver] = []
        self._tick = 0

    def placed(self, at_s: float) -> list[Placed]:
        """Every vehicle on the road at one instant."""
        self._drive_until(at_s)
        found = []
        for driver in self._all:
            state = driver.at(at_s)
            if state is not None:
                found.append(self._place(driver, at_s, state))
        return found

    def standings(self, until_s: float) -> list[Standing]:
        """Every time that a vehicle stood still, up to an instant of the scene."""
        self._drive_until(until_s)
        return [one for driver in self._all for one in self._standings(driver, until_s)]

    def _standings(self, driver: _Driver, until_s: float) -> Iterator[Standing]:
        last = round(until_s / TICK_S) - driver.first_tick
        along_m = np.array(driver.along_m[: max(0, last) + 1])
        still = np.concatenate([[0], (np.diff(along_m) == 0).astype(int), [0]])
        edges = np.flatnonzero(np.diff(still))
        for start, end in edges.reshape(-1, 2).tolist():
            is_over = end < len(along_m) - 1
            yield Standing(
                part=driver.part,
                pose=self._pose(driver.part, float(along_m[start])),
                since_s=(driver.first_tick + start) * TICK_S,
                until_s=(driver.first_tick + end) * TICK_S if is_over else None,
            )

    def _pose(self, part: Part, along_m: float) -> Pose:
        route = self._routes[part.route]
        if part.aside is None:
            return route.pose(along_m)
        # The heading follows the drift: the slope over the metre ahead.
        aside_m = part.aside.at(along_m)
        pose = route.pose(along_m, aside_m)
        slope = part.aside.at(along_m + 0.5) - part.aside.at(along_m - 0.5)
        return Pose(x_m=pose.x_m, y_m=pose.y_m, heading_rad=pose.heading_rad + np.arctan(slope))

    def _place(self, driver: _Driver, at_s: float, state: tuple[float, float]) -> Placed:
        along_m, speed_mps = state
        before = driver.at(at_s - 0.4)
        is_slowing = before is not None and speed_mps < before[1] - 0.3
        has_just_stopped = speed_mps == 0 and (before is None or before[1] > 0)
        is_flash = (at_s * 1.5) % 1.0 < 0.5
        sides = [is_left for start, end, is_left in driver.part.indicates if start <= at_s < end]
        # Who waits for a moment keeps a foot on the brake; who stays lets go.
        waits = speed_mps == 0 and not driver.part.halts
        return Placed(
            part=driver.part,
            pose=self._pose(driver.part, along_m),
            lamps=Lamps(
                is_braking=is_slowing or has_just_stopped or waits,
                is_turning_left=is_flash and True in sides,
                is_turning_right=is_flash and False in sides,
            ),
        )

    def _drive_until(self, at_s: float) -> None:
        while self._tick * TICK_S < at_s + TICK_S:
            self._step()
            self._tick += 1

    def _step(self) -> None:
        now_s = self._tick * TICK_S
        self._let_in(now_s)
        for name, lane in self._lanes.items():
            limits_m = [None, *lane]
            for driver, leader in zip(lane, limits_m, strict=False):
                self._advance(driver, leader, now_s)
            end_m = self._routes[name].length_m
            for driver in lane:
                driver.is_gone = driver.rear_m > end_m
            self._lanes[name] = [driver for driver in lane if not driver.is_gone]

    def _let_in(self, now_s: float) -> None:
        kept = []
        for part in self._waiting:
            if part.enters_s > now_s or not self._has_room(part):
                kept.append(part)
            else:
                self._enter(part)
        self._waiting = kept
        while self._next_endless is not None and self._next_endless.enters_s <= now_s:
            # Who finds no room does not come: a jam does not reach back for ever.
            if self._has_room(self._next_endless):
                self._enter(self._next_endless)
            self._next_endless = next(self._endless, None)

    def _enter(self, part: Part) -> None:
        driver = _Driver(part=part, first_tick=self._tick, speed_mps=part.speed_mps)
        self._lanes[part.route].append(driver)
        self._all.append(driver)

    def _has_room(self, part: Part) -> bool:
        lane = self._lanes[part.route]
        if not lane:
            return True
        free_m = lane[-1].rear_m - part.length_m - part.gap_m
        return free_m > 1.0 + max(0.0, part.speed_mps - lane[-1].speed_mps) * 1.2

    def _advance(self, driver: _Driver, leader: _Driver | None, now_s: float) -> None:
        part = driver.part
        allowed = [part.speed_mps, driver.speed_mps + _SPEEDING_MPS2 * TICK_S]
        if leader is not None:
            room_m = leader.rear_m - driver.front_m - part.gap_m
            if driver.speed_mps == 0 and room_m < _START_GAP_M:
                room_m = 0.0
            allowed.append(_safe_mps(room_m, leader.speed_mps))
        allowed += [_safe_mps(room_m, 0.0) for room_m in self._walls_m(driver, now_s)]
        speed_mps = max(0.0, min(allowed))
        if speed_mps < _CREEP_MPS:
            speed_mps = 0.0
        driver.speed_mps = speed_mps
        driver.along_m.append(driver.rear_m + speed_mps * TICK_S)

    def _walls_m(self, driver: _Driver, now_s: float) -> Iterator[float]:
        """How far it is to each place where the vehicle has to halt."""
        for halt in driver.part.halts:
            if now_s < halt.until_s and driver.rear_m <= halt.at_m + 0.3:
                yield halt.at_m - driver.rear_m
        signal = self._signals.get(driver.part.route)
        if signal is None or signal.is_green(now_s):
            return
        room_m = signal.line_m - _LINE_MARGIN_M - driver.front_m
        # Who is too close to stop for a light that has just changed drives on.
        if room_m > -_LINE_MARGIN_M and room_m >= driver.speed_mps**2 / (2 * _BRAKING_MPS2) - 0.5:
            yield room_m


def _safe_mps(room_m: float, ahead_mps: float) -> float:
    """The fastest speed from which one can still stop. Source: Krauss 1998, equation 4.14."""
    slack = _BRAKING_MPS2 * _REACTION_S
    inside = slack**2 + ahead_mps**2 + 2 * _BRAKING_MPS2 * max(room_m, 0.0)
    return float(np.sqrt(inside)) - slack
