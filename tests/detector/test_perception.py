from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from detector.errors import ModelFileError
from detector.perception import VEHICLE_CLASSES, open_detector
from pipeline.events import VehicleClass
from tests.detector.builders import a_frame
from tests.models.onnx_file import write_onnx

CAR, PERSON, BUS, TRUCK = 2, 0, 5, 7


def network(path: Path, rows: Sequence[Sequence[float]]) -> str:
    output = np.zeros((1, 300, 6), np.float32)
    output[0, : len(rows)] = np.reshape(rows, (-1, 6))
    return str(write_onnx(path, output))


def test_vehicles_are_kept_in_our_classes_and_all_else_is_left_out(tmp_path: Path) -> None:
    rows = [[0, 10, 20, 30, 0.5, CAR], [20, 10, 40, 30, 0.9, PERSON], [40, 10, 60, 30, 0.7, BUS]]
    detector = open_detector(network(tmp_path / "net.onnx", rows))
    (found,) = detector.detect([a_frame(0)])
    assert [VEHICLE_CLASSES[n] for n in found.class_id] == [VehicleClass.BUS, VehicleClass.CAR]
    assert found.xyxy_px.shape == (2, 4)


def test_a_vehicle_that_a_network_gives_two_classes_is_one_vehicle(tmp_path: Path) -> None:
    rows = [[0, 10, 20, 30, 0.5, CAR], [0, 10, 20, 31, 0.6, TRUCK]]
    (found,) = open_detector(network(tmp_path / "net.onnx", rows)).detect([a_frame(0)])
    assert [VEHICLE_CLASSES[n] for n in found.class_id] == [VehicleClass.TRUCK]


def test_an_empty_street_has_no_boxes_and_each_frame_its_own(tmp_path: Path) -> None:
    found = open_detector(network(tmp_path / "net.onnx", [])).detect([a_frame(0), a_frame(1)])
    assert [len(one) for one in found] == [0, 0]
    assert found[0].xyxy_px.shape == (0, 4)


def test_the_version_names_the_file_and_its_hash(tmp_path: Path) -> None:
    version = open_detector(network(tmp_path / "net.onnx", [])).model_version
    name, _, digest = version.partition("@")
    assert name == "net.onnx"
    assert len(digest) == 12


def test_no_weights_is_an_error_with_the_fix() -> None:
    with pytest.raises(ModelFileError, match="no weights: give"):
        open_detector(None)
