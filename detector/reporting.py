"""The way out of one camera: evidence first, its event after it, everything in order.

When the evidence store or the bus is away, what is to be said waits and nothing that was said is
lost: a picture that was taken is kept until it is stored, and no event leaves before its pictures.
Memory bounds the pictures that wait: beyond it sightings are given up first, and then no new
suspicion is taken until there is room.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from uuid import UUID

import numpy as np

from detector.camera_config import Zone
from detector.evidence_capture import Picture, store_pictures, take_crop, take_panorama
from detector.geometry import FloatArray
from detector.plate_vote import plate_of
from detector.rules import Suspicion
from detector.sources import Frame
from detector.stays import Stay
from pipeline.bus.base import BusUnavailableError, EventPublisher
from pipeline.events import (
    CameraState,
    CameraStatus,
    Event,
    EvidenceRef,
    UnseenSpan,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
)
from pipeline.evidence.store import EvidenceStore, EvidenceStoreUnavailableError

__all__ = ["Report", "Reporter", "sighting_report", "suspicion_report"]

log = logging.getLogger(__name__)

_MAX_WAITING_BYTES = 64 * 2**20
_MAX_UNSEEN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An event to be; `make` gets the references of `pictures` in their order."""

    episode_id: UUID
    make: Callable[[tuple[EvidenceRef, ...]], Event]
    pictures: Sequence[Picture]
    is_sighting: bool = False


class Reporter:
    """Stores and publishes the reports of one camera, in the order they were added."""

    def __init__(
        self,
        camera_id: str,
        publisher: EventPublisher,
        store: EvidenceStore,
        *,
        max_waiting_bytes: int = _MAX_WAITING_BYTES,
    ) -> None:
        """Speak for `camera_id`; publisher and store may be shared with other cameras."""
        self._camera_id = camera_id
        self._publisher = publisher
        self._store = store
        self._max_waiting_bytes = max_waiting_bytes
        # An event's pictures are stored; a report's are not yet.
        self._waiting: list[Report | Event] = []
        self._stream: CameraStatus | None = None
        self._is_full = False
        self.is_held = False

    @property
    def waiting(self) -> int:
        """How many events wait to be published."""
        return len(self._waiting)

    def add(self, report: Report) -> None:
        """Put a report at the end of the queue."""
        self._waiting.append(report)

    def say(self, event: Event) -> None:
        """Put an event without pictures at the end of the queue."""
        self._waiting.append(event)
        if isinstance(event, CameraStatus):
            self._stream = event

    def has_room(self, at: datetime) -> bool:
        """Whether one more suspicion can wait; makes room by giving up sightings."""
        if self._waiting_bytes() >= self._max_waiting_bytes:
            self._give_up_sightings()
        if self._waiting_bytes() < self._max_waiting_bytes:
            return True
        if not self._is_full:
            self._is_full = True
            log.error("no room for suspicions", extra=self._fields())
            size = f"{self._max_waiting_bytes / 2**20:.0f} MiB"
            self._tell(CameraState.HELD, at, f"{size} of pictures wait; no suspicion is taken")
        return False

    def flush(self, at: datetime) -> tuple[Event, ...]:
        """Publish what waits, as far as it goes; `at` dates a change of state.

        Returns:
            The events that stand on the bus now.
        """
        try:
            failure = self._store_pictures()
            events = self._ready()
            if events:
                self._publisher.publish(events)
        except BusUnavailableError as exc:
            self.hold(str(exc), at)
            return ()
        published = {id(event) for event in events}
        self._waiting = [one for one in self._waiting if id(one) not in published]
        if failure:
            self.hold(failure, at)
        else:
            self._release(at)
        return events

    def _store_pictures(self) -> str:
        """Store what can be stored, in order; the reason why it ends before the end, or none."""
        for place, one in enumerate(self._waiting):
            if isinstance(one, Report):
                try:
                    refs = store_pictures(self._store, one.pictures)
                except EvidenceStoreUnavailableError as exc:
                    return str(exc)
                self._waiting[place] = one.make(refs)
        return ""

    def _ready(self) -> tuple[Event, ...]:
        """The events before the first report, and the departures of vehicles that the bus knows of.

        They leave together: a suspicion that leaves without a departure that is known already asks
        for a reminder to one who is gone.
        """
        events: list[Event] = []
        is_in_order = True
        suspected: set[UUID] = set()
        for one in self._waiting:
            if isinstance(one, Report):
                is_in_order = False
                if not one.is_sighting:
                    suspected.add(one.episode_id)
            elif is_in_order or (
                isinstance(one, VehicleDeparted) and one.episode_id not in suspected
            ):
                events.append(one)
        return tuple(events)

    def _waiting_bytes(self) -> int:
        reports = (one for one in self._waiting if isinstance(one, Report))
        return sum(len(picture.content) for report in reports for picture in report.pictures)

    def _give_up_sightings(self) -> None:
        kept = [one for one in self._waiting if not (isinstance(one, Report) and one.is_sighting)]
        given_up = len(self._waiting) - len(kept)
        if given_up:
            self._waiting = kept
            log.error("sightings given up", extra=self._fields() | {"count": given_up})

    def hold(self, reason: str, at: datetime) -> None:
        """Note that events wait, and tell the bus so if it listens; said once per change."""
        if self.is_held:
            return
        self.is_held = True
        log.error("events wait", extra=self._fields() | {"reason": reason})
        self._tell(CameraState.HELD, at, reason)

    def _release(self, at: datetime) -> None:
        self._is_full = False
        if not self.is_held:
            return
        state, reason = CameraState.ONLINE, ""
        if self._stream is not None:
            state, reason = self._stream.state, self._stream.reason
        if self._tell(state, at, reason):
            self.is_held = False
            log.info("events go on", extra=self._fields())

    def _fields(self) -> dict[str, str | int]:
        return {"camera_id": self._camera_id, "waiting": len(self._waiting)}

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
            unseen=_longest(stay.unseen),
            standing=suspicion.evidence,
            moved_ratio=round(stay.moved_ratio, 4),
            box=box,
            plate=plate_of(stay),
            panorama=panorama,
            crop=crop,
            drawn=drawn,
            detector_version=_detector_version(),
            model_version=model_version,
        )

    panorama = take_panorama(frame, zone=suspicion.zone, box_px=stay.box_px)
    pictures = (*panorama, take_crop(frame, stay.box_px))
    return Report(episode_id=stay.episode_id, make=make, pictures=pictures)


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
            unseen=_longest(stay.unseen),
            moved_ratio=round(stay.moved_ratio, 4),
            box=box,
            plate=plate_of(stay),
            panorama=panorama,
            drawn=drawn,
        )

    pictures = take_panorama(frame, zone=zone, box_px=stay.box_px)
    return Report(episode_id=stay.episode_id, make=make, pictures=pictures, is_sighting=True)


def _longest(unseen: Sequence[UnseenSpan]) -> tuple[UnseenSpan, ...]:
    """The longest gaps, in their order: an event has little room."""
    kept = sorted(unseen, key=lambda gap: gap.until - gap.since)[-_MAX_UNSEEN:]
    return tuple(gap for gap in unseen if gap in kept)


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
