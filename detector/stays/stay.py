"""What is known of one vehicle that stands in one place."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from detector.appearance import Look
from detector.geometry import FloatArray
from pipeline.events import DepartureKind, UnseenReason, UnseenSpan, VehicleClass

__all__ = ["Departure", "Stay"]

_MAX_UNSEEN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One vehicle standing in one place.

    Attributes:
        place_px: Shape (4,), the box where it came to rest.
        box_px: Shape (4,), the box where it was last seen.
        observed_s: Seconds truly seen at rest; gaps do not count.
        unseen: The gaps, oldest first, with what was in the way.
        heading: Shape (2,), unit vector on the picture of how it drove in; None when that was not
            seen.
        passed_by: Vehicles of its own direction that drove past it, as far as that is known.
        moved_ratio: Farthest it was seen from its place, as a share of its size.
        look: What the place looked like with the vehicle in it, lately.
        first_look: The same when it came to rest: something before it that the network misses may
            be taken for a new look.
        zone_id: The zone it was reported for; None until it is a suspicion.
        evidence_at: When the last picture of it was taken as evidence.
        plate_texts: What was read as its plate, one text per picture that gave one.
        plate_tries: Pictures that were searched for a plate.
        check_texts: What was read otherwise since it was lost and found again, until its plate is
            seen to be the same; None while there is nothing to check.
    """

    episode_id: UUID
    vehicle_class: VehicleClass
    place_px: FloatArray
    box_px: FloatArray
    stood_since_at: datetime
    last_seen_at: datetime
    observed_s: float
    unseen: tuple[UnseenSpan, ...] = ()
    heading: FloatArray | None = None
    passed_by: int = 0
    moved_ratio: float = 0.0
    look: Look | None = None
    first_look: Look | None = None
    zone_id: str | None = None
    evidence_at: datetime | None = None
    plate_texts: tuple[str, ...] = ()
    plate_tries: int = 0
    check_texts: tuple[str, ...] | None = None

    @property
    def is_reported(self) -> bool:
        """Whether it is a suspicion already."""
        return self.zone_id is not None

    def likeness(self, look: Look) -> float:
        """How much what stands in its place looks like it now; see `Look.likeness`."""
        return max((one.likeness(look) for one in self._looks()), default=0.0)

    def vehicle_likeness(self, look: Look) -> float:
        """How much what stands somewhere looks like its vehicle; see `Look.vehicle_likeness`."""
        return max((one.vehicle_likeness(look) for one in self._looks()), default=0.0)

    def _looks(self) -> tuple[Look, ...]:
        return tuple(one for one in (self.look, self.first_look) if one is not None)

    def seen(self, now: datetime, box_px: FloatArray) -> "Stay":
        """The stay, seen at rest up to now without a gap."""
        gap_s = max((now - self.last_seen_at).total_seconds(), 0.0)
        return replace(self, last_seen_at=now, box_px=box_px, observed_s=self.observed_s + gap_s)

    def found_again(self, now: datetime, box_px: FloatArray, reason: UnseenReason) -> "Stay":
        """The stay, seen again after a time that does not count."""
        gap = UnseenSpan(since=self.last_seen_at, until=max(now, self.last_seen_at), reason=reason)
        unseen = (*self.unseen, gap)
        if len(unseen) > _MAX_UNSEEN:
            # What was seen between the two oldest gaps is given up, never the other way round.
            joined = unseen[0].model_copy(update={"until": unseen[1].until})
            unseen = (joined, *unseen[2:])
        return replace(self, last_seen_at=now, box_px=box_px, unseen=unseen)

    def observed_since_s(self, since: datetime) -> float:
        """Seconds truly seen at rest since an instant."""
        if since <= self.stood_since_at:
            return self.observed_s
        gaps = (
            min(gap.until, self.last_seen_at) - max(gap.since, since)
            for gap in self.unseen
            if gap.until > since
        )
        seen = self.last_seen_at - since - sum(gaps, timedelta(0))
        return min(max(seen.total_seconds(), 0.0), self.observed_s)

    def scaled(self, from_px: tuple[int, int], to_px: tuple[int, int]) -> "Stay":
        """The stay in a picture of another width and height."""
        factor = np.tile(np.array(to_px) / np.array(from_px), 2)
        return replace(self, place_px=self.place_px * factor, box_px=self.box_px * factor)

    def not_after(self, now: datetime) -> "Stay":
        """The stay with no instant after `now`."""
        return replace(
            self,
            stood_since_at=min(self.stood_since_at, now),
            last_seen_at=min(self.last_seen_at, now),
            evidence_at=self.evidence_at and min(self.evidence_at, now),
            unseen=tuple(
                gap.model_copy(update={"until": min(gap.until, now)})
                for gap in self.unseen
                if gap.since < now
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A vehicle that was seen to leave its place."""

    stay: Stay
    kind: DepartureKind
    seen_at: datetime
