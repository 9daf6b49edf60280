"""The camera's sensor: the noise that it adds to every picture."""

import cv2
import numpy as np

from detector.detection import ImageArray
from detector.simulator.viewpoint import Viewpoint

__all__ = ["Sensor"]

_MARGIN_PX = 64


class Sensor:
    """Adds noise: for each millisecond of a scene another cut of one sheet."""

    def __init__(self, view: Viewpoint, rng: np.random.Generator, *, sigma: float) -> None:
        """Draw the sheet, which is larger than the picture; `sigma` is in grey levels."""
        height, width = view.height_px + _MARGIN_PX, view.width_px + _MARGIN_PX
        grey = rng.standard_normal((height, width, 1), np.float32)
        tint = rng.standard_normal((height, width, 3), np.float32)
        noise = (0.8 * grey + 0.6 * tint) * sigma
        self._bright = np.round(np.clip(noise, 0, 255)).astype(np.uint8)
        self._dark = np.round(np.clip(-noise, 0, 255)).astype(np.uint8)

    def expose(self, picture: ImageArray, at_s: float) -> ImageArray:
        """Add the noise of one instant, in place."""
        tick = round(at_s * 1000)
        x_px, y_px = tick * 37 % _MARGIN_PX, tick * 59 // 7 % _MARGIN_PX
        rows = slice(y_px, y_px + picture.shape[0])
        columns = slice(x_px, x_px + picture.shape[1])
        cv2.add(picture, self._bright[rows, columns], dst=picture)
        cv2.subtract(picture, self._dark[rows, columns], dst=picture)
        return picture
