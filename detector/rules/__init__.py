"""Rules that turn what was seen into a suspicion."""

from detector.rules.base import Suspicion, ViolationRule
from detector.rules.standing import StandingRule

__all__ = ["StandingRule", "Suspicion", "ViolationRule"]
