"""Safeguards switched off one at a time: a checker that then finds nothing proves nothing.

`python -m tests.faults.mutations` prints what it finds without each of them.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from unittest.mock import patch
from uuid import uuid4

from pipeline import delivery, reminder_queue, worker
from pipeline.case import Case
from pipeline.notify import Message
from pipeline.notify.callbacks import CallbackToken
from pipeline.policy import engine, rules
from pipeline.policy.decision import Decision
from pipeline.policy.entries import QuietHours, StepsEntry
from pipeline.policy.situation import Attempt, Situation
from pipeline.policy.steps import NextTry, next_try
from pipeline.reminder import DeliveryStatus, Failure, Reminder
from pipeline.storage import sql_outbox
from pipeline.storage.base import UnitOfWork
from pipeline.storage.clock_guard import ClockGuard
from tests.builders import seconds
from tests.faults.plays import Played, play, play_calm, play_clock_set_back
from tests.faults.receipts import Mood

__all__ = ["MUTATIONS", "Mutation", "found_without", "is_noticed"]


def _without_key() -> AbstractContextManager[object]:
    """Every try of a message looks like another message to the provider."""

    def unkeyed(*, key: str, phone: str, text: str, **_others: object) -> Message:
        return Message(key=f"{key}:{uuid4()}", phone=phone, text=text)

    return patch.object(delivery, "Message", unkeyed)


def _without_evidence() -> AbstractContextManager[object]:
    """Silence after the grace period counts as a sighting."""

    def refer_in_silence(situation: Situation) -> Decision | None:
        case = situation.case
        if case.grace_ends_at is None or situation.now < case.grace_ends_at:
            return rules.refer_if_seen_again(situation)
        seen = replace(case.sightings[-1], captured_at=situation.now)
        as_if = replace(case, sightings=(*case.sightings, seen))
        return rules.refer_if_seen_again(replace(situation, case=as_if))

    changed = tuple(
        refer_in_silence if rule is rules.refer_if_seen_again else rule for rule in rules.RULES
    )
    return patch.object(engine, "RULES", changed)


def _without_second_look() -> AbstractContextManager[object]:
    """A message is sent whatever has become of its case since it was queued."""
    return patch.object(delivery, "_is_wanted", lambda _case, _reminder: True)


def _without_clock_guard() -> AbstractContextManager[object]:
    """A clock that was set back is believed."""
    return patch.object(ClockGuard, "check", lambda _self, now: now)


def _with_a_step_again() -> AbstractContextManager[object]:
    """The next try is the last one once more."""

    def same_try(
        situation: Situation, steps: StepsEntry, quiet: QuietHours | None
    ) -> NextTry | None:
        back = [replace(one, position=one.position - 1) for one in situation.attempts]
        return next_try(replace(situation, attempts=tuple(back)), steps, quiet)

    return patch.object(rules, "next_try", same_try)


def _without_waiting() -> AbstractContextManager[object]:
    """What a provider took is followed by the next try, as if it had failed."""
    attempts = reminder_queue._attempts

    def as_if_failed(uow: UnitOfWork, case: Case) -> tuple[Attempt, ...]:
        return tuple(
            one
            if one.status is not DeliveryStatus.ACCEPTED
            else replace(
                one,
                status=DeliveryStatus.FAILED,
                failure=Failure.TEMPORARY,
                ended_at=uow.now() - seconds(60),
            )
            for one in attempts(uow, case)
        )

    return patch.object(reminder_queue, "_attempts", as_if_failed)


def _without_tokens() -> AbstractContextManager[object]:
    """A call-back is believed, whoever it is from."""
    return patch.object(CallbackToken, "check", lambda _self, _callback: None)


def _without_late_deliveries() -> AbstractContextManager[object]:
    """A receipt of an earlier step changes nothing."""

    def is_present(case: Case, reminder: Reminder) -> bool:
        return case.reminder_key == reminder.key

    return patch.object(delivery, "_is_of_this_round", is_present)


def _without_patience() -> AbstractContextManager[object]:
    """A receipt that comes before the answer of its provider is dropped."""
    return patch.object(worker, "EARLY", seconds(0))


def _without_names_of_their_own() -> AbstractContextManager[object]:
    """What one provider says of a number is taken for the message of another one."""
    return patch.object(sql_outbox, "_name_of", lambda _channel, provider_ref: provider_ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A safeguard that can be switched off, the invariant that it keeps, and where that shows."""

    switch_off: Callable[[], AbstractContextManager[object]]
    keeps: str
    seeds: tuple[int, ...] = (0, 1, 2)


MUTATIONS: dict[str, Mutation] = {
    "idempotency key": Mutation(switch_off=_without_key, keeps="I1", seeds=(36, 27, 6)),
    "evidence rule": Mutation(switch_off=_without_evidence, keeps="I4"),
    "state re-check": Mutation(switch_off=_without_second_look, keeps="I2"),
    "clock guard": Mutation(switch_off=_without_clock_guard, keeps="I3"),
    "step only once": Mutation(switch_off=_with_a_step_again, keeps="I12"),
    "wait for the failure": Mutation(switch_off=_without_waiting, keeps="I12"),
    "token of call-backs": Mutation(switch_off=_without_tokens, keeps="I12"),
    "late delivered": Mutation(switch_off=_without_late_deliveries, keeps="I12"),
    "early receipts": Mutation(switch_off=_without_patience, keeps="I12"),
    "names of their own": Mutation(switch_off=_without_names_of_their_own, keeps="I12"),
}


def found_without(name: str | None, *, seeds: int) -> Counter[str]:
    """The broken invariants of some streets and of a clock set back, without one safeguard."""
    found: Counter[str] = Counter()
    for played in _runs_without(name, range(seeds)):
        found.update(one.invariant for one in played.violations)
    return found


def is_noticed(name: str) -> bool:
    """Whether one of few runs breaks the invariant that a safeguard keeps; then it ends."""
    mutation = MUTATIONS[name]
    return any(
        one.invariant == mutation.keeps
        for played in _runs_without(name, mutation.seeds)
        for one in played.violations
    )


def _runs_without(name: str | None, seeds: Iterable[int]) -> Iterator[Played]:
    with MUTATIONS[name].switch_off() if name else nullcontext():
        yield play_clock_set_back()
        yield play_calm(1, moods=(Mood.TELLS_IN_DISORDER, Mood.IS_IMITATED))
        yield from map(play, seeds)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for switched_off in (None, *MUTATIONS):
        broken = found_without(switched_off, seeds=8)
        told = ", ".join(f"{one} {n} times" for one, n in sorted(broken.items())) or "nothing"
        print(f"without {switched_off or 'none':22}{told}")
