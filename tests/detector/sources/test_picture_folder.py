from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from detector.errors import SourceError
from detector.sources import PictureFolder, open_recording, utc_now
from tests.detector.builders import START, a_camera, write_stills

SHANGHAI_MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""16:00 in Shanghai."""


def open_folder(folder: Path, **changes: object) -> PictureFolder:
    opened = open_recording(folder, a_camera(**changes))
    assert isinstance(opened, PictureFolder)
    return opened


def seconds_of(folder: PictureFolder) -> list[float]:
    return [
        round((frame.captured_at - folder.started_at).total_seconds(), 3)
        for frame in folder.frames()
    ]


def test_pictures_without_dates_follow_each_other_by_their_numbers(tmp_path: Path) -> None:
    write_stills(tmp_path, ["p9.png", "p10.png", "p11.png"])
    folder = open_folder(tmp_path, recorded_at=START, analysed_fps=5)
    assert folder.started_at == START
    assert seconds_of(folder) == [0.0, 0.2, 0.4]
    assert [frame.image.mean() for frame in folder.frames()] == [0, 5, 10]


def test_undated_pictures_end_now_so_that_nothing_lies_in_the_future(tmp_path: Path) -> None:
    folder = open_folder(write_stills(tmp_path, ["a.png", "b.png"]), analysed_fps=1)
    ends_at = folder.started_at + timedelta(seconds=folder.duration_s)
    assert timedelta() <= utc_now() - ends_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("names", "at_s"),
    [
        (["cam_20260302_160000.jpg", "cam_20260302_160003.jpg"], [0, 3]),
        (["2026-03-02 16-00-00.jpg", "2026-03-02 16-01-00.jpg"], [0, 60]),
        (["20260302160000123.jpg", "20260302160000623.jpg"], [0, 0.5]),
        (["20260302T160000.100.jpg", "20260302T160000.350.jpg"], [0, 0.25]),
    ],
)
def test_names_that_are_dates_say_when_in_the_cameras_time_zone(
    tmp_path: Path, names: list[str], at_s: list[float]
) -> None:
    folder = open_folder(write_stills(tmp_path, names), analysed_fps=60)
    assert folder.started_at.replace(microsecond=0) == SHANGHAI_MORNING
    assert seconds_of(folder) == at_s


def test_exif_says_when_where_the_names_do_not(tmp_path: Path) -> None:
    for name, second, fraction in (("a.jpg", 0, "5"), ("b.jpg", 2, "25")):
        exif = Image.Exif()
        exif.get_ifd(0x8769).update(
            {0x9003: f"2026:03:02 09:00:0{second}", 0x9291: fraction, 0x9011: "+01:00"}
        )
        Image.new("RGB", (64, 48)).save(tmp_path / name, exif=exif)
    folder = open_folder(tmp_path)
    assert folder.started_at == SHANGHAI_MORNING + timedelta(seconds=0.5)
    assert seconds_of(folder) == [0.0, 1.75]


def test_several_pictures_of_one_second_are_spread_over_it(tmp_path: Path) -> None:
    names = [f"20260302_16000{second}_n{k}x.jpg" for second in (0, 1) for k in range(4)]
    folder = open_folder(write_stills(tmp_path, names), analysed_fps=60)
    assert seconds_of(folder) == [k / 4 for k in range(8)]


def test_one_picture_without_a_date_makes_the_names_decide(tmp_path: Path) -> None:
    names = ["20260302_160000.jpg", "20260302_160100.jpg", "last.jpg"]
    folder = open_folder(write_stills(tmp_path, names), recorded_at=START, analysed_fps=5)
    assert seconds_of(folder) == [0.0, 0.2, 0.4]


def test_the_camera_file_dates_the_first_picture_and_the_names_the_others(tmp_path: Path) -> None:
    write_stills(tmp_path, ["20200101_000000.jpg", "20200101_000007.jpg"])
    folder = open_folder(tmp_path, recorded_at=START)
    assert folder.started_at == START
    assert seconds_of(folder) == [0.0, 7.0]


def test_dated_pictures_are_thinned_to_the_analysed_rate(tmp_path: Path) -> None:
    names = [f"20260302160000{ms:03d}.jpg" for ms in range(0, 1000, 40)]
    folder = open_folder(write_stills(tmp_path, names), analysed_fps=5)
    assert seconds_of(folder) == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_a_picture_that_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_stills(tmp_path, ["0.jpg", "3.jpg"])
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    (tmp_path / "2.jpg").write_bytes(b"")
    folder = open_folder(tmp_path, analysed_fps=5)
    assert seconds_of(folder) == [0.0, 0.6]
    assert [one.__dict__["file"] for one in caplog.records] == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("notes.txt", "no picture in this folder"), ("a.jpg", "none of its pictures can be read")],
)
def test_a_folder_without_a_picture_that_can_be_read_is_refused(
    tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(SourceError, match=says):
        open_recording(tmp_path, a_camera())
