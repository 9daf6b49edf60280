"""The empty motorway: carriageways, hard shoulder, guard rails, verges and woods."""

import cv2
import numpy as np

from detector.detection import ImageArray
from detector.simulator.greenery import draw_tree
from detector.simulator.light import Light
from detector.simulator.plan import Plan, bar, line
from detector.simulator.planes import Plane, Sheet, bgr, grain, ground, mix, stripe, upright
from detector.simulator.road import draw_asphalt, paint
from detector.simulator.street import hang_haze, through_the_lens
from detector.simulator.viewpoint import Viewpoint

__all__ = ["MOTORWAY_LANES_X_M", "MOTORWAY_LEFT_X_M", "SHOULDER_X_M", "draw_motorway"]

SHOULDER_X_M = -1.55
"""Middle of the hard shoulder, whose outer edge is at 0."""
MOTORWAY_LANES_X_M = (-5.0, -8.75, -12.5)
_SHOULDER_EDGE_X_M = -3.1
_MEDIAN_X_M = (-18.2, -14.8)
MOTORWAY_LEFT_X_M = -33.0
_OPPOSITE_LANES_X_M = (-20.3, -24.1, -27.9)
_RAILS_X_M = (-16.5, 0.9)
_RAIL_Z_M = (0.44, 0.76)

_PLAN = Plan(
    lanes_x_m=(SHOULDER_X_M, *MOTORWAY_LANES_X_M, *_OPPOSITE_LANES_X_M),
    left_kerb_x_m=MOTORWAY_LEFT_X_M,
    marks=(
        line(_SHOULDER_EDGE_X_M, width_m=0.2),
        line(-6.88, width_m=0.16, is_dashed=True),
        line(-10.62, width_m=0.16, is_dashed=True),
        line(-14.4, width_m=0.2),
        line(-18.6, width_m=0.2),
        line(-22.2, width_m=0.16, is_dashed=True),
        line(-26.0, width_m=0.16, is_dashed=True),
        line(-29.9, width_m=0.2),
        *(bar(y_m, (-2.9, -0.2), width_m=0.35) for y_m in (13.0, 63.0, 113.0)),
    ),
)


def draw_motorway(view: Viewpoint, light: Light, rng: np.random.Generator) -> ImageArray:
    """The motorway without any vehicle, BGR."""
    rays = view.rays().astype(np.float32)
    land = ground(view, rays, 0.0)
    picture = paint(draw_asphalt(land, MOTORWAY_LANES_X_M, rng), land, _PLAN.marks, rng)
    # The shoulder is younger and lighter than the lanes.
    picture = picture * (1 + 0.05 * (land.a_m > _SHOULDER_EDGE_X_M))[..., None].astype(np.float32)
    picture = _sow(picture, land, rng)
    picture *= (light.sky + light.sun * 0.8).astype(np.float32)
    for x_m in _RAILS_X_M:
        picture = _set_rail(picture, upright(view, rays, x_m), light)
    picture = hang_haze(picture, land.depth_m, view, rays, light)
    drawn = _plant(np.clip(picture, 0, 255), view, light, rng)
    return through_the_lens(drawn, view)


def _sow(picture: Sheet, land: Plane, rng: np.random.Generator) -> Sheet:
    """Grass on verges and median, with a strip of gravel at the asphalt's edge."""
    x_m, y_m = land.a_m, land.b_m
    is_green = (
        (x_m > 0) | (x_m < MOTORWAY_LEFT_X_M) | ((x_m > _MEDIAN_X_M[0]) & (x_m < _MEDIAN_X_M[1]))
    )
    tone = 0.94 + 0.10 * grain(rng, x_m, y_m, 4.0) + 0.10 * grain(rng, x_m, y_m / 2, 0.35)
    tone += 0.10 * np.clip(0.03 / land.pixel_m, 0, 1) * grain(rng, x_m, y_m / 3, 0.09)
    dry = np.clip(0.3 + 0.5 * grain(rng, x_m, y_m, 7.0), 0, 1)
    grass = mix(np.broadcast_to(bgr(62, 118, 96), (*x_m.shape, 3)), bgr(84, 142, 142), dry)
    gravel = stripe(x_m, 0.25, 0.7, land.pixel_m) * (0.6 + 0.3 * grain(rng, x_m, y_m, 0.08))
    grass = mix(grass * tone[..., None], bgr(128, 140, 146), np.clip(gravel, 0, 1))
    return np.where(is_green[..., None], grass, picture)


def _set_rail(picture: Sheet, wall: Plane, light: Light) -> Sheet:
    """A guard rail: posts, a ribbed beam, and its dark foot in the grass."""
    low_m, high_m = _RAIL_Z_M
    beam = stripe(wall.b_m, (low_m + high_m) / 2, high_m - low_m, wall.pixel_m)
    rib = 0.5 + 0.5 * np.cos((wall.b_m - low_m) / (high_m - low_m) * 4 * np.pi)
    steel = bgr(176, 172, 166) * (0.72 + 0.26 * rib)[..., None]
    steel = steel * (light.sky + light.sun * 0.6).astype(np.float32)
    is_near = wall.depth_m < 230
    post = stripe(np.mod(wall.a_m, 4.0), 2.0, 0.14, wall.pixel_m * 4)
    post = post * stripe(wall.b_m, low_m / 2, low_m, wall.pixel_m)
    shade = stripe(wall.b_m, 0.06, 0.16, wall.pixel_m) * 0.35
    picture = picture * (1 - shade * is_near)[..., None]
    picture = mix(picture, bgr(110, 108, 104), post * is_near)
    return mix(picture, steel, beam * is_near)


def _plant(picture: Sheet, view: Viewpoint, light: Light, rng: np.random.Generator) -> ImageArray:
    """Woods on both sides, furthest first."""
    canvas = np.ascontiguousarray(picture)
    for y_m in np.arange(236.0, 26.0, -5.0):
        for x_m in (rng.uniform(9, 13), rng.uniform(15, 22), rng.uniform(-46, -38)):
            foot_m = np.array(
                [float(x_m), float(y_m + rng.uniform(-2, 2)), rng.uniform(-2.6, -1.2)]
            )
            draw_tree(canvas, (view, light), foot_m, rng)
    return np.asarray(cv2.convertScaleAbs(canvas), np.uint8)
