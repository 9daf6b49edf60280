"""Evidence for a store on another machine: on this disk first, forwarded before its event leaves.

An outage of the remote store so costs no picture. At any moment a file is here, there or in both
places, so that what a sudden death leaves behind is put right by forwarding again.
"""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipeline.events.evidence import EvidenceRef
from pipeline.evidence.store import (
    ErasableEvidenceStore,
    EvidenceError,
    EvidenceMissingError,
    EvidenceStoreUnavailableError,
    FileEvidenceStore,
)

__all__ = ["RemoteEvidenceStore", "SpooledEvidenceStore", "forget_unsent"]

_A_DAY_S = 86_400.0


class RemoteEvidenceStore(ErasableEvidenceStore, Protocol):
    """A store on another machine, which can be asked what it has."""

    def holds(self, ref: EvidenceRef) -> bool:
        """Whether it has a file under this name; the bytes are not read.

        Raises:
            EvidenceStoreUnavailableError: the store cannot be asked now.
        """
        ...


class SpooledEvidenceStore:
    """Keeps files in a folder until they are forwarded; see `EvidenceStore`.

    Threads may share it.
    """

    def __init__(self, spool: FileEvidenceStore, remote: RemoteEvidenceStore) -> None:
        """Write to `spool`, forward to `remote`, which need not answer yet."""
        self._spool = spool
        self._remote = remote

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        """Keep `content` on this disk and return its reference; see `EvidenceStore.put`."""
        return self._spool.put(
            content, media_type=media_type, captured_at=captured_at, derived_from=derived_from
        )

    def get(self, ref: EvidenceRef) -> bytes:
        """The bytes behind `ref`, from here or from there; see `EvidenceStore.get`."""
        try:
            return self._spool.get(ref)
        except EvidenceMissingError:
            return self._remote.get(ref)

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Upload what is still here, then let go of it; see `EvidenceStore.forward`."""
        failures = []
        for ref in refs:
            try:
                self._forward(ref)
            except EvidenceError as exc:
                failures.append(str(exc))
        if failures:
            raise EvidenceError("; ".join(failures))

    def delete(self, sha256: str) -> None:
        """Delete it here, so that it is not forwarded again, and there."""
        self._spool.delete(sha256)
        self._remote.delete(sha256)

    def _forward(self, ref: EvidenceRef) -> None:
        try:
            content = self._spool.get(ref)
        except EvidenceMissingError as exc:
            if not self._remote.holds(ref):
                raise EvidenceMissingError(f"{exc}, and none in the remote store") from exc
            return
        self._remote.put(content, media_type=ref.media_type, captured_at=ref.captured_at)
        self._spool.delete(ref.sha256)


def forget_unsent(folder: Path, *, older_than_s: float = _A_DAY_S) -> int:
    """Delete the older files of a spool's folder; says how many.

    Only for when no event waits: then they belong to events that a full spool gave up, or that a
    sudden death kept from ever being told.

    Raises:
        EvidenceStoreUnavailableError: the folder cannot be read or written.
    """
    # Only a length of time on this disk; no event depends on it.
    limit_s = time.time() - older_than_s  # noqa: TID251
    try:
        places = [one for one in folder.iterdir() if one.is_dir()] if folder.exists() else []
        files = [one for place in places for one in place.iterdir()]
        old = [one for one in files if one.stat().st_mtime < limit_s]
        for one in old:
            one.unlink(missing_ok=True)
    except OSError as exc:
        raise EvidenceStoreUnavailableError(
            f"evidence folder {folder}: {exc.strerror}; allow writing"
        ) from exc
    return len(old)
