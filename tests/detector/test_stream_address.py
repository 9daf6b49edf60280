import pytest

from detector.errors import SourceError
from detector.stream_address import is_stream, require_stream, shown_address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://cam/street", "rtsp://cam"),
        ("rtsps://li:secret@cam:322/street", "rtsps://cam:322"),
        ("rtsp://li:p@ss%2Fword@10.0.0.1/street", "rtsp://10.0.0.1"),
        ("rtsp://cam:554/user=li&password=secret&channel=1?key=secret", "rtsp://cam:554"),
        ("rtsp://li:secret@[::1]:554/street", "rtsp://[::1]:554"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address: str, shown: str) -> None:
    require_stream(address)
    assert shown_address(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://",
        "rtsp:///street",
        "rtsp://li:secret#1@cam/street",
        "rtsp://li:12/34@cam/street",
        "rtsp://li:secret?x@cam/street",
        "rtsp://cam:99999/street",
        "rtsp://cam:port/street",
    ],
)
def test_an_address_that_cannot_be_told_apart_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(SourceError, match="no address of a stream; write it as rtsp://") as caught:
        require_stream(address)
    assert "secret" not in str(caught.value)
    assert shown_address(address) == "a stream"


@pytest.mark.parametrize(
    ("source", "expected"),
    [("rtsp://cam/street", True), ("clip.mp4", False), ("simulator:leaves?seed=1", False)],
)
def test_a_stream_is_told_from_a_file(source: str, expected: bool) -> None:
    assert is_stream(source) is expected
