"""Rules that turn what was seen into a suspicion."""

from detector.rules.base import Suspicion, ViolationRule
from detector.rules.stopping import StoppingRule

__all__ = ["StoppingRule", "Suspicion", "ViolationRule"]
