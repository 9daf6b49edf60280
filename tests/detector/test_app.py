import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from detector.app import DetectorApp
from detector.camera_file import load_camera
from detector.camera_runner import CameraProgress
from detector.errors import SourceError
from detector.settings import AnalysedStream, DetectorSettings
from pipeline.events import CameraDocument
from tests.detector.builders import START, a_camera, write_stills, write_video
from tests.detector.sources.rtsp import free_port
from tests.models.onnx_file import write_onnx
from tests.scrape import listening, samples, scrape


class Site:
    """A network that sees one parked car in every picture, and a folder for all the rest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        output = np.zeros((1, 300, 6), np.float32)
        output[0, 0] = [20, 28, 40, 48, 0.9, 2]
        self.settings = DetectorSettings(
            bus_url=f"sqlite:///{folder}/bus.db",
            evidence_url=f"file://{folder}/evidence",
            state_dir=folder / "state",
            weights=str(write_onnx(folder / "car.onnx", output)),
        )

    def camera(self, camera_id: str, source: str, **changes: object) -> CameraDocument:
        path = self.folder / f"{camera_id}.yaml"
        document = a_camera(camera_id=camera_id, source=source, **changes).model_dump(mode="json")
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return load_camera(path)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_camera_that_refuses_stops_no_other(site: Site) -> None:
    write_video(site.folder / "clip.mp4", [k / 5 for k in range(100)])
    away = f"127.0.0.1:{free_port()}"
    app = DetectorApp(
        [
            site.camera("away", f"rtsp://li:secret@{away}/main"),
            site.camera("here", "clip.mp4", recorded_at=START),
        ],
        site.settings,
    )

    def stop_at_the_end(progress: Sequence[CameraProgress]) -> None:
        here = next(one for one in progress if one.camera_id == "here")
        if here.total_s is not None and here.done_s > here.total_s - 1:
            app.stop()

    result = app.run(stop_at_the_end)
    assert result.errors == ()
    assert result.events["here", "ViolationSuspected"] == 1
    assert result.events["away", "CameraStatus"] == 1


def test_what_was_seen_and_said_is_told_to_who_asks(site: Site) -> None:
    write_video(site.folder / "clip.mp4", [k / 5 for k in range(100)])
    port = free_port()
    settings = site.settings.model_copy(update={"metrics_port": port})
    app = DetectorApp([site.camera("cam-1", "clip.mp4", recorded_at=START)], settings)
    texts: list[str] = []

    result = app.run(lambda _: texts.append(scrape(port)))

    found = samples(texts[-1])
    assert 0 < found["remindfirst_frames_analysed_total"] <= 100
    assert found['remindfirst_events_published_total{type="ViolationSuspected"}'] == 1
    assert (
        found['remindfirst_events_published_total{type="CameraStatus"}']
        == (result.events["cam-1", "CameraStatus"])
    )
    assert found["remindfirst_spool_events"] == 0
    assert "cam-1" not in texts[-1]
    assert port not in listening()


def test_without_a_port_a_detector_tells_nobody(site: Site) -> None:
    write_video(site.folder / "clip.mp4", [k / 5 for k in range(100)])
    app = DetectorApp([site.camera("cam-1", "clip.mp4", recorded_at=START)], site.settings)
    before, during = listening(), set[int]()

    app.run(lambda _: during.update(listening()))

    assert during == before


def test_several_recordings_share_the_network_and_miss_nothing(site: Site) -> None:
    cameras = []
    for number in range(3):
        write_video(site.folder / f"{number}.mp4", [k / 5 for k in range(100)])
        cameras.append(site.camera(f"cam-{number}", f"{number}.mp4", recorded_at=START))
    result = DetectorApp(cameras, site.settings).run(lambda _: None)
    assert [result.events[one.camera_id, "ViolationSuspected"] for one in cameras] == [1, 1, 1]


def test_a_folder_of_pictures_is_a_recording(site: Site) -> None:
    (site.folder / "pictures").mkdir()
    write_stills(site.folder / "pictures", [f"{k}.png" for k in range(60)])
    app = DetectorApp(
        [site.camera("cam-1", "clip.mp4", recorded_at=START)],
        site.settings,
        source=str(site.folder / "pictures"),
    )
    result = app.run(lambda _: None)
    assert (result.errors, result.events["cam-1", "ViolationSuspected"]) == ((), 1)


@pytest.mark.parametrize(
    ("analysed", "sub", "port"),
    [
        (AnalysedStream.MAIN, "rtsp://127.0.0.1:2/sub", 1),
        (AnalysedStream.SUB, "rtsp://127.0.0.1:2/sub", 2),
        (AnalysedStream.SUB, None, 1),
    ],
)
def test_the_smaller_stream_is_looked_at_only_where_told_and_there_is_one(
    site: Site, analysed: AnalysedStream, sub: str | None, port: int
) -> None:
    out = site.folder / "events.jsonl"
    document = site.camera("cam-1", "rtsp://127.0.0.1:1/main", sub_source=sub)
    settings = site.settings.model_copy(update={"analysed_stream": analysed})
    app = DetectorApp([document], settings, out=out)

    def stop_when_told(_: Sequence[CameraProgress]) -> None:
        if out.read_text(encoding="utf-8"):
            app.stop()

    app.run(stop_when_told)
    assert f"rtsp://127.0.0.1:{port} " in out.read_text(encoding="utf-8")


def test_one_source_for_several_cameras_is_refused_without_showing_it(site: Site) -> None:
    cameras = [site.camera(name, "clip.mp4") for name in ("a", "b")]
    with pytest.raises(SourceError, match="--source: one for 2 cameras") as caught:
        DetectorApp(cameras, site.settings, source="rtsp://li:secret@cam/main")
    assert "secret" not in str(caught.value)


def an_old_picture(site: Site) -> Path:
    picture = site.settings.state_dir / "pictures" / "ab" / ("ab" * 32)
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"of an event that a full spool gave up")
    os.utime(picture, (0, 0))
    return picture


def test_pictures_that_no_event_will_name_go_at_the_next_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.bus.kafka.publisher._CLOSE_WITHIN_S", 0.0)
    write_video(site.folder / "clip.mp4", [0.0, 0.2])
    away = {"bus_url": f"kafka://127.0.0.1:{free_port()}"}
    settings = site.settings.model_copy(update=away)
    cameras = [site.camera("cam-1", "clip.mp4", recorded_at=START)]
    picture = an_old_picture(site)

    DetectorApp(cameras, settings).run(lambda _: None)
    assert not picture.exists()

    # Now an event waits for the broker: its pictures must not go, and nobody knows which they are.
    picture.write_bytes(b"perhaps of the event that waits")
    os.utime(picture, (0, 0))
    DetectorApp(cameras, settings).run(lambda _: None)
    assert picture.exists()
