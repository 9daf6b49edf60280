"""Draws a vehicle at its place on the road: shadow, faces, lamps, plate."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detection import FloatArray, ImageArray
from detector.simulator.body import Body, build_body
from detector.simulator.light import Light, Surfaces, fade_to_haze, haze_ratio, shade
from detector.simulator.shell import Lamp
from detector.simulator.viewpoint import Viewpoint

__all__ = ["Lamps", "Pose", "Sprite", "Vehicle", "draw_vehicle", "hide", "paste"]

_NEAREST_M = 0.7
_FINENESS = 2
_FINE_FROM_PX = 85.0
"""Pixels for a metre from which a vehicle is drawn in all its detail."""
_REACH_M = 12.0
_UNDER_FLOOR_RATIO = 0.5
_GLOWS = {
    Lamp.TAIL: (36.0, 30.0, 150.0),
    Lamp.BRAKE: (92.0, 84.0, 255.0),
    Lamp.TURN_LEFT: (60.0, 176.0, 255.0),
    Lamp.TURN_RIGHT: (60.0, 176.0, 255.0),
    Lamp.HEAD: (236.0, 250.0, 255.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """One vehicle of the scene; `plate` is its picture, BGR."""

    kind: str
    paint_bgr: tuple[float, float, float]
    plate: ImageArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where the middle of the rear bumper stands, and the heading, 0 straight away from us."""

    x_m: float
    y_m: float
    heading_rad: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamps:
    """Which lamps are lit; `is_lit` stands for head and tail lamps."""

    is_lit: bool = False
    is_braking: bool = False
    is_turning_left: bool = False
    is_turning_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """A drawn vehicle, ready to be laid over a street.

    Attributes:
        left_px: Where it belongs, x.
        top_px: Where it belongs, y.
        colour: Shape (h, w, 3), already weighted by how much it covers.
        let_through: Shape (h, w, 3), what is left of the street, 0 to 255.
        box_px: Shape (4,), smallest box around the vehicle without its shadow, xyxy.
    """

    left_px: int
    top_px: int
    colour: ImageArray
    let_through: ImageArray
    box_px: FloatArray


def paste(picture: ImageArray, sprite: Sprite) -> None:
    """Lay a sprite over a picture, in place."""
    height, width = sprite.colour.shape[:2]
    window = picture[
        sprite.top_px : sprite.top_px + height, sprite.left_px : sprite.left_px + width
    ]
    cv2.multiply(window, sprite.let_through, dst=window, scale=1 / 255)
    cv2.add(window, sprite.colour, dst=window)


def hide(sprite: Sprite, mask: ImageArray) -> Sprite:
    """The sprite without what lies behind a mask of the picture's size, 255 where it hides."""
    height, width = sprite.colour.shape[:2]
    rows = slice(sprite.top_px, sprite.top_px + height)
    window = mask[rows, sprite.left_px : sprite.left_px + width]
    if not window.any():
        return sprite
    cover = np.asarray(cv2.merge([window, window, window]), np.uint8)
    return replace(
        sprite,
        colour=np.asarray(cv2.bitwise_and(sprite.colour, 255 - cover), np.uint8),
        let_through=np.asarray(cv2.bitwise_or(sprite.let_through, cover), np.uint8),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The part of the picture that a sprite covers."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def fine(self, points_px: FloatArray) -> FloatArray:
        """Points in the finer grid that the faces are drawn on."""
        corner = np.array([self.left_px, self.top_px])
        return np.asarray(np.clip((points_px - corner) * _FINENESS, -6000, 9000))


def _turned(pose: Pose) -> FloatArray:
    cos, sin = np.cos(pose.heading_rad), np.sin(pose.heading_rad)
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _on_road(points_m: FloatArray, pose: Pose) -> FloatArray:
    return np.asarray(points_m @ _turned(pose).T + np.array([pose.x_m, pose.y_m, 0.0]))


def _shadow_points(body: Body, pose: Pose, light: Light) -> FloatArray:
    """The outline on the road of the shadow that body and roof cast together."""
    drift = -light.to_sun[:2] / light.to_sun[2]
    foot = _on_road(np.column_stack([body.outline_m, np.zeros(len(body.outline_m))]), pose)
    waist, roof = foot.copy(), _on_road(body.roof_m, pose)
    waist[:, :2] += drift * 0.85
    roof[:, :2] += drift * roof[:, 2:]
    roof[:, 2] = 0
    both = np.concatenate([foot, waist, roof])
    hull = cv2.convexHull(both[:, :2].astype(np.float32))[:, 0].astype(np.float64)
    return np.column_stack([hull, np.zeros(len(hull))])


def draw_vehicle(
    vehicle: Vehicle, pose: Pose, lamps: Lamps, view: Viewpoint, light: Light
) -> Sprite | None:
    """The vehicle as the camera sees it; None when nothing of it is in the picture."""
    if not _may_be_seen(pose, view):
        return None
    body = build_body(vehicle.kind, is_coarse=view.focal_px < _FINE_FROM_PX * pose.y_m)
    points_px, depths_m = view.project(_on_road(body.points_m, pose))
    cast_px, cast_m = view.project(_shadow_points(body, pose, light))
    seen_px = points_px[depths_m > _NEAREST_M]
    if len(seen_px) == 0:
        return None
    soft_px = _softness_px(pose, view)
    window = _window(np.concatenate([seen_px, cast_px[cast_m > _NEAREST_M]]), view, soft_px)
    if window is None:
        return None
    canvas = np.zeros((window.height_px * _FINENESS, window.width_px * _FINENESS, 4), np.uint8)
    is_before_us = _are_before_us(body, depths_m)
    colours = _face_colours(vehicle, body, pose, lamps, (view, light, is_before_us))
    _fill_faces(canvas, body, window.fine(points_px), colours)
    _put_plate(canvas, vehicle, body, pose, (view, light, window))
    small = cv2.resize(canvas, (window.width_px, window.height_px), interpolation=cv2.INTER_AREA)
    blue, green, red, cover = cv2.split(small)
    shadow = _shadow(window, body, pose, (view, light, cast_px[cast_m > _NEAREST_M]))
    through = cv2.multiply(255 - cover, shadow, scale=1 / 255)
    return Sprite(
        left_px=window.left_px,
        top_px=window.top_px,
        colour=np.asarray(cv2.merge([blue, green, red]), np.uint8),
        let_through=np.asarray(cv2.merge([through, through, through]), np.uint8),
        box_px=_box_px(seen_px),
    )


def _may_be_seen(pose: Pose, view: Viewpoint) -> bool:
    """False when a vehicle is surely beside the picture; a look at all its corners costs more."""
    middle, depth_m = view.project(np.array([[pose.x_m, pose.y_m, 0.0]]))
    aside_m = abs(float(middle[0, 0]) - view.width_px / 2) * float(depth_m[0]) / view.focal_px
    half_m = view.width_px / 2 * float(depth_m[0]) / view.focal_px
    return float(depth_m[0]) < _REACH_M or aside_m < half_m + _REACH_M


def _box_px(points_px: FloatArray) -> FloatArray:
    x_px, y_px = points_px[:, 0], points_px[:, 1]
    return np.array([x_px.min(), y_px.min(), x_px.max(), y_px.max()])


def _softness_px(pose: Pose, view: Viewpoint) -> float:
    """Spread of a shadow's edge in the picture."""
    return float(np.clip(0.05 * view.focal_px / max(pose.y_m, 3.0), 1.0, 12.0))


def _window(points_px: FloatArray, view: Viewpoint, soft_px: float) -> _Window | None:
    margin = 2 + round(3 * soft_px)
    limit = np.array([view.width_px, view.height_px])
    box_px = _box_px(points_px)
    low = np.clip(np.floor(box_px[:2]) - margin, 0, limit).astype(int)
    high = np.clip(np.ceil(box_px[2:]) + margin, 0, limit).astype(int)
    if np.any(high - low < 2):
        return None
    return _Window(
        left_px=int(low[0]),
        top_px=int(low[1]),
        width_px=int(high[0] - low[0]),
        height_px=int(high[1] - low[1]),
    )


def _are_before_us(body: Body, depths_m: FloatArray) -> NDArray[np.bool_]:
    """Which faces lie wholly in front of the camera, shape (f,)."""
    if depths_m.min() > _NEAREST_M:
        return np.ones(len(body.normals), np.bool_)
    return np.minimum.reduceat(depths_m, body.starts[:-1]) > _NEAREST_M


def _face_colours(
    vehicle: Vehicle,
    body: Body,
    pose: Pose,
    lamps: Lamps,
    scene: tuple[Viewpoint, Light, NDArray[np.bool_]],
) -> list[tuple[int, list[float]]]:
    """The faces that the camera sees, in order, each with its colour, BGR and full cover."""
    view, light, is_before_us = scene
    normals = body.normals @ _turned(pose).T
    centres_m = _on_road(body.centres_m, pose)
    towards = view.position_m - centres_m
    is_towards_us = np.einsum("ij,ij->i", normals, towards) > 0
    shown = np.flatnonzero(is_towards_us & is_before_us)
    towards = towards[shown] / np.linalg.norm(towards[shown], axis=1, keepdims=True)
    own = body.colour[shown]
    own = np.where(np.isnan(own), np.array(vehicle.paint_bgr), own)
    surfaces = Surfaces(colour=own, normals=normals[shown], mirror_ratio=body.mirror_ratio[shown])
    colours = shade(surfaces, towards, light)
    lit = {
        Lamp.BRAKE: lamps.is_braking,
        Lamp.TAIL: lamps.is_braking or lamps.is_lit,
        Lamp.HEAD: lamps.is_lit,
        Lamp.TURN_LEFT: lamps.is_turning_left,
        Lamp.TURN_RIGHT: lamps.is_turning_right,
    }
    for lamp, is_lit in lit.items():
        if is_lit:
            colours[body.lamps[shown] == lamp] = _GLOWS[lamp]
    colours = fade_to_haze(colours, pose.y_m, light)
    bgra = np.concatenate([np.round(colours), np.full((len(shown), 1), 255.0)], axis=1)
    return list(zip(shown.tolist(), bgra.tolist(), strict=True))


def _fill_faces(
    canvas: ImageArray, body: Body, points: FloatArray, colours: list[tuple[int, list[float]]]
) -> None:
    fixed = np.round(points * 16).astype(np.int32)
    starts = body.starts.tolist()
    for face, colour in colours:
        corners = fixed[starts[face] : starts[face + 1]]
        cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_8, 4)


def _put_plate(
    canvas: ImageArray,
    vehicle: Vehicle,
    body: Body,
    pose: Pose,
    scene: tuple[Viewpoint, Light, _Window],
) -> None:
    view, light, window = scene
    is_rear = np.cos(pose.heading_rad) > 0
    corners_px, depth_m = view.project(
        _on_road(body.plate_m if is_rear else body.front_plate_m, pose)
    )
    if depth_m.min() < _NEAREST_M:
        return
    corners = window.fine(corners_px)
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    limit = np.array([canvas.shape[1], canvas.shape[0]])
    if np.any(high <= 0) or np.any(low >= limit):
        return
    brightness = float(np.mean(light.sky + light.sun * 0.62))
    wide = max(8, round(float(np.linalg.norm(corners[1] - corners[0]))))
    tall = max(3, round(float(np.linalg.norm(corners[3] - corners[0]))))
    plate = cv2.resize(vehicle.plate, (wide, tall), interpolation=cv2.INTER_AREA)
    hazy = fade_to_haze(plate.astype(np.float64) * brightness, pose.y_m, light)
    plate = cv2.cvtColor(np.clip(hazy, 0, 255).astype(np.uint8), cv2.COLOR_BGR2BGRA)
    from_px = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)], np.float32) - 0.5
    to_px = (corners - low - 0.5).astype(np.float32)
    turn = cv2.getPerspectiveTransform(from_px, to_px)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    warped = cv2.warpPerspective(plate, turn, size, flags=cv2.INTER_LINEAR)
    inside = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(inside, np.round(to_px * 16).astype(np.int32), 255, cv2.LINE_8, 4)
    start, stop = np.maximum(-low, 0), np.minimum(high, limit) - low
    shown = (slice(start[1], stop[1]), slice(start[0], stop[0]))
    target = canvas[low[1] + start[1] : high[1], low[0] + start[0] : high[0]]
    cv2.copyTo(warped[shown], inside[shown], target)


def _shadow(
    window: _Window, body: Body, pose: Pose, scene: tuple[Viewpoint, Light, FloatArray]
) -> ImageArray:
    """What the shadow lets through, shape (h, w), 0 to 255; drawn small, since it is soft."""
    view, light, cast_px = scene
    # The dark patch below the floor ends a little inside the outline, or it would hide the tyres.
    under_m = body.outline_m * (0.92, 0.94) + (0.0, 0.22)
    under_px, under_depth_m = view.project(
        _on_road(np.column_stack([under_m, np.zeros(len(under_m))]), pose)
    )
    shrink = 4 if window.width_px > 160 else 2
    size = (max(1, window.width_px // shrink), max(1, window.height_px // shrink))
    mask = np.zeros((size[1], size[0]), np.uint8)
    strength = 255 * (1 - haze_ratio(pose.y_m, light))
    corner_px = np.array([window.left_px, window.top_px])
    spread_px = _softness_px(pose, view) / shrink
    for points_px, dark in (
        (cast_px, light.shadow_ratio),
        (under_px[under_depth_m > _NEAREST_M], _UNDER_FLOOR_RATIO),
    ):
        if len(points_px) < 3:
            continue
        layer = np.zeros_like(mask)
        scaled = np.clip((points_px - corner_px) / shrink, -3000, 5000)
        cv2.fillPoly(
            layer, [np.round(scaled * 16).astype(np.int32)], dark * strength, cv2.LINE_AA, 4
        )
        mask = np.maximum(mask, np.asarray(cv2.GaussianBlur(layer, (0, 0), spread_px), np.uint8))
    whole = cv2.resize(mask, (window.width_px, window.height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(255 - whole, np.uint8)
