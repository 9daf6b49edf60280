"""What to do with a case now: the first rule that has an answer."""

from pipeline.policy.decision import Decision
from pipeline.policy.rules import RULES
from pipeline.policy.situation import Situation

__all__ = ["decide"]


def decide(situation: Situation) -> Decision:
    """Ask the rules in their order; pure, the same situation always gives the same answer."""
    answers = (rule(situation) for rule in RULES)
    return next(answer for answer in answers if answer is not None)
