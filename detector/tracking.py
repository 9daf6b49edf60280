"""From boxes to vehicles: which box of this frame is which vehicle of the frames before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import supervision
from trackers import ByteTrackTracker

from detector.detection import Detections, IntArray

__all__ = ["ByteTracker", "TrackedDetections", "Tracker"]

# In terms of the library, which counts in frames of a 30 fps video: two seconds.
_LOST_BUFFER_FRAMES = 60
_SURE_CONFIDENCE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedDetections:
    """The boxes of one frame with their tracks.

    Attributes:
        detections: The boxes, in an order of the tracker's own.
        track_id: Shape (n,); -1 where a box belongs to no track yet. Ids are those of the tracker
            instance and start again with each instance.
    """

    detections: Detections
    track_id: IntArray


class Tracker(Protocol):
    """Follows the vehicles of one camera."""

    def update(self, detections: Detections, captured_at: datetime) -> TrackedDetections:
        """Take the boxes of the next frame; `captured_at` must not go back."""
        ...


class ByteTracker:
    """ByteTrack of the library `trackers`, at any and varying frame rates."""

    def __init__(self, frame_rate: float) -> None:
        """Expect about `frame_rate` frames per second."""
        self._tracker = ByteTrackTracker(
            frame_rate=frame_rate,
            lost_track_buffer=_LOST_BUFFER_FRAMES,
            track_activation_threshold=_SURE_CONFIDENCE,
            high_conf_det_threshold=_SURE_CONFIDENCE,
            minimum_consecutive_frames=2,
        )

    def update(self, detections: Detections, captured_at: datetime) -> TrackedDetections:
        """Take the boxes of the next frame; see `Tracker.update`."""
        found = self._tracker.update(
            supervision.Detections(
                xyxy=detections.xyxy_px.astype(np.float32),
                confidence=detections.confidence.astype(np.float32),
                class_id=np.arange(len(detections)),
            ),
            timestamp=captured_at.timestamp(),
        )
        if not len(found) or found.class_id is None or found.tracker_id is None:
            return TrackedDetections(detections=detections, track_id=np.full(len(detections), -1))
        # The library has no room for our own row number but the class.
        order = found.class_id.astype(np.int64)
        track_id = np.full(len(detections), -1, dtype=np.int64)
        track_id[order] = found.tracker_id
        return TrackedDetections(detections=detections, track_id=track_id)
