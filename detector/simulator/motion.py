"""How the vehicles of a scene move: places as functions of time, nothing drawn."""

from dataclasses import dataclass

import numpy as np

from detector.simulator.road import FAR_LANE_X_M, KERB_LANE_X_M, ONCOMING_LANE_X_M
from detector.simulator.vehicle import Lamps, Pose

__all__ = ["Passage", "Stay", "passing_pose", "stay_lamps", "stay_pose"]

GONE_AFTER_M = 210.0
"""Distance at which a vehicle is lost in the haze."""

TRAFFIC_LOOP_S = 64.0
"""The passing traffic repeats after this time."""

_ENTRY_MPS = 7.0
_BRAKING_MPS2 = 1.7
_LEAVING_MPS2 = 1.7
_LEAVING_MPS = 11.0
_SIGNALS_BEFORE_S = 1.0
_START_BEHIND_M = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The vehicle that stops where nobody may; times in seconds of the scene.

    Attributes:
        rest_at_s: When it stands still.
        rest: Where it stands.
        leave_delay_s: How long its driver needs from the signal to the first movement.
    """

    rest_at_s: float
    rest: Pose
    leave_delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A vehicle that drives through again and again, in the far lane or oncoming."""

    enters_at_s: float
    speed_mps: float
    is_oncoming: bool


def _ease(share: float) -> float:
    inside = min(max(share, 0.0), 1.0)
    return inside * inside * (3 - 2 * inside)


def _drift(stay: Stay, travelled_m: float, over_m: float) -> tuple[float, float]:
    """Across the lane and heading while changing between lane and kerb over `over_m`."""
    aside_m = KERB_LANE_X_M - stay.rest.x_m
    share = travelled_m / over_m
    slope = (_ease(share + 0.01) - _ease(share - 0.01)) / 0.02 * aside_m / over_m
    return stay.rest.x_m + aside_m * _ease(share), float(np.arctan(slope))


def _leaves_from_s(stay: Stay, signalled_at_s: float) -> float:
    return max(signalled_at_s + stay.leave_delay_s, stay.rest_at_s + 1.5)


def stay_pose(stay: Stay, at_s: float, signalled_at_s: float | None) -> Pose | None:
    """Where the stopping vehicle is; None before it comes and after it has gone.

    Args:
        stay: The vehicle's part in the scene.
        at_s: Seconds since the scene began.
        signalled_at_s: When the driver was first told to leave; None while he was not.
    """
    if at_s < stay.rest_at_s:
        return _arriving(stay, stay.rest_at_s - at_s)
    if signalled_at_s is None:
        return stay.rest
    driven_s = at_s - _leaves_from_s(stay, signalled_at_s)
    return stay.rest if driven_s <= 0 else _leaving(stay, driven_s)


def _arriving(stay: Stay, left_s: float) -> Pose | None:
    braking_s = _ENTRY_MPS / _BRAKING_MPS2
    slow_s = min(left_s, braking_s)
    left_m = _BRAKING_MPS2 * slow_s**2 / 2 + _ENTRY_MPS * max(left_s - braking_s, 0.0)
    y_m = stay.rest.y_m - left_m
    if y_m < -_START_BEHIND_M:
        return None
    x_m, slope = _drift(stay, left_m, 11.0)
    return Pose(
        x_m=x_m, y_m=y_m, heading_rad=-slope + stay.rest.heading_rad * _ease(1 - left_m / 4)
    )


def _leaving(stay: Stay, driven_s: float) -> Pose | None:
    speeding_s = min(driven_s, _LEAVING_MPS / _LEAVING_MPS2)
    driven_m = _LEAVING_MPS2 * speeding_s**2 / 2 + _LEAVING_MPS * (driven_s - speeding_s)
    y_m = stay.rest.y_m + driven_m
    if y_m > GONE_AFTER_M:
        return None
    x_m, slope = _drift(stay, driven_m, 13.0)
    return Pose(
        x_m=x_m, y_m=y_m, heading_rad=slope + stay.rest.heading_rad * _ease(1 - driven_m / 4)
    )


def stay_lamps(stay: Stay, at_s: float, signalled_at_s: float | None) -> Lamps:
    """Brake lamps while it rolls to rest, turn signals while it pulls in and out."""
    is_flash = (at_s * 1.5) % 1.0 < 0.5
    if at_s < stay.rest_at_s + 0.8:
        is_pulling_in = at_s < stay.rest_at_s
        return Lamps(is_braking=True, is_turning_right=is_flash and is_pulling_in)
    if signalled_at_s is None:
        return Lamps()
    driven_s = at_s - _leaves_from_s(stay, signalled_at_s)
    return Lamps(is_turning_left=is_flash and -_SIGNALS_BEFORE_S < driven_s < 2.5)


def passing_pose(passage: Passage, at_s: float) -> Pose | None:
    """Where a passing vehicle is; None while it is out of sight."""
    since_s = at_s - passage.enters_at_s
    if since_s < 0:
        return None
    driven_m = passage.speed_mps * (since_s % TRAFFIC_LOOP_S)
    if driven_m > GONE_AFTER_M:
        return None
    if passage.is_oncoming:
        return Pose(x_m=ONCOMING_LANE_X_M, y_m=GONE_AFTER_M - driven_m, heading_rad=np.pi)
    return Pose(x_m=FAR_LANE_X_M, y_m=driven_m - _START_BEHIND_M)
