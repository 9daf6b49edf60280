"""The pole camera of the drawn street: a pinhole over a road plane in metres.

Road coordinates: x to the right, the kerb's face at 0 and the road below 0; y along the road, away
from the camera, which stands at y = 0; z up, the road's surface at 0.
"""

from dataclasses import dataclass

import numpy as np

from detector.detection import FloatArray

__all__ = ["STREET_VIEW", "Viewpoint", "look_along_street"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """Where the camera stands and how it looks.

    Attributes:
        width_px: Width of the picture.
        height_px: Height of the picture.
        focal_px: Focal length in pixels.
        position_m: Shape (3,), the camera in road coordinates.
        axes: Shape (3, 3), rows: right, down and forward of the camera in road coordinates.
    """

    width_px: int
    height_px: int
    focal_px: float
    position_m: FloatArray
    axes: FloatArray

    def project(self, points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pixels, shape (n, 2), and depth in metres, shape (n,), of points of shape (n, 3).

        Points behind the camera get a depth of 0 or less; their pixels mean nothing.
        """
        seen = (points_m - self.position_m) @ self.axes.T
        depth_m = seen[:, 2]
        scale = self.focal_px / np.maximum(depth_m, 0.05)
        centre = np.array([self.width_px / 2, self.height_px / 2])
        return seen[:, :2] * scale[:, None] + centre, depth_m

    def rays(self) -> FloatArray:
        """Direction of each pixel's ray, shape (height, width, 3), one metre of depth long."""
        u, v = np.meshgrid(
            (np.arange(self.width_px) + 0.5 - self.width_px / 2) / self.focal_px,
            (np.arange(self.height_px) + 0.5 - self.height_px / 2) / self.focal_px,
        )
        return np.stack([u, v, np.ones_like(u)], axis=-1) @ self.axes

    def towards(self, points_m: FloatArray) -> FloatArray:
        """Unit vectors, shape (n, 3), from points to the camera."""
        away = self.position_m - points_m
        return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True))


def look_along_street(
    *, focal_px: float, position_m: tuple[float, float, float], vanishing_px: tuple[float, float]
) -> Viewpoint:
    """A level 1280 x 720 camera turned so that the street vanishes at one pixel.

    Source: Hartley and Zisserman, 2nd ed., section 8.6: the vanishing point of a direction is its
    image under the camera's rotation.
    """
    width_px, height_px = 1280, 720
    pitch = np.arctan((height_px / 2 - vanishing_px[1]) / focal_px)
    yaw = np.arctan((width_px / 2 - vanishing_px[0]) / focal_px * np.cos(pitch))
    forward = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
    return Viewpoint(
        width_px=width_px,
        height_px=height_px,
        focal_px=focal_px,
        position_m=np.array(position_m),
        axes=np.stack([right, np.cross(forward, right), forward]),
    )


# The camera hangs over the line between the kerb lane and the next. All that drives left of that
# line therefore stays left of one upright line in the picture, and never covers the kerb lane.
STREET_VIEW = look_along_street(
    focal_px=2040.0, position_m=(-3.3, 0.0, 2.8), vanishing_px=(425.0, 42.0)
)
