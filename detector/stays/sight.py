"""What one frame shows of the stays, and what is known of a stay only while the process runs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np

from detector.appearance import Look, View
from detector.geometry import FloatArray
from detector.motion import Motion
from detector.stays.place import COVERED_RATIO
from detector.stays.stay import Stay
from pipeline.events import UnseenReason

__all__ = ["Absence", "Attention", "Sight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One frame, as far as stays are concerned.

    Attributes:
        boxes: Shape (n, 4).
        tracks: The track of each box.
        covered: Shape (n,) per stay: how much of its place each box covers.
        is_after_gap: Nothing was seen for a while before it.
    """

    now: datetime
    view: View
    boxes: FloatArray
    tracks: list[int]
    covered: dict[UUID, FloatArray]
    is_after_gap: bool

    def is_covered(self, stay: Stay, *, but: int | None = None) -> bool:
        """Whether a box, other than that of row `but`, hides much of the stay's place."""
        hides = self.covered[stay.episode_id] >= COVERED_RATIO
        return bool(hides.any()) if but is None else bool(np.delete(hides, but).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A place without its vehicle: since when, and what it looks like."""

    since: datetime
    look: Look


@dataclass(slots=True)
class Attention:
    """What is known of a stay only while the process runs.

    `unseen_ms` are the milliseconds since it was last seen, by what was in the way.
    """

    motion: Motion = field(default_factory=Motion)
    track_id: int = -1
    absence: Absence | None = None
    is_in_place: bool = False
    has_driven_off: bool = False
    looks_new_since: datetime | None = None
    looked_at: datetime | None = None
    unseen_ms: Counter[UnseenReason] = field(default_factory=Counter)
