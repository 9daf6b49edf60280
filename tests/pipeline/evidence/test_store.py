from pathlib import Path

import pytest

from pipeline.evidence import (
    ErasableEvidenceStore,
    EvidenceError,
    EvidenceStore,
    EvidenceStoreError,
    EvidenceStoreUnavailableError,
    open_evidence_store,
)
from tests.pipeline.evidence.contract import EvidenceStoreContract, Folder, put


@pytest.fixture
def backstage(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "evidence")


@pytest.fixture
def store(backstage: Folder) -> ErasableEvidenceStore:
    return open_evidence_store(f"file:{backstage.folder}")


class TestFileEvidenceStore(EvidenceStoreContract):
    @pytest.fixture
    def backstage(self, backstage: Folder) -> Folder:
        return backstage

    @pytest.fixture
    def store(self, store: ErasableEvidenceStore) -> ErasableEvidenceStore:
        return store


def test_a_file_is_never_touched_again(store: EvidenceStore, backstage: Folder) -> None:
    ref = put(store)
    before = backstage.file(ref).stat()
    put(store)

    assert backstage.file(ref).stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o222 == 0


def test_a_file_that_cannot_be_read_is_an_error(store: EvidenceStore, backstage: Folder) -> None:
    ref = put(store)
    backstage.lose(ref)
    backstage.file(ref).mkdir()

    with pytest.raises(EvidenceError, match=f"{ref.sha256}: Is a directory"):
        store.get(ref)


def test_a_store_that_takes_no_files_says_what_to_do(
    store: EvidenceStore, backstage: Folder
) -> None:
    backstage.folder.write_text("in the way")

    with pytest.raises(EvidenceStoreUnavailableError, match="make room or allow writing"):
        put(store)

    backstage.folder.unlink()
    assert store.get(put(store)) == b"picture"


def test_a_file_that_cannot_be_deleted_is_no_silent_matter(
    store: ErasableEvidenceStore, backstage: Folder
) -> None:
    ref = put(store)
    backstage.lose(ref)
    backstage.file(ref).mkdir()

    with pytest.raises(EvidenceStoreUnavailableError, match="allow writing"):
        store.delete(ref.sha256)


def test_a_store_on_this_machine_needs_no_spool(tmp_path: Path, backstage: Folder) -> None:
    store = open_evidence_store(f"file:{backstage.folder}", spool_dir=tmp_path / "spool")

    ref = put(store)

    assert backstage.names() == [ref.sha256]
    assert not (tmp_path / "spool").exists()


def test_an_unknown_kind_of_store_is_refused_and_its_address_not_repeated() -> None:
    with pytest.raises(EvidenceStoreError, match=r"'gopher': use file:FOLDER or s3://") as refused:
        open_evidence_store("gopher://me:secret@hole")

    assert "secret" not in str(refused.value)
