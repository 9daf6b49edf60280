"""What every evidence store must do, wherever it keeps its files."""

import hashlib
from pathlib import Path
from typing import Protocol

import pytest

from pipeline.events import EvidenceRef
from pipeline.evidence import (
    ErasableEvidenceStore,
    EvidenceError,
    EvidenceMissingError,
    EvidenceStore,
)
from tests.builders import NOON


def put(store: EvidenceStore, content: bytes = b"picture") -> EvidenceRef:
    return store.put(content, media_type="image/jpeg", captured_at=NOON)


class Backstage(Protocol):
    """What can happen to stored files behind the store's back."""

    def names(self) -> list[str]: ...

    def overwrite(self, ref: EvidenceRef, content: bytes) -> None: ...

    def lose(self, ref: EvidenceRef) -> None: ...


class Folder:
    """Backstage of a store in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, ref: EvidenceRef) -> Path:
        return self.folder / ref.sha256[:2] / ref.sha256

    def names(self) -> list[str]:
        return sorted(file.name for file in self.folder.rglob("*") if file.is_file())

    def overwrite(self, ref: EvidenceRef, content: bytes) -> None:
        self.file(ref).chmod(0o644)
        self.file(ref).write_bytes(content)

    def lose(self, ref: EvidenceRef) -> None:
        self.file(ref).unlink()


class EvidenceStoreContract:
    """Subclass it with the two fixtures of an adapter."""

    @pytest.fixture
    def store(self) -> ErasableEvidenceStore:
        raise NotImplementedError

    @pytest.fixture
    def backstage(self) -> Backstage:
        raise NotImplementedError

    def test_bytes_come_back_under_their_hash(self, store: EvidenceStore) -> None:
        ref = put(store)

        assert ref.sha256 == hashlib.sha256(b"picture").hexdigest()
        assert ref.size_bytes == 7
        assert (ref.media_type, ref.captured_at) == ("image/jpeg", NOON)
        assert store.get(ref) == b"picture"

    def test_a_large_picture_comes_back_whole(self, store: EvidenceStore) -> None:
        content = bytes(range(256)) * 8192

        assert store.get(put(store, content)) == content

    def test_a_copy_names_its_original(self, store: EvidenceStore) -> None:
        original = put(store)
        copy = store.put(b"drawn", media_type="image/jpeg", captured_at=NOON, derived_from=original)

        assert copy.derived_from == original.sha256

    def test_the_same_bytes_are_stored_once(
        self, store: EvidenceStore, backstage: Backstage
    ) -> None:
        assert put(store) == put(store)
        assert backstage.names() == [put(store).sha256]

    def test_what_is_stored_is_never_written_again(
        self, store: EvidenceStore, backstage: Backstage
    ) -> None:
        ref = put(store)
        backstage.overwrite(ref, b"Picture")
        put(store)

        with pytest.raises(EvidenceError):
            store.get(ref)

    def test_one_changed_byte_is_refused_by_name(
        self, store: EvidenceStore, backstage: Backstage
    ) -> None:
        ref = put(store)
        backstage.overwrite(ref, b"Picture")
        found = hashlib.sha256(b"Picture").hexdigest()

        with pytest.raises(
            EvidenceError,
            match=f"{ref.sha256}: the file was changed, its hash is now {found} .*{ref.sha256}",
        ):
            store.get(ref)

    def test_a_missing_file_is_an_error(self, store: EvidenceStore, backstage: Backstage) -> None:
        ref = put(store)
        backstage.lose(ref)

        with pytest.raises(EvidenceMissingError, match=f"{ref.sha256}: No such .*{ref.sha256}"):
            store.get(ref)

    def test_what_was_forwarded_is_there_and_may_be_forwarded_and_stored_again(
        self, store: EvidenceStore
    ) -> None:
        refs = [put(store), put(store, b"drawn")]

        store.forward(refs)
        store.forward(refs)
        again = put(store)
        store.forward([again])

        assert again == refs[0]
        assert [store.get(ref) for ref in refs] == [b"picture", b"drawn"]

    def test_what_is_deleted_is_gone_and_nothing_else(
        self, store: ErasableEvidenceStore, backstage: Backstage
    ) -> None:
        kept, deleted = put(store), put(store, b"deleted")

        store.delete(deleted.sha256)

        assert backstage.names() == [kept.sha256]
        assert store.get(kept) == b"picture"
        with pytest.raises(EvidenceMissingError):
            store.get(deleted)

    def test_deleting_twice_is_no_error(self, store: ErasableEvidenceStore) -> None:
        ref = put(store)

        store.delete(ref.sha256)
        store.delete(ref.sha256)
        store.delete("0" * 64)

    def test_the_same_bytes_may_be_stored_again_after_they_were_deleted(
        self, store: ErasableEvidenceStore
    ) -> None:
        ref = put(store)
        store.delete(ref.sha256)

        assert store.get(put(store)) == b"picture"
