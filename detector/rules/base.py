"""What a rule of the detector is asked, and what it answers."""

from dataclasses import dataclass
from typing import Protocol

from detector.camera_config import Zone
from detector.stays import Stay

__all__ = ["Suspicion", "ViolationRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A rule fired: this stay, in this zone; nothing is proven."""

    stay: Stay
    zone: Zone


class ViolationRule(Protocol):
    """One kind of act, judged from one stay at a time; pure."""

    def judge(self, stay: Stay) -> Suspicion | None:
        """A suspicion, or None while there is none."""
        ...
