from pathlib import Path

import av
import numpy as np
import pytest

from models.openvino_detector import OpenVinoDetector
from models.registry import NetworkFileError, find_network
from tests.models.onnx_file import write_onnx

IMAGE = np.zeros((120, 240, 3), np.uint8)


def open_onnx(path: Path) -> OpenVinoDetector:
    return OpenVinoDetector(find_network(str(path)).path, min_confidence=0.25)


def test_a_raw_ultralytics_export_gives_boxes_in_pixels_of_the_image(tmp_path: Path) -> None:
    output = np.zeros((1, 4 + 2, 84), np.float32)
    output[0, :, 5] = [32, 32, 16, 8, 0.1, 0.9]
    path = write_onnx(tmp_path / "raw.onnx", output, names="{0: 'car', 1: 'bus'}")
    found = open_onnx(path).predict([IMAGE])[0]
    assert found.labels == ("bus",)
    assert found.confidence == pytest.approx([0.9])
    # The canvas of 64 px shows the image at 64 / 240, centred with 16 px above and below.
    assert found.xyxy_px == pytest.approx(np.array([[90, 45, 150, 75]]), abs=0.01)


def test_overlapping_raw_boxes_of_one_class_are_thinned_and_weak_ones_dropped(
    tmp_path: Path,
) -> None:
    output = np.zeros((1, 4 + 2, 84), np.float32)
    output[0, :, 0] = [32, 32, 16, 8, 0.9, 0]
    output[0, :, 1] = [32.5, 32, 16, 8, 0.8, 0]
    output[0, :, 2] = [10, 32, 8, 8, 0.2, 0]
    path = write_onnx(tmp_path / "raw.onnx", output, names="{0: 'car', 1: 'bus'}")
    assert open_onnx(path).predict([IMAGE])[0].confidence == pytest.approx([0.9])


def test_an_end_to_end_export_is_taken_as_it_is(tmp_path: Path) -> None:
    output = np.zeros((1, 300, 6), np.float32)
    output[0, 0] = [24, 28, 40, 36, 0.7, 2]
    found = open_onnx(write_onnx(tmp_path / "end.onnx", output)).predict([IMAGE, IMAGE])
    assert [one.labels for one in found] == [("car",), ("car",)]
    assert found[0].xyxy_px == pytest.approx(np.array([[90, 45, 150, 75]]), abs=0.01)


def test_a_yolox_export_counts_in_cells(tmp_path: Path) -> None:
    output = np.zeros((1, 84, 5 + 80), np.float32)
    # Row 8 is the first cell of the second row at stride 8; box of 16 x 8 px around (12, 12).
    output[0, 8, :5] = [1.5, 0.5, np.log(2), 0, 0.8]
    output[0, 8, 5 + 7] = 0.5
    found = open_onnx(write_onnx(tmp_path / "x.onnx", output)).predict([IMAGE])[0]
    assert found.labels == ("truck",)
    assert found.confidence == pytest.approx([0.4])
    assert found.xyxy_px == pytest.approx(np.array([[15, 30, 75, 60]]), abs=0.01)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no network"), (b"no network at all", "no network")],
    ids=["empty", "text"],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(NetworkFileError, match=f"bad.onnx.*{says}"):
        open_onnx(path)


def test_a_network_for_another_task_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "classes.onnx", np.zeros((1, 1000), np.float32))
    with pytest.raises(NetworkFileError, match="no detection network"):
        open_onnx(path)


def test_classes_without_names_are_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "anon.onnx", np.zeros((1, 4 + 3, 84), np.float32))
    with pytest.raises(NetworkFileError, match="3 classes without names"):
        open_onnx(path)


@pytest.mark.real
def test_the_shared_yolox_finds_the_stopped_car(real: Path) -> None:
    weights = real / "weights" / "yolox-nano.onnx"
    with av.open(str(real / "video" / "motorway-shoulder-stop.mp4")) as container:
        container.seek(60_000_000)
        picture = next(container.decode(video=0))
        image = picture.to_ndarray(format="bgr24").astype(np.uint8)
    found = open_onnx(weights).predict([image])[0]
    near = [
        label
        for label, box in zip(found.labels, found.xyxy_px, strict=True)
        if np.abs(box - [68, 92, 97, 116]).max() < 6
    ]
    assert near == ["car"]
