"""How far the record of a case reaches: what is beyond it cannot be known."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pipeline.case import Case
from pipeline.rehearsal.facts import Fact, Left, TryKey
from pipeline.rehearsal.in_flight import SAME_TIME
from pipeline.rehearsal.outcome import CannotBeKnownError, Unknowable
from pipeline.rehearsal.recorded import Recorded

__all__ = ["is_known_at_the_desk", "require_same_reminders", "require_seen"]

_LATE = timedelta(minutes=1)
"""A worker may be so late; so long after the last word nothing new is presumed."""


def require_seen(recorded: Recorded, at: datetime, fact: Fact | None) -> None:
    """Pass when what the camera saw until `at` was kept; `fact` is what is told then, if anything.

    Raises:
        CannotBeKnownError: it was not.
    """
    # Told late, that the vehicle had left before: nothing can have been seen since.
    is_late_word = isinstance(fact, Left) and fact.left_at <= recorded.seen_until
    if at <= recorded.seen_until + _LATE or is_late_word:
        return
    left_at = recorded.case.left_at
    has_left_later = left_at is not None and left_at > recorded.seen_until
    raise CannotBeKnownError(
        Unknowable.LEFT_AFTER_REFERRAL if has_left_later else Unknowable.CAMERA_STOPPED
    )


def require_same_reminders(
    recorded: Recorded, case: Case, at: datetime, reached: Collection[TryKey]
) -> None:
    """Pass when the driver was told the same until `at`: else what the driver did does not count.

    Raises:
        CannotBeKnownError: a reminder that reached the driver would not have, or not yet.
    """
    for one in recorded.reached:
        is_missed = one.key not in reached
        if is_missed and one.accepted_at and one.accepted_at + SAME_TIME < at:
            is_still_to_come = case.no_reminder_cause is None
            raise CannotBeKnownError(
                Unknowable.OTHER_TIME if is_still_to_come else Unknowable.NOT_REMINDED
            )


def is_known_at_the_desk(
    recorded: Recorded, case: Case, at: datetime, *, is_deadline: bool
) -> bool:
    """Whether it is known what happens to a referred case at `at`: its deadline, or else."""
    is_early = at <= recorded.known_until + _LATE
    is_same = case.review_due_at == recorded.case.review_due_at
    return is_early and (is_same or not is_deadline)
