"""Small authenticated HTTP server of one detector: its cameras and their latest pictures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import compare_digest
from threading import Thread
from urllib.parse import urlsplit

import cv2
import numpy as np

from detector.camera_loop import CameraLoop, SceneView
from detector.detection import ImageArray
from detector.errors import EndpointError
from detector.evidence_capture import draw_box, draw_zone, encode_jpeg
from pipeline.events import CameraDocument

__all__ = ["Endpoint", "WatchedCamera"]

_LONGEST_SIDE_PX = 960
_LIKELY_CONFIDENCE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCamera:
    """A camera that the endpoint may speak of."""

    document: CameraDocument
    loop: CameraLoop


class Endpoint:
    """Answers `GET /cameras` and `GET /cameras/ID/latest.jpg` to who brings the token."""

    def __init__(
        self, cameras: Mapping[str, WatchedCamera], *, host: str, port: int, token: str
    ) -> None:
        """Listen on `host` and `port` (0: any free one) and answer in threads of its own.

        Args:
            cameras: By camera id.
            host: Where to listen.
            port: Where to listen.
            token: What a request must bring as `Authorization: Bearer TOKEN`.

        Raises:
            EndpointError: the port is taken or may not be used.
        """
        try:
            self._server = _Server((host, port), cameras, token)
        except (OSError, OverflowError) as exc:
            raise EndpointError(
                f"endpoint {host}:{port}: {exc}; stop what uses the port or set "
                "REMINDFIRST_ENDPOINT_PORT to a free one"
            ) from exc
        self._thread = Thread(target=self._server.serve_forever, name="endpoint", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], cameras: Mapping[str, WatchedCamera], token: str
    ) -> None:
        self.cameras = cameras
        self.token = token
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        if not compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
            self._refuse(HTTPStatus.UNAUTHORIZED, "a bearer token is needed")
            return
        match urlsplit(self.path).path.strip("/").split("/"):
            case ["cameras"]:
                cameras = [_describe(one) for one in self.server.cameras.values()]
                self._send(json.dumps(cameras).encode(), "application/json", {})
            case ["cameras", camera_id, "latest.jpg"]:
                self._send_latest(camera_id)
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def _send_latest(self, camera_id: str) -> None:
        camera = self.server.cameras.get(camera_id)
        scene = camera.loop.scene if camera else None
        if scene is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such camera, or no picture yet")
            return
        captured_at = scene.frame.captured_at.isoformat()
        self._send(_draw(scene), "image/jpeg", {"X-Captured-At": captured_at})

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        content = json.dumps({"error": reason}).encode()
        headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
        self._send(content, "application/json", headers, status)

    def _send(
        self,
        content: bytes,
        media_type: str,
        headers: Mapping[str, str],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
        """Nothing: requests are many and say nothing new."""


def _describe(camera: WatchedCamera) -> dict[str, object]:
    scene, state = camera.loop.scene, camera.loop.state
    document = camera.document
    size = scene.frame.image.shape if scene else None
    return {
        "camera_id": document.camera_id,
        "name": document.name.model_dump(),
        "road": document.place.road.model_dump(),
        "state": state.value if state else None,
        "captured_at": scene.frame.captured_at.isoformat() if scene else None,
        "width_px": size[1] if size else None,
        "height_px": size[0] if size else None,
    }


def _draw(scene: SceneView) -> bytes:
    """The latest picture, not above 960 px, with zones and the likely vehicles."""
    image = scene.frame.image
    zoom = min(1.0, _LONGEST_SIDE_PX / max(image.shape[:2]))
    drawn: ImageArray = cv2.resize(
        image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA
    ).astype(np.uint8)
    for zone in scene.zones:
        draw_zone(drawn, zone.polygon_px * zoom)
    found = scene.detections
    for box, confidence in zip(found.xyxy_px, found.confidence, strict=True):
        if confidence >= _LIKELY_CONFIDENCE:
            draw_box(drawn, box * zoom)
    return encode_jpeg(drawn)
