"""The way out of one camera: evidence first, its event after it, everything in order.

When the evidence store or the bus is away, what is to be said waits and nothing is lost: a picture
that was taken is kept until it is stored, and no event leaves before its pictures.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from detector.camera_config import Zone
from detector.evidence_capture import Picture, store_pictures, take_crop, take_panorama
from detector.geometry import FloatArray
from detector.plate_vote import vote
from detector.rules import Suspicion
from detector.sources import Frame
from detector.stays import Stay
from pipeline.bus.base import BusUnavailableError, EventPublisher
from pipeline.events import (
    CameraState,
    CameraStatus,
    Event,
    EvidenceRef,
    ViolationOngoing,
    ViolationSuspected,
)
from pipeline.evidence.store import EvidenceStore, EvidenceStoreUnavailableError

__all__ = ["Report", "Reporter", "sighting_report", "suspicion_report"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An event to be; `make` gets the references of `pictures` in their order."""

    make: Callable[[tuple[EvidenceRef, ...]], Event]
    pictures: Sequence[Picture] = ()


class Reporter:
    """Stores and publishes the reports of one camera, in the order they were added."""

    def __init__(self, camera_id: str, publisher: EventPublisher, store: EvidenceStore) -> None:
        """Speak for `camera_id`; publisher and store may be shared with other cameras."""
        self._camera_id = camera_id
        self._publisher = publisher
        self._store = store
        self._waiting: deque[Report] = deque()
        self.is_held = False

    @property
    def waiting(self) -> int:
        """How many reports wait to be published."""
        return len(self._waiting)

    def add(self, report: Report) -> None:
        """Put a report at the end of the queue."""
        self._waiting.append(report)

    def say(self, event: Event) -> None:
        """Put an event without pictures at the end of the queue."""
        self.add(Report(make=lambda _: event))

    def flush(self, at: datetime) -> tuple[Event, ...]:
        """Publish what waits, as far as it goes; `at` dates a change of state.

        Returns:
            The events that stand on the bus now.
        """
        published: list[Event] = []
        while self._waiting:
            report = self._waiting[0]
            try:
                event = report.make(store_pictures(self._store, report.pictures))
                self._publisher.publish([event])
            except (EvidenceStoreUnavailableError, BusUnavailableError) as exc:
                self.hold(str(exc), at)
                return tuple(published)
            self._waiting.popleft()
            published.append(event)
        self._release(at)
        return tuple(published)

    def hold(self, reason: str, at: datetime) -> None:
        """Note that events wait, and tell the bus so if it listens; said once per change."""
        if self.is_held:
            return
        self.is_held = True
        log.error("events wait", extra={"camera_id": self._camera_id, "reason": reason})
        self._tell(CameraState.HELD, at, reason)

    def _release(self, at: datetime) -> None:
        if self.is_held and self._tell(CameraState.ONLINE, at, ""):
            self.is_held = False
            log.info("events go on", extra={"camera_id": self._camera_id})

    def _tell(self, state: CameraState, at: datetime, reason: str) -> bool:
        status = CameraStatus(camera_id=self._camera_id, captured_at=at, state=state, reason=reason)
        try:
            self._publisher.publish([status])
        except BusUnavailableError:
            return False
        return True


def suspicion_report(suspicion: Suspicion, frame: Frame, *, model_version: str) -> Report:
    """A suspicion with its first panorama, the drawn copy and the crop, all of `frame`."""
    stay, shape = suspicion.stay, suspicion.zone.shape
    box = _box_ratio(stay.box_px, frame)

    def make(refs: tuple[EvidenceRef, ...]) -> Event:
        panorama, drawn, crop = refs
        return ViolationSuspected(
            camera_id=frame.camera_id,
            episode_id=stay.episode_id,
            captured_at=frame.captured_at,
            violation_type=shape.violation_type,
            zone_id=shape.zone_id,
            zone_name=shape.name,
            zone_version=suspicion.zone.version,
            place_class=shape.place_class,
            vehicle_class=stay.vehicle_class,
            stood_since_at=stay.stood_since_at,
            observed_s=round(stay.observed_s, 2),
            dwell_limit_s=shape.dwell_s,
            moved_ratio=round(stay.moved_ratio, 4),
            box=box,
            plate=vote(stay.plate_texts),
            panorama=panorama,
            crop=crop,
            drawn=drawn,
            detector_version=_detector_version(),
            model_version=model_version,
        )

    panorama = take_panorama(frame, zone=suspicion.zone, box_px=stay.box_px)
    return Report(make=make, pictures=(*panorama, take_crop(frame, stay.box_px)))


def sighting_report(stay: Stay, zone: Zone, frame: Frame) -> Report:
    """One more sighting of a reported stay, with a panorama of `frame` and its drawn copy."""
    box = _box_ratio(stay.box_px, frame)

    def make(refs: tuple[EvidenceRef, ...]) -> Event:
        panorama, drawn = refs
        return ViolationOngoing(
            camera_id=frame.camera_id,
            episode_id=stay.episode_id,
            captured_at=frame.captured_at,
            observed_s=round(stay.observed_s, 2),
            moved_ratio=round(stay.moved_ratio, 4),
            box=box,
            plate=vote(stay.plate_texts),
            panorama=panorama,
            drawn=drawn,
        )

    return Report(make=make, pictures=take_panorama(frame, zone=zone, box_px=stay.box_px))


def _box_ratio(xyxy_px: FloatArray, frame: Frame) -> tuple[float, float, float, float]:
    height, width = frame.image.shape[:2]
    ratios = np.clip(xyxy_px / [width, height, width, height], 0, 1)
    x1, y1, x2, y2 = (round(float(value), 5) for value in ratios)
    return x1, y1, x2, y2


def _detector_version() -> str:
    try:
        return version("remindfirst")
    except PackageNotFoundError:
        return "unknown"
