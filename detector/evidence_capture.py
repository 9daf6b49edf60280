"""Pictures as evidence: originals as captured, drawings on copies only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np

from detector.camera_config import Zone
from detector.detection import ImageArray
from detector.geometry import FloatArray
from detector.sources import Frame
from pipeline.events import EvidenceRef
from pipeline.evidence.store import EvidenceStore

__all__ = [
    "Picture",
    "draw_box",
    "draw_zone",
    "encode_jpeg",
    "store_pictures",
    "take_crop",
    "take_panorama",
]

_MEDIA_TYPE = "image/jpeg"
_QUALITY = 92
_CROP_MARGIN_RATIO = 0.25
_ZONE_COLOUR = (0, 140, 255)
_BOX_COLOUR = (60, 60, 235)
_TEXT_COLOUR = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One JPEG file, not stored yet; a drawing is a copy of the first picture it comes with."""

    content: bytes
    captured_at: datetime
    width_px: int
    height_px: int
    is_drawing: bool = False


def take_panorama(frame: Frame, *, zone: Zone, box_px: FloatArray) -> tuple[Picture, Picture]:
    """The whole picture as captured, and a copy with zone, box (shape (4,)) and time."""
    drawn = frame.image.copy()
    draw_zone(drawn, zone.polygon_px)
    draw_box(drawn, box_px)
    _write_caption(drawn, f"{frame.camera_id}  {frame.captured_at:%Y-%m-%d %H:%M:%S} UTC")
    return (
        _picture(frame.image, frame.captured_at),
        _picture(drawn, frame.captured_at, is_drawing=True),
    )


def take_crop(frame: Frame, box_px: FloatArray) -> Picture:
    """The vehicle in its box (shape (4,)) with some surroundings, as captured."""
    return _picture(_crop(frame.image, box_px), frame.captured_at)


def store_pictures(store: EvidenceStore, pictures: Sequence[Picture]) -> tuple[EvidenceRef, ...]:
    """Put pictures of one instant into the store, the panorama first.

    Raises:
        EvidenceStoreUnavailableError: call again later; what was stored is not stored twice.
    """
    refs: list[EvidenceRef] = []
    for picture in pictures:
        ref = store.put(
            picture.content,
            media_type=_MEDIA_TYPE,
            captured_at=picture.captured_at,
            derived_from=refs[0] if picture.is_drawing else None,
        )
        size = {"width_px": picture.width_px, "height_px": picture.height_px}
        refs.append(ref.model_copy(update=size))
    return tuple(refs)


def _picture(image: ImageArray, captured_at: datetime, *, is_drawing: bool = False) -> Picture:
    height, width = image.shape[:2]
    return Picture(
        content=encode_jpeg(image),
        captured_at=captured_at,
        width_px=width,
        height_px=height,
        is_drawing=is_drawing,
    )


def encode_jpeg(image: ImageArray) -> bytes:
    """The image as a JPEG file of evidence quality."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()


def draw_zone(image: ImageArray, polygon_px: FloatArray) -> None:
    """Draw a zone's outline (shape (n, 2)) on `image` itself."""
    points = np.round(polygon_px).astype(np.int32)[:, None]
    cv2.polylines(image, [points], True, _ZONE_COLOUR, _line_px(image), cv2.LINE_AA)  # noqa: FBT003


def draw_box(image: ImageArray, xyxy_px: FloatArray) -> None:
    """Draw a box (shape (4,)) on `image` itself."""
    x1, y1, x2, y2 = (int(value) for value in np.round(xyxy_px))
    cv2.rectangle(image, (x1, y1), (x2, y2), _BOX_COLOUR, _line_px(image), cv2.LINE_AA)


def _line_px(image: ImageArray) -> int:
    width: int = image.shape[1]
    return max(1, width // 640)


def _write_caption(image: ImageArray, text: str) -> None:
    scale = max(0.35, image.shape[1] / 1600)
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, _line_px(image)
    (width, height), below = cv2.getTextSize(text, font, scale, thickness)
    bottom = image.shape[0]
    strip = image[bottom - height - 2 * below - 2 : bottom, : width + 2 * below]
    strip[:] = strip // 3
    cv2.putText(
        image, text, (below, bottom - below), font, scale, _TEXT_COLOUR, thickness, cv2.LINE_AA
    )


def _crop(image: ImageArray, xyxy_px: FloatArray) -> ImageArray:
    height, width = image.shape[:2]
    margin = _CROP_MARGIN_RATIO * (xyxy_px[2:] - xyxy_px[:2])
    x1, y1 = np.maximum(np.floor(xyxy_px[:2] - margin), 0).astype(int)
    x2, y2 = np.minimum(np.ceil(xyxy_px[2:] + margin), [width, height]).astype(int)
    return image[y1:y2, x1:x2]
