"""A camera file on disk, read and checked; needs none of the detector's heavy libraries."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from detector.errors import CameraFileError
from pipeline.errors import findings
from pipeline.events import CameraDocument

__all__ = ["SIMULATOR", "load_camera"]

SIMULATOR = "simulator:"


def load_camera(path: Path) -> CameraDocument:
    """Read one camera file (YAML); a relative `source` lies beside it.

    Raises:
        CameraFileError: the file is missing, is no YAML, or says something impossible; one line
            per finding, each with the place in the file.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise CameraFileError(f"{path}: {exc.strerror}; give the path of a camera file") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise CameraFileError(f"{path}: not YAML in UTF-8: {exc}") from exc
    try:
        document = CameraDocument.model_validate(raw)
    except ValidationError as exc:
        raise CameraFileError(findings(exc, str(path))) from exc
    if document.source is None or document.source.startswith(SIMULATOR):
        return document
    if "://" in document.source:
        raise CameraFileError(
            f"{path}: source: this version reads recordings, not streams; give a video file"
        )
    return document.model_copy(update={"source": str(path.parent / document.source)})
