"""One scene: an empty street, the vehicle that stops there, and the traffic that passes it."""

from dataclasses import dataclass

import numpy as np

from detector.detection import ImageArray
from detector.simulator.exposure import Sensor
from detector.simulator.light import Light
from detector.simulator.motion import Passage, Stay, passing_pose, stay_lamps, stay_pose
from detector.simulator.road import KERB_PLAN
from detector.simulator.street import draw_street
from detector.simulator.vehicle import Lamps, Pose, Sprite, Vehicle, draw_vehicle, paste
from detector.simulator.viewpoint import STREET_VIEW

__all__ = ["Scene", "SceneScript"]


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
        self._street = draw_street(STREET_VIEW, KERB_PLAN, script.light, rng)
        self._sensor = Sensor(STREET_VIEW, rng, sigma=script.light.noise_sigma)
        self._standing: tuple[tuple[Pose, Lamps], Sprite | None] | None = None

    @property
    def is_lost_on_signal(self) -> bool:
        """Whether the picture stops for good when the driver is told to leave."""
        return self.script.is_lost_on_signal

    def has_picture(self, _at_s: float) -> bool:
        """Whether the camera delivers what it sees at an instant."""
        return True

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
        return self._sensor.expose(picture, at_s)

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
