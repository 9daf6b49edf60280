"""Asks the detectors' endpoints for the latest pictures; a silent detector is a state."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock
from time import monotonic

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

__all__ = ["Detectors", "NoPicture", "NoPictureCause", "Picture"]

TIMEOUT_S = 1.5
SILENCE_S = 3.0
MAX_PICTURE_BYTES = 8 * 1024 * 1024


class NoPictureCause(StrEnum):
    """Why there is no picture of a camera."""

    UNKNOWN_CAMERA = "unknown_camera"
    UNREACHABLE = "unreachable"
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The latest picture of a camera as JPEG, and when it was taken if the detector says so."""

    content: bytes
    captured_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPicture:
    """There is none, and why."""

    cause: NoPictureCause


class _Camera(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: str


_CAMERAS = TypeAdapter(list[_Camera])


def _instant(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


class Detectors:
    """All endpoints that this installation was told of."""

    def __init__(
        self,
        endpoints: tuple[str, ...],
        client: httpx.Client,
        *,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        """Ask `endpoints`, base URLs, through `client`, which carries token and time-out."""
        self._endpoints = endpoints
        self._client = client
        self._seconds = seconds
        self._home: dict[str, str] = {}
        # An endpoint that did not answer is left alone for a moment: a wall of tiles asks often.
        self._left_alone_until: dict[str, float] = {}
        self._lock = Lock()

    @classmethod
    def open(cls, endpoints: tuple[str, ...], token: str) -> "Detectors":
        """Ask `endpoints` with `token`; proxies of the surroundings are not used."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(timeout=TIMEOUT_S, headers=headers, trust_env=False)
        return cls(endpoints, client)

    def latest(self, camera_id: str) -> Picture | NoPicture:
        """The newest picture of a camera."""
        base = self._home_of(camera_id)
        if base is None:
            is_all_known = not self._left_alone_until
            cause = NoPictureCause.UNKNOWN_CAMERA if is_all_known else NoPictureCause.UNREACHABLE
            return NoPicture(cause=cause)
        answer = self._ask(base, f"/cameras/{camera_id}/latest.jpg")
        if answer is None:
            return NoPicture(cause=NoPictureCause.UNREACHABLE)
        is_jpeg = answer.content.startswith(b"\xff\xd8")
        if not answer.is_success or not is_jpeg or len(answer.content) > MAX_PICTURE_BYTES:
            return NoPicture(cause=NoPictureCause.NOT_YET)
        captured_at = _instant(answer.headers.get("X-Captured-At"))
        return Picture(content=answer.content, captured_at=captured_at)

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def _home_of(self, camera_id: str) -> str | None:
        with self._lock:
            known = self._home.get(camera_id)
        if known is not None:
            return known
        found = {camera: base for base in self._endpoints for camera in self._cameras_of(base)}
        with self._lock:
            self._home.update(found)
        return found.get(camera_id)

    def _cameras_of(self, base: str) -> list[str]:
        answer = self._ask(base, "/cameras")
        if answer is None or not answer.is_success:
            return []
        try:
            return [camera.camera_id for camera in _CAMERAS.validate_json(answer.content)]
        except ValidationError:
            return []

    def _ask(self, base: str, path: str) -> httpx.Response | None:
        if self._seconds() < self._left_alone_until.get(base, 0.0):
            return None
        try:
            answer = self._client.get(f"{base}{path}")
        except httpx.HTTPError:
            with self._lock:
                self._left_alone_until[base] = self._seconds() + SILENCE_S
            return None
        with self._lock:
            self._left_alone_until.pop(base, None)
        return answer
