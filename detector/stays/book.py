"""The open stays of one camera, frame by frame.

A stay is tied to its place and to what its vehicle looks like, not to a track: it goes on when the
tracker loses the vehicle, when the network misses it, and after a restart; only time in which the
vehicle was truly seen at rest counts. Another vehicle in the same place has a stay of its own. A
stay ends only when its vehicle was seen to leave: it was followed out of its place, or the place
looks different, stands still and is covered by nothing, in an unchanged view. Nothing here reads a
clock or a file.
"""

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
)
from detector.motion import Motion, shift_ratio
from detector.sources import Frame
from detector.stays.place import (
    COVERED_RATIO,
    SAME_PLACE_IOU,
    SAME_VEHICLE,
    Absence,
    holds,
    is_covered,
    is_replaced,
    is_unmoved,
    likeness,
)
from detector.stays.stay import Departure, Stay
from detector.stays.tracks import Tracks
from detector.tracking import TrackedDetections
from pipeline.events import DepartureKind, VehicleClass

__all__ = ["StayBook"]

# At rest: the halves of the window differ by less than this.
_REST_RATIO = 0.06
# A stay that is not reported yet breaks when it has crept this far from where it began.
_CREEP_RATIO = 0.15
_IN_PLACE_RATIO = 0.25
_MOVED_UP_IOU = 0.2

# A vehicle seen elsewhere, followed from its place: it turns and comes nearer as it leaves.
_SAME_TRACK = 0.6

# Leaving: the place looks different, stands still, nothing covers it, the view is the same.
_LIKE = 0.5
_SAME_VIEW = 0.4
_UNREST_LEVELS = 10.0
_EMPTY_AFTER = timedelta(seconds=4)
_EMPTY_AFTER_DRIVING_OFF = timedelta(seconds=1)

_FORGET_UNREPORTED_AFTER = timedelta(minutes=10)
_FORGET_AFTER = timedelta(hours=24)
_STRANGER_AFTER = timedelta(minutes=10)
_NEW_LOOK_AFTER = timedelta(seconds=10)


@dataclass(slots=True)
class _Attention:
    """What is known of a stay only while the process runs."""

    motion: Motion = field(default_factory=Motion)
    track_id: int = -1
    absence: Absence | None = None
    is_in_place: bool = False
    has_driven_off: bool = False
    looks_new_since: datetime | None = None


class StayBook:
    """The open stays of one camera."""

    def __init__(self, *, gap_limit_s: float, stays: Iterable[Stay] = ()) -> None:
        """Go on with `stays`; time between two sights counts up to `gap_limit_s`."""
        self._gap_limit_s = gap_limit_s
        self._stays = {stay.episode_id: stay for stay in stays}
        self._attention = {episode_id: _Attention() for episode_id in self._stays}
        self._tracks = Tracks()
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

    def drop(self, stay: Stay) -> None:
        """Close a stay without a departure: what stands there is not its vehicle."""
        if stay.episode_id in self._stays:
            self._close(stay)

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
        self._tracks.follow(tracked, now)
        taken = self._attach(tracked, view, now)
        departures = []
        for stay in self.stays:
            row = taken.get(stay.episode_id)
            if row is not None:
                self._see(stay, tracked, row, view, now)
            elif (departure := self._miss(stay, tracked, view, now)) is not None:
                departures.append(departure)
        self._open(tracked, set(taken.values()), watched_px, view)
        self._last_frame_at = now
        return tuple(departures)

    def _attach(self, tracked: TrackedDetections, view: View, now: datetime) -> dict[UUID, int]:
        """Which row is the vehicle of which stay; each row belongs to one stay at most."""
        boxes, tracks = tracked.detections.xyxy_px, tracked.track_id.tolist()
        if not len(boxes):
            return {}
        pairs = []
        for stay in self.stays:
            overlap = iou(stay.place_px, boxes)
            pairs += [
                (self._is_followed(stay, tracks[row], now), overlap[row], stay.episode_id, row)
                for row in np.flatnonzero(overlap >= SAME_PLACE_IOU).tolist()
                if not self._tracks.is_passing(tracks[row])
                and (
                    self._is_followed(stay, tracks[row], now)
                    or self._may_be_found(stay, tracks[row], view)
                )
            ]
        taken: dict[UUID, int] = {}
        for _, _, episode_id, row in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
            if episode_id not in taken and row not in taken.values():
                taken[episode_id] = row
        return taken

    def _is_followed(self, stay: Stay, track_id: int, now: datetime) -> bool:
        """Whether the track has followed the stay's vehicle up to now."""
        attention = self._attention[stay.episode_id]
        is_own = track_id >= 0 and track_id == attention.track_id and not attention.has_driven_off
        return is_own and (now - stay.last_seen_at).total_seconds() <= self._gap_limit_s

    def _may_be_found(self, stay: Stay, track_id: int, view: View) -> bool:
        """Whether a vehicle in the stay's place that was not followed there can be the stay's."""
        has_driven_off = self._attention[stay.episode_id].has_driven_off
        if has_driven_off and self._tracks.came_from_elsewhere(track_id, stay.place_px):
            return False
        return likeness(stay, view) >= SAME_VEHICLE

    def _see(
        self, stay: Stay, tracked: TrackedDetections, row: int, view: View, now: datetime
    ) -> None:
        box = tracked.detections.xyxy_px[row]
        attention = self._attention[stay.episode_id]
        is_found_again = not self._is_followed(stay, int(tracked.track_id[row]), now)
        attention.absence = None
        attention.has_driven_off = False
        attention.track_id = int(tracked.track_id[row])
        attention.motion.add(now, box)
        moved_ratio = shift_ratio(stay.place_px, attention.motion.box_now())
        attention.is_in_place = moved_ratio <= _IN_PLACE_RATIO
        if not stay.is_reported and moved_ratio > _CREEP_RATIO:
            self._close(stay)
            return
        gap_s = (now - stay.last_seen_at).total_seconds()
        counts = attention.is_in_place and 0 <= gap_s <= self._gap_limit_s
        others = np.delete(tracked.detections.xyxy_px, row, axis=0)
        is_clear = not is_covered(stay, others) and is_unmoved(stay.place_px, box)
        self._stays[stay.episode_id] = replace(
            stay,
            box_px=box,
            last_seen_at=now,
            observed_s=stay.observed_s + (gap_s if counts else 0.0),
            moved_ratio=max(stay.moved_ratio, moved_ratio),
            look=self._learn_look(stay, view, now) if is_clear else stay.look,
            check_texts=(stay.check_texts or ()) if is_found_again else stay.check_texts,
        )

    def _learn_look(self, stay: Stay, view: View, now: datetime) -> Look | None:
        """What it looks like now; a sudden change, as by something before it, must last first."""
        attention = self._attention[stay.episode_id]
        if likeness(stay, view) >= SAME_VEHICLE:
            attention.looks_new_since = None
        elif attention.looks_new_since is None:
            attention.looks_new_since = now
        since = attention.looks_new_since
        if since is not None and now - since < _NEW_LOOK_AFTER:
            return stay.look
        return view.look_at(stay.place_px) or stay.look

    def _miss(
        self, stay: Stay, tracked: TrackedDetections, view: View, now: datetime
    ) -> Departure | None:
        attention = self._attention[stay.episode_id]
        attention.is_in_place = False
        limit = _FORGET_AFTER if stay.is_reported else _FORGET_UNREPORTED_AFTER
        if now - stay.last_seen_at > limit:
            self._close(stay)
            return None
        if self._tracks.has_jumped(attention.track_id):
            attention.track_id = -1
        attention.has_driven_off |= self._is_driving_off(stay, view, now)
        attention.absence = self._absence(stay, tracked, view, now)
        if attention.absence is None:
            return None
        wait = _EMPTY_AFTER_DRIVING_OFF if attention.has_driven_off else _EMPTY_AFTER
        if now - attention.absence.since < wait:
            return None
        self._close(stay)
        kind = DepartureKind.DROVE_OFF if attention.has_driven_off else DepartureKind.PLACE_EMPTY
        return Departure(stay=stay, kind=kind, seen_at=now)

    def _is_driving_off(self, stay: Stay, view: View, now: datetime) -> bool:
        """Whether its track is elsewhere now, with it: a track may slip to one that passes by."""
        own = self._attention[stay.episode_id].track_id
        box = self._tracks.box_away(own, stay.place_px, now)
        look = None if box is None else view.look_at(box)
        if look is None or stay.look is None:
            return False
        return stay.look.vehicle_likeness(look) >= _SAME_TRACK

    def _absence(
        self, stay: Stay, tracked: TrackedDetections, view: View, now: datetime
    ) -> Absence | None:
        """The place without its vehicle, since when it was so; None when that is not sure."""
        attention, look = self._attention[stay.episode_id], view.look_at(stay.place_px)
        if look is None or stay.look is None or self._is_after_gap(now):
            return None
        if look.surroundings_likeness(stay.look) < _SAME_VIEW:
            return None
        known = attention.absence
        covers = covered_ratio(stay.place_px, tracked.detections.xyxy_px) >= COVERED_RATIO
        if attention.has_driven_off:
            # What stands or moves there now is another vehicle, unless it is the same after all.
            is_other = look.vehicle_likeness(stay.look) < SAME_VEHICLE or any(
                self._tracks.came_from_elsewhere(track_id, stay.place_px)
                for track_id in tracked.track_id[covers].tolist()
            )
            return (known or Absence(since=now, look=look)) if is_other else None
        if covers.any() or look.likeness(stay.look) >= _LIKE:
            return None
        if known is None or look.unrest_levels(known.look) > _UNREST_LEVELS:
            return Absence(since=now, look=look)
        return known

    def _is_after_gap(self, now: datetime) -> bool:
        before = self._last_frame_at
        return before is None or (now - before).total_seconds() > self._gap_limit_s

    def _open(
        self,
        tracked: TrackedDetections,
        taken: Collection[int],
        watched_px: Sequence[FloatArray],
        view: View,
    ) -> None:
        for row, track_id in enumerate(tracked.track_id.tolist()):
            motion = self._tracks.motions.get(track_id)
            place = motion.place_at_rest(_REST_RATIO) if motion and row not in taken else None
            if motion is None or place is None or not is_unmoved(place, motion.last_box):
                continue
            is_watched = any(polygon_contains(zone, ground_point(place)) for zone in watched_px)
            if not is_watched or self._moves_up(track_id, place, view):
                continue
            others = np.delete(tracked.detections.xyxy_px, row, axis=0)
            holders = [stay for stay in self.stays if holds(stay, place)]
            if all(is_replaced(stay, motion, others, view) for stay in holders):
                self._forget_long_unseen(holders, motion.last_at)
                kind = self._tracks.kind(track_id)
                episode_id = self._begin(motion, kind, place, view)
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

    def _moves_up(self, track_id: int, place: FloatArray, view: View) -> bool:
        """Whether this is a reported vehicle that rolled on a little; its stay then moves too."""
        for stay in self.stays:
            is_own = self._attention[stay.episode_id].track_id == track_id
            if not (stay.is_reported and is_own):
                continue
            if _MOVED_UP_IOU <= float(iou(stay.place_px, place[None])[0]) < SAME_PLACE_IOU:
                shift = shift_ratio(stay.place_px, place)
                self._stays[stay.episode_id] = replace(
                    stay,
                    place_px=place,
                    moved_ratio=max(stay.moved_ratio, shift),
                    look=view.look_at(place) or stay.look,
                )
                return True
        return False

    def _forget_long_unseen(self, stays: Iterable[Stay], now: datetime) -> None:
        """Another vehicle stands in their place; one hidden behind it would have come back."""
        for stay in stays:
            if now - stay.last_seen_at > _STRANGER_AFTER:
                self._close(stay)

    def _close(self, stay: Stay) -> None:
        del self._stays[stay.episode_id]
        del self._attention[stay.episode_id]
