"""Evidence files and what is said about them; opened by URL."""

from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import PermanentError
from pipeline.evidence.store import (
    EvidenceError,
    EvidenceStore,
    EvidenceStoreUnavailableError,
    FileEvidenceStore,
)

__all__ = [
    "EvidenceError",
    "EvidenceStore",
    "EvidenceStoreUnavailableError",
    "open_evidence_store",
]


def open_evidence_store(url: str) -> EvidenceStore:
    """Open the store at `url`: `file:FOLDER` (relative) or `file:///absolute/folder`.

    Raises:
        PermanentError: the URL names no store that this version knows.
    """
    parts = urlsplit(url)
    if parts.scheme != "file" or not parts.path:
        raise PermanentError(f"evidence store {url!r}: use file:FOLDER")
    return FileEvidenceStore(Path(parts.path))
