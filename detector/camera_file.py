"""A camera file on disk, read and checked; needs none of the detector's heavy libraries."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from detector.errors import CameraFileError, SourceError
from detector.stream_address import is_stream, require_stream
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
    _require_streams(path, document)
    source = document.source
    if source is None or source.startswith(SIMULATOR) or is_stream(source):
        return document
    return document.model_copy(update={"source": str(path.parent / source)})


def _require_streams(path: Path, document: CameraDocument) -> None:
    """Refuse addresses that no stream can have; they hold passwords and are never quoted."""
    source, sub_source = document.source or "", document.sub_source
    if sub_source is not None and not (is_stream(source) and is_stream(sub_source)):
        raise CameraFileError(
            f"{path}: sub_source: only a live camera has a second stream; give rtsp:// addresses "
            "for source and sub_source, or remove it"
        )
    for name, address in (("source", source), ("sub_source", sub_source or "")):
        try:
            if is_stream(address):
                require_stream(address)
        except SourceError as exc:
            raise CameraFileError(f"{path}: {name}: {exc}") from exc
