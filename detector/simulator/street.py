"""The empty street, drawn once for each scene and laid under every picture of it."""

import cv2
import numpy as np

from detector.detection import ImageArray
from detector.simulator.greenery import draw_avenue
from detector.simulator.kerbside import draw_fronts, draw_pavement, leaf_shadow
from detector.simulator.light import Light
from detector.simulator.planes import Sheet, grain, ground, mix, upright
from detector.simulator.road import YELLOW, draw_road
from detector.simulator.viewpoint import Viewpoint

__all__ = ["draw_street"]

_KERB_HEIGHT_M = 0.14
_LEFT_KERB_X_M = -10.2
_FRONTS_X_M = (5.2, -15.5)
_FRONTS_HEIGHT_M = 9.0
_END_M = 240.0


def draw_street(view: Viewpoint, light: Light, rng: np.random.Generator) -> ImageArray:
    """The street without any vehicle, BGR."""
    rays = view.rays().astype(np.float32)
    picture, depth_m = _draw_level(view, rays, light, rng)
    for x_m in _FRONTS_X_M:
        wall = upright(view, rays, x_m)
        shown = (wall.depth_m < depth_m) & (wall.b_m < _FRONTS_HEIGHT_M) & (wall.depth_m < _END_M)
        tint = (light.sky * 0.95 + light.sun * 0.45).astype(np.float32)
        picture[shown] = draw_fronts(wall.at(shown), rng) * tint
        depth_m = np.where(shown, wall.depth_m, depth_m)
    fade = 1 - np.exp(-((depth_m / np.float32(light.haze_depth_m)) ** 1.3))
    picture = mix(picture, light.haze.astype(np.float32), fade)
    is_sky = (rays[..., 2] > -0.006) & (depth_m >= _END_M)
    picture = np.where(is_sky[..., None], _sky(view, light), picture)
    drawn = draw_avenue(np.clip(picture, 0, 255), view, light, rng)
    return _through_the_lens(drawn, view)


def _draw_level(
    view: Viewpoint, rays: Sheet, light: Light, rng: np.random.Generator
) -> tuple[Sheet, Sheet]:
    """Road, kerb and pavement in their light, and the depth of each pixel."""
    road, raised = ground(view, rays, 0.0), ground(view, rays, _KERB_HEIGHT_M)
    kerb = upright(view, rays, 0.0)
    leaf_seed = int(rng.integers(2**32))
    picture = draw_road(road, rng)
    lit = 1 - light.shadow_ratio * leaf_shadow(road, np.random.default_rng(leaf_seed))
    picture *= lit[..., None]
    is_raised = (raised.a_m > 0) | (raised.a_m < _LEFT_KERB_X_M)
    beside = raised.at(is_raised)
    leaves = leaf_shadow(beside, np.random.default_rng(leaf_seed))
    slabs = draw_pavement(beside, rng, camera_z_m=float(view.position_m[2]))
    picture[is_raised] = slabs * (1 - 0.9 * light.shadow_ratio * leaves)[..., None]
    is_face = (kerb.b_m >= 0) & (kerb.b_m < _KERB_HEIGHT_M) & (rays[..., 0] > 0)
    face = kerb.at(is_face)
    worn = 0.76 + 0.06 * grain(rng, face.a_m, face.b_m, 0.2)
    picture[is_face] = YELLOW * (worn * lit[is_face])[..., None]
    depth_m = np.where(is_raised, raised.depth_m, road.depth_m)
    return picture * (light.sky + light.sun * 0.8).astype(np.float32), depth_m


def _sky(view: Viewpoint, light: Light) -> Sheet:
    down = np.linspace(0, 1, view.height_px, dtype=np.float32)[:, None, None] ** 0.5
    haze = light.haze.astype(np.float32)
    top = haze * np.array([1.0, 0.93, 0.86], np.float32)
    column = top + (haze - top) * np.clip(down * 3.5, 0, 1)
    return np.broadcast_to(column, (view.height_px, view.width_px, 3))


def _through_the_lens(picture: ImageArray, view: Viewpoint) -> ImageArray:
    """Slight softness and fall-off to the corners, as a real lens gives."""
    u, v = np.meshgrid(
        np.linspace(-1, 1, view.width_px, dtype=np.float32),
        np.linspace(-1, 1, view.height_px, dtype=np.float32),
    )
    soft = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.6)
    return np.clip(soft * (1 - 0.10 * (u * u + v * v))[..., None], 0, 255).astype(np.uint8)
