from pathlib import Path

import pytest
import yaml

from detector.camera_config import shapes_in_pixels
from detector.camera_file import load_camera
from detector.errors import CameraFileError
from tests.detector.builders import a_camera

PLAIN = a_camera().model_dump(mode="json", exclude={"recorded_at", "source"})


def write(path: Path, **changes: object) -> Path:
    path.write_text(yaml.safe_dump(PLAIN | changes, allow_unicode=True), encoding="utf-8")
    return path


def zone(**changes: object) -> list[dict[str, object]]:
    return [PLAIN["zones"][0] | changes]


def lane(**changes: object) -> dict[str, object]:
    whole = {
        "lane_id": "north",
        "name": {"zh": "北", "en": "North"},
        "direction": [[0.5, 0.9], [0.5, 0.1]],
        "polygon": [[0, 0], [1, 0], [1, 1]],
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def test_a_camera_file_gives_its_zones_in_pixels_of_the_picture(tmp_path: Path) -> None:
    document = load_camera(write(tmp_path / "cam.yaml"))
    (one,) = shapes_in_pixels(document, width_px=200, height_px=100).zones
    assert one.polygon_px.tolist() == [[20, 30], [180, 30], [180, 90], [20, 90]]
    assert one.version == document.version


@pytest.mark.parametrize(
    ("source", "resolved"),
    [
        ("clip.mp4", "{folder}/clip.mp4"),
        ("/data/clip.mp4", "/data/clip.mp4"),
        ("simulator:leaves?seed=1", "simulator:leaves?seed=1"),
        ("rtsp://li:secret@cam/main", "rtsp://li:secret@cam/main"),
    ],
)
def test_a_relative_source_lies_beside_the_camera_file(
    tmp_path: Path, source: str, resolved: str
) -> None:
    document = load_camera(write(tmp_path / "cam.yaml", source=source))
    assert document.source == resolved.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fps": 5}, r"cam\.yaml: fps: .*; remove it"),
        ({"zones": []}, r"cam\.yaml: zones: .*at least 1"),
        (
            {"zones": zone(polygon=[[0, 0], [1, 1], [1, 0], [0, 1]])},
            r"zones\.0\.polygon: .*crosses",
        ),
        (
            {"zones": zone(polygon=[[0, 0], [2, 0], [1, 1]])},
            r"zones\.0\.polygon\.1\.0: .*less than",
        ),
        ({"zones": zone(dwell_s=0)}, r"zones\.0\.dwell_s: "),
        ({"zones": zone() + zone()}, r"zones\.1\.zone_id: 'kerb' is the name of zones\.0\.zone_id"),
        (
            {"zones": zone(hours=[{"begin": "07:00", "end": "07:00"}])},
            r"zones\.0\.hours\.0: .*never begin; give another end",
        ),
        ({"zones": zone(vehicle_classes=["tram"])}, r"zones\.0\.vehicle_classes\.0: .*'car'"),
        (
            {"zones": zone(violation_type="red_light")},
            r"zones\.0\.violation_type: no detector rule",
        ),
        ({"lanes": [lane(direction=None)]}, r"lanes\.0\.direction: .*add it"),
        (
            {"lanes": [lane(direction=[[0.5, 0.5], [0.5, 0.5]])]},
            r"lanes\.0\.direction: .*no length",
        ),
        ({"lanes": [lane(lane_id="kerb")]}, r"lanes\.0\.lane_id: 'kerb' is the name of zones\.0"),
        ({"source": "http://cam/video"}, "source: streams by http:// are not read; give rtsp://"),
        ({"source": "rtsp://li:a#b@cam/main"}, "source: no address of a stream; write it as"),
        ({"source": "clip.mp4", "sub_source": "rtsp://cam/sub"}, "sub_source: only a live camera"),
        ({"source": "rtsp://cam/main", "sub_source": "sub.mp4"}, "sub_source: only a live camera"),
        ({"time_zone": "Mars"}, "time_zone: unknown time zone 'Mars'"),
    ],
)
def test_each_finding_names_file_place_and_fix(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(CameraFileError, match=says):
        load_camera(write(tmp_path / "cam.yaml", **changes))


def test_all_findings_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CameraFileError) as caught:
        load_camera(write(tmp_path / "cam.yaml", fps=5, version=0))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"zones: [", "not YAML in UTF-8"),
        (b"\xff\xfe\x00", "not YAML in UTF-8"),
        (b"", "must be a set"),
    ],
    ids=["broken", "bytes", "empty"],
)
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "cam.yaml"
    path.write_bytes(content)
    with pytest.raises(CameraFileError, match=rf"cam\.yaml: {says}"):
        load_camera(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CameraFileError, match=r"cam\.yaml: No such file"):
        load_camera(tmp_path / "cam.yaml")
