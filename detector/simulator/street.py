"""The empty street, drawn once for each scene and laid under every picture of it."""

import cv2
import numpy as np

from detector.detection import ImageArray
from detector.simulator.greenery import draw_avenue, mask_avenue
from detector.simulator.kerbside import draw_fronts, draw_pavement, leaf_shadow
from detector.simulator.light import Light
from detector.simulator.plan import YELLOW, Plan
from detector.simulator.planes import Plane, Sheet, frontal, grain, ground, mix, upright
from detector.simulator.road import draw_road
from detector.simulator.viewpoint import Viewpoint

__all__ = ["draw_front", "draw_street", "hang_haze", "through_the_lens"]

_KERB_HEIGHT_M = 0.14
_FRONTS_BESIDE_M = (5.2, 5.3)
_FRONTS_HEIGHT_M = 9.0
_END_M = 240.0


def draw_street(view: Viewpoint, plan: Plan, light: Light, rng: np.random.Generator) -> ImageArray:
    """The street without any vehicle, BGR."""
    rays = view.rays().astype(np.float32)
    picture, depth_m = _draw_level(view, rays, plan, light, rng)
    right_x_m, left_x_m = _FRONTS_BESIDE_M[0], plan.left_kerb_x_m - _FRONTS_BESIDE_M[1]
    tint = (light.sky * 0.95 + light.sun * 0.45).astype(np.float32)
    for wall in (upright(view, rays, right_x_m), upright(view, rays, left_x_m)):
        shown = _is_shown(wall, depth_m) & ~plan.is_open(wall.a_m)
        picture[shown] = draw_fronts(wall.at(shown), rng) * tint
        depth_m = np.where(shown, wall.depth_m, depth_m)
    if plan.corner_house_y_m is not None:
        wall = frontal(view, rays, plan.corner_house_y_m)
        shown = _is_shown(wall, depth_m) & ((wall.a_m > right_x_m) | (wall.a_m < left_x_m))
        picture[shown] = draw_fronts(wall.at(shown), rng) * (tint * np.float32(0.88))
        depth_m = np.where(shown, wall.depth_m, depth_m)
    picture = hang_haze(picture, depth_m, view, rays, light)
    drawn = draw_avenue(np.clip(picture, 0, 255), plan, view, light, rng)
    return through_the_lens(drawn, view)


def draw_front(view: Viewpoint, plan: Plan) -> ImageArray:
    """A mask, 255 where trees and houses stand nearer than the street that crosses."""
    rays = view.rays().astype(np.float32)
    mask = np.zeros(rays.shape[:2], np.uint8)
    for x_m in (_FRONTS_BESIDE_M[0], plan.left_kerb_x_m - _FRONTS_BESIDE_M[1]):
        wall = upright(view, rays, x_m)
        is_wall = (wall.b_m > 0) & (wall.b_m < _FRONTS_HEIGHT_M) & plan.is_before_crossing(wall.a_m)
        mask[is_wall & (wall.depth_m < _END_M)] = 255
    mask_avenue(mask, plan, view)
    return mask


def _is_shown(wall: Plane, depth_m: Sheet) -> np.ndarray:
    return np.asarray(
        (wall.depth_m < depth_m) & (wall.b_m < _FRONTS_HEIGHT_M) & (wall.depth_m < _END_M)
    )


def hang_haze(picture: Sheet, depth_m: Sheet, view: Viewpoint, rays: Sheet, light: Light) -> Sheet:
    """Let the distance fade to the haze, and fill the sky."""
    fade = 1 - np.exp(-((depth_m / np.float32(light.haze_depth_m)) ** 1.3))
    picture = mix(picture, light.haze.astype(np.float32), fade)
    is_sky = (rays[..., 2] > -0.006) & (depth_m >= _END_M)
    return np.where(is_sky[..., None], _sky(view, light), picture)


def _draw_level(
    view: Viewpoint, rays: Sheet, plan: Plan, light: Light, rng: np.random.Generator
) -> tuple[Sheet, Sheet]:
    """Road, kerb and pavement in their light, and the depth of each pixel."""
    road, raised = ground(view, rays, 0.0), ground(view, rays, _KERB_HEIGHT_M)
    kerb = upright(view, rays, 0.0)
    leaf_seed = int(rng.integers(2**32))
    picture = draw_road(road, plan, rng)
    lit = 1 - light.shadow_ratio * leaf_shadow(road, plan, np.random.default_rng(leaf_seed))
    picture *= lit[..., None]
    is_raised = plan.on_pavement_m(raised.a_m, raised.b_m) > 0
    beside = raised.at(is_raised)
    leaves = leaf_shadow(beside, plan, np.random.default_rng(leaf_seed))
    slabs = draw_pavement(beside, plan, rng, camera_z_m=float(view.position_m[2]))
    picture[is_raised] = slabs * (1 - 0.9 * light.shadow_ratio * leaves)[..., None]
    is_face = (kerb.b_m >= 0) & (kerb.b_m < _KERB_HEIGHT_M) & (rays[..., 0] > 0)
    is_face &= ~plan.is_open(kerb.a_m)
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


def through_the_lens(picture: ImageArray, view: Viewpoint) -> ImageArray:
    """Slight softness and fall-off to the corners, as a real lens gives."""
    u, v = np.meshgrid(
        np.linspace(-1, 1, view.width_px, dtype=np.float32),
        np.linspace(-1, 1, view.height_px, dtype=np.float32),
    )
    soft = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.6)
    return np.clip(soft * (1 - 0.10 * (u * u + v * v))[..., None], 0, 255).astype(np.uint8)
