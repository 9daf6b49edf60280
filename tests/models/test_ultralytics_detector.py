import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.openvino_detector import OpenVinoDetector
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


@pytest.mark.real
@pytest.mark.yolo
@pytest.mark.slow
def test_what_is_seen_in_a_picture_does_not_depend_on_its_company(real: Path) -> None:
    pytest.importorskip("ultralytics", reason="needs the extra yolo")
    file = find_network(str(real / "weights" / "yolo26n.pt"))
    detector = UltralyticsDetector(file, min_confidence=0.1)
    clip = cv2.VideoCapture(str(real / "video" / "us-street-parked-cars.mp4"))
    street = np.asarray(clip.read()[1], dtype=np.uint8)
    clip.release()
    images = [street, street[:, :480], street[::-1]]
    (alone,) = detector.predict(images[:1])
    together = detector.predict(images)
    assert len(alone.labels) > 0
    assert len(together) == 3
    np.testing.assert_allclose(together[0].xyxy_px, alone.xyxy_px, atol=0.01)
    np.testing.assert_allclose(together[0].confidence, alone.confidence, atol=1e-4)


@pytest.mark.real
@pytest.mark.yolo
@pytest.mark.slow
def test_the_network_sees_the_same_in_its_form_for_the_cpu(real: Path, tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", reason="needs the extra yolo")
    file = find_network(str(real / "weights" / "yolo26n.pt"))
    detector = UltralyticsDetector(file, min_confidence=0.25)
    detector.export_for_cpu(tmp_path / "networks" / "one")
    exported = OpenVinoDetector(tmp_path / "networks" / "one", min_confidence=0.25)
    assert exported.labels == detector.labels
    clip = cv2.VideoCapture(str(real / "video" / "us-street-parked-cars.mp4"))
    street = np.asarray(clip.read()[1], dtype=np.uint8)
    clip.release()
    (before,), (after,) = detector.predict([street]), exported.predict([street])
    assert len(before.labels) > 0
    assert after.labels == before.labels
    np.testing.assert_allclose(after.xyxy_px, before.xyxy_px, atol=2)
    np.testing.assert_allclose(after.confidence, before.confidence, atol=0.05)
