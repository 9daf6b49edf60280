"""Policy: pure functions over a dated and sourced rulebook."""

from pipeline.policy.decision import (
    AskOperator,
    Close,
    Decision,
    ReferToReview,
    SendReminder,
    Wait,
)
from pipeline.policy.engine import decide
from pipeline.policy.parameters import Cause, Rulebook, RulebookError, load_rulebook
from pipeline.policy.rules import ContactState, Situation

__all__ = [
    "AskOperator",
    "Cause",
    "Close",
    "ContactState",
    "Decision",
    "ReferToReview",
    "Rulebook",
    "RulebookError",
    "SendReminder",
    "Situation",
    "Wait",
    "decide",
    "load_rulebook",
]
