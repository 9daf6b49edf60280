"""Trees, hedges and the no-stopping sign along the drawn street, furthest first."""

import cv2
import numpy as np

from detector.detection import FloatArray, ImageArray
from detector.simulator.light import Light, fade_to_haze, haze_ratio
from detector.simulator.plan import Plan
from detector.simulator.planes import Sheet
from detector.simulator.viewpoint import Viewpoint

__all__ = ["draw_avenue", "draw_tree", "mask_avenue"]

_TREE_X_M = 1.15
_LEFT_TREE_BESIDE_M = 1.2
_SPACING_M = 8.0
_GROUND_Z_M = 0.14
_TRUNK_M = 4.6
_BARK = np.array([74.0, 88.0, 98.0])
_LEAF = np.array([58.0, 114.0, 84.0])
_LEAFY_FROM_PX = 32.0
_FINE = 16
"""OpenCV draws in sixteenths of a pixel."""


def draw_avenue(
    picture: Sheet, plan: Plan, view: Viewpoint, light: Light, rng: np.random.Generator
) -> ImageArray:
    """Draw both rows of trees, the hedge and the sign onto the street."""
    canvas = np.ascontiguousarray(picture)
    for y_m in np.arange(198.0, 5.0, -_SPACING_M):
        for x_m in (plan.left_kerb_x_m - _LEFT_TREE_BESIDE_M, _TREE_X_M):
            if not plan.is_open(y_m):
                draw_tree(canvas, (view, light), np.array([x_m, y_m, _GROUND_Z_M]), rng)
        if not plan.is_open(y_m - _SPACING_M / 2):
            _draw_hedge(canvas, (view, light), float(y_m) - _SPACING_M / 2, rng)
    drawn = np.clip(canvas, 0, 255).astype(np.uint8)
    if plan.has_sign:
        _draw_sign(drawn, view, np.array([0.55, 18.2, _GROUND_Z_M]))
    return drawn


def mask_avenue(mask: ImageArray, plan: Plan, view: Viewpoint) -> None:
    """Mark the trees that stand before the crossing street, in place."""
    for y_m in np.arange(198.0, 5.0, -_SPACING_M):
        for x_m in (plan.left_kerb_x_m - _LEFT_TREE_BESIDE_M, _TREE_X_M):
            if plan.is_before_crossing(y_m):
                _mask_tree(mask, view, np.array([x_m, y_m, _GROUND_Z_M]))


def _mask_tree(mask: ImageArray, view: Viewpoint, foot_m: FloatArray) -> None:
    (foot_px, top_px), (depth_m, _) = view.project(
        np.stack([foot_m, foot_m + np.array([0.0, 0.0, _TRUNK_M])])
    )
    scale = view.focal_px / float(depth_m)
    width_px = max(1, round(0.31 * scale))
    cv2.line(mask, _fixed(foot_px), _fixed(top_px), 255, width_px, cv2.LINE_8, 4)
    crown = (top_px - np.array([0.0, 0.9 * scale])).tolist()
    cv2.ellipse(mask, (crown, (5.5 * scale, 4.3 * scale), 0.0), 255, -1)


def _fixed(points_px: FloatArray) -> list[int]:
    fixed: list[int] = np.round(points_px * _FINE).astype(int).tolist()
    return fixed


def draw_tree(
    canvas: Sheet, scene: tuple[Viewpoint, Light], foot_m: FloatArray, rng: np.random.Generator
) -> None:
    """A trunk and its crown, standing at `foot_m`."""
    view, light = scene
    (foot_px, top_px), (depth_m, _) = view.project(
        np.stack([foot_m, foot_m + np.array([0.0, 0.0, _TRUNK_M])])
    )
    scale = view.focal_px / float(depth_m)
    brightness = float(np.mean(light.sky + light.sun))
    _draw_trunk(canvas, foot_px, top_px, (scale, fade_to_haze(_BARK, float(depth_m), light)))
    crown_px = top_px - np.array([0.0, 0.9 * scale])
    if crown_px[1] + 2.8 * scale < 0 or depth_m < 9:
        return
    leaf = _LEAF * rng.uniform(0.85, 1.1) * brightness
    for step in range(90):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        offset = np.array([np.cos(angle) * 2.5, np.sin(angle) * 1.9]) * reach * scale
        tone = 0.62 + 0.26 * step / 90 - 0.2 * offset[1] / (1.9 * scale) + rng.uniform(-0.08, 0.08)
        colour = fade_to_haze(leaf * tone, float(depth_m), light).tolist()
        radius = max(8, round(rng.uniform(0.25, 0.6) * scale * _FINE))
        cv2.circle(canvas, _fixed(crown_px + offset), radius, colour, -1, cv2.LINE_AA, 4)
    if scale > _LEAFY_FROM_PX and crown_px[1] > -1.5 * scale:
        look = (scale, fade_to_haze(leaf, float(depth_m), light))
        clear_ratio = 1 - haze_ratio(float(depth_m), light)
        _draw_leaves(canvas, crown_px, (*look, clear_ratio), np.random.default_rng(int(foot_m[1])))


def _draw_leaves(
    canvas: Sheet,
    crown_px: FloatArray,
    look: tuple[float, FloatArray, float],
    rng: np.random.Generator,
) -> None:
    """Bunches of leaves over a crown that is near, lit from above; haze evens their tones out."""
    scale, leaf, clear_ratio = look
    count = int(min(2600, 34 * scale))
    angles, reach = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1.12, count))
    up = np.sin(angles) * reach
    offsets = np.column_stack([np.cos(angles) * reach * 2.5, -up * 1.9]) * scale
    tones = 1 - (0.28 - 0.22 * up - rng.uniform(-0.17, 0.2, count)) * clear_ratio
    sizes = rng.uniform(0.05, 0.15, (count, 2)) * scale
    turns = rng.uniform(0, 180, count)
    for offset, tone, size, turn in zip(offsets, tones, sizes, turns.tolist(), strict=True):
        ellipse = ((crown_px + offset).tolist(), size.tolist(), turn)
        cv2.ellipse(canvas, ellipse, (leaf * tone).tolist(), -1, cv2.LINE_AA)


def _draw_trunk(
    canvas: Sheet, foot_px: FloatArray, top_px: FloatArray, look: tuple[float, FloatArray]
) -> None:
    scale, bark = look
    strips = 8
    for rank in range(strips):
        across = np.array([1.0, 0.0]) * scale
        left, right = rank / strips - 0.5, (rank + 1) / strips - 0.5
        outline = np.stack(
            [
                foot_px + across * left * 0.36,
                foot_px + across * right * 0.36,
                top_px + across * right * 0.26,
                top_px + across * left * 0.26,
            ]
        )
        tone = 0.62 + 0.5 * np.sin(np.pi * (rank + 1.6) / (strips + 1))
        fixed = np.round(outline * _FINE).astype(np.int32)
        cv2.fillPoly(canvas, [fixed], (bark * tone).tolist(), cv2.LINE_AA, 4)


def _draw_hedge(
    canvas: Sheet, scene: tuple[Viewpoint, Light], middle_y_m: float, rng: np.random.Generator
) -> None:
    """A clipped hedge between two trees: dark below, leaves that catch the light above."""
    view, light = scene
    if middle_y_m < 8:
        return
    count = int(np.clip(14000 / middle_y_m**0.9, 150, 1800))
    at_m = np.stack(
        [
            rng.uniform(0.78, 1.52, count),
            np.sort(rng.uniform(middle_y_m - 2.7, middle_y_m + 2.7, count))[::-1],
            _GROUND_Z_M + 0.66 * np.sqrt(rng.uniform(0, 1, count)),
        ],
        axis=1,
    )
    pixels, depths_m = view.project(at_m)
    tones = 0.42 + 0.55 * ((at_m[:, 2] - _GROUND_Z_M) / 0.66) ** 2 + rng.uniform(-0.14, 0.16, count)
    brightness = float(np.mean(light.sky + light.sun))
    colours = fade_to_haze(_LEAF * brightness * tones[:, None], middle_y_m, light).tolist()
    lengths = np.maximum(0.8, 0.09 * view.focal_px / depths_m).tolist()
    turns = rng.uniform(0, 180, count).tolist()
    for centre, length, turn, colour in zip(pixels.tolist(), lengths, turns, colours, strict=True):
        cv2.ellipse(canvas, (centre, (length, length / 2), turn), colour, -1, cv2.LINE_AA)


def _draw_sign(picture: ImageArray, view: Viewpoint, foot_m: FloatArray) -> None:
    """The round no-stopping sign: blue face, red rim and cross. Source: GB 5768.2-2022."""
    face_m = foot_m + np.array([0.0, 0.0, 2.15])
    (foot_px, face_px), (depth_m, _) = view.project(np.stack([foot_m, face_m]))
    scale = view.focal_px / float(depth_m)
    face = _fixed(face_px)
    post_px = max(2, round(0.07 * scale))
    cv2.line(picture, _fixed(foot_px), face, (128, 130, 132), post_px, cv2.LINE_AA, 4)
    shine = np.array([post_px * 0.2, 0.0])
    ends = (_fixed(foot_px + shine), _fixed(face_px + shine))
    cv2.line(picture, *ends, (168, 170, 172), max(1, post_px // 3), cv2.LINE_AA, 4)
    red = (40, 40, 196)
    for radius_m, colour in ((0.31, (230, 230, 230)), (0.30, red), (0.235, (168, 84, 24))):
        radius = round(radius_m * scale * _FINE)
        cv2.circle(picture, face, radius, colour, -1, cv2.LINE_AA, 4)
    for lean in (1, -1):
        reach = np.array([0.17, 0.17 * lean]) * scale
        ends = (_fixed(face_px - reach), _fixed(face_px + reach))
        cv2.line(picture, *ends, red, max(2, round(0.055 * scale)), cv2.LINE_AA, 4)
