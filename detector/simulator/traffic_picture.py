"""What a camera makes of simulated traffic: true boxes, what hides what, and a small picture.

The picture is plain: each vehicle is its box, filled with a coat of its own over what all vehicles
share (a dark window band, dark wheels), on a street that never changes, under the sensor's noise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detection import FloatArray, ImageArray
from detector.simulator.noise import SeenVehicle
from detector.simulator.traffic_vehicle import Body, Vehicle
from detector.simulator.viewpoint import Viewpoint

__all__ = ["DAYLIGHT", "Exposure", "TrafficCamera"]

_LEAST_DEPTH_M = 6.0
_FARTHEST_M = 95.0
_GRID = 12
_COAT_PX = 48
_CELL_PX = 12
_NOISE_MARGIN_PX = 32
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-1, 0) for z in (0, 1)], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How the sensor and the light render the street.

    Attributes:
        gain: Contrast, 1 by day.
        noise_levels: Standard deviation of the sensor's noise.
        rain_streaks: Bright streaks in each picture.
        glare_px: Centre and radius of headlights that shine into the lens.
    """

    gain: float = 1.0
    noise_levels: float = 4.0
    rain_streaks: int = 0
    glare_px: tuple[float, float, float] | None = None


DAYLIGHT = Exposure()


class TrafficCamera:
    """Looks at vehicles on the road plane from one viewpoint."""

    def __init__(self, view: Viewpoint, seed: int) -> None:
        """Paint the empty street; the same seed paints the same."""
        self.view = view
        self._rng = np.random.default_rng([seed, 0x63616D])
        shape = (view.height_px, view.width_px)
        self._street = _paint_street(self._rng, *shape)
        sheet = (shape[0] + _NOISE_MARGIN_PX, shape[1] + _NOISE_MARGIN_PX, 1)
        self._noise = np.repeat(self._rng.standard_normal(sheet, np.float32), 3, axis=2)
        self._scaled_noise: dict[float, NDArray[np.int16]] = {}
        self._coats: dict[int, ImageArray] = {}

    def look(self, vehicles: Iterable[Vehicle]) -> tuple[SeenVehicle, ...]:
        """The vehicles in view, the nearest first, with what of them is hidden."""
        seen: list[SeenVehicle] = []
        placed, boxes = self._place(vehicles)
        edges = np.array([0, 0, self.view.width_px, self.view.height_px])
        for vehicle, box in zip(placed, boxes, strict=True):
            hidden_ratio, visible = _visible_part(box, boxes[: len(seen)])
            seen.append(
                SeenVehicle(
                    vehicle_id=vehicle.vehicle_id,
                    kind=vehicle.body.kind,
                    box_px=box,
                    visible_px=visible,
                    hidden_ratio=hidden_ratio,
                    is_moving=vehicle.rest_since_s is None,
                    is_cut=bool((box == edges).any()),
                )
            )
        return tuple(seen)

    def paint(
        self, seen: Sequence[SeenVehicle], coats: dict[int, int], exposure: Exposure = DAYLIGHT
    ) -> ImageArray:
        """The picture of what `look` saw; `coats` says which vehicle wears which coat."""
        image = self._street.copy()
        for one in reversed(seen):
            x1, y1, x2, y2 = (round(float(value)) for value in one.box_px)
            if x2 - x1 >= 2 and y2 - y1 >= 2:
                coat = self._coat(coats[one.vehicle_id])
                image[y1:y2, x1:x2] = cv2.resize(coat, (x2 - x1, y2 - y1))
        return self._expose(image, exposure)

    def zone(self, corners_m: FloatArray) -> list[tuple[float, float]]:
        """A shape on the road, (n, 2) in metres, as shares of the picture, cut at its edges."""
        points = np.column_stack([_densely(corners_m), np.zeros(4 * len(corners_m))])
        pixels, _ = self.view.project(points)
        outline = pixels / [self.view.width_px, self.view.height_px]
        return _cut(outline)

    def _place(self, vehicles: Iterable[Vehicle]) -> tuple[list[Vehicle], FloatArray]:
        """Those in view, the nearest first, and their boxes, shape (n, 4), cut at the edges."""
        near: list[Vehicle] = []
        corners = []
        for one in vehicles:
            x_m, y_m, heading = one.lane.at(one.front_m, one.aside_m)
            if _LEAST_DEPTH_M < y_m < _FARTHEST_M:
                near.append(one)
                corners.append(_corners_m(one.body, x_m, y_m, heading))
        if not near:
            return [], np.zeros((0, 4))
        pixels, depth_m = self.view.project(np.concatenate(corners))
        pixels, nearest_m = pixels.reshape(-1, 8, 2), depth_m.reshape(-1, 8).min(axis=1)
        boxes = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
        boxes = np.clip(boxes, 0, [self.view.width_px, self.view.height_px] * 2)
        is_seen = (nearest_m > _LEAST_DEPTH_M / 2) & ((boxes[:, 2:] - boxes[:, :2]).min(1) >= 3)
        order = [i for i in np.argsort(nearest_m).tolist() if is_seen[i]]
        return [near[i] for i in order], boxes[order]

    def _coat(self, coat: int) -> ImageArray:
        if coat not in self._coats:
            if len(self._coats) > 500:
                self._coats.clear()
            self._coats[coat] = _paint_coat(coat)
        return self._coats[coat]

    def _expose(self, image: ImageArray, exposure: Exposure) -> ImageArray:
        height, width = image.shape[:2]
        if exposure.rain_streaks:
            self._rain(image, exposure.rain_streaks)
        if exposure.gain != 1:
            image = np.asarray(cv2.convertScaleAbs(image, alpha=exposure.gain), np.uint8)
        if exposure.glare_px is not None:
            glare = _glare(height, width, exposure.glare_px)
            image = np.asarray(cv2.add(image, glare, dtype=cv2.CV_8U), np.uint8)
        levels = exposure.noise_levels
        if levels not in self._scaled_noise:
            self._scaled_noise[levels] = np.round(self._noise * levels).astype(np.int16)
        y, x = self._rng.integers(_NOISE_MARGIN_PX, size=2)
        noise = self._scaled_noise[levels][y : y + height, x : x + width]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)

    def _rain(self, image: ImageArray, streaks: int) -> None:
        height, width = image.shape[:2]
        for x, y in self._rng.integers([0, 0], [width, height], (streaks, 2)).tolist():
            cv2.line(image, (x, y), (x + 2, y + 14), (200, 200, 200), 1)


def _corners_m(body: Body, x_m: float, y_m: float, heading: float) -> FloatArray:
    """Shape (8, 3): the corners of a vehicle whose front is at a place."""
    local = _CORNERS * [body.width_m, body.length_m, body.height_m]
    sin, cos = np.sin(heading), np.cos(heading)
    return np.column_stack(
        [
            x_m + local[:, 0] * cos + local[:, 1] * sin,
            y_m - local[:, 0] * sin + local[:, 1] * cos,
            local[:, 2],
        ]
    )


def _visible_part(box: FloatArray, nearer: FloatArray) -> tuple[float, FloatArray]:
    """The hidden share of a box, and the box around what is left of it."""
    apart = (nearer[:, 0] >= box[2]) | (nearer[:, 2] <= box[0])
    apart |= (nearer[:, 1] >= box[3]) | (nearer[:, 3] <= box[1])
    nearer = nearer[~apart]
    if not len(nearer):
        return 0.0, box
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1])
    across = (nearer[:, :1] <= x) & (x < nearer[:, 2:3])
    down = (nearer[:, 1:2] <= y) & (y < nearer[:, 3:])
    is_hidden = (down[:, :, None] & across[:, None, :]).any(axis=0)
    if is_hidden.all():
        return 1.0, np.zeros(4)
    rows, columns = np.flatnonzero(~is_hidden.all(axis=1)), np.flatnonzero(~is_hidden.all(axis=0))
    half = 0.5 / _GRID * (box[2:] - box[:2])
    first, last = np.array([x[columns[0]], y[rows[0]]]), np.array([x[columns[-1]], y[rows[-1]]])
    return float(is_hidden.mean()), np.concatenate([first - half, last + half])


def _paint_street(rng: np.random.Generator, height: int, width: int) -> ImageArray:
    cells = (height // _CELL_PX + 2, width // _CELL_PX + 2)
    coarse = rng.normal(110, 26, cells).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grey = np.clip(smooth + rng.normal(0, 9, (height, width)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _paint_coat(coat: int) -> ImageArray:
    rng = np.random.default_rng([coat, 0x636F6174])
    paint = rng.uniform(70, 210, 3) * 0.4 + rng.uniform(50, 220) * 0.6
    spots = rng.normal(0, 55, (7, 7)).astype(np.float32)
    own = cv2.resize(spots, (_COAT_PX, _COAT_PX), interpolation=cv2.INTER_CUBIC)[..., None]
    picture = np.ones((_COAT_PX, _COAT_PX, 1), np.float32) * paint.astype(np.float32) + own
    window = slice(int(_COAT_PX * rng.uniform(0.1, 0.2)), int(_COAT_PX * rng.uniform(0.35, 0.5)))
    picture[window, 5:-5] = rng.uniform(30, 90) + 0.5 * own[window, 5:-5]
    picture[-7:, :9] = picture[-7:, -9:] = 25
    painted: ImageArray = np.clip(picture, 0, 255).astype(np.uint8)
    return painted


def _glare(height: int, width: int, glare_px: tuple[float, float, float]) -> NDArray[np.int16]:
    x, y, radius = glare_px
    rows, columns = np.ogrid[:height, :width]
    away = ((columns - x) ** 2 + (rows - y) ** 2) / radius**2
    return np.repeat((180 * np.exp(-away))[..., None], 3, axis=2).astype(np.int16)


def _densely(corners: FloatArray) -> FloatArray:
    """Four points per edge, so that what lies beside the picture bends no edge in it."""
    shares = np.arange(4)[:, None] / 4
    ends = np.roll(corners, -1, axis=0)
    return np.concatenate([a + shares * (b - a) for a, b in zip(corners, ends, strict=True)])


def _cut(outline: FloatArray) -> list[tuple[float, float]]:
    """The part of an outline that lies in the unit square."""
    frame = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    hull = cv2.convexHull(outline.astype(np.float32))
    _, cut = cv2.intersectConvexConvex(hull, frame)
    points = np.round(np.clip(cut.reshape(-1, 2).astype(np.float64), 0, 1), 5)
    return [(float(x), float(y)) for x, y in points]
