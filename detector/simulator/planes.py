"""Planes of the drawn street as its pixels meet them, and the brushes to paint them with."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.simulator.viewpoint import Viewpoint

__all__ = ["Plane", "Sheet", "bgr", "frontal", "grain", "ground", "mix", "stripe", "upright"]

Sheet = NDArray[np.floating[Any]]
"""One number, or one BGR colour, per pixel; float32 throughout, which is twice as fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where pixels' rays meet one plane; all arrays have one shape.

    Attributes:
        a_m: x on level planes, y on upright ones.
        b_m: y on level planes, height on upright ones.
        depth_m: Distance from the camera along its axis.
        pixel_m: Size of a pixel there, seen straight on.
    """

    a_m: Sheet
    b_m: Sheet
    depth_m: Sheet
    pixel_m: Sheet

    def at(self, chosen: NDArray[np.bool_]) -> "Plane":
        """The same for some of the pixels only."""
        return Plane(
            a_m=self.a_m[chosen],
            b_m=self.b_m[chosen],
            depth_m=self.depth_m[chosen],
            pixel_m=self.pixel_m[chosen],
        )


def ground(view: Viewpoint, rays: Sheet, height_m: float) -> Plane:
    """The level plane at a height above the road; rays have the shape (..., 3)."""
    down = np.minimum(rays[..., 2], np.float32(-1e-4))
    depth_m = np.float32(height_m - view.position_m[2]) / down
    return Plane(
        a_m=np.float32(view.position_m[0]) + depth_m * rays[..., 0],
        b_m=depth_m * rays[..., 1],
        depth_m=depth_m,
        pixel_m=depth_m / np.float32(view.focal_px),
    )


def upright(view: Viewpoint, rays: Sheet, x_m: float) -> Plane:
    """The upright plane along the street at `x_m`."""
    aside_m = np.float32(x_m - view.position_m[0])
    side = np.sign(aside_m)
    depth_m = np.abs(aside_m) / np.maximum(rays[..., 0] * side, np.float32(1e-6))
    return Plane(
        a_m=depth_m * rays[..., 1],
        b_m=np.float32(view.position_m[2]) + depth_m * rays[..., 2],
        depth_m=depth_m,
        pixel_m=depth_m / np.float32(view.focal_px),
    )


def frontal(view: Viewpoint, rays: Sheet, y_m: float) -> Plane:
    """The upright plane across the street at `y_m`; its `a_m` is x."""
    depth_m = np.float32(y_m - view.position_m[1]) / np.maximum(rays[..., 1], np.float32(1e-6))
    return Plane(
        a_m=np.float32(view.position_m[0]) + depth_m * rays[..., 0],
        b_m=np.float32(view.position_m[2]) + depth_m * rays[..., 2],
        depth_m=depth_m,
        pixel_m=depth_m / np.float32(view.focal_px),
    )


def bgr(blue: float, green: float, red: float) -> Sheet:
    """One colour."""
    return np.array([blue, green, red], np.float32)


def mix(picture: Sheet, colour: Sheet, share: Sheet) -> Sheet:
    """Lay a colour over a picture, as far as `share` says for each pixel."""
    return picture + (colour - picture) * share[..., None]


def stripe(at_m: Sheet, middle_m: float, width_m: float, pixel_m: Sheet) -> Sheet:
    """Share of each pixel that a stripe covers, so that its edges are smooth at any distance."""
    return np.asarray(np.clip((width_m / 2 - np.abs(at_m - middle_m)) / pixel_m + 0.5, 0, 1))


def grain(rng: np.random.Generator, a_m: Sheet, b_m: Sheet, size_m: float) -> Sheet:
    """Smooth noise around 0, about -1 to 1, fixed to the plane; `size_m` is the size of a fleck."""
    rim = 8
    raw = np.pad(rng.standard_normal((256, 256), np.float32), rim, mode="wrap")
    tile = cv2.GaussianBlur(raw, (0, 0), 2)[rim:-rim, rim:-rim]
    # The remapped picture must be two-dimensional, and no longer than 32767 in either direction.
    lines = [np.atleast_2d(np.mod(m * np.float32(3 / size_m), 256)) for m in (a_m, b_m)]
    flat = [line.reshape(-1, 1)[:, 0] for line in lines]
    row = min(len(flat[0]), 16384)
    padded = [np.resize(line, (-(-len(line) // row), row)) for line in flat]
    found = cv2.remap(
        tile / (2 * tile.std()), padded[0], padded[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return np.asarray(found.reshape(-1)[: a_m.size].reshape(a_m.shape), np.float32)
