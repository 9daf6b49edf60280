import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.events import EvidenceRef
from pipeline.evidence import EvidenceError, EvidenceStoreUnavailableError, forget_unsent
from pipeline.evidence.spooled import SpooledEvidenceStore
from pipeline.evidence.store import FileEvidenceStore
from tests.pipeline.evidence.contract import EvidenceStoreContract, Folder, put


class SwitchedRemote:
    """A store on another machine that can be away."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._inner = FileEvidenceStore(folder.folder)
        self.is_away = False

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        self._ask()
        return self._inner.put(
            content, media_type=media_type, captured_at=captured_at, derived_from=derived_from
        )

    def get(self, ref: EvidenceRef) -> bytes:
        self._ask()
        return self._inner.get(ref)

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Nothing to do."""

    def holds(self, ref: EvidenceRef) -> bool:
        self._ask()
        return ref.sha256 in self._folder.names()

    def delete(self, sha256: str) -> None:
        self._ask()
        self._inner.delete(sha256)

    def _ask(self) -> None:
        if self.is_away:
            raise EvidenceStoreUnavailableError("no way to the other machine")


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "spool")


@pytest.fixture
def there(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "remote")


@pytest.fixture
def remote(there: Folder) -> SwitchedRemote:
    return SwitchedRemote(there)


@pytest.fixture
def store(here: Folder, remote: SwitchedRemote) -> SpooledEvidenceStore:
    return SpooledEvidenceStore(FileEvidenceStore(here.folder), remote)


class TestSpooledEvidenceStore(EvidenceStoreContract):
    @pytest.fixture
    def backstage(self, here: Folder) -> Folder:
        return here

    @pytest.fixture
    def store(self, store: SpooledEvidenceStore) -> SpooledEvidenceStore:
        return store


def test_a_picture_outlives_an_outage_of_the_remote_store(
    store: SpooledEvidenceStore, remote: SwitchedRemote, here: Folder, there: Folder
) -> None:
    remote.is_away = True
    refs = [put(store), put(store, b"drawn")]
    with pytest.raises(EvidenceStoreUnavailableError, match="no way"):
        store.forward(refs)
    assert store.get(refs[0]) == b"picture"

    remote.is_away = False
    store.forward(refs)

    assert here.names() == []
    assert there.names() == sorted(ref.sha256 for ref in refs)
    assert [store.get(ref) for ref in refs] == [b"picture", b"drawn"]


def test_after_a_death_between_upload_and_removal_forwarding_ends_the_work(
    store: SpooledEvidenceStore, remote: SwitchedRemote, here: Folder, there: Folder
) -> None:
    ref = put(store)
    put(remote)

    store.forward([ref])

    assert (here.names(), there.names()) == ([], [ref.sha256])


def test_after_a_death_right_behind_the_removal_there_is_nothing_left_to_do(
    store: SpooledEvidenceStore, remote: SwitchedRemote, here: Folder
) -> None:
    ref = put(store)
    store.forward([ref])

    reopened = SpooledEvidenceStore(FileEvidenceStore(here.folder), remote)
    reopened.forward([ref])

    assert reopened.get(ref) == b"picture"


def test_whether_a_picture_was_forwarded_is_not_known_while_the_remote_store_is_away(
    store: SpooledEvidenceStore, remote: SwitchedRemote
) -> None:
    ref = put(store)
    store.forward([ref])
    remote.is_away = True

    with pytest.raises(EvidenceStoreUnavailableError):
        store.forward([ref])
    with pytest.raises(EvidenceStoreUnavailableError):
        store.get(ref)


def test_a_picture_that_is_lost_is_named_and_holds_up_no_other(
    store: SpooledEvidenceStore, here: Folder, there: Folder
) -> None:
    lost, kept = put(store, b"lost"), put(store)
    here.lose(lost)

    with pytest.raises(
        EvidenceError, match=f"{lost.sha256}: No such file .*none in the remote store"
    ):
        store.forward([lost, kept])

    assert (here.names(), there.names()) == ([], [kept.sha256])


def test_a_picture_that_was_changed_here_never_leaves_and_is_not_removed(
    store: SpooledEvidenceStore, here: Folder, there: Folder
) -> None:
    changed, kept = put(store, b"changed"), put(store)
    here.overwrite(changed, b"Changed")

    with pytest.raises(EvidenceError, match=f"{changed.sha256}: the file was changed"):
        store.forward([changed, kept])

    assert (here.names(), there.names()) == ([changed.sha256], [kept.sha256])


def test_a_picture_is_deleted_here_and_there(
    store: SpooledEvidenceStore, here: Folder, there: Folder
) -> None:
    forwarded, waiting, kept = put(store), put(store, b"waiting"), put(store, b"kept")
    store.forward([forwarded])

    for one in (forwarded, waiting):
        store.delete(one.sha256)

    assert (here.names(), there.names()) == ([kept.sha256], [])


def test_pictures_that_were_never_sent_are_forgotten_after_a_day(
    store: SpooledEvidenceStore, here: Folder
) -> None:
    old, new = put(store, b"old"), put(store, b"new")
    a_day_ago = time.time() - 86_401  # noqa: TID251
    os.utime(here.file(old), (a_day_ago, a_day_ago))

    assert forget_unsent(here.folder) == 1
    assert here.names() == [new.sha256]
    assert forget_unsent(here.folder / "nowhere") == 0


def test_a_folder_that_cannot_be_cleared_is_said(here: Folder) -> None:
    here.folder.write_text("in the way")

    with pytest.raises(EvidenceStoreUnavailableError, match="allow writing"):
        forget_unsent(here.folder)


def test_a_full_spool_says_what_to_do(store: SpooledEvidenceStore, here: Folder) -> None:
    here.folder.write_text("in the way")

    with pytest.raises(EvidenceStoreUnavailableError, match="make room or allow writing"):
        put(store)
