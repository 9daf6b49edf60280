"""Judges a run after it: the invariants I1 to I12 but I7, from history, database and providers.

I7, that the order of events does not matter, is a property of many runs and has tests of its own.

What the roles knew while they ran plays no part, and every instant is a true one.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

from pipeline.audit import first_broken, reaches
from pipeline.case import AT_THE_DESK, TRANSITIONS, Case, CaseStatus, Disposition, case_id_of
from pipeline.reminder import DeliveryStatus
from tests.faults.record import IN_FLIGHT_S, Record, Violation
from tests.faults.steps import exactly_its_steps, never_twice
from tests.faults.street import Deed, Visit
from tests.faults.tries import Change, Tries, tries_of

__all__ = ["Violation", "on_acceptance_alone", "violations"]


def violations(record: Record) -> list[Violation]:
    """What did not hold; empty when all did."""
    checks = (
        never_twice,
        _never_lost,
        _not_early,
        _left_in_time,
        _nothing_vanishes,
        _progress_is_a_prefix,
        _legal_path,
        _bounded,
        _live,
        _single_apply,
        exactly_its_steps,
    )
    return [found for check in checks for found in check(record)]


def on_acceptance_alone(record: Record) -> int:
    """Cases at a desk whose driver nothing reached, for the provider took it and then was silent.

    Streams D7 wants it so; it is no violation, and the price of a silent provider.
    """
    return sum(
        1
        for tries in tries_of(record)
        if not tries.reached and any(one.status in AT_THE_DESK for one in tries.states)
    )


def _cases(record: Record) -> dict[UUID, Case]:
    return {case.id: case for case in record.cases}


def _seen(record: Record) -> Iterator[tuple[Visit, Case]]:
    """The visits whose case there is."""
    cases = _cases(record)
    for visit in record.visits:
        case = cases.get(case_id_of(visit.episode_id))
        if case is not None:
            yield visit, case


def _never_lost(record: Record) -> Iterator[Violation]:
    """I2: who stood and had not left was reminded, or a person has the case in a list."""
    for tries in tries_of(record):
        case = tries.case
        newest = tries.messages[-1].status if tries.messages else None
        is_listed = newest in {DeliveryStatus.UNCERTAIN, DeliveryStatus.FAILED}
        # A provider that took it and says nothing more is believed for a while.
        is_told = bool(tries.reached) or newest is DeliveryStatus.ACCEPTED
        is_excused = case.asks_operator or case.disposition is Disposition.CLEARED
        # Nothing was proven: no sighting was fresh enough to remind anybody.
        is_excused = is_excused or case.disposition is Disposition.UNPROVEN
        is_excused = is_excused or case.id in record.may_be_open
        if not (is_told or is_listed or is_excused):
            yield tries.broken("I2", f"{case.status}, never reminded, no reason")
        yield from _never_after_it_left(tries)


def _never_after_it_left(tries: Tries) -> Iterator[Violation]:
    """And nobody is reminded whose departure was known."""
    known = next((one.at for one in tries.states if one.action == "departure seen"), None)
    for one in tries.taken:
        if known is not None and one.at > known + IN_FLIGHT_S:
            after_s = one.at - known
            yield tries.broken("I2", f"reminded {after_s:.1f} s after it was known gone")


def _not_early(record: Record) -> Iterator[Violation]:
    """I3: nothing comes to a desk before the grace period after its message is over."""
    for tries in tries_of(record):
        for before, one in pairwise((None, *tries.states)):
            if one is None or one.status is not CaseStatus.IN_REVIEW:
                continue
            if before is not None and before.status is CaseStatus.IN_REVIEW:
                continue
            begins = _grace_begins(tries, record, before=one.place)
            if begins is None:
                yield tries.broken("I3", "at a desk, no message")
            elif one.at < begins + record.grace_s - record.slack_s:
                after_s = one.at - begins
                yield tries.broken("I3", f"at a desk {after_s:.1f} s after its message")
        if tries.case.decision is not None:
            yield tries.broken("I3", "decided by nobody")


def _grace_begins(tries: Tries, record: Record, *, before: int) -> float | None:
    """From when on the grace period ran that was over at a place of the history; None: never.

    From the receipt that came last; where none came, from the end of the wait for one of the
    newest message, if its provider took it and had not said that it failed.
    """
    known = [one for one in tries.changes if one.before < before]
    arrived = [one for one in known if one.status is DeliveryStatus.DELIVERED]
    if arrived:
        begins_at = max(_first_of_each(arrived))
        is_true = any(one.reached_at and one.reached_at <= begins_at for one in tries.handed)
        return begins_at if is_true else None
    # Where the role died over its acceptance, it may have been in time.
    accepted = DeliveryStatus.ACCEPTED
    newest = next((one for one in reversed(known) if one.is_sure or one.status is accepted), None)
    if newest is None or newest.status is not accepted:
        return None
    is_taken = any(one.key == newest.key for one in tries.taken)
    return newest.before_at + record.receipt_wait_s if is_taken else None


def _first_of_each(changes: list[Change]) -> list[float]:
    """When each message was first said to be so."""
    return list({one.key: one.before_at for one in reversed(changes)}.values())


def _left_in_time(record: Record) -> Iterator[Violation]:
    """I4: who truly left within the grace period is at no desk in the end, however late the news.

    Nor is one who left while no camera looked: no sighting shows that it stayed.
    """
    tried = {tries.case.id: tries for tries in tries_of(record)}
    for visit, case in _seen(record):
        tries = tried[case.id]
        referred = next((one for one in tries.states if one.status in AT_THE_DESK), None)
        if case.status not in AT_THE_DESK or referred is None:
            continue
        begins = _grace_begins(tries, record, before=referred.place)
        left_at = record.began_at + visit.left_at_s
        is_in_time = begins is not None and left_at <= begins + record.grace_s - record.slack_s
        if is_in_time or visit.deed is Deed.LEAVES_UNSEEN:
            yield tries.broken("I4", f"{visit.deed}, and yet {case.status}")


def _nothing_vanishes(record: Record) -> Iterator[Violation]:
    """I5: each event that was taken is applied or dead-lettered."""
    taken = {line.event_id for line in record.history if line.kind == "published"}
    lost = taken - record.inbox - record.dead
    for event_id in sorted(lost):
        yield Violation(invariant="I5", told=f"event {event_id}: vanished")


def _progress_is_a_prefix(record: Record) -> Iterator[Violation]:
    """I6: offsets only rise, and the facts of a case are those that its camera told."""
    for partition, end in record.ends.items():
        at = record.positions.get(partition, 0)
        if at != end:
            yield Violation(
                invariant="I6", told=f"partition {partition}: stands at {at}, the bus ends at {end}"
            )
    for visit, case in _seen(record):
        left_at = case.left_at.timestamp() - record.began_at if case.left_at else None
        is_told = visit.deed in {Deed.LEAVES_AT_ONCE, Deed.LEAVES_IN_GRACE}
        if left_at is not None and (not is_told or abs(left_at - visit.left_at_s) > 0.001):
            yield Violation(
                invariant="I6", told=f"case {case.number}: left at {left_at}, the truth is {visit}"
            )


def _legal_path(record: Record) -> Iterator[Violation]:
    """I8: each chain is whole, goes along the arrows, and ends where its case stands."""
    for case in record.cases:
        chain = record.chains[case.id]
        broken = first_broken(chain)
        if broken is not None or not reaches(chain, version=case.version, status=case.status):
            yield Violation(invariant="I8", told=f"case {case.number}: chain broken or short")
        for entry in chain:
            before, after = CaseStatus(entry.note.from_status), CaseStatus(entry.note.to_status)
            if before is not after and after not in TRANSITIONS[before]:
                yield Violation(
                    invariant="I8", told=f"case {case.number}: from {before} to {after}"
                )


def _bounded(record: Record) -> Iterator[Violation]:
    """I9: files stay under their caps."""
    for name, size, limit in record.bounds:
        if size > limit:
            yield Violation(invariant="I9", told=f"{name}: {size:.0f}, limit {limit:.0f}")


def _live(record: Record) -> Iterator[Violation]:
    """I10: when the faults are over everything comes to its end, or to a desk."""
    for case in record.cases:
        if case.is_open and case.status not in AT_THE_DESK and case.id not in record.may_be_open:
            yield Violation(invariant="I10", told=f"case {case.number}: still {case.status}")
    if record.waiting:
        yield Violation(invariant="I10", told=f"{len(record.waiting)} call-backs wait, unread")


def _single_apply(record: Record) -> Iterator[Violation]:
    """I11: each offset was committed by one batch."""
    times = Counter(
        (topic, partition, offset)
        for line in record.history
        if line.kind == "committed"
        for topic, partition, start, to in line.ranges
        for offset in range(start, to)
    )
    for (_, partition, offset), n in times.items():
        if n > 1:
            yield Violation(
                invariant="I11", told=f"partition {partition}: offset {offset} committed {n} times"
            )
