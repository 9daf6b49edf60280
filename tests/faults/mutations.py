"""Safeguards switched off one at a time: a checker that then finds nothing proves nothing.

`python -m tests.faults.mutations` prints what it finds without each of them.
"""

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from unittest.mock import patch
from uuid import uuid4

from pipeline import delivery
from pipeline.notify import Message
from pipeline.policy import engine, rules
from pipeline.policy.decision import Decision
from pipeline.policy.situation import Situation
from pipeline.storage.clock_guard import ClockGuard
from tests.faults.world import play, play_clock_set_back

__all__ = ["MUTATIONS", "found_without"]


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


MUTATIONS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "idempotency key": _without_key,
    "evidence rule": _without_evidence,
    "state re-check": _without_second_look,
    "clock guard": _without_clock_guard,
}


def found_without(name: str | None, *, seeds: int) -> Counter[str]:
    """The broken invariants of some streets and of a clock set back, without one safeguard."""
    found: Counter[str] = Counter()
    with MUTATIONS[name]() if name else nullcontext():
        for played in (*map(play, range(seeds)), play_clock_set_back()):
            found.update(one.invariant for one in played.violations)
    return found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for switched_off in (None, *MUTATIONS):
        broken = found_without(switched_off, seeds=8)
        told = ", ".join(f"{one} {n} times" for one, n in sorted(broken.items())) or "nothing"
        print(f"without {switched_off or 'none':16}{told}")
