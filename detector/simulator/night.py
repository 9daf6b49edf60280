"""Night over a drawn place: street lamps, the beams of headlights, and lamps that glow."""

from collections.abc import Sequence

import cv2
import numpy as np

from detector.detection import FloatArray, ImageArray
from detector.simulator.drive import Placed
from detector.simulator.form import FORMS
from detector.simulator.place import Place
from detector.simulator.planes import Sheet, ground
from detector.simulator.signal_heads import Spot
from detector.simulator.vehicle import Pose, Sprite
from detector.simulator.viewpoint import Viewpoint

__all__ = ["Night"]

_SHRINK = 4
_AMBIENT = np.array([0.27, 0.21, 0.185], np.float32)
_STREET_LAMP = np.array([0.38, 0.60, 0.74], np.float32)
_BEAM = np.array([0.34, 0.40, 0.42], np.float32)
_LAMP_EVERY_M = 26.0
_LAMP_Z_M = 8.0
_HEAD = (225.0, 242.0, 255.0)
_TAIL = (30.0, 24.0, 205.0)
_BRAKE = (60.0, 50.0, 255.0)
_LAMP_M = 0.11


class Night:
    """Darkens pictures that were drawn by day."""

    def __init__(self, place: Place, rng: np.random.Generator) -> None:
        """Light the place by its street lamps; where they stand differs a little by scene."""
        self._view = place.view
        self._lit = self._street_lamps(place, float(rng.uniform(0, _LAMP_EVERY_M)))

    def _street_lamps(self, place: Place, first_m: float) -> Sheet:
        """What is left of the daylight, small, shape (h / 4, w / 4, 3), 1 where it is full."""
        rays = place.view.rays().astype(np.float32)[
            _SHRINK // 2 :: _SHRINK, _SHRINK // 2 :: _SHRINK
        ]
        land = ground(place.view, rays, 0.0)
        lit = np.zeros(land.a_m.shape, np.float32)
        for row, x_m in enumerate((1.0, -13.0)):
            for y_m in np.arange(first_m + row * _LAMP_EVERY_M / 2, 160.0, _LAMP_EVERY_M):
                away = (land.a_m - np.float32(x_m)) ** 2 + (land.b_m - np.float32(y_m)) ** 2
                # A lamp's light falls off with the square of the distance and the flat angle.
                lit += np.float32(_LAMP_Z_M**3) / (away + np.float32(_LAMP_Z_M**2)) ** 1.5
        # Above the horizon there is no ground; the glow over the town takes its place.
        horizon = rays[..., 2] > -0.02
        lit = np.where(horizon, np.float32(0.12), np.minimum(lit, 1.3)).astype(np.float32)
        soft = np.asarray(cv2.GaussianBlur(lit, (0, 0), 3), np.float32)
        return np.asarray(_AMBIENT + soft[..., None] * _STREET_LAMP, np.float32)

    def darken(
        self, picture: ImageArray, drawn: Sequence[tuple[Placed, Sprite]], spots: Sequence[Spot]
    ) -> ImageArray:
        """The picture by night, with the lamps of its vehicles and of its traffic lights."""
        left = self._lit.copy()
        self._add_beams(left, drawn)
        size = (self._view.width_px, self._view.height_px)
        light = cv2.resize(np.minimum(left, 1.0) * 255, size, interpolation=cv2.INTER_LINEAR)
        dark = cv2.multiply(picture, light.astype(np.uint8), scale=1 / 255)
        return self._glow(np.asarray(dark, np.uint8), [*self._lamps(drawn), *spots])

    def _add_beams(self, left: Sheet, drawn: Sequence[tuple[Placed, Sprite]]) -> None:
        beams = np.zeros(left.shape[:2], np.float32)
        for placed, _ in drawn:
            front_m = placed.part.length_m
            shape = [(-0.7, 0.4), (0.7, 0.4), (2.6, 17.0), (0.0, 20.0), (-2.6, 17.0)]
            points_m = _beside(placed.pose, [(x, front_m + y, 0.0) for x, y in shape])
            pixels, depth_m = self._view.project(points_m)
            if depth_m.min() < 1.0:
                continue
            corners = np.round(pixels / _SHRINK * 16).astype(np.int32)
            cv2.fillPoly(beams, [corners], 1.0, cv2.LINE_AA, 4)
        soft = np.asarray(cv2.GaussianBlur(beams, (0, 0), 5), np.float32)
        left += soft[..., None] * _BEAM

    def _lamps(self, drawn: Sequence[tuple[Placed, Sprite]]) -> list[Spot]:
        found: list[Spot] = []
        for rank, (placed, own) in enumerate(drawn):
            before = [sprite.box_px for _, sprite in drawn[rank + 1 :]]
            for point_px, radius_px, colour in _lamps_of(placed, self._view):
                is_hidden = any(_holds(box_px, point_px) for box_px in before)
                if not is_hidden and _covers(own, point_px):
                    found.append((point_px, radius_px, colour))
        return found

    def _glow(self, picture: ImageArray, spots: Sequence[Spot]) -> ImageArray:
        """Add each lamp: a white core, and light scattered around it in the lens."""
        height, width = picture.shape[0] // _SHRINK, picture.shape[1] // _SHRINK
        halo = np.zeros((height, width, 3), np.float32)
        for point_px, radius_px, colour in spots:
            middle = np.round(point_px / _SHRINK * 16).astype(int).tolist()
            radius = max(12, round(radius_px * 1.5 / _SHRINK * 16))
            cv2.circle(halo, middle, radius, colour, -1, cv2.LINE_AA, 4)
        wide = cv2.GaussianBlur(halo, (0, 0), 9) * 1.6 + cv2.GaussianBlur(halo, (0, 0), 2.5) * 1.1
        glow = cv2.resize(np.minimum(wide, 255), (picture.shape[1], picture.shape[0]))
        cv2.add(picture, glow.astype(np.uint8), dst=picture)
        for point_px, radius_px, colour in spots:
            core = [255 - (255 - part) * 0.5 for part in colour]
            middle = np.round(point_px * 16).astype(int).tolist()
            cv2.circle(picture, middle, max(16, round(radius_px * 12)), core, -1, cv2.LINE_AA, 4)
        return picture


def _beside(pose: Pose, points_m: list[tuple[float, float, float]]) -> FloatArray:
    cos, sin = np.cos(pose.heading_rad), np.sin(pose.heading_rad)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(np.array(points_m) @ turn.T + (pose.x_m, pose.y_m, 0.0))


def _lamps_of(placed: Placed, view: Viewpoint) -> list[Spot]:
    """The two lamps at the end that the camera sees."""
    form, pose = FORMS[placed.part.vehicle.kind], placed.pose
    side_m = form.width_m / 2 - 0.24
    tail_z_m = form.sill_z_m + 0.80 * (form.tail_z_m - form.sill_z_m)
    head_z_m = form.sill_z_m + 0.77 * (form.nose_z_m - form.sill_z_m)
    front_m = form.length_m
    ends = _beside(pose, [(0.0, 0.0, tail_z_m), (0.0, front_m, head_z_m)])
    ahead = ends[1] - ends[0]
    is_rear = float(ahead @ (view.position_m - ends[0])) < 0
    y_m, z_m = (-0.02, tail_z_m) if is_rear else (front_m + 0.02, head_z_m)
    colour = (_BRAKE if placed.lamps.is_braking else _TAIL) if is_rear else _HEAD
    pixels, depth_m = view.project(_beside(pose, [(-side_m, y_m, z_m), (side_m, y_m, z_m)]))
    size_m = _LAMP_M * (1.0 if is_rear and not placed.lamps.is_braking else 1.4)
    return [
        (pixel, size_m * view.focal_px / float(depth), colour)
        for pixel, depth in zip(pixels, depth_m, strict=True)
        if depth > 1.0
    ]


def _holds(box_px: FloatArray, point_px: FloatArray) -> bool:
    return bool(np.all(point_px > box_px[:2] + 2) and np.all(point_px < box_px[2:] - 2))


def _covers(sprite: Sprite, point_px: FloatArray) -> bool:
    """Whether the vehicle itself is seen at a place, and not a tree before it."""
    x, y = np.round(point_px).astype(int) - (sprite.left_px, sprite.top_px)
    height, width = sprite.let_through.shape[:2]
    return 0 <= x < width and 0 <= y < height and bool(sprite.let_through[y, x, 0] < 128)
