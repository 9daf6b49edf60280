import hashlib
from pathlib import Path

import pytest

from pipeline.errors import PermanentError
from pipeline.events import EvidenceRef
from pipeline.evidence import (
    EvidenceError,
    EvidenceStore,
    EvidenceStoreUnavailableError,
    open_evidence_store,
)
from tests.builders import NOON


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return open_evidence_store(f"file:{tmp_path}/evidence")


def _put(store: EvidenceStore, content: bytes = b"picture") -> EvidenceRef:
    return store.put(content, media_type="image/jpeg", captured_at=NOON)


def _file(tmp_path: Path, ref: EvidenceRef) -> Path:
    return tmp_path / "evidence" / ref.sha256[:2] / ref.sha256


def test_bytes_come_back_under_their_hash(store: EvidenceStore) -> None:
    ref = _put(store)

    assert ref.sha256 == hashlib.sha256(b"picture").hexdigest()
    assert ref.size_bytes == 7
    assert store.get(ref) == b"picture"


def test_a_copy_names_its_original(store: EvidenceStore) -> None:
    original = _put(store)
    copy = store.put(b"drawn", media_type="image/jpeg", captured_at=NOON, derived_from=original)

    assert copy.derived_from == original.sha256


def test_the_same_bytes_are_written_once_and_never_again(
    store: EvidenceStore, tmp_path: Path
) -> None:
    ref = _put(store)
    before = _file(tmp_path, ref).stat()
    _put(store)

    assert _file(tmp_path, ref).stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o222 == 0
    assert [file.name for file in (tmp_path / "evidence").rglob("*") if file.is_file()] == [
        ref.sha256
    ]


def test_one_changed_byte_is_refused_by_name(store: EvidenceStore, tmp_path: Path) -> None:
    ref = _put(store)
    file = _file(tmp_path, ref)
    file.chmod(0o644)
    file.write_bytes(b"Picture")

    with pytest.raises(EvidenceError, match=f"{ref.sha256}: the file was changed"):
        store.get(ref)


def test_a_missing_file_is_an_error(store: EvidenceStore, tmp_path: Path) -> None:
    ref = _put(store)
    _file(tmp_path, ref).unlink()

    with pytest.raises(EvidenceError, match="No such file"):
        store.get(ref)


def test_a_store_that_takes_no_files_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("in the way")
    store = open_evidence_store(f"file:{tmp_path}/evidence")

    with pytest.raises(EvidenceStoreUnavailableError, match="make room or allow writing"):
        _put(store)

    (tmp_path / "evidence").unlink()
    assert store.get(_put(store)) == b"picture"


def test_an_unknown_kind_of_store_is_refused() -> None:
    with pytest.raises(PermanentError, match="use file:FOLDER"):
        open_evidence_store("gopher://hole")
