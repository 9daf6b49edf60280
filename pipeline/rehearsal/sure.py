"""Situations of a replay, and an answer of policy that does not depend on what is not known."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, time
from functools import lru_cache
from itertools import product
from typing import assert_never
from zoneinfo import ZoneInfo

from pipeline.policy.decision import (
    AskOperator,
    Close,
    Decision,
    ReferToReview,
    SendReminder,
    Wait,
)
from pipeline.policy.engine import decide
from pipeline.policy.situation import ContactState, Situation
from pipeline.rehearsal.ledger import Earlier

__all__ = ["answer_of", "day_and_month", "gist", "possible"]


@lru_cache(maxsize=1000)
def day_and_month(today: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a site's day and its month began."""
    midnight = datetime.combine(today, time(), tzinfo=zone)
    return midnight, midnight.replace(day=1)


def possible(
    situation: Situation,
    contact: ContactState | None,
    earlier: Earlier,
    began: tuple[datetime, datetime],
) -> Iterator[Situation]:
    """The situation as it may have been; mostly there is only one.

    Args:
        situation: With what is known of its own case.
        contact: What the register said; None when it was never asked.
        earlier: The other cases of the vehicle.
        began: When the site's day and its month began.
    """
    contacts = [contact] if contact else [*ContactState]
    if earlier.is_alone and len(contacts) == 1:
        yield situation
        return
    today, month = (earlier.reminded(since, situation.now) for since in began)
    records = earlier.records(situation.look_back_began_at, situation.now)
    counts = dict.fromkeys(zip(today, month, strict=True))
    for one, (a_day, a_month), record in product(contacts, counts, dict.fromkeys(records)):
        yield replace(
            situation,
            contact=one,
            reminded_today=situation.reminded_today + a_day,
            reminded_this_month=situation.reminded_this_month + a_month,
            earlier_records=record,
        )


def answer_of(situations: Iterable[Situation]) -> tuple[Decision, bool]:
    """The answer to the first of several possible situations, and whether all have the same one."""
    first, *others = [decide(one) for one in situations]
    return first, all(gist(one) == gist(first) for one in others)


def gist(decision: Decision) -> tuple[object, ...]:
    """What makes two answers the same, whatever was looked at for them."""
    match decision:
        case SendReminder(channel=channel, position=position):
            return SendReminder, channel, position
        case Wait(until=until, cause=cause):
            return Wait, until, cause
        case AskOperator(until=until, cause=cause):
            return AskOperator, until, cause
        case ReferToReview(due_at=due_at, proposal=proposal):
            return ReferToReview, due_at, proposal.outcome
        case Close(disposition=disposition):
            return Close, disposition
        case _:
            assert_never(decision)
