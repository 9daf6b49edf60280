"""What a rule of the detector is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from detector.camera_config import Zone
from detector.stays import Situation, Stay
from pipeline.events import StandingEvidence

__all__ = ["Suspicion", "ViolationRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A rule fired: this stay, in this zone, for this reason; nothing is proven."""

    stay: Stay
    zone: Zone
    evidence: StandingEvidence


class ViolationRule(Protocol):
    """One kind of act, judged from one stay at a time; pure."""

    def judge(
        self, stay: Stay, now: datetime, situation: Callable[[], Situation]
    ) -> Suspicion | None:
        """A suspicion, or None while there is none.

        Args:
            stay: One that was seen at rest now.
            now: The instant of the picture.
            situation: What is around it; asked for only when it matters.
        """
        ...

    def is_in_force(self, zone: Zone, now: datetime) -> bool:
        """Whether the act is forbidden in the zone at this instant."""
        ...
