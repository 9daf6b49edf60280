"""One camera's eyes: from its frames to the stays that are open on its picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detector.camera_config import CameraShapes, shapes_in_pixels
from detector.detection import Detections
from detector.geometry import FloatArray, ground_point, polygon_contains
from detector.health import CameraHealth, blinds
from detector.perception import BACKGROUND, PlateReader, VehicleDetector
from detector.sources import Frame
from detector.stay_file import CameraMemory
from detector.stays import Departure, Situation, Stay, StayBook, Surroundings
from detector.stillness import Stillness
from detector.tracking import Tracker
from detector.traffic import FlowMap
from pipeline.events import CameraDocument, CameraFault, UnseenReason

__all__ = ["Eyes", "Observation", "Observer"]

# Time between two frames counts as seen up to this, or up to three frames of a slow camera.
_GAP_LIMIT_S = 2.0
_GAP_LIMIT_FRAMES = 3
# A plate is 0.44 m wide, a car 1.8 m.
_PLATE_RATIO = 0.25

NOTHING = Detections(
    xyxy_px=np.empty((0, 4)), confidence=np.empty(0), class_id=np.empty(0, dtype=np.int64)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What a camera's frames are seen with; detector and plate reader may be shared.

    `rests_when_still` spares the detector pictures in which nothing has changed.
    """

    detector: VehicleDetector
    tracker: Tracker
    plate_reader: PlateReader | None = None
    rests_when_still: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one frame gave.

    Attributes:
        detections: The vehicles found; those of the frame before when this one was not judged.
        departures: The stays that ended because their vehicle was seen to leave.
        faults: What is wrong with the camera's pictures now.
        is_blind: Nothing can be seen for the faults; the time does not count as observed.
    """

    detections: Detections
    departures: tuple[Departure, ...] = ()
    faults: frozenset[CameraFault] = frozenset()
    is_blind: bool = False


class Observer:
    """Looks at the frames of one camera, of one picture size."""

    def __init__(
        self, document: CameraDocument, eyes: Eyes, frame: Frame, memory: CameraMemory | None
    ) -> None:
        """Look at pictures of the size of `frame`, and go on with what is known of the camera."""
        height, width = frame.image.shape[:2]
        self.picture_px = (width, height)
        self.shapes: CameraShapes = shapes_in_pixels(document, width_px=width, height_px=height)
        stays: Sequence[Stay] = ()
        if memory is not None:
            stays = [stay.scaled(memory.picture_px, self.picture_px) for stay in memory.stays]
        self.book = StayBook(gap_limit_s=_gap_limit_s(document.analysed_fps), stays=stays)
        self._eyes = eyes
        is_same_view = memory is not None and memory.version == document.version
        self._health = CameraHealth(memory.reference if memory and is_same_view else None)
        self._version = document.version
        # The background detector is cheap, and learns the street from pictures that follow closely.
        self._rests = eyes.rests_when_still and eyes.detector.model_version != BACKGROUND
        self._stillness = Stillness()
        flow = FlowMap(width, height, memory.flow if memory and is_same_view else None)
        known_at = memory.seen_until_at if memory is not None else None
        self._surroundings = Surroundings(flow, self.shapes.lanes, known_at=known_at)
        self._detections = NOTHING

    def remember(self, memory: CameraMemory) -> CameraMemory:
        """The memory with what is known of the camera besides its stays."""
        return replace(
            memory,
            picture_px=self.picture_px,
            version=self._version,
            flow=self._surroundings.flow_counts(),
            reference=self._health.reference,
        )

    def look(self, frame: Frame) -> Observation:
        """Take the next frame."""
        now = frame.captured_at
        is_still = self._rests and self._stillness.holds(frame.image, now, self._detections.xyxy_px)
        faults = self._health.look(
            frame.image,
            now,
            boxes_px=self._detections.xyxy_px,
            received_at=frame.received_at,
            plate_widths_px=[_PLATE_RATIO * (b[2] - b[0]) for b in self._standing_boxes()],
            changed_at=self._stillness.changed_at,
        )
        if self._health.is_doubtful:
            self._stillness.forget()
            self.book.pass_over(now, UnseenReason.IMPAIRED)
            is_blind = blinds(faults)
            return Observation(detections=self._detections, faults=faults, is_blind=is_blind)
        if not is_still:
            self._detections = self._detect(frame)
        tracked = self._eyes.tracker.update(self._detections, now)
        zones = [zone.polygon_px for zone in self.shapes.zones]
        departures = self.book.update(frame, tracked, watched_px=zones)
        self._surroundings.update(self.book, tracked, now)
        return Observation(detections=self._detections, departures=departures, faults=faults)

    def situation(self, stay: Stay, frame: Frame) -> Callable[[], Situation]:
        """What is around a stay, for a rule to ask."""
        return lambda: self._surroundings.of(stay, self.book, frame.captured_at)

    def _standing_boxes(self) -> list[FloatArray]:
        return [stay.box_px for stay in self.book.in_place_now()]

    def _detect(self, frame: Frame) -> Detections:
        """The vehicles outside the masks."""
        return _outside(self.shapes.masks_px, self._eyes.detector.detect([frame])[0])


def _outside(masks_px: Sequence[FloatArray], found: Detections) -> Detections:
    """Without those who stand in a mask."""
    kept = [
        row
        for row, box in enumerate(found.xyxy_px)
        if not any(polygon_contains(mask, ground_point(box)) for mask in masks_px)
    ]
    if len(kept) == len(found):
        return found
    return Detections(
        xyxy_px=found.xyxy_px[kept],
        confidence=found.confidence[kept],
        class_id=found.class_id[kept],
    )


def _gap_limit_s(analysed_fps: float) -> float:
    return max(_GAP_LIMIT_S, _GAP_LIMIT_FRAMES / analysed_fps)
