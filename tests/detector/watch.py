"""A book of stays that is shown what is truly there and what the network says of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from detector.geometry import FloatArray
from detector.sources import Frame
from detector.stays import Departure, Stay, StayBook
from detector.tracking import ByteTracker, TrackedDetections
from tests.detector.builders import FPS, HEIGHT, WIDTH, Box, a_frame, detections, times

WHOLE_PICTURE: FloatArray = np.array(
    [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], dtype=np.float64
)
Seen = Callable[[float], Sequence[Box]]


def always(*boxes: Box) -> Seen:
    return lambda _: boxes


class Watch:
    """Feeds a book with what is truly there and what the network says of it."""

    def __init__(self, book: StayBook | None = None) -> None:
        self.book = book or StayBook(gap_limit_s=2.0)
        self.tracker = ByteTracker(FPS)
        self.departures: list[Departure] = []
        self.opened: set[object] = set()
        self.longest_s = 0.0

    def run(
        self, start_s: float, end_s: float, seen: Seen, *, truth: Seen | None = None
    ) -> "Watch":
        for t in times(start_s, end_s):
            self.see(a_frame(t, (truth or seen)(t)), seen(t))
        return self

    def see(self, frame: Frame, boxes: Sequence[Box]) -> None:
        tracked = self.tracker.update(detections(boxes), frame.captured_at)
        self.departures += self.book.update(frame, tracked, watched_px=[WHOLE_PICTURE])
        self.opened |= {stay.episode_id for stay in self.book.stays}
        self.longest_s = max([self.longest_s, *(stay.observed_s for stay in self.book.stays)])

    def see_tracks(self, frame: Frame, boxes: dict[int, Box]) -> None:
        """Boxes by the track ids that a tracker gives them, right or wrong."""
        tracked = TrackedDetections(
            detections=detections(list(boxes.values())), track_id=np.array(list(boxes), np.int64)
        )
        self.departures += self.book.update(frame, tracked, watched_px=[WHOLE_PICTURE])

    def the_stay(self) -> Stay:
        (stay,) = self.book.stays
        return stay

    def report(self) -> Stay:
        stay = replace(self.the_stay(), zone_id="kerb")
        self.book.amend(stay)
        return stay

    def restart(self, stays: tuple[Stay, ...] | None = None) -> "Watch":
        kept = self.book.stays if stays is None else stays
        return Watch(StayBook(gap_limit_s=2.0, stays=kept))
