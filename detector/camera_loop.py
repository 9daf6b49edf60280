"""One camera: frame, detect, track, judge, capture, publish."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from detector.camera_config import Zone, zones_in_pixels
from detector.detection import Detections
from detector.errors import StateFileError
from detector.perception import PlateReader, VehicleDetector
from detector.plate_vote import is_plate_unsettled, is_plate_wanted, plate_differs, read_plate
from detector.reporting import Reporter, sighting_report, suspicion_report
from detector.rules import StoppingRule, Suspicion, ViolationRule
from detector.sources import Frame
from detector.stay_file import CameraMemory, Recording, StayFile
from detector.stays import Departure, Stay, StayBook
from detector.tracking import Tracker
from pipeline.events import (
    CameraDocument,
    CameraState,
    CameraStatus,
    Event,
    PlateStatus,
    VehicleDeparted,
    ViolationSuspected,
)

__all__ = ["CameraLoop", "Eyes", "SceneView"]

log = logging.getLogger(__name__)

# Time between two frames counts as seen up to this, or up to three frames of a slow camera.
_GAP_LIMIT_S = 2.0
_GAP_LIMIT_FRAMES = 3
_SAVE_EVERY = timedelta(seconds=5)
_PLATE_READS_PER_FRAME = 2
_PLATE_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What a camera's frames are seen with; detector and plate reader may be shared."""

    detector: VehicleDetector
    tracker: Tracker
    plate_reader: PlateReader | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneView:
    """The latest frame with what was seen in it, for people to look at."""

    frame: Frame
    zones: tuple[Zone, ...]
    detections: Detections


class CameraLoop:
    """Turns the frames of one camera into events; one thread at a time."""

    def __init__(
        self,
        document: CameraDocument,
        eyes: Eyes,
        reporter: Reporter,
        file: StayFile,
        *,
        recording: Recording | None = None,
    ) -> None:
        """Go on with what `file` knows of the same recording or live camera.

        Raises:
            StateFileError: the file is there but cannot be used.
        """
        self._document = document
        self._eyes = eyes
        self._reporter = reporter
        self._file = file
        self._recording = recording
        self._memory = file.load_for(recording)
        self._picture_px: tuple[int, int] | None = None
        self._zones: tuple[Zone, ...] = ()
        self._rule: ViolationRule = StoppingRule(())
        self._book = StayBook(gap_limit_s=_gap_limit_s(document.analysed_fps))
        self._suspecting: set[UUID] = set()
        self._leaving: list[Departure] = []
        self._saved_at: datetime | None = None
        self._at: datetime | None = None
        self._state: CameraState | None = None
        self.published = 0
        self.scene: SceneView | None = None
        if self._memory is not None:
            for departure in self._memory.departures:
                self._report_departure(departure)

    @property
    def last_frame_at(self) -> datetime | None:
        """When the last frame was captured."""
        return self._at

    @property
    def state(self) -> CameraState | None:
        """What was last said of the stream; None before its first frame."""
        return CameraState.HELD if self._reporter.is_held else self._state

    @property
    def waiting(self) -> int:
        """How many events wait because they cannot be stored or published."""
        return self._reporter.waiting

    def step(self, frame: Frame) -> None:
        """Take the next frame; afterwards what can be published is published."""
        if self._is_known(frame):
            return
        reason = self._clock_error(frame)
        self._fit_to(frame)
        self._at = frame.captured_at
        if self._state is not CameraState.ONLINE:
            self._say(CameraState.ONLINE, frame.captured_at, reason)
        detections = self._eyes.detector.detect([frame])[0]
        tracked = self._eyes.tracker.update(detections, frame.captured_at)
        before = {stay.episode_id for stay in self._book.stays}
        departures = self._book.update(
            frame, tracked, watched_px=[zone.polygon_px for zone in self._zones]
        )
        for departure in departures:
            if departure.stay.is_reported:
                self._report_departure(departure)
        self._read_plates(frame)
        for stay in self._book.in_place_now():
            self._judge(stay, frame)
        self.scene = SceneView(frame=frame, zones=self._zones, detections=detections)
        has_changed = before != {stay.episode_id for stay in self._book.stays}
        self._publish(frame.captured_at, has_changed=has_changed)

    def lost(self, at: datetime, reason: str) -> None:
        """Say that the stream broke off; it may come back."""
        if self._state is not CameraState.LOST:
            self._say(CameraState.LOST, at, reason)
        self._publish(at, has_changed=True)

    def ended(self) -> None:
        """Say that the recording is over; its open stays end with it, unseen."""
        if self._at is not None:
            self._say(CameraState.ENDED, self._at, "")
            self._publish(self._at, has_changed=True)

    def flush(self) -> None:
        """Try again to publish what waits."""
        if self._at is not None:
            self._publish(self._at, has_changed=False)

    def close(self) -> None:
        """Leave the open stays on disk for the next start; a finished recording's are dropped.

        Raises:
            StateFileError: they cannot be written.
        """
        is_finished = self._state is CameraState.ENDED and not self._reporter.waiting
        if is_finished and self._recording is not None:
            self._file.forget()
        elif self._at is not None:
            self._save(self._at)

    def _is_known(self, frame: Frame) -> bool:
        """Whether a recording was seen up to this frame before a restart."""
        is_old = self._memory is not None and frame.captured_at <= self._memory.seen_until_at
        return is_old and self._recording is not None

    def _clock_error(self, frame: Frame) -> str:
        """What is wrong with a live camera's clock after a restart; empty when nothing is."""
        memory = self._memory
        if memory is None or frame.captured_at >= memory.seen_until_at:
            return ""
        back_s = (memory.seen_until_at - frame.captured_at).total_seconds()
        log.error(
            "camera clock went back",
            extra={"camera_id": self._document.camera_id, "back_s": back_s},
        )
        self._memory = memory.not_after(frame.captured_at)
        return f"the camera's clock went back by {back_s:.0f} s; set it right"

    def _fit_to(self, frame: Frame) -> None:
        """Lay zones and stays on pictures of this size."""
        height, width = frame.image.shape[:2]
        if self._picture_px == (width, height):
            return
        stays = self._book.stays
        before_px = self._picture_px
        if self._memory is not None:
            stays, before_px = self._memory.stays, self._memory.picture_px
            self._memory = None
        if before_px is not None:
            stays = tuple(stay.scaled(before_px, (width, height)) for stay in stays)
        self._picture_px = (width, height)
        self._zones = zones_in_pixels(self._document, width_px=width, height_px=height)
        self._rule = StoppingRule(self._zones)
        self._book = StayBook(gap_limit_s=_gap_limit_s(self._document.analysed_fps), stays=stays)

    def _read_plates(self, frame: Frame) -> None:
        """Read some plates of vehicles at rest that have not been read well enough yet."""
        unsettled = [stay for stay in self._book.in_place_now() if self._is_unsettled(stay)]
        for stay in unsettled[:_PLATE_READS_PER_FRAME]:
            self._read_plate(stay, frame)

    def _is_unsettled(self, stay: Stay) -> bool:
        return self._eyes.plate_reader is not None and is_plate_unsettled(stay)

    def _read_plate(self, stay: Stay, frame: Frame) -> Stay:
        if self._eyes.plate_reader is None or not is_plate_wanted(stay):
            return stay
        stay = read_plate(stay, frame.image, self._eyes.plate_reader)
        self._book.amend(stay)
        return stay

    def _judge(self, stay: Stay, frame: Frame) -> None:
        """Report a stay that has become a suspicion, or one more sighting of a reported one."""
        if stay.is_reported:
            self._report_sighting(stay, frame)
            return
        suspicion = self._rule.judge(stay)
        if suspicion is None or self._waits_for_plate(suspicion) or self._is_another(stay):
            return
        if self._reporter.has_room(frame.captured_at):
            self._report_suspicion(suspicion, frame)

    def _is_another(self, stay: Stay) -> bool:
        """Whether its plate says that it is another vehicle; the stay is closed then."""
        if plate_differs(stay) is not PlateStatus.AGREED:
            return False
        log.warning("another vehicle in the place", extra={"episode_id": str(stay.episode_id)})
        self._book.drop(stay)
        return True

    def _waits_for_plate(self, suspicion: Suspicion) -> bool:
        """Whether a moment more may settle the plate, so that a reminder can go out at once."""
        stay = suspicion.stay
        over_s = stay.observed_s - suspicion.zone.shape.dwell_s
        return over_s < _PLATE_PATIENCE_S and self._is_unsettled(stay)

    def _report_suspicion(self, suspicion: Suspicion, frame: Frame) -> None:
        self._suspecting.add(suspicion.stay.episode_id)
        self._book.amend(
            replace(
                suspicion.stay,
                zone_id=suspicion.zone.shape.zone_id,
                evidence_at=frame.captured_at,
            )
        )
        model_version = self._eyes.detector.model_version
        self._reporter.add(suspicion_report(suspicion, frame, model_version=model_version))

    def _report_sighting(self, stay: Stay, frame: Frame) -> None:
        zone = next((one for one in self._zones if one.shape.zone_id == stay.zone_id), None)
        # While events wait there is no room for more pictures; the next sighting comes later.
        if zone is None or self._reporter.is_held:
            return
        since = stay.evidence_at or stay.stood_since_at
        if (frame.captured_at - since).total_seconds() < zone.shape.sighting_every_s:
            return
        stay = self._read_plate(stay, frame)
        self._book.amend(replace(stay, evidence_at=frame.captured_at))
        if not self._is_another(stay) and plate_differs(stay) is None:
            self._reporter.add(sighting_report(stay, zone, frame))

    def _report_departure(self, departure: Departure) -> None:
        self._leaving.append(departure)
        self._reporter.say(
            VehicleDeparted(
                camera_id=self._document.camera_id,
                episode_id=departure.stay.episode_id,
                captured_at=departure.seen_at,
                left_at=departure.stay.last_seen_at,
                kind=departure.kind,
            )
        )

    def _say(self, state: CameraState, at: datetime, reason: str) -> None:
        self._state = state
        log.info(
            "camera changed", extra={"camera_id": self._document.camera_id, "state": state.value}
        )
        self._reporter.say(
            CameraStatus(
                camera_id=self._document.camera_id, captured_at=at, state=state, reason=reason
            )
        )

    def _publish(self, at: datetime, *, has_changed: bool) -> None:
        """Save the stays, then publish what is said about them, then note that it was said."""
        is_due = self._saved_at is None or at - self._saved_at >= _SAVE_EVERY
        if not (has_changed or is_due or self._reporter.waiting):
            return
        try:
            self._save(at)
            events = self._reporter.flush(at)
            for event in events:
                self._note(event)
            if events:
                self._save(at)
        except StateFileError as exc:
            self._reporter.hold(str(exc), at)

    def _note(self, event: Event) -> None:
        self.published += 1
        match event:
            case ViolationSuspected():
                self._suspecting.discard(event.episode_id)
            case VehicleDeparted():
                self._leaving = [
                    one for one in self._leaving if one.stay.episode_id != event.episode_id
                ]
            case _:
                return
        log.info(
            "event published",
            extra={"camera_id": event.camera_id, "episode_id": str(event.episode_id)},
        )

    def _save(self, at: datetime) -> None:
        if self._picture_px is None:
            return
        self._file.save(
            CameraMemory(
                recording=self._recording.name if self._recording else None,
                started_at=self._recording.started_at if self._recording else None,
                seen_until_at=at,
                picture_px=self._picture_px,
                stays=tuple(self._as_published(stay) for stay in self._book.stays),
                departures=tuple(
                    one for one in self._leaving if one.stay.episode_id not in self._suspecting
                ),
            )
        )
        self._saved_at = at

    def _as_published(self, stay: Stay) -> Stay:
        """The stay as the bus knows it: after a restart, what was not said is said again."""
        return replace(stay, zone_id=None) if stay.episode_id in self._suspecting else stay


def _gap_limit_s(analysed_fps: float) -> float:
    return max(_GAP_LIMIT_S, _GAP_LIMIT_FRAMES / analysed_fps)
