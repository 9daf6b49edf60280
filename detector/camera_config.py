"""One camera's shapes in pixels, from the shared camera document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from detector.geometry import FloatArray
from pipeline.events import CameraDocument, Day, ZoneShape

__all__ = ["CameraShapes", "LanePolygon", "Zone", "shapes_in_pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone on one camera's picture; `polygon_px` has shape (n, 2)."""

    shape: ZoneShape
    version: int
    polygon_px: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePolygon:
    """A lane on one camera's picture.

    Attributes:
        polygon_px: Shape (n, 2).
        direction: Shape (2,), unit vector on the picture of the lawful way.
    """

    polygon_px: FloatArray
    direction: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraShapes:
    """All that is drawn on one camera's picture, and the calendar that its hours go by.

    Attributes:
        masks_px: Polygons, shape (n, 2) each; what stands there is not looked at.
    """

    zones: tuple[Zone, ...] = ()
    lanes: tuple[LanePolygon, ...] = ()
    masks_px: tuple[FloatArray, ...] = ()
    time_zone: ZoneInfo
    calendar: dict[date, Day]


def shapes_in_pixels(document: CameraDocument, *, width_px: int, height_px: int) -> CameraShapes:
    """The document's shapes on a picture of this size."""
    scale = np.array([width_px, height_px], dtype=np.float64)

    def polygon(points: Sequence[tuple[float, float]]) -> FloatArray:
        pixels: FloatArray = np.asarray(points, dtype=np.float64) * scale
        return pixels

    return CameraShapes(
        zones=tuple(
            Zone(shape=shape, version=document.version, polygon_px=polygon(shape.polygon))
            for shape in document.zones
        ),
        lanes=tuple(
            LanePolygon(
                polygon_px=polygon(shape.polygon), direction=_unit(polygon(shape.direction))
            )
            for shape in document.lanes
        ),
        masks_px=tuple(polygon(shape.polygon) for shape in document.masks),
        time_zone=ZoneInfo(document.time_zone),
        calendar=dict(document.calendar),
    )


def _unit(arrow_px: FloatArray) -> FloatArray:
    along = arrow_px[1] - arrow_px[0]
    unit: FloatArray = along / np.hypot(*along)
    return unit
