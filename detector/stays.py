"""One vehicle, one stay: when it came to rest, how long it was truly seen there, when it left.

A stay is tied to its place, not to a track: it goes on when the tracker loses the vehicle, when
the network misses it, and after a restart; only time in which the vehicle was truly seen at rest
counts. It ends only when the vehicle was seen to leave: the place looks different, stands still and
is covered by nothing, in an unchanged view. Nothing here reads a clock or a file.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import numpy as np

from detector.appearance import Look, View, view_of
from detector.geometry import (
    FloatArray,
    covered_ratio,
    ground_point,
    iou,
    polygon_contains,
    stands_within,
)
from detector.motion import MOTION_WINDOW, Motion, shift_ratio
from detector.perception import VEHICLE_CLASSES
from detector.sources import Frame
from detector.tracking import TrackedDetections
from pipeline.events import DepartureKind, VehicleClass

__all__ = ["Departure", "Stay", "StayBook"]

# At rest: the halves of the window differ by less than this.
_REST_RATIO = 0.06
# A stay that is not reported yet breaks when it has crept this far from where it began.
_CREEP_RATIO = 0.15
_IN_PLACE_RATIO = 0.25

_SAME_PLACE_IOU = 0.5
_MOVED_UP_IOU = 0.2
_PASSING_RATIO = 0.25

# Leaving: the place looks different, stands still, nothing covers it, the view is the same.
_LIKE = 0.5
_SAME_VIEW = 0.4
_UNREST_LEVELS = 10.0
_COVERED_RATIO = 0.4
_EMPTY_AFTER = timedelta(seconds=4)
_EMPTY_AFTER_DRIVING_OFF = timedelta(seconds=1)

_FORGET_UNREPORTED_AFTER = timedelta(minutes=10)
_FORGET_AFTER = timedelta(hours=24)
_STRANGER_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One vehicle standing in one place.

    Attributes:
        place_px: Shape (4,), the box where it came to rest.
        box_px: Shape (4,), the box where it was last seen.
        observed_s: Seconds truly seen at rest; gaps do not count.
        moved_ratio: Farthest it was seen from its place, as a share of its size.
        look: What the place looked like with the vehicle in it.
        zone_id: The zone it was reported for; None until it is a suspicion.
        evidence_at: When the last picture of it was taken as evidence.
        plate_texts: What was read as its plate, one text per picture that gave one.
        plate_tries: Pictures that were searched for a plate.
    """

    episode_id: UUID
    vehicle_class: VehicleClass
    place_px: FloatArray
    box_px: FloatArray
    stood_since_at: datetime
    last_seen_at: datetime
    observed_s: float
    moved_ratio: float = 0.0
    look: Look | None = None
    zone_id: str | None = None
    evidence_at: datetime | None = None
    plate_texts: tuple[str, ...] = ()
    plate_tries: int = 0

    @property
    def is_reported(self) -> bool:
        """Whether it is a suspicion already."""
        return self.zone_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A vehicle that was seen to leave its place."""

    stay: Stay
    kind: DepartureKind
    seen_at: datetime


@dataclass(slots=True)
class _Absence:
    """A place without its vehicle, as long as it stands still."""

    since: datetime
    look: Look


@dataclass(slots=True)
class _Attention:
    """What is known of a stay only while the process runs."""

    motion: Motion = field(default_factory=Motion)
    track_id: int = -1
    absence: _Absence | None = None
    is_in_place: bool = False


class StayBook:
    """The open stays of one camera."""

    def __init__(self, *, gap_limit_s: float, stays: Iterable[Stay] = ()) -> None:
        """Go on with `stays`; time between two sights counts up to `gap_limit_s`."""
        self._gap_limit_s = gap_limit_s
        self._stays = {stay.episode_id: stay for stay in stays}
        self._attention = {episode_id: _Attention() for episode_id in self._stays}
        self._tracks: dict[int, Motion] = {}
        self._kinds: dict[int, Counter[int]] = {}
        self._last_frame_at: datetime | None = None

    @property
    def stays(self) -> tuple[Stay, ...]:
        """All open stays, oldest first."""
        return tuple(self._stays.values())

    def in_place_now(self) -> tuple[Stay, ...]:
        """The stays whose vehicle was seen at rest in the last frame."""
        return tuple(
            stay
            for episode_id, stay in self._stays.items()
            if self._attention[episode_id].is_in_place
        )

    def amend(self, stay: Stay) -> None:
        """Put a changed copy in the place of an open stay; a closed one stays closed."""
        if stay.episode_id in self._stays:
            self._stays[stay.episode_id] = stay

    def update(
        self, frame: Frame, tracked: TrackedDetections, *, watched_px: Sequence[FloatArray]
    ) -> tuple[Departure, ...]:
        """Take the vehicles of the next frame.

        Args:
            frame: Its picture and time.
            tracked: The vehicles in it.
            watched_px: Polygons, each (n, 2); only a vehicle standing in one opens a stay.

        Returns:
            The stays that ended because their vehicle was seen to leave; they are open no more.
        """
        now = frame.captured_at
        view = view_of(frame.image)
        boxes = tracked.detections.xyxy_px
        self._follow(tracked, now)
        taken = self._attach(tracked)
        departures = []
        for stay in self.stays:
            row = taken.get(stay.episode_id)
            if row is not None:
                self._see(stay, tracked, row, view, now)
            elif (departure := self._miss(stay, boxes, view, now)) is not None:
                departures.append(departure)
        self._open(tracked, set(taken.values()), watched_px, view)
        self._last_frame_at = now
        return tuple(departures)

    def _follow(self, tracked: TrackedDetections, now: datetime) -> None:
        for row, track_id in enumerate(tracked.track_id.tolist()):
            if track_id >= 0:
                motion = self._tracks.setdefault(track_id, Motion())
                motion.add(now, tracked.detections.xyxy_px[row])
                kind = int(tracked.detections.class_id[row])
                self._kinds.setdefault(track_id, Counter())[kind] += 1
        self._tracks = {
            track_id: motion
            for track_id, motion in self._tracks.items()
            if now - motion.last_at <= MOTION_WINDOW
        }
        self._kinds = {track_id: self._kinds[track_id] for track_id in self._tracks}

    def _attach(self, tracked: TrackedDetections) -> dict[UUID, int]:
        """Which row is the vehicle of which stay; each row belongs to one stay at most."""
        boxes, tracks = tracked.detections.xyxy_px, tracked.track_id.tolist()
        if not len(boxes):
            return {}
        pairs = []
        for stay in self.stays:
            overlap = iou(stay.place_px, boxes)
            own = self._attention[stay.episode_id].track_id
            pairs += [
                (tracks[row] == own and own >= 0, float(overlap[row]), stay.episode_id, row)
                for row in np.flatnonzero(overlap >= _SAME_PLACE_IOU).tolist()
                if not self._is_passing(tracks[row])
            ]
        taken: dict[UUID, int] = {}
        for _, _, episode_id, row in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
            if episode_id not in taken and row not in taken.values():
                taken[episode_id] = row
        return taken

    def _is_passing(self, track_id: int) -> bool:
        motion = self._tracks.get(track_id)
        moved = motion.moved_ratio() if motion else None
        return moved is not None and moved > _PASSING_RATIO

    def _see(
        self, stay: Stay, tracked: TrackedDetections, row: int, view: View, now: datetime
    ) -> None:
        box = tracked.detections.xyxy_px[row]
        attention = self._attention[stay.episode_id]
        if self._is_stranger(stay, view, now):
            self._close(stay)
            return
        attention.absence = None
        attention.track_id = int(tracked.track_id[row])
        attention.motion.add(now, box)
        moved_ratio = shift_ratio(stay.place_px, attention.motion.box_now())
        attention.is_in_place = moved_ratio <= _IN_PLACE_RATIO
        if not stay.is_reported and moved_ratio > _CREEP_RATIO:
            self._close(stay)
            return
        gap_s = (now - stay.last_seen_at).total_seconds()
        counts = attention.is_in_place and gap_s <= self._gap_limit_s
        others = np.delete(tracked.detections.xyxy_px, row, axis=0)
        is_covered = bool((covered_ratio(stay.place_px, others) >= _COVERED_RATIO).any())
        is_clear = attention.is_in_place and not is_covered
        self._stays[stay.episode_id] = replace(
            stay,
            box_px=box,
            last_seen_at=now,
            observed_s=stay.observed_s + (gap_s if counts else 0.0),
            moved_ratio=max(stay.moved_ratio, moved_ratio),
            look=view.look_at(stay.place_px) if is_clear else stay.look,
        )

    def _is_stranger(self, stay: Stay, view: View, now: datetime) -> bool:
        """After a long time unseen, another vehicle may stand there; then the stay is not its."""
        if now - stay.last_seen_at <= _STRANGER_AFTER or stay.look is None:
            return False
        look = view.look_at(stay.place_px)
        return look is None or look.likeness(stay.look) < _LIKE

    def _miss(self, stay: Stay, boxes: FloatArray, view: View, now: datetime) -> Departure | None:
        attention = self._attention[stay.episode_id]
        attention.is_in_place = False
        limit = _FORGET_AFTER if stay.is_reported else _FORGET_UNREPORTED_AFTER
        if now - stay.last_seen_at > limit:
            self._close(stay)
            return None
        attention.absence = self._absence(stay, boxes, view, now)
        if attention.absence is None:
            return None
        has_driven_off = self._has_driven_off(stay)
        wait = _EMPTY_AFTER_DRIVING_OFF if has_driven_off else _EMPTY_AFTER
        if now - attention.absence.since < wait:
            return None
        self._close(stay)
        kind = DepartureKind.DROVE_OFF if has_driven_off else DepartureKind.PLACE_EMPTY
        return Departure(stay=stay, kind=kind, seen_at=now)

    def _absence(self, stay: Stay, boxes: FloatArray, view: View, now: datetime) -> _Absence | None:
        """The place as an empty one, as long as it has looked so; None when that is not sure."""
        look = view.look_at(stay.place_px)
        if look is None or stay.look is None or self._is_after_gap(now):
            return None
        if (covered_ratio(stay.place_px, boxes) >= _COVERED_RATIO).any():
            return None
        if look.surroundings_likeness(stay.look) < _SAME_VIEW or look.likeness(stay.look) >= _LIKE:
            return None
        known = self._attention[stay.episode_id].absence
        if known is None or look.unrest_levels(known.look) > _UNREST_LEVELS:
            return _Absence(since=now, look=look)
        return known

    def _is_after_gap(self, now: datetime) -> bool:
        before = self._last_frame_at
        return before is None or (now - before).total_seconds() > self._gap_limit_s

    def _has_driven_off(self, stay: Stay) -> bool:
        motion = self._tracks.get(self._attention[stay.episode_id].track_id)
        if motion is None or motion.last_at <= stay.last_seen_at:
            return False
        return float(iou(stay.place_px, motion.last_box[None])[0]) < _MOVED_UP_IOU

    def _open(
        self,
        tracked: TrackedDetections,
        taken: Collection[int],
        watched_px: Sequence[FloatArray],
        view: View,
    ) -> None:
        for row, track_id in enumerate(tracked.track_id.tolist()):
            motion = self._tracks.get(track_id)
            place = motion.place_at_rest(_REST_RATIO) if motion and row not in taken else None
            if motion is None or place is None:
                continue
            is_watched = any(polygon_contains(zone, ground_point(place)) for zone in watched_px)
            if not is_watched or self._moves_up(track_id, place) or self._is_occupied(place):
                continue
            ((kind, _),) = self._kinds[track_id].most_common(1)
            episode_id = self._begin(motion, VEHICLE_CLASSES[kind], place, view)
            self._attention[episode_id].track_id = track_id

    def _begin(self, motion: Motion, kind: VehicleClass, place: FloatArray, view: View) -> UUID:
        stay = Stay(
            episode_id=uuid4(),
            vehicle_class=kind,
            place_px=place,
            box_px=motion.last_box,
            stood_since_at=motion.first_at,
            last_seen_at=motion.last_at,
            observed_s=motion.seen_s(gap_limit_s=self._gap_limit_s),
            look=view.look_at(place),
        )
        self._stays[stay.episode_id] = stay
        self._attention[stay.episode_id] = _Attention(motion=motion.copy(), is_in_place=True)
        return stay.episode_id

    def _moves_up(self, track_id: int, place: FloatArray) -> bool:
        """Whether this is a reported vehicle that rolled on a little; its stay then moves too."""
        for stay in self.stays:
            is_own = self._attention[stay.episode_id].track_id == track_id
            if not (stay.is_reported and is_own):
                continue
            if float(iou(stay.place_px, place[None])[0]) >= _MOVED_UP_IOU:
                shift = shift_ratio(stay.place_px, place)
                self._stays[stay.episode_id] = replace(
                    stay, place_px=place, moved_ratio=max(stay.moved_ratio, shift)
                )
                return True
        return False

    def _is_occupied(self, place: FloatArray) -> bool:
        """Whether a stay stands there, or in a part of it: a network may box a vehicle twice."""
        return any(
            float(iou(place, stay.place_px[None])[0]) >= _SAME_PLACE_IOU
            or stands_within(place, stay.place_px)
            or stands_within(stay.place_px, place)
            for stay in self.stays
        )

    def _close(self, stay: Stay) -> None:
        del self._stays[stay.episode_id]
        del self._attention[stay.episode_id]
