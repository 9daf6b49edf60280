"""One scene: an empty street, the vehicle that stops there, and the traffic that passes it."""

from dataclasses import dataclass

import cv2
import numpy as np

from detector.detection import ImageArray
from detector.simulator.light import Light
from detector.simulator.motion import Passage, Stay, passing_pose, stay_lamps, stay_pose
from detector.simulator.street import draw_street
from detector.simulator.vehicle import Lamps, Pose, Sprite, Vehicle, draw_vehicle, paste
from detector.simulator.viewpoint import STREET_VIEW

__all__ = ["Scene", "SceneScript"]

_NOISE_MARGIN_PX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneScript:
    """Everything that one seed decides; the rest is drawing.

    Attributes:
        light: Weather and hour.
        stay: When and where the vehicle stops.
        stopping: The vehicle that stops.
        passing: The traffic with its vehicles.
        street_seed: Seed of the street's flecks, leaves and fronts, and of the sensor's noise.
        is_lost_on_signal: The picture stops for good when the driver is told to leave.
    """

    light: Light
    stay: Stay
    stopping: Vehicle
    passing: tuple[tuple[Passage, Vehicle], ...]
    street_seed: int
    is_lost_on_signal: bool = False


class Scene:
    """Draws a script at any time; drawing the same time twice gives the same picture."""

    def __init__(self, script: SceneScript) -> None:
        """Draw the empty street; the pictures are laid over it."""
        rng = np.random.default_rng(script.street_seed)
        self.script = script
        self._street = draw_street(STREET_VIEW, script.light, rng)
        self._bright, self._dark = self._noise(rng)
        self._standing: tuple[tuple[Pose, Lamps], Sprite | None] | None = None

    def picture(self, at_s: float, signalled_at_s: float | None) -> ImageArray:
        """The street at `at_s` seconds, when the driver was told to leave at `signalled_at_s`."""
        picture = self._street.copy()
        script = self.script
        placed = [
            (pose, vehicle)
            for passage, vehicle in script.passing
            if (pose := passing_pose(passage, at_s)) is not None
        ]
        for pose, vehicle in sorted(placed, key=lambda item: -item[0].y_m):
            sprite = draw_vehicle(vehicle, pose, Lamps(), STREET_VIEW, script.light)
            if sprite is not None:
                paste(picture, sprite)
        stopping = self._stopping(at_s, signalled_at_s)
        if stopping is not None:
            paste(picture, stopping)
        return self._expose(picture, at_s)

    def _stopping(self, at_s: float, signalled_at_s: float | None) -> Sprite | None:
        """The stopping vehicle's sprite; drawn once for as long as nothing about it changes."""
        script = self.script
        pose = stay_pose(script.stay, at_s, signalled_at_s)
        if pose is None:
            return None
        look = (pose, stay_lamps(script.stay, at_s, signalled_at_s))
        if self._standing is None or self._standing[0] != look:
            sprite = draw_vehicle(script.stopping, *look, STREET_VIEW, script.light)
            self._standing = (look, sprite)
        return self._standing[1]

    def _noise(self, rng: np.random.Generator) -> tuple[ImageArray, ImageArray]:
        """What the sensor adds and takes, on a sheet larger than the picture."""
        height = STREET_VIEW.height_px + _NOISE_MARGIN_PX
        width = STREET_VIEW.width_px + _NOISE_MARGIN_PX
        grey = rng.standard_normal((height, width, 1), np.float32)
        tint = rng.standard_normal((height, width, 3), np.float32)
        noise = (0.8 * grey + 0.6 * tint) * self.script.light.noise_sigma
        bright = np.round(np.clip(noise, 0, 255)).astype(np.uint8)
        return bright, np.round(np.clip(-noise, 0, 255)).astype(np.uint8)

    def _expose(self, picture: ImageArray, at_s: float) -> ImageArray:
        """Add the sensor's noise: another cut of the sheet for each millisecond of the scene."""
        tick = round(at_s * 1000)
        x_px, y_px = tick * 37 % _NOISE_MARGIN_PX, tick * 59 // 7 % _NOISE_MARGIN_PX
        rows = slice(y_px, y_px + picture.shape[0])
        columns = slice(x_px, x_px + picture.shape[1])
        cv2.add(picture, self._bright[rows, columns], dst=picture)
        cv2.subtract(picture, self._dark[rows, columns], dst=picture)
        return picture
