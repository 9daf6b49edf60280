import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from detector.commands import app
from pipeline.bus import open_subscriber
from pipeline.events import Envelope
from tests.detector.builders import START, a_camera, write_video
from tests.models.onnx_file import write_onnx


class Desk:
    """A folder with a camera file, a recording of 20 s and a network that sees one parked car."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name, value in {
            "BUS_URL": f"sqlite:///{folder}/bus.db",
            "EVIDENCE_URL": f"file://{folder}/evidence",
            "STATE_DIR": f"{folder}/state",
        }.items():
            monkeypatch.setenv(f"REMINDFIRST_{name}", value)
        output = np.zeros((1, 300, 6), np.float32)
        output[0, 0] = [20, 28, 40, 48, 0.9, 2]
        self.weights = write_onnx(folder / "car.onnx", output)
        self.clip = write_video(folder / "clip.mp4", [k / 5 for k in range(100)])
        self.camera = folder / "cam.yaml"
        document = a_camera(recorded_at=START, source="clip.mp4").model_dump(mode="json")
        self.camera.write_text(yaml.safe_dump(document), encoding="utf-8")

    def detect(self, *arguments: str | Path, weights: str | Path | None = None) -> Result:
        given = [str(one) for one in arguments or (self.camera,)]
        return self.run("detect", *given, "--weights", str(weights or self.weights))

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(one) for one in arguments])

    def score(self, *arguments: str | Path, events: Sequence[object] = ()) -> Result:
        """Hold the recording against a truth file with a kerb all around the car."""
        truth = {
            "file": "clip.mp4",
            "image": {"width": 64, "height": 48},
            "zones": [
                {"id": "k", "kind": "no_stopping", "polygon": [[0, 0], [64, 0], [64, 48], [0, 48]]}
            ],
            "events": list(events),
        }
        path = self.folder / "clip.truth.json"
        path.write_text(json.dumps(truth), encoding="utf-8")
        return self.run("score", path, "--weights", self.weights, *arguments)

    def events(self) -> list[Envelope]:
        subscriber = open_subscriber(f"sqlite:///{self.folder}/bus.db")
        messages = [
            message
            for partition in range(4)
            for message in subscriber.fetch(partition, 0, limit=100).messages
        ]
        subscriber.close()
        return [Envelope.decode(message) for message in messages]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_a_recording_becomes_events_on_the_bus_and_lines_in_a_file(desk: Desk) -> None:
    out = desk.folder / "events.jsonl"
    result = desk.detect(desk.camera, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "cam-1: CameraStatus 3, ViolationSuspected 1" in result.stderr
    on_bus = desk.events()
    told = ["CameraStatus", "ViolationSuspected", "CameraStatus", "CameraStatus"]
    assert [one.type for one in on_bus] == told
    lines = out.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [one.id for one in on_bus]
    assert all(one.time >= START for one in on_bus)


def test_the_same_recording_can_be_looked_at_again(desk: Desk) -> None:
    for _ in range(2):
        assert desk.detect().exit_code == 0
    assert [one.type for one in desk.events()].count("ViolationSuspected") == 2


def test_a_recording_that_breaks_off_gives_its_events_and_then_the_error(desk: Desk) -> None:
    mkv = write_video(desk.folder / "clip.mkv", [k / 5 for k in range(100)])
    cut = desk.folder / "cut.mkv"
    cut.write_bytes(mkv.read_bytes()[: mkv.stat().st_size * 3 // 4])
    result = desk.detect(desk.camera, "--source", cut)
    assert result.exit_code == 2
    assert "cut.mkv: breaks off at 1" in result.stderr
    types = [one.type for one in desk.events()]
    assert types == ["CameraStatus", "ViolationSuspected", "CameraStatus"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.mp4", None, "missing.mp4: no such file"),
        ("empty.mp4", b"", "empty.mp4: the file is empty"),
        ("text.mp4", b"no video", "text.mp4: not a video"),
    ],
)
def test_a_source_that_is_no_video_is_one_clear_line(
    desk: Desk, name: str, content: bytes | None, says: str
) -> None:
    path = desk.folder / name
    if content is not None:
        path.write_bytes(content)
    result = desk.detect(desk.camera, "--source", path)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("nowhere.onnx", "weights nowhere.onnx: no such file"),
        ("weights.zip", "unknown kind; use .onnx"),
        ("broken.onnx", "damaged or no network that OpenVINO reads"),
        ("people.onnx", "none of its classes is a vehicle (person, dog"),
    ],
)
def test_weights_that_cannot_be_used_are_one_clear_line(
    desk: Desk, weights: str, says: str
) -> None:
    (desk.folder / "weights.zip").write_bytes(b"")
    (desk.folder / "broken.onnx").write_bytes(b"broken")
    output = np.zeros((1, 300, 6), np.float32)
    write_onnx(desk.folder / "people.onnx", output, names="{0: 'person', 1: 'dog'}")
    path = desk.folder / weights
    result = desk.detect(weights=path if path.exists() else weights)
    assert result.exit_code == 2
    assert says in result.stderr


def test_no_weights_at_all_names_the_ways_to_give_some(desk: Desk) -> None:
    result = desk.run("detect", desk.camera)
    assert result.exit_code == 2
    assert "give a .onnx or .pt file by --weights or REMINDFIRST_WEIGHTS" in result.stderr


def test_one_camera_given_twice_is_refused(desk: Desk) -> None:
    result = desk.detect(desk.camera, desk.camera)
    assert result.exit_code == 2
    assert "camera cam-1: given twice" in result.stderr


def test_a_setting_that_cannot_be_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_ENDPOINT_PORT", "70000")
    result = desk.detect()
    assert result.exit_code == 2
    assert "REMINDFIRST_ENDPOINT_PORT: Input should be less than" in result.stderr


def test_an_out_file_that_cannot_be_written_is_named(desk: Desk) -> None:
    result = desk.detect(desk.camera, "--out", desk.folder / "no" / "events.jsonl")
    assert result.exit_code == 2
    assert "events.jsonl: No such file or directory" in result.stderr


def test_a_state_file_that_is_none_is_named(desk: Desk) -> None:
    (desk.folder / "state").mkdir()
    (desk.folder / "state" / "cam-1.stays.json").write_text("{}", encoding="utf-8")
    result = desk.detect()
    assert result.exit_code == 2
    assert "cam-1.stays.json: not a file of open stays" in result.stderr


def standing(**changes: object) -> dict[str, object]:
    return {
        "id": "p1",
        "type": "parked",
        "start_s": 0,
        "end_s": 20,
        "box": [20, 20, 40, 40],
        "box_at_s": 10,
    } | changes


def test_a_clip_is_scored_in_a_table_and_nothing_is_left_behind(desk: Desk) -> None:
    result = desk.score("--verbose", events=[standing()])
    assert result.exit_code == 0, result.stderr
    assert "the clips' own zones, dwell 5 s" in result.stdout
    assert "clip: found parked, p1, at " in result.stdout
    assert "20 s  events " in result.stderr
    left = {one.name for one in desk.folder.iterdir()}
    assert left == {"car.onnx", "clip.mp4", "cam.yaml", "clip.truth.json"}


def test_a_score_as_json_is_all_there_is_on_the_output(desk: Desk) -> None:
    result = desk.score("--json", "--types", "parked", "--dwell", "8", events=[standing()])
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["total"]["parked"]["found"] == 1
    assert told["total"]["parked"]["delay_s"] >= 8
    assert told["clips"][0]["analysed_fps"] == pytest.approx(5, abs=0.1)


def test_a_miss_is_a_number_and_no_failure(desk: Desk) -> None:
    result = desk.score("--dwell", "60", events=[standing()])
    assert result.exit_code == 0
    assert "clip: missed parked, p1, at 10.0 s" in result.stdout


def test_each_event_can_be_looked_at(desk: Desk) -> None:
    missed = standing(id="p2", box=[44, 4, 60, 20])
    result = desk.score("--show", desk.folder / "seen", events=[standing(), missed])
    assert result.exit_code == 0, result.stderr
    names = sorted(one.name for one in (desk.folder / "seen").iterdir())
    assert names == ["clip-01-found-parked.jpg", "clip-02-missed-parked.jpg"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--types", "parking"], "type 'parking': unknown; use one of"),
        (["--weights", "nowhere.onnx"], "weights nowhere.onnx: no such file"),
        (["missing.truth.json"], "missing.truth.json: No such file or directory; give the path"),
    ],
)
def test_a_score_that_cannot_be_made_is_one_clear_line(
    desk: Desk, arguments: list[str], says: str
) -> None:
    result = desk.score(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
