"""Evidence files: written once, addressed by their SHA-256, checked whenever they are read."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from pipeline.errors import PermanentError, RetryableError
from pipeline.events.evidence import EvidenceRef

__all__ = [
    "ErasableEvidenceStore",
    "EvidenceError",
    "EvidenceMissingError",
    "EvidenceStore",
    "EvidenceStoreError",
    "EvidenceStoreUnavailableError",
    "FileEvidenceStore",
    "reference_to",
    "verified",
]


class EvidenceError(PermanentError):
    """A stored file is missing or no longer what its hash says."""


class EvidenceMissingError(EvidenceError):
    """There is no such file."""


class EvidenceStoreError(PermanentError):
    """The store's address is wrong, or the store does not let us in; a person must act."""


class EvidenceStoreUnavailableError(RetryableError):
    """The store takes or gives no files now: full, read-only or away."""


class EvidenceStore(Protocol):
    """Keeps the bytes of evidence.

    A store on another machine may raise `EvidenceStoreError` from every method.
    """

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        """Store `content` and return its reference; the same bytes twice are stored once.

        Raises:
            EvidenceStoreUnavailableError: nothing was stored; the same call may be made again.
        """
        ...

    def get(self, ref: EvidenceRef) -> bytes:
        """The bytes behind `ref`, after their hash was checked.

        Raises:
            EvidenceError: the file is missing or was changed.
            EvidenceStoreUnavailableError: the store cannot be asked now.
        """
        ...

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Bring these files to where all others read them; what is there already is no error.

        Raises:
            EvidenceError: a file is lost or was changed; all others were forwarded.
            EvidenceStoreUnavailableError: not now; the same call may be made again.
        """
        ...


class ErasableEvidenceStore(EvidenceStore, Protocol):
    """A store as the purge sees it; those who only write and show cannot delete."""

    def delete(self, sha256: str) -> None:
        """Delete the file with this hash for good; one that is not there is no error.

        Only for what the rulebook keeps no longer, and only after the database says so.

        Raises:
            EvidenceStoreUnavailableError: not now; the same call may be made again.
        """
        ...


def reference_to(
    content: bytes, *, media_type: str, captured_at: datetime, derived_from: EvidenceRef | None
) -> EvidenceRef:
    """The reference under which a store keeps `content`."""
    return EvidenceRef(
        sha256=hashlib.sha256(content).hexdigest(),
        media_type=media_type,
        size_bytes=len(content),
        captured_at=captured_at,
        derived_from=derived_from.sha256 if derived_from else None,
    )


def verified(ref: EvidenceRef, content: bytes, *, place: object) -> bytes:
    """`content`, which was read at `place`, if it is what `ref` says.

    Raises:
        EvidenceError: it was changed.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != ref.sha256:
        raise EvidenceError(
            f"evidence {ref.sha256}: the file was changed, its hash is now {found} ({place})"
        )
    return content


class FileEvidenceStore:
    """A folder of files named by their hash, read-only once written."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`, which is made if it is missing."""
        self._folder = folder

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        """Store `content` and return its reference; see `EvidenceStore.put`."""
        ref = reference_to(
            content, media_type=media_type, captured_at=captured_at, derived_from=derived_from
        )
        path = self._path(ref)
        if not path.exists():
            self._write(path, content)
        return ref

    def get(self, ref: EvidenceRef) -> bytes:
        """The bytes behind `ref`; see `EvidenceStore.get`."""
        path = self._path(ref)
        try:
            content = path.read_bytes()
        except OSError as exc:
            kind = EvidenceMissingError if isinstance(exc, FileNotFoundError) else EvidenceError
            raise kind(f"evidence {ref.sha256}: {exc.strerror} ({path})") from exc
        return verified(ref, content, place=path)

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Nothing to do: everybody reads this folder; see `EvidenceStore.forward`."""

    def delete(self, sha256: str) -> None:
        """Delete a file, if it is there; see `ErasableEvidenceStore`."""
        path = self._place(sha256)
        try:
            path.unlink()
            _sync(path.parent)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise self._unavailable(exc) from exc

    def _path(self, ref: EvidenceRef) -> Path:
        return self._place(ref.sha256)

    def _place(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _write(self, path: Path, content: bytes) -> None:
        """Write beside, sync, then link: a file under its own name is always whole."""
        temporary: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
                temporary = Path(file.name)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o444)
            with suppress(FileExistsError):
                os.link(temporary, path)
            _sync(path.parent)
        except OSError as exc:
            raise self._unavailable(exc) from exc
        finally:
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink()

    def _unavailable(self, exc: OSError) -> EvidenceStoreUnavailableError:
        return EvidenceStoreUnavailableError(
            f"evidence folder {self._folder}: {exc.strerror}; make room or allow writing, "
            "events wait until then"
        )


def _sync(folder: Path) -> None:
    """Make what changed in a folder survive a loss of power."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
