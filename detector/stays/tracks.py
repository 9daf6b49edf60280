"""The vehicles that the tracker follows now: how each moved during the last seconds."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import numpy as np

from detector.geometry import FloatArray, iou
from detector.motion import MOTION_WINDOW, Motion
from detector.perception import VEHICLE_CLASSES
from detector.tracking import TrackedDetections
from pipeline.events import VehicleClass

__all__ = ["Tracks"]

_PASSING_RATIO = 0.25
_ELSEWHERE_IOU = 0.2
_JUMP_IOU = 0.3


class Tracks:
    """The motions of one camera's tracks; a track that ends is soon forgotten."""

    def __init__(self) -> None:
        """Begin without tracks."""
        self._motions: dict[int, Motion] = {}
        self._kinds: dict[int, Counter[int]] = {}
        self._began: dict[int, tuple[datetime, FloatArray]] = {}

    @property
    def motions(self) -> Mapping[int, Motion]:
        """The motion of each track."""
        return self._motions

    def follow(self, tracked: TrackedDetections, now: datetime) -> None:
        """Take the vehicles of the next frame."""
        for row, track_id in enumerate(tracked.track_id.tolist()):
            if track_id >= 0:
                motion = self._motions.setdefault(track_id, Motion())
                box = tracked.detections.xyxy_px[row]
                motion.add(now, box)
                self._began.setdefault(track_id, (now, box))
                kind = int(tracked.detections.class_id[row])
                self._kinds.setdefault(track_id, Counter())[kind] += 1
        self._motions = {
            track_id: motion
            for track_id, motion in self._motions.items()
            if now - motion.last_at <= MOTION_WINDOW
        }
        self._kinds = {track_id: self._kinds[track_id] for track_id in self._motions}
        self._began = {track_id: self._began[track_id] for track_id in self._motions}

    def kind(self, track_id: int) -> VehicleClass:
        """What the vehicle was mostly seen as."""
        ((kind, _),) = self._kinds[track_id].most_common(1)
        return VEHICLE_CLASSES[kind]

    def is_passing(self, track_id: int) -> bool:
        """Whether it is on its way."""
        motion = self._motions.get(track_id)
        moved = motion.moved_ratio() if motion else None
        return moved is not None and moved > _PASSING_RATIO

    def at_rest_px(self, max_ratio: float) -> list[FloatArray]:
        """The boxes, shape (4,), of the tracks that have moved no more than this."""
        ratios = ((motion, motion.moved_ratio()) for motion in self._motions.values())
        return [one.last_box for one, moved in ratios if moved is not None and moved <= max_ratio]

    def has_jumped(self, track_id: int) -> bool:
        """Whether the track's last step was one to another vehicle's box."""
        motion = self._motions.get(track_id)
        if motion is None or len(motion.sights) < 2:
            return False
        (_, before), (_, after) = motion.sights[-2], motion.sights[-1]
        return float(iou(np.array(before), np.array(after))) < _JUMP_IOU

    def box_away(self, track_id: int, place_px: FloatArray, now: datetime) -> FloatArray | None:
        """Where the track is now, shape (4,), when that is not the place; else None."""
        motion = self._motions.get(track_id)
        if motion is None or motion.last_at < now or not _is_elsewhere(motion.last_box, place_px):
            return None
        return motion.last_box

    def there_since(self, track_id: int, place_px: FloatArray) -> datetime | None:
        """When the track began, if it began at the place; None when it came from elsewhere."""
        began_at, box = self._began[track_id]
        return None if _is_elsewhere(box, place_px) else began_at

    def came_from_elsewhere(self, track_id: int, place_px: FloatArray) -> bool:
        """Whether the track was not at the place some seconds ago."""
        motion = self._motions.get(track_id)
        return motion is not None and _is_elsewhere(motion.first_box, place_px)


def _is_elsewhere(box_px: FloatArray, place_px: FloatArray) -> bool:
    return float(iou(place_px, box_px)) < _ELSEWHERE_IOU
