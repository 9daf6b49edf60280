"""Which try to reach a driver comes next; each is made once, and only after the one before failed.

Source: streams D8 in the design documents (a step starts only after the one before definitely
failed or was not answered).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.policy.entries import ChannelKind, QuietHours, StepsEntry
from pipeline.policy.situation import Situation
from pipeline.reminder import Failure

__all__ = ["NextTry", "next_try"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """The try to make next, and not before `not_before`."""

    channel: ChannelKind
    position: int
    not_before: datetime


def next_try(situation: Situation, steps: StepsEntry, quiet: QuietHours | None) -> NextTry | None:
    """The next of the rulebook's tries; None when there is none left.

    A channel that said "never" is not tried again for this case. One that is silent at this hour is
    passed over for one that comes sooner; if there is none, it waits for morning. The first try
    waits for nothing: a delay is one after a failure.
    """
    last = situation.attempts[-1] if situation.attempts else None
    begins = last.position + 1 if last else 0
    refused = {one.channel for one in situation.attempts if one.failure is Failure.PERMANENT}
    waits: NextTry | None = None
    for position, step in enumerate(steps.value[begins:], start=begins):
        if step.channel not in situation.channels or step.channel in refused:
            continue
        due_at = situation.now
        if last is not None and last.ended_at is not None:
            due_at = max(due_at, last.ended_at + timedelta(seconds=step.after_s))
        allowed_at = _not_in_quiet_hours(situation, step.channel, due_at, quiet)
        found = NextTry(channel=step.channel, position=position, not_before=allowed_at)
        if waits is None or found.not_before < waits.not_before:
            waits = found
        if allowed_at <= due_at:
            return waits
    return waits


def _not_in_quiet_hours(
    situation: Situation, channel: ChannelKind, at: datetime, quiet: QuietHours | None
) -> datetime:
    """`at`, or the end of the quiet hours that it lies in."""
    if quiet is None or channel not in quiet.channels:
        return at
    local = at.astimezone(situation.zone)
    begins, ends, clock = quiet.begins, quiet.ends, local.time()
    is_over_midnight = ends <= begins
    is_late, is_early = clock >= begins, clock < ends
    if not (is_late or is_early if is_over_midnight else is_late and is_early):
        return at
    ends_on = local.date() + timedelta(days=is_over_midnight and is_late)
    return datetime.combine(ends_on, ends, tzinfo=situation.zone)
