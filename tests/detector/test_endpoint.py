import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.camera_loop import CameraLoop, Eyes
from detector.endpoint import Endpoint, WatchedCamera
from detector.errors import EndpointError
from detector.reporting import Reporter
from detector.stay_file import StayFile
from detector.tracking import ByteTracker
from tests.detector.builders import (
    CAR_BOX,
    FPS,
    ListBus,
    SwitchedStore,
    ToldDetector,
    a_camera,
    a_frame,
    at,
)

TOKEN = "a token for tests"


@pytest.fixture
def loop(tmp_path: Path) -> CameraLoop:
    return CameraLoop(
        a_camera(),
        Eyes(detector=ToldDetector(lambda _: [CAR_BOX]), tracker=ByteTracker(FPS)),
        Reporter("cam-1", ListBus(), SwitchedStore(tmp_path / "evidence")),
        StayFile(tmp_path / "cam-1.json"),
    )


@pytest.fixture
def endpoint(loop: CameraLoop) -> Iterator[Endpoint]:
    cameras = {"cam-1": WatchedCamera(document=a_camera(), loop=loop)}
    endpoint = Endpoint(cameras, host="127.0.0.1", port=0, token=TOKEN)
    yield endpoint
    endpoint.close()


def get(endpoint: Endpoint, path: str, token: str | None = TOKEN) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


@pytest.mark.parametrize("token", [None, "", "wrong"])
@pytest.mark.parametrize("path", ["/cameras", "/cameras/cam-1/latest.jpg", "/nothing"])
def test_without_the_token_nothing_is_told(
    endpoint: Endpoint, path: str, token: str | None
) -> None:
    response, content = get(endpoint, path, token)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert b"cam-1" not in content


def test_a_camera_without_pictures_yet_is_listed_as_such(endpoint: Endpoint) -> None:
    (camera,) = json.loads(get(endpoint, "/cameras")[1])
    assert camera["camera_id"] == "cam-1"
    assert camera["name"] == {"zh": "一号", "en": "One"}
    assert (camera["state"], camera["captured_at"]) == (None, None)
    assert get(endpoint, "/cameras/cam-1/latest.jpg")[0].status == 404


def test_the_latest_picture_comes_with_its_time_and_with_drawings(
    endpoint: Endpoint, loop: CameraLoop
) -> None:
    frame = a_frame(3, [CAR_BOX])
    loop.step(frame)
    response, content = get(endpoint, "/cameras/cam-1/latest.jpg?x=1")
    assert response.status == 200
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["X-Captured-At"] == at(3).isoformat()
    drawn = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == frame.image.shape
    (camera,) = json.loads(get(endpoint, "/cameras")[1])
    assert (camera["state"], camera["width_px"], camera["height_px"]) == ("online", 320, 240)


def test_a_large_picture_is_shown_at_960_pixels(endpoint: Endpoint, loop: CameraLoop) -> None:
    frame = a_frame(0)
    large = np.tile(frame.image, (6, 6, 1))
    loop.step(type(frame)(camera_id="cam-1", image=large, captured_at=frame.captured_at))
    content = get(endpoint, "/cameras/cam-1/latest.jpg")[1]
    drawn = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert max(drawn.shape) == 960


@pytest.mark.parametrize("path", ["/", "/cameras/cam-2/latest.jpg", "/cameras/cam-1/../x"])
def test_what_is_not_there_is_not_found(endpoint: Endpoint, path: str) -> None:
    assert get(endpoint, path)[0].status == 404


def test_a_taken_port_is_named_with_the_fix(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError, match=rf"{endpoint.port}: .*REMINDFIRST_ENDPOINT_PORT"):
        Endpoint({}, host="127.0.0.1", port=endpoint.port, token=TOKEN)
