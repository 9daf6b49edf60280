"""A camera watched live over RTSP: always its newest picture, never a backlog."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Condition, Thread

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from detector.errors import SourceLostError
from detector.sources.frame import Frame, as_image, utc_now
from detector.sources.stream_clock import StreamClock
from detector.stream_address import require_stream, shown_address
from pipeline.events import CameraDocument

__all__ = ["LiveStream", "open_stream"]

_TIMEOUT_S = 3.0
_NO_PICTURE_S = 8.0
# Of the time between two pictures.
_EARLY = 0.2
_OPTIONS = {
    # TCP, and UDP where the camera knows no other way.
    "rtsp_flags": "prefer_tcp",
    "allowed_media_types": "video",
    # What the pictures are is seen when they are decoded; long looks ahead only delay them.
    "analyzeduration": "1000000",
    "fpsprobesize": "0",
}


class LiveStream:
    """A live camera; a `FrameSource` that can be asked again after it was lost.

    Everything is decoded, and of that the newest picture is handed out, at most `analysed_fps`
    times per second: who is slow gets fewer pictures, not older ones. Instants never go back, also
    across connections.
    """

    def __init__(
        self,
        address: str,
        *,
        camera_id: str,
        analysed_fps: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Nothing is connected before the first frame is asked for.

        Args:
            address: With user and password where the camera wants them; never shown.
            camera_id: Written on each frame.
            analysed_fps: At most so many frames per second of the stream's clock.
            now: The host's clock.
        """
        self._address = address
        self._camera_id = camera_id
        self._step = timedelta(seconds=1 / analysed_fps)
        self._now = now
        self._due_at: datetime | None = None

    def frames(self) -> Iterator[Frame]:
        """Connect, and give pictures until the connection breaks.

        Raises:
            SourceLostError: the camera refuses, is silent for 3 s, breaks off, sends nothing that
                can be read, or runs behind; it may come back.
        """
        connection, reformatter = _Connection(self._address, self._now), VideoReformatter()
        with closing(connection):
            while True:
                try:
                    arrived = connection.newest(self._wanted_from(), within=self._step)
                except SourceLostError as exc:
                    raise SourceLostError(
                        f"camera {self._camera_id}: {shown_address(self._address)} {exc}"
                    ) from None
                at = arrived.captured_at
                self._due_at = max((self._due_at or at) + self._step, at + self._step * _EARLY)
                yield Frame(
                    camera_id=self._camera_id,
                    image=as_image(arrived.picture, reformatter),
                    captured_at=at,
                    received_at=arrived.received_at,
                )

    def _wanted_from(self) -> datetime | None:
        """Pictures come by a grid of their own, so that one may be a little early."""
        return self._due_at and self._due_at - self._step * _EARLY / 2


def open_stream(address: str, document: CameraDocument) -> LiveStream:
    """The live camera of `document` at `address`, which need not answer yet.

    Raises:
        SourceError: it is no address of a stream that can be read.
    """
    require_stream(address)
    return LiveStream(address, camera_id=document.camera_id, analysed_fps=document.analysed_fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    picture: av.VideoFrame
    captured_at: datetime
    received_at: datetime


class _Connection:
    """One connection, read to its end by a thread of its own; keeps the newest picture only."""

    def __init__(self, address: str, now: Callable[[], datetime]) -> None:
        self._address = address
        self._now = now
        self._clock = StreamClock()
        self._changed = Condition()
        self._newest: _Arrived | None = None
        self._failure = ""
        self._is_wanted = True
        # A camera's name that nobody resolves can hold the thread for long; nobody waits for it.
        self._thread = Thread(target=self._read, name="stream", daemon=True)
        self._thread.start()

    def newest(self, due_at: datetime | None, *, within: timedelta) -> _Arrived:
        """Wait for a picture that was captured at `due_at` or later, and take it."""
        wait_s = within.total_seconds() + _NO_PICTURE_S
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._is_due(due_at), timeout=wait_s)
            newest = self._newest
            if newest is not None and self._is_due(due_at):
                self._newest = None
                return newest
        raise SourceLostError(
            self._failure or (_NO_PICTURE if newest is None else _CLOCK_WENT_BACK)
        )

    def close(self) -> None:
        self._is_wanted = False
        self._thread.join(timeout=1)

    def _is_due(self, due_at: datetime | None) -> bool:
        newest = self._newest
        return newest is not None and (due_at is None or newest.captured_at >= due_at)

    def _read(self) -> None:
        failure = "broke off"
        try:
            with av.open(
                self._address, timeout=(_TIMEOUT_S, _TIMEOUT_S), options=_OPTIONS
            ) as container:
                failure = self._read_packets(container)
        except (av.error.FFmpegError, OSError) as exc:
            failure = _in_words(exc)
        finally:
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _read_packets(self, container: InputContainer) -> str:
        """Read until the stream ends or is given up; says why it did."""
        if not container.streams.video:
            return "sends no video; give the address of its video stream"
        stream = container.streams.video[0]
        # Threads of the decoder hold back pictures, and there is one of us for each camera.
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            self._receive(packet)
            if self._clock.is_behind:
                return "runs behind by more than 3 s; connecting anew for its newest picture"
            if not self._is_wanted:
                break
        return "broke off"

    def _receive(self, packet: "Packet[VideoStream]") -> None:
        received_at = self._now()
        if packet.pts is not None and packet.time_base is not None:
            self._clock.receive(float(packet.pts * packet.time_base), received_at)
        try:
            pictures = packet.decode()
        except av.error.FFmpegError:
            # Commonly before the first whole picture; if it stays so, `newest` gives up.
            return
        for picture in pictures:
            if isinstance(picture, av.VideoFrame) and self._clock.is_settled:
                self._keep(picture, received_at)

    def _keep(self, picture: av.VideoFrame, received_at: datetime) -> None:
        captured_at = received_at
        if picture.time is not None:
            captured_at = min(received_at, self._clock.captured_at(picture.time))
        with self._changed:
            self._newest = _Arrived(
                picture=picture, captured_at=captured_at, received_at=received_at
            )
            self._changed.notify_all()


_NO_PICTURE = "sends no picture that can be read"
_CLOCK_WENT_BACK = (
    "sends pictures, but this machine's clock went back; they wait until it has caught up"
)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (av.error.HTTPUnauthorizedError, "refuses user or password; set them right in its source"),
    (av.error.HTTPForbiddenError, "forbids its stream to this user; allow it in the camera"),
    (av.error.HTTPNotFoundError, "knows no such stream; set the path in its source right"),
    (av.error.ConnectionRefusedError, "refuses the connection; is the port right?"),
    # While it is opened; later it is an ExitError.
    (
        av.error.InvalidDataError,
        f"does not answer as a camera does, or not within {_TIMEOUT_S:.0f} s",
    ),
    (av.error.ExitError, f"sent nothing for {_TIMEOUT_S:.0f} s"),
)


def _in_words(exc: Exception) -> str:
    """The error without its own text, which quotes the address and so the password."""
    for kind, reason in _REASONS:
        if isinstance(exc, kind):
            return reason
    return f"cannot be read ({getattr(exc, 'strerror', None) or type(exc).__name__})"
