"""What happens around those who stand: who passes them, who stands with them, where others drive.

It tells a parked vehicle from one that waits in traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

import numpy as np

from detector.camera_config import LanePolygon
from detector.geometry import FloatArray, box_size_px, ground_point, polygon_contains
from detector.stays.book import StayBook
from detector.stays.place import whole_place
from detector.stays.stay import Stay
from detector.tracking import TrackedDetections
from detector.traffic import Counts, Drive, FlowMap, Passing, PlaceFlow, Traffic

__all__ = ["Situation", "Surroundings"]

_SAME_WAY = 0.5
_SAME_FORM = 1.4
_MAX_PASSINGS = 5
_MAX_OWN = 5
_AGAIN_AFTER = timedelta(seconds=1)

# Bumper to bumper and a car's length, in sizes of the vehicle, a box of about its own height.
_NEAR_SIZES = 2.5
_IN_LINE_SIZES = 0.6
_LONGEST_QUEUE = 20
# For so long it is remembered that one's wheels were hidden: the network may miss who hides them.
_HIDDEN_FOR = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is around one stay.

    Attributes:
        flow: What the flow says of its place.
        is_alone: Nobody else stands close by.
        ahead_px: Boxes of shape (4,) of those who stand before it, one before the other; None where
            it is not known which way it is bound.
        hidden_foot_px: How far down its wheels may be, as x and y, where a nearer vehicle hides
            them; None where they are seen.
    """

    flow: PlaceFlow
    is_alone: bool
    ahead_px: tuple[FloatArray, ...] | None = None
    hidden_foot_px: tuple[float, float] | None = None


class Surroundings:
    """Follows the traffic around the stays of one camera."""

    def __init__(
        self,
        flow: FlowMap,
        lanes: Sequence[LanePolygon] = (),
        *,
        known_at: datetime | None = None,
    ) -> None:
        """Go on with what was known of the traffic; marked lanes tell which way one stands."""
        self._traffic = Traffic(flow, known_at)
        self._lanes = lanes
        self._passings: dict[UUID, tuple[Passing, ...]] = {}
        self._own: dict[UUID, tuple[Drive, ...]] = {}
        self._known: dict[UUID, tuple[datetime, Situation]] = {}
        self._hidden: dict[UUID, tuple[datetime, tuple[float, float]]] = {}

    def flow_counts(self) -> Counts:
        """Where vehicles drive, without those who stand here now: how they came does not count."""
        return self._traffic.counts_without(chain.from_iterable(self._own.values()))

    def update(self, book: StayBook, tracked: TrackedDetections, now: datetime) -> None:
        """Take the vehicles of the next frame, after the book has taken them."""
        self._traffic.follow(tracked, now)
        places = np.array([stay.place_px for stay in book.stays]).reshape(-1, 4)
        for stay, passings in zip(book.stays, self._traffic.passings(places), strict=True):
            heading = stay.heading
            is_new = stay.episode_id not in self._passings
            self._know_own(stay, book, is_new=is_new)
            if is_new:
                self._passings[stay.episode_id] = ()
                if heading is None:
                    heading = self._arrived_by(stay)
            way = self._way(stay.place_px, heading) if passings else None
            parallel = [one for one in passings if _is_parallel(one, way, stay.place_px)]
            same = sum(_is_same_way(one, way) for one in parallel)
            if same or heading is not stay.heading:
                book.amend(replace(stay, heading=heading, passed_by=stay.passed_by + same))
            if parallel:
                latest = (*self._passings[stay.episode_id], *parallel)[-_MAX_PASSINGS:]
                self._passings[stay.episode_id] = latest
        self._forget(book)

    def of(self, stay: Stay, book: StayBook, now: datetime) -> Situation:
        """What is around a stay; looked at once a second."""
        known = self._known.get(stay.episode_id)
        if known is not None and now - known[0] < _AGAIN_AFTER:
            return known[1]
        standing = book.standing_px(but=stay)
        way = self._way(stay.place_px, stay.heading)
        ahead = _queue_ahead(stay.place_px, standing, way) if way is not None else None
        situation = Situation(
            flow=self._traffic.place_flow(
                stay.place_px,
                self._passings.get(stay.episode_id, ()),
                standing_px=standing,
                ahead_px=ahead or (),
                own=self._own.get(stay.episode_id, ()),
            ),
            is_alone=not any(_is_near(stay.place_px, box) for box in standing),
            ahead_px=ahead,
            hidden_foot_px=self._hidden_foot(stay, standing, book, now),
        )
        self._known[stay.episode_id] = (now, situation)
        return situation

    def _hidden_foot(
        self, stay: Stay, standing_px: FloatArray, book: StayBook, now: datetime
    ) -> tuple[float, float] | None:
        """Where its wheels may be, if they are hidden or were a moment ago."""
        whole = whole_place(stay.place_px, np.vstack([standing_px, book.seen_lately_px()]))
        if whole is not None:
            self._hidden[stay.episode_id] = (now, ground_point(whole))
        hidden_at, foot_px = self._hidden.get(stay.episode_id, (None, None))
        return foot_px if hidden_at is not None and now - hidden_at <= _HIDDEN_FOR else None

    def _know_own(self, stay: Stay, book: StayBook, *, is_new: bool) -> None:
        """Keep the ways of its tracks, which end when the tracker loses it."""
        place_px, followed = stay.place_px, self._traffic.drive(book.track_of(stay))
        found = [*(self._traffic.arrivals(place_px) if is_new else ()), followed]
        known = self._own.get(stay.episode_id, ())
        fresh = (one for one in found if one is not None)
        own = tuple(dict.fromkeys((*known, *fresh)))[-_MAX_OWN:]
        self._own[stay.episode_id] = own
        if stay.is_reported:
            self._traffic.parked(own, place_px)

    def _arrived_by(self, stay: Stay) -> FloatArray | None:
        """Which way it drove in: its last way that says so."""
        headings = (drive.heading() for drive in reversed(self._own[stay.episode_id]))
        return next((one for one in headings if one is not None), None)

    def _way(self, place_px: FloatArray, heading: FloatArray | None) -> FloatArray | None:
        """Which way one who stands there is bound: as it drove in, else as its lane leads."""
        if heading is not None:
            return heading
        point = ground_point(place_px)
        lanes = (one for one in self._lanes if polygon_contains(one.polygon_px, point))
        return next((one.direction for one in lanes), None)

    def _forget(self, book: StayBook) -> None:
        if len(self._passings) > len(book.stays):
            open_ids = {stay.episode_id for stay in book.stays}
            self._passings = {k: v for k, v in self._passings.items() if k in open_ids}
            self._known = {k: v for k, v in self._known.items() if k in open_ids}
            self._hidden = {k: v for k, v in self._hidden.items() if k in open_ids}
            self._own = {k: v for k, v in self._own.items() if k in open_ids}


def _is_parallel(passing: Passing, way: FloatArray | None, place_px: FloatArray) -> bool:
    """Whether it drives the way the standing one is bound, or against it, and does not cross."""
    if way is not None:
        return abs(float(passing.direction @ way)) >= _SAME_WAY
    # One that crosses shows its side where the other shows its back: its box has another form.
    forms = sorted((_form(passing.box_px), _form(place_px)))
    return forms[1] <= _SAME_FORM * forms[0]


def _form(xyxy_px: FloatArray) -> float:
    """Width by height."""
    x1, y1, x2, y2 = (float(value) for value in xyxy_px)
    return max(x2 - x1, 1.0) / max(y2 - y1, 1.0)


def _is_same_way(passing: Passing, way: FloatArray | None) -> bool:
    return way is None or float(passing.direction @ way) >= _SAME_WAY


def _is_near(place_px: FloatArray, other_px: FloatArray) -> bool:
    away_px = np.hypot(*np.subtract(ground_point(other_px), ground_point(place_px)))
    return bool(away_px <= _NEAR_SIZES * max(box_size_px(place_px), box_size_px(other_px)))


def _queue_ahead(
    place_px: FloatArray, standing_px: FloatArray, way: FloatArray
) -> tuple[FloatArray, ...]:
    """Those who stand before it, nearest first."""
    queue: list[FloatArray] = []
    place = place_px
    while len(queue) < _LONGEST_QUEUE:
        ahead = _nearest_ahead(place, standing_px, way)
        if ahead is None:
            break
        queue.append(ahead)
        place = ahead
    return tuple(queue)


def _nearest_ahead(
    place_px: FloatArray, standing_px: FloatArray, way: FloatArray
) -> FloatArray | None:
    nearest: tuple[float, FloatArray] | None = None
    size_px = box_size_px(place_px)
    for box in standing_px:
        x, y = np.subtract(ground_point(box), ground_point(place_px))
        ahead_px = x * way[0] + y * way[1]
        aside_px = abs(x * way[1] - y * way[0])
        is_before = 0.1 * size_px < ahead_px <= _NEAR_SIZES * size_px
        if is_before and aside_px <= _IN_LINE_SIZES * size_px:
            nearest = min(nearest or (ahead_px, box), (ahead_px, box), key=lambda one: one[0])
    return nearest[1] if nearest else None
