import sys
from pathlib import Path

import pytest

from models.registry import NetworkFileError, find_network
from models.ultralytics_detector import UltralyticsDetector


def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "street.pt"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(NetworkFileError, match=r"make yolo"):
        UltralyticsDetector(find_network(str(path)), min_confidence=0.25)


@pytest.mark.yolo
@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no checkpoint"], ids=["empty", "text"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("ultralytics", reason="needs the extra yolo")
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(NetworkFileError, match=r"bad\.pt: damaged or no Ultralytics network"):
        UltralyticsDetector(find_network(str(path)), min_confidence=0.25)
