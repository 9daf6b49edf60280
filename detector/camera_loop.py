"""One camera: frame, detect, track, judge, capture, publish."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from detector.camera_config import Zone
from detector.detection import Detections
from detector.errors import StateFileError
from detector.health import forbids_suspicion
from detector.judge import Judge
from detector.observer import Eyes, Observation, Observer
from detector.reporting import Reporter
from detector.sources import Frame
from detector.stay_file import CameraMemory, Recording, StayFile
from detector.stays import Departure, Stay
from pipeline.events import (
    CameraDocument,
    CameraFault,
    CameraState,
    CameraStatus,
    Event,
    VehicleDeparted,
    ViolationSuspected,
)

__all__ = ["CameraLoop", "Eyes", "SceneView"]

log = logging.getLogger(__name__)

_SAVE_EVERY = timedelta(seconds=5)


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
        self._watch: tuple[Observer, Judge] | None = None
        self._suspecting: set[UUID] = set()
        self._leaving: list[Departure] = []
        self._saved_at: datetime | None = None
        self._at: datetime | None = None
        self._state: CameraState | None = None
        self._faults: frozenset[CameraFault] = frozenset()
        self.analysed = 0
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
        observer, judge = self._fit_to(frame)
        self._at = frame.captured_at
        before = {stay.episode_id for stay in observer.book.stays}
        seen = observer.look(frame)
        self.analysed += 1
        self._tell(seen, frame.captured_at, reason)
        for departure in seen.departures:
            if departure.stay.is_reported:
                self._report_departure(departure)
        if not forbids_suspicion(seen.faults):
            judge.judge(frame)
        zones = observer.shapes.zones
        self.scene = SceneView(frame=frame, zones=zones, detections=seen.detections)
        has_changed = before != {stay.episode_id for stay in observer.book.stays}
        self._publish(frame.captured_at, has_changed=has_changed)

    def _tell(self, seen: Observation, at: datetime, reason: str) -> None:
        """Say what the camera can see, when that has changed."""
        state = CameraState.IMPAIRED if seen.is_blind else CameraState.ONLINE
        if self._state is not state or self._faults != seen.faults:
            self._faults = seen.faults
            self._say(state, at, reason)

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

    def _fit_to(self, frame: Frame) -> tuple[Observer, Judge]:
        """Who looks at pictures of this size, knowing what was seen in those before."""
        height, width = frame.image.shape[:2]
        if self._watch is None or self._watch[0].picture_px != (width, height):
            memory = self._memory
            if self._watch is not None and self._at is not None:
                memory = self._remember(self._watch[0], self._at)
            self._memory = None
            observer = Observer(self._document, self._eyes, frame, memory)
            judge = Judge(observer, self._eyes, self._reporter, self._suspecting)
            self._watch = observer, judge
        return self._watch

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
        faults = ", ".join(sorted(self._faults))
        log.info(
            "camera changed",
            extra={"camera_id": self._document.camera_id, "state": state.value, "faults": faults},
        )
        self._reporter.say(
            CameraStatus(
                camera_id=self._document.camera_id,
                captured_at=at,
                state=state,
                faults=tuple(sorted(self._faults)),
                reason=reason,
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
        if self._watch is not None:
            self._file.save(self._remember(self._watch[0], at))
            self._saved_at = at

    def _remember(self, observer: Observer, at: datetime) -> CameraMemory:
        return observer.remember(
            CameraMemory(
                recording=self._recording.name if self._recording else None,
                started_at=self._recording.started_at if self._recording else None,
                seen_until_at=at,
                picture_px=observer.picture_px,
                stays=tuple(self._as_published(stay) for stay in observer.book.stays),
                departures=tuple(
                    one for one in self._leaving if one.stay.episode_id not in self._suspecting
                ),
            )
        )

    def _as_published(self, stay: Stay) -> Stay:
        """The stay as the bus knows it: after a restart, what was not said is said again."""
        return replace(stay, zone_id=None) if stay.episode_id in self._suspecting else stay
