"""The drawn road: asphalt, lanes, paint, and what is written for drivers."""

import cv2
import numpy as np

from detector.simulator.plan import YELLOW, Mark, Plan, line
from detector.simulator.planes import Plane, Sheet, bgr, grain, mix, stripe
from detector.simulator.plate import glyph_mask

__all__ = [
    "FAR_LANE_X_M",
    "KERB_LANE_X_M",
    "KERB_PLAN",
    "ONCOMING_LANE_X_M",
    "draw_asphalt",
    "draw_road",
    "paint",
]

KERB_LANE_X_M = -1.75
"""Middle of the lane at the kerb, where nobody may stop."""
FAR_LANE_X_M = -4.95
ONCOMING_LANE_X_M = -8.35

KERB_PLAN = Plan(
    lanes_x_m=(KERB_LANE_X_M, FAR_LANE_X_M, ONCOMING_LANE_X_M),
    left_kerb_x_m=-10.2,
    marks=(
        line(-3.35, is_dashed=True),
        line(-6.62, colour=YELLOW),
        line(-6.86, colour=YELLOW),
        line(-0.36, width_m=0.15, colour=YELLOW),
    ),
    words="禁止停车",
    has_sign=True,
)


def draw_road(road: Plane, plan: Plan, rng: np.random.Generator) -> Sheet:
    """The road's own colours, without light and shadow."""
    picture = draw_asphalt(road, plan.lanes_x_m, rng)
    picture -= (16 * _gutter(road, plan))[..., None] * bgr(1.0, 0.992, 0.985)
    return _write(paint(_mend(picture, road), road, plan.marks, rng), road, plan.words)


def _nearness(road: Plane) -> Sheet:
    """1 near the camera; fine grain fades with it, or it would flicker between pixels."""
    return np.asarray(np.clip(1.4 - road.pixel_m / np.float32(0.02), 0.15, 1))


def draw_asphalt(road: Plane, lanes_x_m: tuple[float, ...], rng: np.random.Generator) -> Sheet:
    """Asphalt with the tracks that wheels and oil leave in each lane."""
    x_m, y_m = road.a_m, road.b_m
    tone = 112 + 6 * grain(rng, x_m, y_m, 3.5) + 4 * grain(rng, x_m, y_m, 0.5)
    tone += 9 * _nearness(road) * grain(rng, x_m, y_m, 0.035)
    streaks = 0.8 + 0.3 * grain(rng, x_m, y_m / 8, 0.6)
    for lane_x_m in lanes_x_m:
        for track_m in (-0.75, 0.75):
            tone -= 6 * streaks * np.exp(-(((x_m - (lane_x_m + track_m)) / 0.32) ** 2))
        tone -= 4 * np.exp(-(((x_m - lane_x_m) / 0.28) ** 2))
    return tone[..., None] * bgr(1.0, 0.992, 0.985)


def _gutter(road: Plane, plan: Plan) -> Sheet:
    """Dirt along the kerb, but not where another street comes in."""
    dirt = np.clip((road.a_m + 0.22) / 0.2, 0, 1)
    return np.where(plan.is_open(road.b_m, margin_m=0.0), np.float32(0), dirt)


def _mend(picture: Sheet, road: Plane) -> Sheet:
    """A mended stretch with its seam, and two covers."""
    x_m, y_m, pixel_m = road.a_m, road.b_m, road.pixel_m
    mended = stripe(x_m, -5.3, 1.5, pixel_m) * stripe(y_m, 19.0, 9.0, pixel_m * 8)
    inner = stripe(x_m, -5.3, 1.42, pixel_m) * stripe(y_m, 19.0, 8.6, pixel_m * 8)
    darker = 0.10 * mended + 0.14 * (mended - inner)
    for cover_x_m, cover_y_m in ((-4.7, 12.6), (-2.3, 27.0)):
        radius_m = np.hypot(x_m - cover_x_m, y_m - cover_y_m)
        cover = stripe(radius_m, 0.0, 0.72, pixel_m * 3)
        rim = cover - stripe(radius_m, 0.0, 0.60, pixel_m * 3)
        bars = 0.5 + 0.5 * np.sin((x_m - cover_x_m) * (2 * np.pi / 0.12))
        darker += cover * (0.20 + 0.16 * bars) + 0.2 * rim
    return picture * (1 - darker)[..., None]


def paint(picture: Sheet, road: Plane, marks: tuple[Mark, ...], rng: np.random.Generator) -> Sheet:
    """Lay worn paint over the asphalt."""
    wear = 0.80 + 0.14 * grain(rng, road.a_m, road.b_m, 0.4)
    wear = np.clip(wear + 0.10 * _nearness(road) * grain(rng, road.a_m, road.b_m, 0.06), 0.35, 0.96)
    for mark in marks:
        picture = mix(picture, mark.colour, wear * mark.share(road))
    return picture


def _write(picture: Sheet, road: Plane, words: str) -> Sheet:
    """The words for no stopping, drawn out so that they read from a driver's seat."""
    for rank, character in enumerate(words):
        ink = cv2.GaussianBlur(glyph_mask(character, 128, 256).astype(np.float32), (0, 0), 2.0)
        u = (road.a_m - (KERB_LANE_X_M - 0.65)) / 1.3 * 127
        v = 255 - (road.b_m - (12.4 + rank * 3.5)) / 2.7 * 255
        painted = cv2.remap(ink, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        picture = mix(picture, YELLOW, np.asarray(painted, np.float32) * np.float32(0.72 / 255))
    return picture
