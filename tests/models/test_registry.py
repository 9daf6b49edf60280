import hashlib
from pathlib import Path

import pytest

from models import registry
from models.registry import NetworkFileError, NetworkKind, find_network


def test_a_plain_path_gets_its_kind_and_its_version_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "street.onnx"
    path.write_bytes(b"abc")
    file = find_network(str(path))
    assert file.kind is NetworkKind.OPENVINO
    assert file.version == "street.onnx@ba7816bf8f01"


def test_an_openvino_folder_is_a_network(tmp_path: Path) -> None:
    (tmp_path / "street_openvino_model").mkdir()
    (tmp_path / "street_openvino_model" / "street.xml").write_text("<net/>")
    assert find_network(str(tmp_path / "street_openvino_model")).kind is NetworkKind.OPENVINO


def test_a_missing_file_is_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(NetworkFileError, match=r"nowhere\.onnx: no such file .*give a \.onnx"):
        find_network(str(tmp_path / "nowhere.onnx"))


def test_an_unknown_kind_is_named_with_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "weights.zip"
    path.write_bytes(b"")
    with pytest.raises(NetworkFileError, match=r"weights\.zip: unknown kind; use \.onnx"):
        find_network(str(path))


def test_the_packaged_plate_networks_have_the_hashes_of_the_manifest() -> None:
    for name in ("plate-text-finder", "plate-text-reader"):
        assert find_network(name).path.is_file()


def test_a_file_with_another_hash_than_its_entry_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "street.onnx").write_bytes(b"changed")
    monkeypatch.setattr(registry, "_HERE", tmp_path)
    monkeypatch.setattr(
        registry, "_manifest", lambda: {"street": {"file": "street.onnx", "sha256": "0" * 64}}
    )
    with pytest.raises(NetworkFileError, match=r"street\.onnx: SHA-256 is .*fetch the file again"):
        find_network("street")


@pytest.mark.parametrize("known", ["right", "wrong"])
def test_a_hash_noted_beside_the_weights_is_checked(tmp_path: Path, known: str) -> None:
    path = tmp_path / "street.onnx"
    path.write_bytes(b"network")
    digest = hashlib.sha256(b"network").hexdigest() if known == "right" else "0" * 64
    path.with_name("street.onnx.sha256").write_text(f"{digest}  street.onnx\n")

    if known == "right":
        assert find_network(str(path)).sha256 == digest
    else:
        with pytest.raises(NetworkFileError, match=r"street\.onnx: SHA-256 is .* fetch the file"):
            find_network(str(path))
