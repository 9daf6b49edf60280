"""Scenes written as recordings: pictures at their times, and a truth file like a real clip's."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.commands import app
from detector.errors import OutputError, SourceError
from detector.simulator.clip import ClipOrder, parse_conditions, write_clip
from detector.simulator.conditions import Condition
from detector.simulator.situations import Situation
from detector.sources import open_video_file
from pipeline.events import ViolationType
from tests.detector.builders import a_camera

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
REAL_KEYS = {
    "file", "image", "fps", "frames", "duration_s", "camera", "scene", "conditions", "zones",
    "events", "not_events", "violation_free",
}  # fmt: skip
REAL_EVENT_KEYS = {
    "id", "type", "start_s", "end_s", "box", "box_at_s", "object", "what", "certainty", "zone",
}  # fmt: skip
REAL_NOT_EVENT_KEYS = {"id", "start_s", "end_s", "box", "what", "certainty"}


def nothing(_done_s: float, _total_s: float) -> None:
    pass


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    order = ClipOrder(
        situation=Situation.STOPPED_ON_CROSSING,
        seed=1,
        conditions=(Condition.GLARE, Condition.DROPS),
        seconds=18.0,
        fps=4.0,
    )
    return write_clip(order, tmp_path_factory.mktemp("clips"), nothing)


@pytest.mark.slow
def test_the_truth_file_has_the_form_of_those_of_real_clips(written: Path) -> None:
    truth = json.loads(written.read_text(encoding="utf-8"))
    assert written.name == "stopped-on-crossing-glare-drops-1.truth.json"
    assert set(truth) == REAL_KEYS
    assert truth["file"] == "stopped-on-crossing-glare-drops-1.mp4"
    assert truth["image"] == {"width": 1280, "height": 720}
    assert truth["conditions"] == ["glare", "drops"]
    assert truth["duration_s"] == pytest.approx(18)
    (event,) = truth["events"]
    assert set(event) == REAL_EVENT_KEYS
    assert event["type"] in list(ViolationType)
    assert event["start_s"] < event["box_at_s"] < event["end_s"]
    assert event["zone"] in {zone["id"] for zone in truth["zones"]}
    assert all(set(one) == REAL_NOT_EVENT_KEYS for one in truth["not_events"])


@pytest.mark.slow
def test_the_recording_shows_the_scene_at_the_scenes_own_times(written: Path) -> None:
    video = open_video_file(
        written.with_name("stopped-on-crossing-glare-drops-1.mp4"), a_camera(), started_at=NOON
    )
    frames = list(video.frames())
    assert frames[0].image.shape == (720, 1280, 3)
    times_s = [(frame.captured_at - NOON).total_seconds() for frame in frames]
    assert times_s[:8] == pytest.approx([k / 4 for k in range(8)], abs=0.01)
    assert max(after - before for before, after in pairwise(times_s)) > 0.4
    assert len(frames) < 18 * 4


@pytest.mark.slow
def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    order = ClipOrder(situation=Situation.QUEUE, seed=1, seconds=1.0, fps=4.0)
    write_clip(order, tmp_path / "new" / "folder", lambda done, total: told.append((done, total)))
    assert told == [(0.25, 1.0), (0.5, 1.0), (0.75, 1.0), (1.0, 1.0)]


@pytest.mark.slow
def test_a_lights_phases_are_told_with_the_place_of_its_lamps(tmp_path: Path) -> None:
    order = ClipOrder(situation=Situation.QUEUE, seed=1, seconds=40.0, fps=0.25)
    truth = json.loads(write_clip(order, tmp_path, nothing).read_text(encoding="utf-8"))
    (head, _) = truth["signal"]
    assert [phase["state"] for phase in head["phases"]][:2] == ["red", "green"]
    assert head["phases"][0]["to_s"] == head["phases"][1]["from_s"]
    assert head["lamps"]["red"][1] < head["lamps"]["green"][1]


@pytest.mark.slow
def test_faults_are_told_with_their_times(tmp_path: Path) -> None:
    order = ClipOrder(
        situation=Situation.QUEUE, seed=1, conditions=(Condition.DARK,), seconds=24.0, fps=0.25
    )
    truth = json.loads(write_clip(order, tmp_path, nothing).read_text(encoding="utf-8"))
    (fault,) = truth["faults"]
    assert fault["kind"] == "dark"
    assert 0 < fault["start_s"] < fault["end_s"] <= 24


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("", encoding="utf-8")
    order = ClipOrder(situation=Situation.QUEUE, seed=1, seconds=0.5, fps=2.0)
    with pytest.raises(OutputError, match="taken"):
        write_clip(order, taken, nothing)


@pytest.mark.slow
def test_the_command_writes_a_clip_and_says_where(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        app,
        f"simulate queue --seed 3 --conditions fog --seconds 0.5 --out {tmp_path}",
    )
    assert told.exit_code == 0, told.output
    assert str(tmp_path / "queue-fog-3.truth.json") in told.output.replace("\n", "")
    assert (tmp_path / "queue-fog-3.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["flies"], "queue_and_parked"), (["queue", "--conditions", "snow"], "night, rain, fog")],
)
def test_the_command_says_what_there_is(arguments: list[str], message: str) -> None:
    told = CliRunner().invoke(app, ["simulate", *arguments])
    assert told.exit_code == 2
    assert message in told.output.replace("\n", " ")


def test_conditions_are_read_from_a_list_with_commas() -> None:
    assert parse_conditions("") == ()
    assert parse_conditions("rain,shake") == (Condition.RAIN, Condition.SHAKE)
    with pytest.raises(SourceError, match=r"snow.*night, rain, fog"):
        parse_conditions("rain,snow")
