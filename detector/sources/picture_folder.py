"""A recording as a folder of pictures."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from detector.errors import SourceError
from detector.geometry import ImageArray
from detector.sources.frame import Frame, utc_now
from pipeline.events import CameraDocument

__all__ = ["PictureFolder", "open_picture_folder"]

log = logging.getLogger(__name__)

_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_SAME_S = 1e-3
# 20260302T080000.123, 2026-03-02_08-00-00, 20260302080000123 and what lies between.
_DATE = re.compile(
    r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)[-_. T]?(\d\d)([-_.:]?)(\d\d)\6(\d\d)"
    r"(?:[-_.]?(\d{3}|\d{6}))?(?!\d)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFolder:
    """Pictures one after the other; a `FrameSource` that ends.

    Attributes:
        folder: Where they lie.
        camera_id: Written on each frame.
        pictures: Files with seconds since the first, in the order of capture.
        started_at: The instant of the first picture.
        duration_s: From the first picture to the last.
        analysed_fps: At most so many pictures per second are given out.
    """

    folder: Path
    camera_id: str
    pictures: tuple[tuple[Path, float], ...]
    started_at: datetime
    duration_s: float
    analysed_fps: float

    def frames(self) -> Iterator[Frame]:
        """Pictures at their own times, thinned to `analysed_fps`; see `FrameSource.frames`.

        A picture that cannot be read is named in the log and left out.
        """
        due_s = 0.0
        for path, at_s in self.pictures:
            if at_s < due_s - _SAME_S:
                continue
            image = _read(path)
            if image is None:
                log.warning(
                    "picture cannot be read",
                    extra={"camera_id": self.camera_id, "file": path.name},
                )
                continue
            due_s = max(due_s + 1 / self.analysed_fps, at_s + 2 * _SAME_S)
            yield Frame(
                camera_id=self.camera_id,
                image=image,
                captured_at=self.started_at + timedelta(seconds=at_s),
            )


def open_picture_folder(
    folder: Path, document: CameraDocument, *, started_at: datetime | None = None
) -> PictureFolder:
    """Open a folder of pictures of `document`'s camera.

    When each picture was captured is taken from all file names (`20260302_080000_123`), else from
    all EXIF data (DateTimeOriginal), in the camera's time zone where they name none; pictures of
    the same instant are spread over the second. Else they follow each other in the order of their
    names, 1 / `analysed_fps` apart. `recorded_at` of the camera overrules the date of the first
    one; without any date the last one was captured now.

    Args:
        folder: JPEG, PNG, BMP, WebP or TIFF files; what else lies there is left out.
        document: The camera.
        started_at: Overrules every other date; used to go on with a recording after a restart.

    Raises:
        SourceError: there is no picture, or none that can be read.
    """
    paths = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES), key=_by_numbers
    )
    if not paths:
        raise SourceError(
            f"{folder}: no picture in this folder; give one with {', '.join(sorted(_SUFFIXES))}"
        )
    if all(_read(path) is None for path in paths):
        raise SourceError(f"{folder}: none of its pictures can be read; copy them again")
    zone = ZoneInfo(document.time_zone)
    dated = _dated(paths, zone, _named_at) or _dated(paths, zone, _exif_at)
    if dated:
        first_at: datetime | None = dated[0][1]
        pictures = _spread(dated)
    else:
        first_at = None
        pictures = tuple((path, k / document.analysed_fps) for k, path in enumerate(paths))
    duration_s = pictures[-1][1]
    return PictureFolder(
        folder=folder,
        camera_id=document.camera_id,
        pictures=pictures,
        started_at=started_at
        or document.recorded_at
        or first_at
        or utc_now() - timedelta(seconds=duration_s),
        duration_s=duration_s,
        analysed_fps=document.analysed_fps,
    )


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Sorts picture 10 after picture 9."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part) if part.isdigit() else -1, part) for part in parts]


def _dated(
    paths: Sequence[Path], zone: ZoneInfo, read_date: Callable[[Path, ZoneInfo], datetime | None]
) -> list[tuple[Path, datetime]]:
    """All pictures by their dates; nothing when one has none, as a guess would bend the time."""
    dated = []
    for path in paths:
        at = read_date(path, zone)
        if at is None:
            return []
        dated.append((path, at))
    return sorted(dated, key=lambda one: one[1])


def _spread(dated: Sequence[tuple[Path, datetime]]) -> tuple[tuple[Path, float], ...]:
    """Seconds since the first; dates are often whole seconds with several pictures in each."""
    pictures = []
    for at, group in groupby(dated, key=lambda one: one[1]):
        same = [path for path, _ in group]
        since_s = (at - dated[0][1]).total_seconds()
        pictures += [(path, since_s + k / len(same)) for k, path in enumerate(same)]
    return tuple(sorted(pictures, key=lambda one: one[1]))


def _named_at(path: Path, zone: ZoneInfo) -> datetime | None:
    match = _DATE.search(path.stem)
    if match is None:
        return None
    year, _, month, day, hour, _, minute, second, fraction = match.groups(default="0")
    with suppress(ValueError):
        at = datetime.fromisoformat(f"{year}-{month}-{day} {hour}:{minute}:{second}.{fraction}")
        return at.replace(tzinfo=zone).astimezone(UTC)
    return None


def _exif_at(path: Path, zone: ZoneInfo) -> datetime | None:
    try:
        with Image.open(path) as picture:
            exif = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError):
        return None
    date = str(exif.get(ExifTags.Base.DateTimeOriginal, "")).replace(":", "-", 2)
    fraction = str(exif.get(ExifTags.Base.SubsecTimeOriginal, "")).strip()
    offset = str(exif.get(ExifTags.Base.OffsetTimeOriginal, "")).strip()
    with suppress(ValueError):
        at = datetime.fromisoformat(f"{date}.{fraction or 0}{offset}")
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    return None


def _read(path: Path) -> ImageArray | None:
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError:
        return None
    if not content.size:
        return None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    return None if image is None else image.astype(np.uint8, copy=False)
