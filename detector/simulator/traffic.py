"""Ordinary traffic on a town road, step by step: queues at lights, stops, turns, parking.

Drivers follow the intelligent driver model. They halt at red, at a stop sign, before a turn that
must give way, and behind those who stand in the lane until they can drive around them. The same
plan and seed give the same traffic; nothing here reads a clock.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np

from detector.simulator.traffic_plan import PLACE_M, Arrival, TrafficPlan
from detector.simulator.traffic_road import LANE_M, Lane, LaneName
from detector.simulator.traffic_vehicle import (
    Body,
    Doing,
    Errand,
    Vehicle,
    choose_body,
    follow_mps2,
)
from pipeline.events import VehicleClass

__all__ = ["STEP_S", "Traffic"]

STEP_S = 0.2
_ENTRY_GAP_M = 9.0
# Farther right of the kerb lane's middle than this, a vehicle is out of the lane.
_AT_KERB_M = 1.6
# Who would have to brake harder than this at a light goes on.
_HARD_MPS2 = 6.0
_STOP_SIGN_S = 2.0
_BEFORE_LINE_M = 0.7
# Who finds his place taken waits in the lane for so long, then drives on: standing there longer
# with an empty road before him would be a stop like any other.
_WAITS_FOR_PLACE_S = 60.0
_NEIGHBOURS = {LaneName.KERB: LaneName.MIDDLE, LaneName.MIDDLE: LaneName.KERB}


class Traffic:
    """Moves all vehicles of a plan."""

    def __init__(self, plan: TrafficPlan, seed: int) -> None:
        """Begin with an empty road at 0 s."""
        self.plan = plan
        self.now_s = 0.0
        self.vehicles: list[Vehicle] = []
        self._rng = np.random.default_rng([seed, 0x74726166])
        self._lanes = plan.road.lanes()
        self._ids = count(1)
        self._arrivals = list(plan.arrivals)
        self._next_in_s = {name: self._wait_s(rate) for name, rate in plan.rates.items()}

    def step(self) -> Sequence[Vehicle]:
        """Go on by `STEP_S`; afterwards all vehicles stand where they are at `now_s`."""
        self.now_s += STEP_S
        self._let_in()
        rows = self._rows()
        speeding = [self._speeding_mps2(one, rows) for one in self.vehicles]
        for vehicle, mps2 in zip(self.vehicles, speeding, strict=True):
            vehicle.move(mps2, self.now_s, STEP_S)
            self._run_errand(vehicle)
            self._creep(vehicle)
        for vehicle in self.vehicles:
            self._change_lane(vehicle)
            self._join(vehicle)
        self.vehicles = [one for one in self.vehicles if one.rear_m < one.lane.length_m]
        return self.vehicles

    def _rows(self) -> dict[LaneName, list[Vehicle]]:
        """The vehicles in each lane, the farthest first; those at the kerb stand in none."""
        rows: dict[LaneName, list[Vehicle]] = {name: [] for name in self._lanes}
        for one in sorted(self.vehicles, key=lambda vehicle: -vehicle.front_m):
            if not _is_at_kerb(one):
                rows[one.lane.name].append(one)
        return rows

    def _wait_s(self, rate: float) -> float:
        swing = self.plan.swing_ratio * np.sin(2 * np.pi * self.now_s / self.plan.swing_s)
        return float(self.now_s + self._rng.exponential(1 / max(rate * (1 + swing), 1e-6)))

    def _let_in(self) -> None:
        for name, due_s in self._next_in_s.items():
            if self.now_s >= due_s and self._has_room(name):
                self._enter(self._lanes[name], self._body_for(name), None)
                self._next_in_s[name] = self._wait_s(self.plan.rates[name])
        if self._arrivals and self.now_s >= self._arrivals[0].at_s:
            self._let_in_arrival(self._arrivals[0])

    def _let_in_arrival(self, arrival: Arrival) -> None:
        if not (arrival.appears or self._has_room(LaneName.KERB)):
            return
        self._arrivals.pop(0)
        self._enter(self._lanes[LaneName.KERB], arrival.body, arrival.errand)
        if arrival.appears:
            vehicle = self.vehicles[-1]
            vehicle.front_m, vehicle.speed_mps = arrival.errand.front_m, 0.0
            vehicle.aside_m = vehicle.wants_aside_m = arrival.errand.aside_m

    def _body_for(self, name: LaneName) -> Body:
        body = choose_body(self._rng)
        while name is LaneName.SIDE and body.length_m > 6:
            body = choose_body(self._rng)
        return body

    def _has_room(self, name: LaneName) -> bool:
        rear_m = [one.rear_m for one in self.vehicles if one.lane.name is name]
        return not rear_m or min(rear_m) > _ENTRY_GAP_M

    def _enter(self, lane: Lane, body: Body, errand: Errand | None) -> None:
        if body.kind is VehicleClass.BUS and lane.name is LaneName.KERB and errand is None:
            errand = self._bus_errand(lane)
        ahead = [one for one in self.vehicles if one.lane is lane]
        speed = float(self._rng.uniform(9, 14))
        self.vehicles.append(
            Vehicle(
                vehicle_id=next(self._ids),
                body=body,
                lane=lane,
                front_m=0.0,
                speed_mps=min([speed, *(one.speed_mps + 2 for one in ahead)]),
                free_mps=speed,
                bumper_m=float(self._rng.uniform(1.2, 3.0)),
                errand=errand,
            )
        )

    def _bus_errand(self, lane: Lane) -> Errand | None:
        stop_m = self.plan.road.bus_stop_m
        if stop_m is None:
            return None
        return Errand(
            front_m=stop_m - float(lane.points_m[0, 1]),
            stays_s=float(self._rng.uniform(10, 35)),
            aside_m=0.0,
            doing=Doing.AT_BUS_STOP,
        )

    def _speeding_mps2(self, vehicle: Vehicle, rows: dict[LaneName, list[Vehicle]]) -> float:
        """What the driver does to the pedals; notes what he waits for."""
        if vehicle.errand_until_s is not None:
            return -_HARD_MPS2
        speeding, doing = follow_mps2(vehicle, 1e3, vehicle.free_mps), Doing.DRIVING
        for gap_m, ahead_mps, reason in self._before(vehicle, rows):
            held = follow_mps2(vehicle, gap_m, ahead_mps)
            if held < speeding:
                speeding, doing = held, reason
        if vehicle.rest_since_s is not None:
            vehicle.doing = doing
        elif vehicle.speed_mps > 1:
            vehicle.doing = Doing.DRIVING
        return speeding

    def _before(
        self, vehicle: Vehicle, rows: dict[LaneName, list[Vehicle]]
    ) -> Iterator[tuple[float, float, Doing]]:
        """Gap, speed and kind of all that lies before a driver."""
        if not _is_at_kerb(vehicle):
            leader = _leader(vehicle, rows[vehicle.lane.name])
            if leader is not None:
                reason = Doing.BEHIND_OBSTACLE if leader.is_obstacle else Doing.IN_QUEUE
                extra_m = 3.0 if leader.is_obstacle else 0.0
                yield leader.rear_m - vehicle.front_m - extra_m, leader.speed_mps, reason
        elif vehicle.errand is None and not self._is_free(LaneName.KERB, vehicle, 18, 3):
            yield 0.2, 0.0, Doing.PARKED
        if vehicle.errand is not None:
            hold_m = self._errand_m(vehicle, vehicle.errand)
            yield hold_m - vehicle.front_m + vehicle.bumper_m, 0.0, Doing.IN_QUEUE
        yield from self._gates(vehicle)

    def _errand_m(self, vehicle: Vehicle, errand: Errand) -> float:
        """Where a driver with an errand has to stop: before his place while another holds it."""
        if errand.aside_m < _AT_KERB_M:
            return errand.front_m
        for other in self.vehicles:
            is_there = abs(other.front_m - errand.front_m) < PLACE_M - 1 and _is_at_kerb(other)
            if is_there and other is not vehicle and other.lane is vehicle.lane:
                return errand.front_m - 2 * PLACE_M
        return errand.front_m

    def _gates(self, vehicle: Vehicle) -> Iterator[tuple[float, float, Doing]]:
        for line_m, reason, is_open in self._lines(vehicle.lane.name):
            gap_m = line_m - vehicle.front_m
            braking_m = vehicle.speed_mps**2 / (2 * _HARD_MPS2)
            is_before = gap_m > -0.5 and (gap_m > braking_m or vehicle.speed_mps < 1)
            if is_before and gap_m < 80 and not is_open(vehicle):
                yield gap_m - _BEFORE_LINE_M + vehicle.bumper_m, 0.0, reason

    def _lines(self, name: LaneName) -> Sequence[tuple[float, Doing, Callable[[Vehicle], bool]]]:
        """Where a lane's drivers may have to halt, along the lane, and what lets them go."""
        road = self.plan.road
        begin_m = float(self._lanes[name].points_m[0, 1])
        line_m = road.stop_line_m - begin_m
        if name in (LaneName.KERB, LaneName.MIDDLE):
            return [(line_m, Doing.AT_SIGNAL, self._is_green)]
        if name is LaneName.TURN:
            return [
                (line_m, Doing.AT_SIGNAL, self._is_green),
                (line_m + 6.0, Doing.GIVING_WAY, self._may_turn),
            ]
        if name is LaneName.SIDE:
            return [(33.0, Doing.AT_STOP_SIGN, self._may_join)]
        if name is LaneName.CROSS:
            return [(60.0 + 12 - 2, Doing.AT_SIGNAL, self._may_cross)]
        lines = [(begin_m - road.stop_line_m - 18, Doing.AT_SIGNAL, self._is_green)]
        if road.oncoming_line_m is not None:
            second_m = begin_m - road.oncoming_line_m
            lines.append((second_m, Doing.AT_SIGNAL, self._is_second_green))
        return lines

    def _is_green(self, _: Vehicle) -> bool:
        return self.plan.signal.is_green(self.now_s)

    def _is_second_green(self, _: Vehicle) -> bool:
        return self.plan.signal.is_green(self.now_s - 0.35 * self.plan.signal.mean_cycle_s)

    def _may_cross(self, _: Vehicle) -> bool:
        return self.plan.signal.is_clear_red(self.now_s)

    def _may_turn(self, _: Vehicle) -> bool:
        """Whether no oncoming vehicle is near; those in the junction clear it after green."""
        if not self.plan.signal.is_green(self.now_s):
            return True
        for one in self.vehicles:
            if one.lane.name in (LaneName.ONCOMING_FAST, LaneName.ONCOMING_SLOW):
                ahead_m = one.lane.points_m[0, 1] - one.front_m - (self.plan.road.stop_line_m + 10)
                if -8 < ahead_m < 12 + 3.5 * one.speed_mps:
                    return False
        return True

    def _may_join(self, vehicle: Vehicle) -> bool:
        """Whether one at the stop sign has stood there and found a gap."""
        since = vehicle.rest_since_s
        if since is not None and self.now_s - since >= _STOP_SIGN_S:
            join_m = self.plan.road.side_m + 8 - self._lanes[LaneName.KERB].points_m[0, 1]
            patience = max(0.3, 1 - (self.now_s - since) / 90)
            vehicle.is_cleared = all(
                one.rear_m - join_m > 10
                or join_m - one.front_m > patience * (6 + 3 * one.speed_mps)
                for one in self.vehicles
                if one.lane.name is LaneName.KERB and not _is_at_kerb(one)
            )
        return vehicle.is_cleared

    def _join(self, vehicle: Vehicle) -> None:
        """From the end of the side street into the kerb lane."""
        if vehicle.lane.name is LaneName.SIDE and vehicle.front_m >= vehicle.lane.length_m:
            over_m = vehicle.front_m - vehicle.lane.length_m
            kerb = self._lanes[LaneName.KERB]
            vehicle.front_m = self.plan.road.side_m + 8 - float(kerb.points_m[0, 1]) + over_m
            vehicle.lane = kerb

    def _run_errand(self, vehicle: Vehicle) -> None:
        errand = vehicle.errand
        if errand is None:
            return
        if vehicle.errand_until_s is not None:
            self._end_errand(vehicle, errand)
            return
        place_m = self._errand_m(vehicle, errand)
        left_m = place_m - vehicle.front_m
        if place_m != errand.front_m:
            since_s = vehicle.rest_since_s
            if since_s is not None and self.now_s - since_s >= _WAITS_FOR_PLACE_S:
                vehicle.errand = None
        elif left_m < 16:
            vehicle.wants_aside_m = errand.aside_m
            if left_m < 0.8 and vehicle.speed_mps < 0.2:
                vehicle.errand_until_s = self.now_s + errand.stays_s
                vehicle.doing = errand.doing

    def _end_errand(self, vehicle: Vehicle, errand: Errand) -> None:
        """Drive on when the time is over and there is a gap."""
        if vehicle.errand_until_s is None or self.now_s < vehicle.errand_until_s:
            return
        if errand.vanishes:
            vehicle.front_m += vehicle.lane.length_m
        elif self._may_pull_out(vehicle):
            vehicle.errand = vehicle.errand_until_s = None
            vehicle.wants_aside_m = 0.0
            vehicle.doing = Doing.DRIVING

    def _may_pull_out(self, vehicle: Vehicle) -> bool:
        return not _is_at_kerb(vehicle) or self._is_free(LaneName.KERB, vehicle, 15, 5)

    def _creep(self, vehicle: Vehicle) -> None:
        """Now and then a driver in a queue moves up a little."""
        if vehicle.rest_since_s is not None and self._rng.random() < STEP_S / 40:
            vehicle.bumper_m = float(self._rng.uniform(1.2, 3.0))

    def _change_lane(self, vehicle: Vehicle) -> None:
        """Drive around one who stands in the lane, or past a slow one, where there is a gap."""
        to = _NEIGHBOURS.get(vehicle.lane.name)
        is_busy = vehicle.errand is not None or abs(vehicle.aside_m) > 0.3
        line_m = self.plan.road.stop_line_m - float(vehicle.lane.points_m[0, 1])
        if to is None or is_busy or abs(vehicle.front_m - line_m) < 3:
            return
        row = [one for one in self.vehicles if one.lane is vehicle.lane and not _is_at_kerb(one)]
        near = [one for one in row if 0 < one.front_m - vehicle.front_m < 45]
        leader = min(near, key=lambda one: one.front_m, default=None)
        if leader is None:
            return
        is_blocked = any(one.is_obstacle for one in near)
        is_slow = 1 < leader.speed_mps < vehicle.free_mps - 4 and vehicle.speed_mps > 4
        behind_m = 6.0 if vehicle.speed_mps < 2 else 14.0
        if (is_blocked or is_slow) and self._is_free(to, vehicle, behind_m, 8):
            vehicle.lane = self._lanes[to]
            vehicle.aside_m += LANE_M if to is LaneName.MIDDLE else -LANE_M

    def _is_free(self, name: LaneName, vehicle: Vehicle, behind_m: float, ahead_m: float) -> bool:
        """Whether a lane has a gap beside a vehicle; fast ones behind need more of it."""
        for one in self.vehicles:
            if one is vehicle or one.lane.name is not name or _is_at_kerb(one):
                continue
            is_before = one.rear_m > vehicle.front_m + ahead_m
            margin_m = behind_m if one.speed_mps > 1 else 2.0
            is_after = one.front_m < vehicle.rear_m - margin_m - 0.5 * one.speed_mps
            if not (is_before or is_after):
                return False
        return True


def _is_at_kerb(vehicle: Vehicle) -> bool:
    return vehicle.lane.name is LaneName.KERB and vehicle.aside_m > _AT_KERB_M


def _leader(vehicle: Vehicle, row: Sequence[Vehicle]) -> Vehicle | None:
    """The next one before a vehicle; `row` is sorted, the farthest first."""
    before = None
    for one in row:
        if one is vehicle or one.front_m <= vehicle.front_m:
            break
        before = one
    return before
