from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detector.errors import SourceError
from detector.sources import VideoFile, open_video_file, utc_now
from tests.detector.builders import START, a_camera, write_video

EVERY_PICTURE = a_camera(analysed_fps=60, recorded_at=START)


def seconds_of(video: VideoFile) -> list[float]:
    return [
        round((frame.captured_at - video.started_at).total_seconds(), 2) for frame in video.frames()
    ]


def test_capture_times_are_the_streams_own_also_at_a_varying_rate(tmp_path: Path) -> None:
    at_s = [0.0, 0.04, 0.3, 0.34, 1.2, 2.0]
    video = open_video_file(write_video(tmp_path / "vfr.mp4", at_s), EVERY_PICTURE)
    assert video.started_at == START
    assert seconds_of(video) == at_s


def test_the_first_picture_is_the_start_wherever_the_streams_clock_stands(tmp_path: Path) -> None:
    video = open_video_file(write_video(tmp_path / "late.mkv", [5.0, 5.2, 5.4]), EVERY_PICTURE)
    assert seconds_of(video) == [0.0, 0.2, 0.4]


def test_pictures_are_thinned_by_time_to_the_analysed_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "fast.mp4", [k / 20 for k in range(40)])
    video = open_video_file(path, a_camera(analysed_fps=5, recorded_at=START))
    assert seconds_of(video) == pytest.approx([k / 5 for k in range(10)], abs=0.06)


def test_a_recording_is_dated_by_its_container_when_the_camera_file_does_not(
    tmp_path: Path,
) -> None:
    path = write_video(
        tmp_path / "dated.mp4", [0, 0.2], metadata={"creation_time": "2025-05-01T10:00:00Z"}
    )
    video = open_video_file(path, a_camera())
    assert video.started_at == datetime(2025, 5, 1, 10, tzinfo=UTC)


def test_an_undated_recording_ends_now_so_that_nothing_lies_in_the_future(tmp_path: Path) -> None:
    path = write_video(tmp_path / "undated.mp4", [0, 0.5, 1.0, 1.5])
    video = open_video_file(path, a_camera())
    ends_at = video.started_at + timedelta(seconds=video.duration_s)
    assert timedelta() <= utc_now() - ends_at < timedelta(minutes=1)


def test_a_restart_goes_on_with_the_start_it_knows(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [0, 0.2])
    assert open_video_file(path, a_camera(), started_at=START).started_at == START


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", r"empty \(0 bytes\)"),
        (b"this is no video\n" * 50, "not a video that can be read"),
    ],
    ids=["missing", "empty", "text"],
)
def test_a_file_that_is_no_video_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=rf"bad\.mp4: .*{says}"):
        open_video_file(path, a_camera())


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a file"):
        open_video_file(tmp_path, a_camera())


def test_a_truncated_file_gives_what_it_has_and_then_says_where_it_breaks(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", [k / 10 for k in range(100)])
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video = VideoFile(
        path=path, camera_id="cam-1", started_at=START, duration_s=10.0, analysed_fps=60
    )
    seen: list[datetime] = []
    with pytest.raises(SourceError, match=r"cut\.mkv: breaks off at [3-6]\.\d s of 10\.0 s"):
        seen.extend(frame.captured_at for frame in video.frames())
    assert len(seen) > 20


def test_a_still_picture_is_no_recording(tmp_path: Path) -> None:
    picture = tmp_path / "still.jpg"
    cv2.imwrite(str(picture), np.zeros((48, 64, 3), np.uint8))

    with pytest.raises(SourceError, match="a still picture"):
        open_video_file(picture, a_camera())


def corrupt(path: Path, out: Path, packets: range) -> Path:
    """A copy whose packets of these numbers hold nothing that can be decoded."""
    with av.open(str(path)) as whole, av.open(str(out), "w") as copy:
        stream = copy.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if packet.dts is None:
                continue
            broken = av.Packet(b"\xff" * 64 if number in packets else bytes(packet))
            broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
            broken.is_keyframe, broken.stream = packet.is_keyframe, stream
            copy.mux(broken)
    return out


def test_a_part_that_cannot_be_decoded_is_told_and_gone_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_video(tmp_path / "whole.mkv", [k / 10 for k in range(60)])
    video = open_video_file(corrupt(whole, tmp_path / "spoilt.mkv", range(20, 30)), EVERY_PICTURE)
    seen = seconds_of(video)
    assert (seen[0], seen[-1]) == (0.0, 5.9)
    assert not [at_s for at_s in seen if 2.0 <= at_s < 3.0]
    assert [one.message for one in caplog.records] == ["part of a recording cannot be read"]


def test_a_file_without_one_picture_that_can_be_read_is_named(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", [k / 10 for k in range(20)])
    with pytest.raises(SourceError, match=r"spoilt\.mkv: holds no picture that can be read"):
        open_video_file(corrupt(whole, tmp_path / "spoilt.mkv", range(20)), EVERY_PICTURE)


def test_a_recording_that_changes_its_size_and_starts_its_clock_anew_goes_on(
    tmp_path: Path,
) -> None:
    at_s = [k / 10 for k in range(20)]
    first = write_video(tmp_path / "first.ts", at_s, codec="libx264")
    second = write_video(tmp_path / "second.ts", at_s, codec="libx264", size_px=(128, 96))
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    frames = list(open_video_file(both, EVERY_PICTURE).frames())
    assert [frame.image.shape[:2] for frame in frames] == [(48, 64)] * 20 + [(96, 128)] * 20
    assert all(one.captured_at < other.captured_at for one, other in pairwise(frames))
