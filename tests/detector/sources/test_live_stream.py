import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice, pairwise

import pytest

from detector.errors import SourceError, SourceLostError
from detector.sources import Frame, LiveStream, open_stream, utc_now
from tests.detector.builders import a_camera, write_video
from tests.detector.sources.rtsp import LOGIN, bad_camera, free_port, rtsp_server, write_pictures

SMALL, LARGE = (64, 48), (128, 96)
STREET = (
    "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 "
    "! jpegenc ! rtpjpegpay name=pay0 pt=26"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("street")
    film = write_video(folder / "film.mkv", [k / 25 for k in range(50)], codec="libx264")
    with rtsp_server(
        street=STREET,
        short=write_pictures(folder / "short", [SMALL] * 20),
        zoomed=write_pictures(folder / "zoomed", [SMALL] * 20 + [LARGE] * 15),
        film=f"filesrc location={film} ! matroskademux ! rtph264pay name=pay0 pt=96",
    ) as running:
        yield running.address


def a_stream(address: str, *, analysed_fps: float = 60) -> LiveStream:
    return LiveStream(f"rtsp://{LOGIN}@{address}", camera_id="cam-1", analysed_fps=analysed_fps)


def to_its_end(stream: LiveStream) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    with pytest.raises(SourceLostError) as caught:
        frames.extend(stream.frames())
    return frames, str(caught.value)


def assert_time_grows(frames: list[Frame]) -> None:
    assert all(one.captured_at < other.captured_at for one, other in pairwise(frames))
    assert all(
        frame.received_at is not None and frame.captured_at <= frame.received_at for frame in frames
    )


def test_a_live_camera_gives_its_pictures_as_they_are_captured(server: str) -> None:
    before = utc_now()
    frames = list(islice(a_stream(f"{server}/street", analysed_fps=25).frames(), 10))
    assert_time_grows(frames)
    assert before - timedelta(seconds=1) < frames[0].captured_at
    assert frames[-1].captured_at <= utc_now()
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}


def test_no_more_than_the_analysed_rate_is_given_out(server: str) -> None:
    first, second, third = islice(a_stream(f"{server}/street", analysed_fps=5).frames(), 3)
    assert third.captured_at - first.captured_at >= timedelta(seconds=0.36)
    assert second.captured_at - first.captured_at >= timedelta(seconds=0.18)


def test_who_is_slow_gets_fewer_pictures_and_no_older_ones(server: str) -> None:
    frames = a_stream(f"{server}/street").frames()
    before = next(frames)
    meanwhile = list(islice(a_stream(f"{server}/street").frames(), 12))
    after = next(frames)
    assert after.captured_at - before.captured_at > timedelta(seconds=0.4)
    assert after.captured_at > meanwhile[-1].captured_at - timedelta(seconds=0.2)


def test_a_camera_that_breaks_off_goes_on_later_with_later_pictures(server: str) -> None:
    stream = a_stream(f"{server}/short")
    first, reason = to_its_end(stream)
    assert reason == f"camera cam-1: rtsp://{server} broke off"
    second, _ = to_its_end(stream)
    assert first
    assert second
    assert_time_grows(first + second)


def test_a_picture_that_changes_its_size_is_given_as_it_is(server: str) -> None:
    frames, _ = to_its_end(a_stream(f"{server}/zoomed"))
    sizes = [frame.image.shape[:2] for frame in frames]
    assert (sizes[0], sizes[-1]) == ((48, 64), (96, 128))
    assert_time_grows(frames)


def test_a_camera_that_sends_h264_is_read(server: str) -> None:
    frames = list(islice(a_stream(f"{server}/film").frames(), 10))
    assert_time_grows(frames)
    assert frames[0].image.mean() < frames[-1].image.mean()


@pytest.mark.parametrize(
    ("login", "path", "says"),
    [
        ("li:wr0ng", "street", "refuses user or password"),
        (LOGIN, "nowhere", "knows no such stream"),
    ],
)
def test_a_camera_that_refuses_is_told_without_its_password(
    server: str, login: str, path: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stream = LiveStream(f"rtsp://{login}@{server}/{path}", camera_id="cam-1", analysed_fps=5)
    _, reason = to_its_end(stream)
    assert says in reason
    for word in (login, login.partition(":")[2], path):
        assert word not in reason + caplog.text


def test_a_camera_where_nobody_listens_may_come_back() -> None:
    _, reason = to_its_end(a_stream(f"127.0.0.1:{free_port()}/street"))
    assert "refuses the connection" in reason


def test_a_camera_that_closes_in_the_middle_of_a_talk_may_come_back() -> None:
    with bad_camera("200 OK", "") as address:
        _, reason = to_its_end(a_stream(f"{address}/street"))
    assert f"rtsp://{address} does not answer as a camera does" in reason


@pytest.mark.slow
def test_a_camera_that_accepts_and_stays_silent_is_given_up_after_three_seconds() -> None:
    with bad_camera() as address:
        _, reason = to_its_end(a_stream(f"{address}/street"))
    assert "does not answer as a camera does, or not within 3 s" in reason


@pytest.mark.slow
def test_a_camera_that_falls_silent_is_given_up_after_three_seconds() -> None:
    with rtsp_server(street=STREET) as running:
        frames = a_stream(f"{running.address}/street").frames()
        next(frames)
        running.freeze()
        with pytest.raises(SourceLostError, match="sent nothing for 3 s"):
            list(frames)


@pytest.mark.slow
def test_a_camera_whose_data_are_no_pictures_may_come_back() -> None:
    noise = (
        "fakesrc is-live=true filltype=random sizetype=fixed sizemax=400 datarate=10000 format=time"
        " ! video/mpeg,mpegversion=(int)4,systemstream=(boolean)false,width=64,height=48,"
        "framerate=25/1,codec_data=(buffer)000001b001 ! rtpmp4vpay name=pay0 pt=96"
    )
    with rtsp_server(noise=noise) as running:
        frames, reason = to_its_end(a_stream(f"{running.address}/noise"))
    assert not frames
    assert "sends no picture that can be read" in reason


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://cam/video", "streams by http:// are not read; give rtsp://"),
        ("rtsp:///street", "no address of a stream"),
        ("rtsp://li:a#b@cam/street", "no address of a stream"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_starts(address: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_stream(address, a_camera())
