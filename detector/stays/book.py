"""The open stays of one camera, frame by frame.

A stay is tied to its place and to what its vehicle looks like, not to a track: it goes on when the
tracker loses the vehicle, when the network misses it, and after a restart; only time in which the
vehicle was truly seen at rest counts. Another vehicle in the same place has a stay of its own. A
stay ends only when its vehicle was seen to leave: it was followed out of its place, or the place
looks different, stands still and is covered by nothing, in an unchanged view. Nothing here reads a
clock or a file.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import numpy as np

from detector.appearance import Look, View
from detector.geometry import (
    FloatArray,
    ImageArray,
    covered_ratio,
    ground_point,
    iou,
    polygon_contains,
)
from detector.motion import Motion, shift_ratio
from detector.sources import Frame
from detector.stays.leaving import Leaving
from detector.stays.place import (
    SAME_PLACE_IOU,
    SAME_VEHICLE,
    holds,
    is_replaced,
    is_unmoved,
    likeness,
    whole_place,
)
from detector.stays.sight import Attention, Sight
from detector.stays.stay import Departure, Stay
from detector.stays.street import Street
from detector.stays.tracks import Tracks
from detector.tracking import TrackedDetections
from pipeline.events import UnseenReason, VehicleClass

__all__ = ["StayBook"]

# At rest: the halves of the window differ by less than this.
_REST_RATIO = 0.06
# A stay that is not reported yet breaks when it has crept this far from where it began.
_CREEP_RATIO = 0.15
_IN_PLACE_RATIO = 0.25
_MOVED_UP_IOU = 0.2

_FORGET_UNREPORTED_AFTER = timedelta(minutes=10)
_FORGET_AFTER = timedelta(hours=24)
_STRANGER_AFTER = timedelta(minutes=10)
# Less alike may be because something hides a part of it; learnt at once, that would add up.
_SAME_LOOK = 0.9
_NEW_LOOK_AFTER = timedelta(seconds=10)
_LOOK_EVERY = timedelta(seconds=1)


class StayBook:
    """The open stays of one camera."""

    def __init__(self, *, gap_limit_s: float, stays: Iterable[Stay] = ()) -> None:
        """Go on with `stays`; time between two sights counts up to `gap_limit_s`."""
        self._gap_limit_s = gap_limit_s
        self._stays = {stay.episode_id: stay for stay in stays}
        self._attention = {episode_id: Attention() for episode_id in self._stays}
        self._tracks = Tracks()
        self._street = Street()
        self._leaving = Leaving(self._tracks, self._street)
        self._last_frame_at: datetime | None = None
        self._passed_at: datetime | None = None

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
        self._tracks.follow(tracked, now)
        sight = self._sight(frame, tracked)
        taken = self._attach(sight)
        departures = []
        for stay in self.stays:
            row = taken.get(stay.episode_id)
            if row is not None:
                self._see(stay, sight, row)
            elif (departure := self._miss(stay, sight)) is not None:
                departures.append(departure)
        self._open(sight, set(taken.values()), watched_px)
        self._street.learn(frame.image, now, [*sight.boxes, *(s.place_px for s in self.stays)])
        self._last_frame_at = self._passed_at = now
        return tuple(departures)

    def pass_over(self, now: datetime, reason: UnseenReason) -> None:
        """Let time pass in which no picture could be judged."""
        for episode_id in self._stays:
            attention = self._attention[episode_id]
            attention.is_in_place = False
            attention.unseen_ms[reason] += self._ms_to(now)
        self._passed_at = now

    def is_shown(self, stay: Stay, image: ImageArray) -> bool:
        """Whether what a picture shows in its place looks like its vehicle."""
        return likeness(stay, View(image=image)) >= SAME_VEHICLE

    def track_of(self, stay: Stay) -> int:
        """The track that follows the stay's vehicle now; -1 when none does."""
        attention = self._attention.get(stay.episode_id)
        return attention.track_id if attention else -1

    def standing_px(self, *, but: Stay) -> FloatArray:
        """Boxes, shape (n, 4), of all others that stand, in a watched place or not."""
        stays = (stay for stay in self.stays if stay.episode_id != but.episode_id)
        boxes = [*(stay.place_px for stay in stays), *self._tracks.at_rest_px(_REST_RATIO)]
        others = np.array(boxes).reshape(-1, 4)
        return others[iou(but.place_px, others) < SAME_PLACE_IOU]

    def seen_lately_px(self) -> FloatArray:
        """Boxes, shape (n, 4), of all who were followed in the last seconds."""
        boxes = [one.last_box for one in self._tracks.motions.values()]
        return np.array(boxes).reshape(-1, 4)

    def _ms_to(self, now: datetime) -> int:
        before = self._passed_at
        return 0 if before is None else max(int((now - before).total_seconds() * 1000), 0)

    def _sight(self, frame: Frame, tracked: TrackedDetections) -> Sight:
        boxes, stays = tracked.detections.xyxy_px, self.stays
        covered = np.empty((0, len(boxes)))
        if stays:
            places = np.stack([stay.place_px for stay in stays])
            covered = covered_ratio(places[:, None], boxes[None])
        return Sight(
            now=frame.captured_at,
            view=View(image=frame.image),
            boxes=boxes,
            tracks=tracked.track_id.tolist(),
            covered={stay.episode_id: covered[row] for row, stay in enumerate(stays)},
            is_after_gap=self._is_after_gap(frame.captured_at),
        )

    def _attach(self, sight: Sight) -> dict[UUID, int]:
        """Which row is the vehicle of which stay; each row belongs to one stay at most."""
        stays = self.stays
        if not (stays and len(sight.boxes)):
            return {}
        places = np.stack([stay.place_px for stay in stays])
        overlap = iou(places[:, None], sight.boxes[None])
        pairs = []
        for number, row in np.argwhere(overlap >= SAME_PLACE_IOU).tolist():
            stay, track_id = stays[number], sight.tracks[row]
            is_followed = self._is_followed(stay, track_id, sight.now)
            is_standing = is_followed and is_unmoved(stay.place_px, sight.boxes[row])
            if not is_standing and self._tracks.is_passing(track_id):
                continue
            if is_followed or self._may_be_found(stay, track_id, sight.view):
                pairs.append((is_followed, overlap[number, row], stay.episode_id, row))
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

    def _see(self, stay: Stay, sight: Sight, row: int) -> None:
        now, box, track_id = sight.now, sight.boxes[row], sight.tracks[row]
        attention = self._attention[stay.episode_id]
        is_found_again = not self._is_followed(stay, track_id, now)
        attention.absence = None
        attention.has_driven_off = False
        attention.track_id = track_id
        attention.motion.add(now, box)
        moved_ratio = shift_ratio(stay.place_px, attention.motion.box_now())
        attention.is_in_place = moved_ratio <= _IN_PLACE_RATIO
        if not stay.is_reported and moved_ratio > _CREEP_RATIO:
            self._close(stay)
            return
        seen = replace(
            self._observed(stay, sight, box),
            moved_ratio=max(stay.moved_ratio, moved_ratio),
            look=self._learn_look(stay, sight, row),
        )
        if is_found_again and stay.check_texts is None:
            seen = replace(seen, check_texts=(), plate_tries=0)
        self._stays[stay.episode_id] = seen
        attention.unseen_ms.clear()

    def _observed(self, stay: Stay, sight: Sight, box: FloatArray) -> Stay:
        """The stay with the time since it was last seen in its ledger."""
        attention = self._attention[stay.episode_id]
        if (sight.now - stay.last_seen_at).total_seconds() > self._gap_limit_s:
            if sight.is_after_gap:
                attention.unseen_ms[UnseenReason.NO_PICTURE] += self._ms_to(sight.now)
            ((reason, _),) = attention.unseen_ms.most_common(1) or ((UnseenReason.NO_PICTURE, 0),)
            return stay.found_again(sight.now, box, reason)
        if attention.is_in_place:
            return stay.seen(sight.now, box)
        return replace(stay, last_seen_at=sight.now, box_px=box)

    def _learn_look(self, stay: Stay, sight: Sight, row: int) -> Look | None:
        """What it looks like now; a sudden change, as by something before it, must last first."""
        attention, now = self._attention[stay.episode_id], sight.now
        if attention.looked_at is not None and now - attention.looked_at < _LOOK_EVERY:
            return stay.look
        if sight.is_covered(stay, but=row) or not is_unmoved(stay.place_px, sight.boxes[row]):
            return stay.look
        attention.looked_at = now
        if likeness(stay, sight.view) >= _SAME_LOOK:
            attention.looks_new_since = None
        elif attention.looks_new_since is None:
            attention.looks_new_since = now
        since = attention.looks_new_since
        if since is not None and now - since < _NEW_LOOK_AFTER:
            return stay.look
        return sight.view.look_at(stay.place_px) or stay.look

    def _miss(self, stay: Stay, sight: Sight) -> Departure | None:
        attention, now = self._attention[stay.episode_id], sight.now
        attention.is_in_place = False
        limit = _FORGET_AFTER if stay.is_reported else _FORGET_UNREPORTED_AFTER
        if now - stay.last_seen_at > limit:
            self._close(stay)
            return None
        attention.unseen_ms[_unseen_reason(stay, sight)] += self._ms_to(now)
        kind = self._leaving.judge(stay, attention, sight)
        if kind is None:
            return None
        self._close(stay)
        return Departure(stay=stay, kind=kind, seen_at=now)

    def _is_after_gap(self, now: datetime) -> bool:
        before = self._last_frame_at
        return before is None or (now - before).total_seconds() > self._gap_limit_s

    def _open(self, sight: Sight, taken: Collection[int], watched_px: Sequence[FloatArray]) -> None:
        for row, track_id in enumerate(sight.tracks):
            motion = self._tracks.motions.get(track_id)
            place = motion.place_at_rest(_REST_RATIO) if motion and row not in taken else None
            if motion is None or place is None or not is_unmoved(place, motion.last_box):
                continue
            is_watched = any(polygon_contains(zone, ground_point(place)) for zone in watched_px)
            if not is_watched or self._moves_up(track_id, place, sight.view):
                continue
            if self._is_free(place, track_id, sight, row):
                kind = self._tracks.kind(track_id)
                episode_id = self._begin(motion, kind, place, sight.view)
                self._attention[episode_id].track_id = track_id

    def _is_free(self, place: FloatArray, track_id: int, sight: Sight, row: int) -> bool:
        """Whether a new stay may begin in a place, because no open one can be the vehicle's."""
        motion = self._tracks.motions[track_id]
        whole = whole_place(place, np.delete(sight.boxes, row, axis=0))
        holders = self._holders([place] if whole is None else [place, whole])
        for stay in holders:
            # One that began in this very frame is not in the sight yet; it was seen just now.
            is_new = stay.episode_id not in sight.covered
            is_covered = whole is not None or is_new or sight.is_covered(stay, but=row)
            there_since = self._tracks.there_since(track_id, stay.place_px)
            if not is_replaced(
                stay, motion, sight.view, there_since=there_since, is_covered=is_covered
            ):
                return False
        self._forget_long_unseen(holders, motion.last_at)
        return True

    def _holders(self, places: Sequence[FloatArray]) -> list[Stay]:
        """The stays that are in one of some places, each of shape (4,)."""
        stays = self.stays
        if not stays:
            return []
        held = np.stack([stay.place_px for stay in stays])
        touched = (iou(np.stack(places)[:, None], held[None]) > 0).any(axis=0)
        near = [stays[row] for row in np.flatnonzero(touched)]
        return [stay for stay in near if any(holds(stay, one) for one in places)]

    def _begin(self, motion: Motion, kind: VehicleClass, place: FloatArray, view: View) -> UUID:
        since, look = motion.since_at(place), view.look_at(place)
        stay = Stay(
            episode_id=uuid4(),
            vehicle_class=kind,
            place_px=place,
            box_px=motion.last_box,
            stood_since_at=since,
            last_seen_at=motion.last_at,
            observed_s=motion.seen_s(since, gap_limit_s=self._gap_limit_s),
            look=look,
            first_look=look,
        )
        self._stays[stay.episode_id] = stay
        self._attention[stay.episode_id] = Attention(motion=motion.copy(), is_in_place=True)
        return stay.episode_id

    def _moves_up(self, track_id: int, place: FloatArray, view: View) -> bool:
        """Whether this is a reported vehicle that rolled on a little; its stay then moves too."""
        for stay in self.stays:
            is_own = self._attention[stay.episode_id].track_id == track_id
            if not (stay.is_reported and is_own):
                continue
            shift = shift_ratio(stay.place_px, place)
            overlap = float(iou(stay.place_px, place))
            # A box that grows to one side has taken in a neighbour; its vehicle stands.
            if shift > _IN_PLACE_RATIO and _MOVED_UP_IOU <= overlap < SAME_PLACE_IOU:
                look = view.look_at(place)
                self._stays[stay.episode_id] = replace(
                    stay,
                    place_px=place,
                    moved_ratio=max(stay.moved_ratio, shift),
                    look=look or stay.look,
                    first_look=look or stay.first_look,
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


def _unseen_reason(stay: Stay, sight: Sight) -> UnseenReason:
    if sight.is_after_gap:
        return UnseenReason.NO_PICTURE
    return UnseenReason.HIDDEN if sight.is_covered(stay) else UnseenReason.MISSED
