"""One camera's shapes in pixels, from the shared camera document."""

from dataclasses import dataclass

import numpy as np

from detector.geometry import FloatArray
from pipeline.events import CameraDocument, ZoneShape

__all__ = ["Zone", "zones_in_pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone on one camera's picture; `polygon_px` has shape (n, 2)."""

    shape: ZoneShape
    version: int
    polygon_px: FloatArray


def zones_in_pixels(document: CameraDocument, *, width_px: int, height_px: int) -> tuple[Zone, ...]:
    """The document's zones on a picture of this size."""
    scale = np.array([width_px, height_px], dtype=np.float64)
    return tuple(
        Zone(
            shape=shape,
            version=document.version,
            polygon_px=np.asarray(shape.polygon, dtype=np.float64) * scale,
        )
        for shape in document.zones
    )
