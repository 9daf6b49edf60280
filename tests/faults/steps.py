"""I1 and I12: every case gets exactly its steps, each on its channel, one after the other.

What truly happened is what the providers' logs say; what was known, and when, is what the history
says. A receipt that lies is the provider's doing, and only what its log says excuses anybody.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from pipeline.case import AT_THE_DESK, FINAL
from pipeline.reminder import DeliveryStatus, Failure, is_forward
from tests.faults.plan import STEPS
from tests.faults.record import IN_FLIGHT_S, Record, Violation, step_of
from tests.faults.tries import Change, Tries, tries_of

__all__ = ["exact_steps", "exactly_its_steps", "never_twice"]

_WAITS_FOR_THE_ANSWER_S = 60.0
_GOES_ON_WITHOUT = {"operator asked", "without reminder", "reminder queued", "reminder uncertain"}


def never_twice(record: Record) -> Iterator[Violation]:
    """I1: each step is taken once, and a second one reaches a phone only if the first "failed"."""
    for tries in tries_of(record):
        steps = Counter(one.key.split(":")[2] for one in tries.taken)
        for step, times in steps.items():
            if times > 1:
                yield tries.broken("I1", f"step {step} was taken {times} times")
        for earlier, later in pairwise(tries.reached):
            if not earlier.was_told(DeliveryStatus.FAILED, by=later.at):
                yield tries.broken("I1", f"two messages arrived, the second one by {later.channel}")


def exactly_its_steps(record: Record) -> Iterator[Violation]:
    """I12: each case gets the steps of the rulebook, in their order, until one of them arrives."""
    numbers = {case.number for case in record.cases}
    for one in record.handed:
        if one.case_number not in numbers:
            yield Violation(invariant="I12", told=f"{one.key}: handed over for no case")
    for tries in tries_of(record):
        for check in _CHECKS:
            yield from check(tries)


def exact_steps(tries: Tries) -> list[str]:
    """The channels that a case must have tried, by what its providers did, if nothing is late."""
    tried: list[str] = []
    refused: set[str] = set()
    truly = iter(tries.handed)
    for step in STEPS:
        if step.channel in refused:
            continue
        tried.append(str(step.channel))
        one = next(truly, None)
        if one is None or one.reached_at is not None:
            break
        if Failure.PERMANENT in {told.failure for told in one.told}:
            refused.add(step.channel)
    return tried


def _as_the_messages_say(tries: Tries) -> Iterator[Violation]:
    """What was handed over is a message of the case, by its channel, in the order of the steps."""
    known = {one.key: one for one in tries.messages}
    newest = 0
    for handed in tries.handed:
        message = known.get(handed.key)
        if message is None:
            yield tries.broken("I12", f"{handed.key} was handed over and is no message of it")
            continue
        if {handed.channel, message.channel} != {STEPS[message.position].channel}:
            yield tries.broken("I12", f"{handed.key} went by {handed.channel}")
        if step_of(message) < newest:
            yield tries.broken("I12", f"{handed.key} was handed over after step {newest}")
        newest = step_of(message)


def _each_try_once(tries: Tries) -> Iterator[Violation]:
    """No try is left out without a reason, and none is made twice."""
    at = -1
    for message in tries.messages:
        if message.position <= at:
            yield tries.broken("I12", f"{message.key} is try {message.position + 1} once more")
        left_out = {step.channel for step in STEPS[at + 1 : message.position]}
        if not left_out <= _refused(tries, before=message.key):
            yield tries.broken("I12", f"{message.key} leaves out a try by {', '.join(left_out)}")
        at = message.position


def _one_after_the_other(tries: Tries) -> Iterator[Violation]:
    """A step begins when the one before is known to have failed, and its provider said so."""
    for one, then in pairwise(tries.messages):
        begins = tries.first(DeliveryStatus.CREATED, key=then.key)
        if begins is None:
            continue
        failed = next(tries.all(DeliveryStatus.FAILED, key=one.key, or_perhaps=True), None)
        if failed is None or failed.before > begins.place:
            yield tries.broken("I12", f"{then.key} began before {one.key} had failed")
        for handed in tries.taken:
            is_said = handed.was_told(DeliveryStatus.FAILED, by=begins.at)
            if handed.key == one.key and not is_said:
                yield tries.broken(
                    "I12", f"{then.key} began, and nobody had said that {one.key} had failed"
                )


def _none_after_it_arrived(tries: Tries) -> Iterator[Violation]:
    """After a receipt of any step nothing more is begun, handed over, or asked of anybody."""
    arrived = tries.first(DeliveryStatus.DELIVERED)
    if arrived is None:
        return
    yield from _none_after(tries, arrived, "arrived")
    before = [one.status for one in tries.states if one.place < arrived.place]
    if not before or before[-1] in AT_THE_DESK | FINAL:
        return
    after = [one.action for one in tries.states if one.place >= arrived.place]
    if "reminder delivered" not in after:
        yield tries.broken("I12", f"{arrived.key} arrived, which changed nothing")
    for action in _GOES_ON_WITHOUT.intersection(after):
        yield tries.broken("I12", f"{action} after {arrived.key} had arrived")
    if tries.case.left_at is None and "closed as withdrawn" in after:
        yield tries.broken("I12", f"withdrawn, although {arrived.key} had arrived")


def _none_after_doubt(tries: Tries) -> Iterator[Violation]:
    """Where nobody can know whether it arrived, nothing follows."""
    doubtful = tries.first(DeliveryStatus.UNCERTAIN)
    if doubtful is not None:
        yield from _none_after(tries, doubtful, "became uncertain")


def _none_after(tries: Tries, end: Change, told: str) -> Iterator[Violation]:
    for begins in tries.all(DeliveryStatus.CREATED):
        if begins.place > end.place and begins.key != end.key:
            yield tries.broken("I12", f"{begins.key} began after {end.key} {told}")
    for one in tries.taken:
        if one.at > end.at + IN_FLIGHT_S and one.key != end.key:
            after_s = one.at - end.at
            yield tries.broken(
                "I12", f"{one.key} was handed over {after_s:.1f} s after {end.key} {told}"
            )


def _none_after_never(tries: Tries) -> Iterator[Violation]:
    """A channel that said "never" is not tried again."""
    for message in tries.messages:
        if message.channel in _refused(tries, before=message.key):
            yield tries.broken("I12", f"{message.key} by {message.channel}, which had said never")


def _refused(tries: Tries, *, before: str) -> set[str]:
    """The channels that had said "never" when a message began."""
    begins = tries.first(DeliveryStatus.CREATED, key=before)
    channels = {one.key: one.channel for one in tries.messages}
    return {
        channels[one.key]
        for one in tries.all(DeliveryStatus.FAILED, or_perhaps=True)
        if one.failure == Failure.PERMANENT and begins and one.before <= begins.place
    }


def _what_is_recorded_is_true(tries: Tries) -> Iterator[Violation]:
    """Nothing is believed that the provider did not say."""
    for change in tries.changes:
        taken = [one for one in tries.taken if one.key == change.key]
        if not change.is_sure or change.status not in {
            DeliveryStatus.DELIVERED,
            DeliveryStatus.FAILED,
            DeliveryStatus.CANCELLED,
        }:
            continue
        is_said = any(one.was_told(change.status, by=change.at) for one in taken)
        is_true = any(one.reached_at and one.reached_at <= change.at for one in taken)
        if change.status is DeliveryStatus.DELIVERED and not (is_said and is_true):
            yield tries.broken("I12", f"{change.key} is called delivered, and nobody said so")
        elif taken and not is_said:
            yield tries.broken("I12", f"{change.key} is called {change.status}, but was taken")
        elif taken and change.failure not in {one.failure or "" for one in taken[0].told}:
            yield tries.broken("I12", f"{change.key} is called {change.failure}")


def _what_is_told_is_recorded(tries: Tries) -> Iterator[Violation]:
    """What a provider called us back about is known in the end."""
    known = {one.key: one.status for one in tries.messages}
    for handed in tries.taken:
        accepted = tries.first(DeliveryStatus.ACCEPTED, key=handed.key)
        if accepted is None or handed.key not in known:
            continue
        # What comes before the answer waits for it, for two minutes by a clock that may be wrong.
        may_wait_s = _WAITS_FOR_THE_ANSWER_S if tries.is_calm else 0
        for told in handed.told:
            is_new = is_forward(known[handed.key], told.status)
            if is_new and not told.is_asked and told.at >= accepted.at - may_wait_s:
                yield tries.broken("I12", f"{handed.key} is {known[handed.key]}, not {told.status}")


def _nobody_is_at_a_desk_whom_nothing_reached(tries: Tries) -> Iterator[Violation]:
    """When all steps failed and that is known, a person is asked, or the case is over."""
    failed = {one.key: one.status is DeliveryStatus.FAILED for one in tries.messages}
    if not failed or not all(failed.values()):
        return
    if tries.case.status in AT_THE_DESK:
        yield tries.broken("I12", "at a desk, and all that was tried is known to have failed")
    last = max(tries.all(DeliveryStatus.FAILED), key=lambda one: one.place, default=None)
    left = {step.channel for step in STEPS[tries.messages[-1].position + 1 :]}
    if last is None or left - _refused(tries, before=last.key) - _said_never(tries):
        return
    before = [one.status for one in tries.states if one.place < last.place]
    after = [one.action for one in tries.states if one.place >= last.place]
    is_over = bool(before) and before[-1] in FINAL
    is_told = any(one in {"operator asked", *_OVER} for one in after)
    if not is_over and not is_told:
        yield tries.broken("I12", "nothing is left to try, and nobody was asked")


def _said_never(tries: Tries) -> set[str]:
    return {one.channel for one in tries.messages if one.failure_kind is Failure.PERMANENT}


_OVER = ("closed as cleared", "closed as withdrawn")
_CHECKS = (
    _as_the_messages_say,
    _each_try_once,
    _one_after_the_other,
    _none_after_it_arrived,
    _none_after_doubt,
    _none_after_never,
    _what_is_recorded_is_true,
    _what_is_told_is_recorded,
    _nobody_is_at_a_desk_whom_nothing_reached,
)
