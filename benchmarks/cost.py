"""What it costs to look at a camera, and sources to measure it by."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from time import perf_counter, process_time

from benchmarks.scripted import noisy
from detector.detection import ImageArray
from detector.sources import Frame, FrameSource

__all__ = ["Cost", "Part", "StillPicture"]

_NOISY_PICTURES = 16
_SETTLE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What it took to look at some seconds of a camera."""

    frames: int = 0
    camera_s: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(
            frames=self.frames + other.frames,
            camera_s=self.camera_s + other.camera_s,
            wall_s=self.wall_s + other.wall_s,
            cpu_s=self.cpu_s + other.cpu_s,
        )

    @property
    def frames_per_s(self) -> float:
        """Frames looked at in a second by the wall."""
        return self.frames / self.wall_s

    @property
    def cpu_s_per_minute(self) -> float:
        """Seconds of processor time, of all cores, for a minute of the camera."""
        return 60 * self.cpu_s / self.camera_s


@dataclass(frozen=True, slots=True)
class Part:
    """The first seconds of a source."""

    source: FrameSource
    started_at: datetime
    length_s: float

    def frames(self) -> Iterator[Frame]:
        """The frames of those seconds; see `FrameSource.frames`."""
        end_at = self.started_at + timedelta(seconds=self.length_s)
        return takewhile(lambda frame: frame.captured_at < end_at, self.source.frames())


class StillPicture:
    """One picture again and again, with a sensor's noise: a street on which nothing moves.

    The first seconds, in which all that stands there is new, are left out of its cost.
    """

    def __init__(
        self, image: ImageArray, started_at: datetime, fps: float, length_s: float
    ) -> None:
        """Show `image` for `length_s` after the first seconds; pictures are made beforehand."""
        self._pictures = noisy(image, _NOISY_PICTURES)
        self._started_at = started_at
        self._fps = fps
        self._length_s = length_s
        self._began = self._ended = (0.0, 0.0)

    def frames(self) -> Iterator[Frame]:
        """The picture at its times; see `FrameSource.frames`."""
        settled = round(_SETTLE_S * self._fps)
        for k in range(settled + round(self._length_s * self._fps)):
            if k == settled:
                self._began = perf_counter(), process_time()
            yield Frame(
                camera_id="clip",
                image=self._pictures[k % _NOISY_PICTURES],
                captured_at=self._started_at + timedelta(seconds=k / self._fps),
            )
        self._ended = perf_counter(), process_time()

    def cost(self) -> Cost:
        """What it took to look at it since `frames` was called last."""
        (began_s, began_cpu_s), (ended_s, ended_cpu_s) = self._began, self._ended
        return Cost(
            frames=round(self._length_s * self._fps),
            camera_s=self._length_s,
            wall_s=ended_s - began_s,
            cpu_s=ended_cpu_s - began_cpu_s,
        )
