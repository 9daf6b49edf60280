"""What is known of one vehicle that stands in one place."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np

from detector.appearance import Look
from detector.geometry import FloatArray
from pipeline.events import DepartureKind, VehicleClass

__all__ = ["Departure", "Stay"]


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
    moved_ratio: float = 0.0
    look: Look | None = None
    zone_id: str | None = None
    evidence_at: datetime | None = None
    plate_texts: tuple[str, ...] = ()
    plate_tries: int = 0
    check_texts: tuple[str, ...] | None = None

    @property
    def is_reported(self) -> bool:
        """Whether it is a suspicion already."""
        return self.zone_id is not None

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
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A vehicle that was seen to leave its place."""

    stay: Stay
    kind: DepartureKind
    seen_at: datetime
