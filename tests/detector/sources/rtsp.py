"""Live cameras on 127.0.0.1: a real RTSP server, and one that behaves badly by script."""

import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

__all__ = ["LOGIN", "RtspServer", "bad_camera", "free_port", "rtsp_server", "write_pictures"]

# Debian's Python, which sees the bindings of GStreamer.
_PYTHON = "/usr/bin/python3"
_USER, _PASSWORD = "li", "se@ret"
LOGIN = "li:se%40ret"
PICTURES_PER_S = 25


def write_pictures(folder: Path, sizes: Sequence[tuple[int, int]]) -> str:
    """Pictures of these widths and heights, ever brighter, as a pipeline that plays them once."""
    folder.mkdir()
    for number, (width, height) in enumerate(sizes):
        level = np.full((height, width, 3), 4 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), level)
    caps = f"image/jpeg,framerate=(fraction){PICTURES_PER_S}/1"
    return (
        f'multifilesrc location={folder}/%05d.jpg caps="{caps}" ! jpegdec ! jpegenc '
        "! rtpjpegpay name=pay0 pt=26"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RtspServer:
    """A running server; `address` is its host and port."""

    address: str
    process: subprocess.Popen[str]

    def freeze(self) -> None:
        """Fall silent, with all connections open."""
        self.process.send_signal(signal.SIGSTOP)


@contextmanager
def rtsp_server(**pipelines: str) -> Iterator[RtspServer]:
    """A server that plays each pipeline at its name, to who brings `LOGIN`.

    Skips the test where the server is not installed.
    """
    script = Path(__file__).parent / "gst_server.py"
    streams = [f"/{name}={pipeline}" for name, pipeline in pipelines.items()]
    command = [_PYTHON, str(script), _USER, _PASSWORD, *streams]
    with subprocess.Popen(  # noqa: S603 - a script of our own
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                pytest.skip(
                    "no RTSP server; apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 "
                    "gstreamer1.0-plugins-good"
                )
            yield RtspServer(address=f"127.0.0.1:{port}", process=process)
        finally:
            process.kill()


@contextmanager
def bad_camera(*answers: str) -> Iterator[str]:
    """Host and port of a camera that gives one answer to each request.

    After the last one it closes when that is empty, else it stays silent until the end.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_answer, args=(listener, answers))
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def _answer(listener: socket.socket, answers: Sequence[str]) -> None:
    connection, _ = listener.accept()
    with connection:
        for number, answer in enumerate(answers, start=1):
            connection.recv(4096)
            if not answer:
                return
            connection.sendall(f"RTSP/1.0 {answer}\r\nCSeq: {number}\r\n\r\n".encode())
        # The other side gives up and closes.
        while connection.recv(4096):
            pass


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
