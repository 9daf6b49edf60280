"""Whether a vehicle moves, from boxes that jitter.

Movement is measured in sizes of the vehicle between the middle (median) boxes of the older and the
newer half of a window in seconds: a jittering box rests, a slowly rolling vehicle does not.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from detector.geometry import FloatArray

__all__ = ["MOTION_WINDOW", "Motion", "shift_ratio"]

MOTION_WINDOW = timedelta(seconds=4)
_FULL_RATIO = 0.9
_MIN_SIGHTS_PER_HALF = 2
_MOMENT = timedelta(seconds=1)
_TOGETHER_RATIO = 0.15
_SETTLED_RATIO = 0.02
_JITTER_FACTOR = 1.5

# Windows hold a dozen boxes at most, where plain numbers are several times faster than arrays.
Corners = Sequence[float]


@dataclass(slots=True)
class Motion:
    """Where one vehicle was during the last `MOTION_WINDOW`: instants and corners of boxes."""

    sights: deque[tuple[datetime, Corners]] = field(default_factory=deque)
    _moved: tuple[datetime, float | None] | None = None

    def add(self, at: datetime, box_px: FloatArray) -> None:
        """Take the next sight, a box of shape (4,), and drop those that are too old."""
        self.sights.append((at, box_px.tolist()))
        while at - self.sights[0][0] > MOTION_WINDOW:
            self.sights.popleft()

    def copy(self) -> "Motion":
        """The same sights, to go on with separately."""
        return Motion(sights=self.sights.copy())

    @property
    def last_at(self) -> datetime:
        """When it was seen last."""
        return self.sights[-1][0]

    @property
    def first_at(self) -> datetime:
        """When the oldest sight was."""
        return self.sights[0][0]

    @property
    def first_box(self) -> FloatArray:
        """Where the oldest sight was, shape (4,)."""
        return np.array(self.sights[0][1])

    @property
    def last_box(self) -> FloatArray:
        """Where it was seen last, shape (4,)."""
        return np.array(self.sights[-1][1])

    def place_at_rest(self, max_ratio: float) -> FloatArray | None:
        """Where it stands, if it has moved no more than this in a full window; else None."""
        if self.last_at - self.first_at < _FULL_RATIO * MOTION_WINDOW:
            return None
        moved_ratio = self.moved_ratio()
        if moved_ratio is None or moved_ratio > max_ratio:
            return None
        return self._middle_box(self.last_at - MOTION_WINDOW / 2, self.last_at)

    def since_at(self, place_px: FloatArray) -> datetime:
        """Since when it has been in a place (box of shape (4,)) without a break.

        In it is what lies hardly farther away than the boxes of the last second, which jitter.
        """
        latest_at = self.last_at - _MOMENT
        noise = max(shift_ratio(place_px, box) for at, box in self.sights if at >= latest_at)
        since = self.last_at
        for at, box in reversed(self.sights):
            if shift_ratio(place_px, box) > max(_SETTLED_RATIO, _JITTER_FACTOR * noise):
                break
            since = at
        return since

    def seen_s(self, since: datetime, *, gap_limit_s: float) -> float:
        """Seconds seen since an instant of the window, without the gaps longer than the limit."""
        times = [at for at, _ in self.sights if at >= since]
        gaps_s = [(later - at).total_seconds() for at, later in pairwise(times)]
        return sum(gap_s for gap_s in gaps_s if gap_s <= gap_limit_s)

    def box_now(self) -> FloatArray:
        """The median box of the last second, shape (4,)."""
        return self._middle_box(self.last_at - _MOMENT, self.last_at)

    def moved_ratio(self) -> float | None:
        """Movement between the halves in sizes; None when a half has too few sights."""
        if self._moved is None or self._moved[0] != self.last_at:
            self._moved = (self.last_at, self._moved_ratio())
        return self._moved[1]

    def _moved_ratio(self) -> float | None:
        middle_at = self.first_at + (self.last_at - self.first_at) / 2
        older = [box for at, box in self.sights if at < middle_at]
        newer = [box for at, box in self.sights if at >= middle_at]
        if min(len(older), len(newer)) < _MIN_SIGHTS_PER_HALF:
            return None
        return shift_ratio(_middle(older), _middle(newer))

    def _middle_box(self, since: datetime, until: datetime) -> FloatArray:
        return np.array(_middle(box for at, box in self.sights if since <= at <= until))


def shift_ratio(before_px: Corners | FloatArray, after_px: Corners | FloatArray) -> float:
    """How far a box moved, in sizes of the smaller one; on the axis where it moved more.

    A vehicle that moves takes both edges of an axis with it: then the mean of the two counts, or
    the lesser where they part because it comes nearer. A vehicle hidden in part, or a shadow that
    joins its box, moves one edge only: then the other, which stays, counts.
    """
    x1, y1, x2, y2 = (float(value) for value in before_px)
    u1, v1, u2, v2 = (float(value) for value in after_px)
    shift_px = max(_edges_shift_px(u1 - x1, u2 - x2), _edges_shift_px(v1 - y1, v2 - y2))
    area_px2 = min(max(x2 - x1, 0) * max(y2 - y1, 0), max(u2 - u1, 0) * max(v2 - v1, 0))
    return shift_px / max(1.0, float(area_px2**0.5))


def _edges_shift_px(first_px: float, second_px: float) -> float:
    lesser, greater = sorted((abs(first_px), abs(second_px)))
    go_together = first_px * second_px > 0 and lesser >= _TOGETHER_RATIO * greater
    return (lesser + greater) / 2 if go_together else lesser


def _middle(boxes: Iterable[Corners]) -> Corners:
    """The median of each corner's coordinates."""
    return [_median(sorted(values)) for values in zip(*boxes, strict=True)]


def _median(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
