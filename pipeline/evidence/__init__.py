"""Evidence files and what is said about them; opened by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.evidence.spooled import SpooledEvidenceStore, forget_unsent
from pipeline.evidence.store import (
    ErasableEvidenceStore,
    EvidenceError,
    EvidenceMissingError,
    EvidenceStore,
    EvidenceStoreError,
    EvidenceStoreUnavailableError,
    FileEvidenceStore,
)

__all__ = [
    "ErasableEvidenceStore",
    "EvidenceError",
    "EvidenceMissingError",
    "EvidenceStore",
    "EvidenceStoreError",
    "EvidenceStoreUnavailableError",
    "forget_unsent",
    "open_evidence_store",
]


def open_evidence_store(url: str, *, spool_dir: Path | None = None) -> ErasableEvidenceStore:
    """Open the store at `url`; one on another machine need not answer yet.

    Args:
        url: `file:FOLDER` (relative), `file:///absolute/folder`, or `s3://BUCKET[/PREFIX]`; see
            `S3Address.parse`.
        spool_dir: Keeps what is written to a store on another machine until it is forwarded.
            Without it, every write needs that store.

    Raises:
        EvidenceStoreError: the URL names no store that this version knows, or what it needs is
            missing: an extra, credentials.
    """
    if url.startswith("s3://"):
        with _extra_installed():
            from pipeline.evidence.s3 import S3Address, S3EvidenceStore
        remote = S3EvidenceStore(S3Address.parse(url))
        if spool_dir is None:
            return remote
        return SpooledEvidenceStore(FileEvidenceStore(spool_dir), remote)
    parts = urlsplit(url)
    if parts.scheme != "file" or not parts.path:
        # The rest of an address that is none may hold a password.
        raise EvidenceStoreError(
            f"evidence store {url.partition(':')[0]!r}: use file:FOLDER or s3://BUCKET"
        )
    return FileEvidenceStore(Path(parts.path))


@contextmanager
def _extra_installed() -> Iterator[None]:
    """The client of S3 is an extra: a machine that needs none installs none."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise EvidenceStoreError(f"{exc.name} is missing: pip install 'remindfirst[s3]'") from exc
