"""Runs the whole camera loop on a clip and remembers what it said, without bus and disk."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from uuid import UUID

import numpy as np

from detector.camera_loop import CameraLoop, Eyes
from detector.detection import Detections
from detector.geometry import FloatArray, iou
from detector.perception import PlateReader, VehicleDetector
from detector.reporting import Reporter
from detector.score.episode import Episode, Watched
from detector.sources import FrameSource
from detector.stay_file import StayFile
from detector.tracking import ByteTracker, TrackedDetections, Tracker
from pipeline.events import (
    CameraDocument,
    Envelope,
    Event,
    EventId,
    EvidenceRef,
    ViolationOngoing,
    ViolationSuspected,
)

__all__ = ["MemoryPublisher", "MemoryStore", "memory_loop", "watch"]


class MemoryPublisher:
    """An `EventPublisher` that keeps what it gets."""

    def __init__(self) -> None:
        """Begin without events."""
        self.events: list[Event] = []

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        """Keep the events; see `EventPublisher.publish`."""
        first = len(self.events)
        self.events += events
        return tuple(
            Envelope.wrap(event, EventId(source="score", epoch=1, seq=first + n))
            for n, event in enumerate(events)
        )

    def close(self) -> None:
        """Nothing to release."""


class MemoryStore:
    """An `EvidenceStore` that keeps the bytes in memory."""

    def __init__(self) -> None:
        """Begin without pictures."""
        self._contents: dict[str, bytes] = {}

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        """Keep `content`; see `EvidenceStore.put`."""
        digest = sha256(content).hexdigest()
        self._contents[digest] = content
        return EvidenceRef(
            sha256=digest,
            media_type=media_type,
            size_bytes=len(content),
            captured_at=captured_at,
            derived_from=derived_from.sha256 if derived_from else None,
        )

    def get(self, ref: EvidenceRef) -> bytes:
        """What was kept; see `EvidenceStore.get`."""
        return self._contents[ref.sha256]

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Nothing to do; see `EvidenceStore.forward`."""


@dataclass(slots=True)
class _RememberingTracker:
    """A tracker that keeps what it said of each frame."""

    inner: Tracker
    said: dict[datetime, TrackedDetections] = field(default_factory=dict)

    def update(self, detections: Detections, captured_at: datetime) -> TrackedDetections:
        tracked = self.inner.update(detections, captured_at)
        self.said[captured_at] = tracked
        return tracked


@contextmanager
def memory_loop(
    document: CameraDocument, eyes: Eyes, publisher: MemoryPublisher, store: MemoryStore
) -> Iterator[CameraLoop]:
    """A camera's loop that begins without stays and leaves nothing behind."""
    with TemporaryDirectory(prefix="remindfirst-score-") as folder:
        file = StayFile(Path(folder) / "stays.json")
        yield CameraLoop(document, eyes, Reporter(document.camera_id, publisher, store), file)


def watch(
    source: FrameSource,
    started_at: datetime,
    document: CameraDocument,
    detector: VehicleDetector,
    plate_reader: PlateReader | None,
    on_frame: Callable[[float, int], None] = lambda _s, _events: None,
) -> Watched:
    """Look at a clip from its first picture to its last.

    Args:
        source: The clip, opened for `document`.
        started_at: The instant of its first picture.
        document: The camera with its zones.
        detector: The network.
        plate_reader: Without one, no plate is read.
        on_frame: Called after each frame with the clip's second and the events so far.

    Raises:
        SourceError: the clip breaks off.
    """
    publisher, store = MemoryPublisher(), MemoryStore()
    tracker = _RememberingTracker(ByteTracker(document.analysed_fps))
    eyes = Eyes(detector=detector, tracker=tracker, plate_reader=plate_reader)
    frames, last_at, size_px = 0, started_at, (1, 1)
    began_s, began_cpu_s = perf_counter(), process_time()
    with memory_loop(document, eyes, publisher, store) as loop:
        for frame in source.frames():
            loop.step(frame)
            frames, last_at = frames + 1, frame.captured_at
            size_px = (frame.image.shape[1], frame.image.shape[0])
            on_frame((last_at - started_at).total_seconds(), loop.published)
        loop.ended()
    wall_s, cpu_s = perf_counter() - began_s, process_time() - began_cpu_s
    suspicions = [one for one in publisher.events if isinstance(one, ViolationSuspected)]
    sights = _Sights(started_at, tracker.said, size_px)
    return Watched(
        episodes=tuple(
            _episode(one, publisher.events, sights, store.get(one.drawn)) for one in suspicions
        ),
        frames=frames,
        analysed_fps=_per_s(frames - 1, (last_at - started_at).total_seconds()),
        wall_s=wall_s,
        cpu_s=cpu_s,
    )


@dataclass(frozen=True, slots=True)
class _Sights:
    """The tracks of a clip that began at `started_at`, in pictures of `size_px`."""

    started_at: datetime
    said: dict[datetime, TrackedDetections]
    size_px: tuple[int, int]

    def second(self, at: datetime) -> float:
        return (at - self.started_at).total_seconds()

    def track_of(self, box: FloatArray, at: datetime) -> list[tuple[float, FloatArray]]:
        """The track whose box this was when last said; empty where it belonged to none."""
        last_at = max((one for one in self.said if one <= at), default=None)
        if last_at is None or not len(self.said[last_at].track_id):
            return []
        tracked = self.said[last_at]
        overlap = iou(box, self._ratios(tracked.detections.xyxy_px))
        track_id = int(tracked.track_id[int(np.argmax(overlap))])
        if track_id < 0:
            return []
        return [
            (self.second(when), self._ratios(seen.detections.xyxy_px[row]))
            for when, seen in self.said.items()
            for row in np.flatnonzero(seen.track_id == track_id).tolist()
        ]

    def _ratios(self, xyxy_px: FloatArray) -> FloatArray:
        ratios: FloatArray = xyxy_px / np.tile(self.size_px, 2)
        return ratios


def _episode(
    suspicion: ViolationSuspected, events: Sequence[Event], sights: _Sights, picture: bytes
) -> Episode:
    box = np.array(suspicion.box)
    return Episode(
        violation_type=suspicion.violation_type.value,
        at_s=sights.second(suspicion.captured_at),
        box=box,
        track=sights.track_of(box, suspicion.captured_at),
        places=_places(suspicion.episode_id, events, sights),
        basis=suspicion.standing.basis.value if suspicion.standing else "",
        picture=picture,
    )


def _places(
    episode_id: UUID, events: Sequence[Event], sights: _Sights
) -> list[tuple[float, FloatArray]]:
    return [
        (sights.second(one.captured_at), np.array(one.box))
        for one in events
        if isinstance(one, ViolationSuspected | ViolationOngoing) and one.episode_id == episode_id
    ]


def _per_s(count: int, length_s: float) -> float:
    return count / length_s if length_s > 0 else 0.0
