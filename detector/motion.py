"""Whether a vehicle moves, from boxes that jitter.

Movement is measured in sizes of the vehicle between the middle (median) boxes of the older and the
newer half of a window in seconds: a jittering box rests, a slowly rolling vehicle does not.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from detector.geometry import FloatArray, box_size_px

__all__ = ["MOTION_WINDOW", "Motion", "shift_ratio"]

MOTION_WINDOW = timedelta(seconds=4)
_FULL_RATIO = 0.9
_MIN_SIGHTS_PER_HALF = 2
_MOMENT = timedelta(seconds=1)
_TOGETHER_RATIO = 0.15


@dataclass(slots=True)
class Motion:
    """Where one vehicle was during the last `MOTION_WINDOW`: instants and boxes of shape (4,)."""

    sights: deque[tuple[datetime, FloatArray]] = field(default_factory=deque)

    def add(self, at: datetime, box_px: FloatArray) -> None:
        """Take the next sight and drop those that are too old."""
        self.sights.append((at, box_px))
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
        return self.sights[0][1]

    @property
    def last_box(self) -> FloatArray:
        """Where it was seen last, shape (4,)."""
        return self.sights[-1][1]

    def place_at_rest(self, max_ratio: float) -> FloatArray | None:
        """Where it stood as the window began, if it has moved no more than this since; else None.

        The box is that of the window's start, so that what creeps is measured from there on.
        """
        if self.last_at - self.first_at < _FULL_RATIO * MOTION_WINDOW:
            return None
        moved_ratio = self.moved_ratio()
        if moved_ratio is None or moved_ratio > max_ratio:
            return None
        return self._middle_box(self.first_at, self.first_at + _MOMENT)

    def seen_s(self, *, gap_limit_s: float) -> float:
        """Seconds seen within the window, without the gaps longer than the limit."""
        times = [at for at, _ in self.sights]
        gaps_s = [(later - at).total_seconds() for at, later in pairwise(times)]
        return sum(gap_s for gap_s in gaps_s if gap_s <= gap_limit_s)

    def box_now(self) -> FloatArray:
        """The median box of the last second."""
        return self._middle_box(self.last_at - _MOMENT, self.last_at)

    def moved_ratio(self) -> float | None:
        """Movement between the halves in sizes; None when a half has too few sights."""
        middle_at = self.first_at + (self.last_at - self.first_at) / 2
        older = [box for at, box in self.sights if at < middle_at]
        newer = [box for at, box in self.sights if at >= middle_at]
        if min(len(older), len(newer)) < _MIN_SIGHTS_PER_HALF:
            return None
        return shift_ratio(_middle(older), _middle(newer))

    def _middle_box(self, since: datetime, until: datetime) -> FloatArray:
        return _middle([box for at, box in self.sights if since <= at <= until])


def shift_ratio(before_px: FloatArray, after_px: FloatArray) -> float:
    """How far a box moved, in sizes of the smaller one; on the axis where it moved more.

    A vehicle that moves takes both edges of an axis with it: then the mean of the two counts, or
    the lesser where they part because it comes nearer. A vehicle hidden in part, or a shadow that
    joins its box, moves one edge only: then the other, which stays, counts.
    """
    shift = after_px - before_px
    per_axis = [_edges_shift_px(float(shift[i]), float(shift[i + 2])) for i in (0, 1)]
    return max(per_axis) / min(box_size_px(before_px), box_size_px(after_px))


def _edges_shift_px(first_px: float, second_px: float) -> float:
    lesser, greater = sorted((abs(first_px), abs(second_px)))
    go_together = first_px * second_px > 0 and lesser >= _TOGETHER_RATIO * greater
    return (lesser + greater) / 2 if go_together else lesser


def _middle(boxes: list[FloatArray]) -> FloatArray:
    middle: FloatArray = np.median(np.stack(boxes), axis=0)
    return middle
