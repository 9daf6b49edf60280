"""One camera's shapes in pixels, from the shared camera document."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from detector.errors import CameraFileError
from detector.geometry import FloatArray
from pipeline.events import CameraDocument, ZoneShape

__all__ = ["SIMULATOR", "Zone", "load_camera", "zones_in_pixels"]

SIMULATOR = "simulator:"
"""How the source of a drawn camera begins."""

_FIXES = {
    "extra_forbidden": "remove it, or look for a slip in its spelling",
    "missing": "add it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone on one camera's picture; `polygon_px` has shape (n, 2)."""

    shape: ZoneShape
    version: int
    polygon_px: FloatArray


def load_camera(path: Path) -> CameraDocument:
    """Read one camera file (YAML); a relative `source` is taken from the file's own folder.

    Raises:
        CameraFileError: the file is missing, is no YAML, or says something impossible; one line
            per finding, each with the place in the file.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise CameraFileError(f"{path}: {exc.strerror}; give the path of a camera file") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise CameraFileError(f"{path}: not a YAML file: {exc}") from exc
    try:
        document = CameraDocument.model_validate(raw)
    except ValidationError as exc:
        lines = [_finding(path, error) for error in exc.errors(include_url=False)]
        raise CameraFileError("\n".join(lines)) from exc
    if document.source is None or document.source.startswith(SIMULATOR):
        return document
    return document.model_copy(update={"source": str(path.parent / document.source)})


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


def _finding(path: Path, error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "file"
    message = error["msg"].removeprefix("Value error, ")
    fix = _FIXES.get(error["type"])
    return f"{path}: {place}: {message}" + (f"; {fix}" if fix else "")
