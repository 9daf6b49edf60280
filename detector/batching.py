"""One network for the cameras of a process: their frames run together, and each gets its turn."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition

from detector.detection import Detections
from detector.perception import VehicleDetector
from detector.sources import Frame

__all__ = ["BatchingDetector"]

_WINDOW_S = 0.01
_MOST_FRAMES = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Request:
    frames: tuple[Frame, ...]
    answer: Future[list[Detections]] = field(default_factory=Future)


class BatchingDetector:
    """A `VehicleDetector` that runs the frames of several threads in one call of another one.

    Requests are served in the order they came. As a camera asks again only after its answer, a
    network that cannot keep up gives every camera the same share. The first to find the network
    free leads: it waits until those served last time have asked again, but for `window_s` at most,
    and runs what is there for all. When the network fails, all whose frames were in the call get
    its error.
    """

    def __init__(
        self,
        inner: VehicleDetector,
        *,
        window_s: float = _WINDOW_S,
        most_frames: int = _MOST_FRAMES,
    ) -> None:
        """Share `inner`.

        Args:
            inner: Runs the batches, one at a time.
            window_s: How long a frame waits for company at most.
            most_frames: As many as go into one call, unless one request alone has more.
        """
        self._inner = inner
        self._window_s = window_s
        self._most_frames = most_frames
        self._changed = Condition()
        self._waiting: deque[_Request] = deque()
        self._served: frozenset[str] = frozenset()
        self._is_busy = False

    @property
    def model_version(self) -> str:
        """The shared network's."""
        return self._inner.model_version

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """See `VehicleDetector.detect`; waits for its turn.

        Raises:
            Exception: whatever the network raised.
        """
        request = _Request(frames=tuple(frames))
        with self._changed:
            self._waiting.append(request)
            self._changed.notify_all()
        while not request.answer.done():
            batch = self._take_turn(request)
            if batch:
                self._run(batch)
        return request.answer.result()

    def _take_turn(self, request: _Request) -> list[_Request]:
        """What to run when the lead falls to this thread; empty when its answer is there."""
        with self._changed:
            self._changed.wait_for(lambda: request.answer.done() or not self._is_busy)
            if request.answer.done():
                return []
            self._is_busy = True
            self._changed.wait_for(self._is_complete, timeout=self._window_s)
            batch = [self._waiting.popleft()]
            count = len(batch[0].frames)
            while self._waiting and count + len(self._waiting[0].frames) <= self._most_frames:
                batch.append(self._waiting.popleft())
                count += len(batch[-1].frames)
            self._served = _cameras(batch)
            return batch

    def _is_complete(self) -> bool:
        count = sum(len(one.frames) for one in self._waiting)
        return self._served <= _cameras(self._waiting) or count >= self._most_frames

    def _run(self, batch: Sequence[_Request]) -> None:
        try:
            found = self._inner.detect([frame for one in batch for frame in one.frames])
            first = 0
            for one in batch:
                one.answer.set_result(found[first : first + len(one.frames)])
                first += len(one.frames)
        except Exception as exc:  # noqa: BLE001 - everybody who waits for it gets it
            for one in batch:
                one.answer.set_exception(exc)
        finally:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()


def _cameras(requests: Sequence[_Request] | deque[_Request]) -> frozenset[str]:
    return frozenset(frame.camera_id for one in requests for frame in one.frames)
