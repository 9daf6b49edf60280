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
from pipeline.policy.entries import Cause
from pipeline.policy.parameters import Rulebook, RulebookError, load_rulebook
from pipeline.policy.situation import Attempt, ContactState, Situation

__all__ = [
    "AskOperator",
    "Attempt",
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
