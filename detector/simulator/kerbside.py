"""What lies beside the drawn road: pavement, shop fronts, and the shadow of leaves."""

import numpy as np

from detector.simulator.plan import YELLOW, Plan
from detector.simulator.planes import Plane, Sheet, bgr, grain, mix, stripe

__all__ = ["draw_fronts", "draw_pavement", "leaf_shadow"]

_BAY_M = 5.0
_TILE_M = 0.4
_BOARDS = (
    (92, 76, 128),
    (118, 102, 70),
    (86, 116, 84),
    (72, 84, 142),
    (140, 128, 106),
    (78, 122, 160),
    (60, 58, 62),
)


def draw_pavement(
    raised: Plane, plan: Plan, rng: np.random.Generator, *, camera_z_m: float
) -> Sheet:
    """Slabs, the ribbed strip that guides blind people, and the kerbstone with its yellow edge."""
    x_m, y_m, pixel_m = raised.a_m, raised.b_m, raised.pixel_m
    along_px_m = pixel_m * raised.depth_m / camera_z_m
    tones = rng.uniform(-1, 1, (64, 64)).astype(np.float32)
    column = np.mod(np.floor(x_m / _TILE_M), 64).astype(int)
    shift_m = (_TILE_M / 2 * np.mod(column, 2)).astype(np.float32)
    row = np.mod(np.floor((y_m + shift_m) / _TILE_M), 64).astype(int)
    tone = 158 + 7 * tones[row, column] + 4 * grain(rng, x_m, y_m, 0.05)
    tone += 6 * grain(rng, x_m, y_m, 2.0)
    picture = tone[..., None] * bgr(0.955, 0.985, 1.0)
    joint = stripe(np.mod(x_m, _TILE_M), _TILE_M / 2, 0.014, pixel_m)
    crossing = stripe(np.mod(y_m + shift_m, _TILE_M), _TILE_M / 2, 0.014, along_px_m)
    picture *= (1 - 0.22 * np.maximum(joint, crossing * (along_px_m < 0.12)))[..., None]
    bars = 0.72 + 0.18 * (0.5 + 0.5 * np.sin(x_m * (2 * np.pi / 0.11)))
    picture = mix(picture, bgr(88, 170, 204), stripe(x_m, 2.3, 0.44, pixel_m) * bars)
    picture = mix(picture, bgr(176, 180, 182), stripe(x_m, 0.0, 0.6, pixel_m) * 0.9)
    picture = mix(picture, YELLOW, stripe(x_m, 0.0, 0.26, pixel_m) * 0.85)
    if plan.crossing_y_m is not None:
        edge = stripe(plan.on_pavement_m(x_m, y_m), 0.0, 0.6, pixel_m)
        picture = mix(picture, bgr(176, 180, 182), edge * 0.9)
    split = stripe(np.mod(y_m, 1.0), 0.5, 0.02, along_px_m)
    return picture * (1 - 0.35 * split * (x_m < 0.3) * (along_px_m < 0.3))[..., None]


def leaf_shadow(plane: Plane, plan: Plan, rng: np.random.Generator) -> Sheet:
    """Share of sunlight that the trees along the pavement hold back, 0 to 1."""
    crowns = np.zeros_like(plane.a_m)
    across = ((plane.a_m + 0.1) / 2.7) ** 2
    for y_m in np.arange(6.0, 180.0, 8.0):
        if plan.is_open(y_m):
            continue
        spread = across + ((plane.b_m - np.float32(y_m + 1.5)) / 3.3) ** 2
        crowns = np.maximum(crowns, 1.25 - spread)
    crowns = np.clip(crowns, 0, 1)
    flecks = grain(rng, plane.a_m, plane.b_m, 0.45) + 0.6 * grain(rng, plane.a_m, plane.b_m, 0.16)
    ragged = np.clip((crowns * 2.0 - 0.8 + flecks * 0.9) / 0.7, 0, 1)
    return np.asarray(ragged * np.clip(crowns * 3, 0, 1), np.float32)


def draw_fronts(wall: Plane, rng: np.random.Generator) -> Sheet:
    """Shop fronts in bays: plinth, lit window with shelves, sign board, storeys above."""
    y_m, z_m = wall.a_m, wall.b_m
    bay = np.mod(np.floor(y_m / _BAY_M), 64).astype(int)
    within_m = np.mod(y_m, np.float32(_BAY_M))
    stone = rng.uniform(0.86, 1.06, 64).astype(np.float32)[bay]
    courses = 1 - 0.08 * stripe(np.mod(z_m, 0.6), 0.3, 0.03, wall.pixel_m)
    picture = (stone * courses)[..., None] * bgr(168, 180, 190)
    picture = _hang_boards(picture, (within_m, z_m, bay), rng)
    glass = _shop_window(y_m, z_m, bay, rng)
    pane = stripe(within_m, 2.6, 4.2, wall.pixel_m * 4) * stripe(z_m, 1.55, 2.2, wall.pixel_m)
    picture = mix(picture, glass, pane)
    bars = np.abs(np.mod(within_m - 0.5, 1.4) - 0.7) > 0.66
    rail = np.abs(z_m - 2.2) < 0.025
    picture = mix(picture, bgr(62, 64, 66), pane * np.asarray(bars | rail, np.float32))
    storey = (z_m > 4.3) & (np.mod(z_m - 4.3, 3.0) < 1.7) & (np.mod(within_m, 2.5) > 0.8)
    picture = mix(picture, bgr(138, 128, 116), np.asarray(storey, np.float32))
    return picture * np.where(z_m < 0.45, np.float32(0.72), np.float32(1.0))[..., None]


def _hang_boards(
    picture: Sheet, bays: tuple[Sheet, Sheet, np.ndarray], rng: np.random.Generator
) -> Sheet:
    """Sign boards over the windows, with light blocks where a name would be."""
    within_m, z_m, bay = bays
    boards = np.array(_BOARDS, np.float32)[rng.integers(0, len(_BOARDS), 64)][bay]
    is_board = (z_m > 2.72) & (z_m < 3.55) & (within_m > 0.2)
    picture = mix(picture, boards, np.asarray(is_board, np.float32))
    sign = np.mod(np.floor(within_m / 0.5) * 7 + bay * 3, 5)
    is_name = is_board & (np.abs(z_m - 3.1) < 0.2) & (np.abs(within_m - 2.6) < 1.3) & (sign > 0)
    is_name &= np.mod(within_m, 0.5) < 0.38
    return mix(picture, bgr(214, 222, 226), np.asarray(is_name, np.float32) * 0.7)


def _shop_window(y_m: Sheet, z_m: Sheet, bay: np.ndarray, rng: np.random.Generator) -> Sheet:
    """A window's dim inside: lamps under the ceiling, shelves with goods, a mirrored street."""
    warm = rng.uniform(0.2, 1.0, 64).astype(np.float32)[bay]
    up = np.clip((z_m - 0.45) / 2.15, 0, 1)
    inside = bgr(58, 60, 62) + (warm * (0.25 + 0.75 * up**2))[..., None] * bgr(64, 100, 124)
    tones = rng.uniform(-1, 1, (64, 16)).astype(np.float32)
    tints = rng.uniform(0.75, 1.1, (64, 16, 3)).astype(np.float32)
    column = np.mod(np.floor(y_m / 0.32), 64).astype(int)
    shelf = np.mod(np.floor(z_m / 0.42), 16).astype(int)
    is_goods = (np.mod(z_m, 0.42) < 0.30) & (tones[column, shelf] > -0.3) & (z_m < 2.1)
    goods = inside * tints[column, shelf] * 1.35
    inside = mix(inside, goods, np.asarray(is_goods, np.float32) * 0.6)
    mirrored = bgr(150, 146, 138) * (0.6 + 0.4 * up)[..., None]
    return mix(inside, mirrored, 0.22 + 0.10 * np.sin(y_m * 0.9 + z_m))
