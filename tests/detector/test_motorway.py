"""The issue's clip: a car rolls on to the hard shoulder and stops."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from detector.camera_loop import CameraLoop, Eyes
from detector.perception import open_detector
from detector.reporting import Reporter
from detector.sources import open_video_file
from detector.stay_file import StayFile
from detector.tracking import ByteTracker
from pipeline.events import VehicleDeparted, ViolationOngoing, ViolationSuspected
from pipeline.evidence.store import FileEvidenceStore
from tests.detector.builders import START, ListBus, a_camera

pytestmark = [pytest.mark.real, pytest.mark.slow]

NAME = "motorway-shoulder-stop"
AT_REST_S, TOLERANCE_S = 31.0, 2.0


@pytest.mark.parametrize("dwell_s", [5, 10])
@pytest.mark.parametrize(
    "weights",
    ["yolox-nano.onnx", pytest.param("yolo26n.pt", marks=pytest.mark.yolo)],
)
def test_the_car_on_the_shoulder_is_suspected_once_after_it_stopped(
    real: Path, tmp_path: Path, weights: str, dwell_s: float
) -> None:
    truth = json.loads((real / "video" / f"{NAME}.truth.json").read_text(encoding="utf-8"))
    (shoulder,) = (one for one in truth["zones"] if one["id"] == "left-shoulder")
    width, height = truth["image"]["width"], truth["image"]["height"]
    zone = a_camera().zones[0].model_dump() | {
        "dwell_s": dwell_s,
        "place_class": "strict",
        "polygon": [[x / width, y / height] for x, y in shoulder["polygon"]],
    }
    camera = a_camera(zones=[zone], recorded_at=START)
    bus = ListBus()
    loop = CameraLoop(
        camera,
        Eyes(
            detector=open_detector(str(real / "weights" / weights)),
            tracker=ByteTracker(camera.analysed_fps),
        ),
        Reporter(camera.camera_id, bus, FileEvidenceStore(tmp_path / "evidence")),
        StayFile(tmp_path / "stays.json"),
    )
    for frame in open_video_file(real / "video" / f"{NAME}.mp4", camera).frames():
        loop.step(frame)
    (suspected,) = (one for one in bus.events if isinstance(one, ViolationSuspected))
    ongoing = [one for one in bus.events if isinstance(one, ViolationOngoing)]
    assert not [one for one in bus.events if isinstance(one, VehicleDeparted)]
    stopped_at = START + timedelta(seconds=AT_REST_S - TOLERANCE_S)
    assert suspected.stood_since_at >= stopped_at
    assert suspected.captured_at < START + timedelta(seconds=AT_REST_S + 10 + dwell_s)
    assert len(ongoing) >= 2
    assert {one.episode_id for one in ongoing} == {suspected.episode_id}
