"""Judges a run after it: the invariants I1 to I11 but I7, from history, database and provider.

I7, that the order of events does not matter, is a property of many runs and has tests of its own.

What the roles knew while they ran plays no part, and every instant is a true one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from pipeline.audit import first_broken, reaches
from pipeline.case import AT_THE_DESK, TRANSITIONS, Case, CaseStatus, Disposition, case_id_of
from pipeline.reminder import DeliveryStatus
from tests.faults.provider import Delivered
from tests.faults.record import Record
from tests.faults.street import Deed, Visit

__all__ = ["Violation", "violations"]

# Between the last look at a case and the provider's answer another worker may commit.
_IN_FLIGHT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant that did not hold."""

    invariant: str
    told: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.told}"


def violations(record: Record) -> list[Violation]:
    """What did not hold; empty when all did."""
    checks = (
        _never_twice,
        _never_lost,
        _not_early,
        _left_in_time,
        _nothing_vanishes,
        _progress_is_a_prefix,
        _legal_path,
        _bounded,
        _live,
        _single_apply,
    )
    return [found for check in checks for found in check(record)]


def _by_number(record: Record) -> dict[str, list[Delivered]]:
    found = defaultdict(list)
    for one in record.delivered:
        found[one.case_number].append(one)
    return found


def _cases(record: Record) -> dict[UUID, Case]:
    return {case.id: case for case in record.cases}


def _seen(record: Record) -> Iterator[tuple[Visit, Case]]:
    """The visits whose case there is."""
    cases = _cases(record)
    for visit in record.visits:
        case = cases.get(case_id_of(visit.episode_id))
        if case is not None:
            yield visit, case


def _never_twice(record: Record) -> Iterator[Violation]:
    """I1: at most one message of a case reaches a phone."""
    for number, messages in _by_number(record).items():
        if len(messages) > 1:
            yield Violation(invariant="I1", told=f"case {number}: {len(messages)} messages arrived")


def _never_lost(record: Record) -> Iterator[Violation]:
    """I2: who stood and had not left was reminded, or a person has the case in a list."""
    delivered = _by_number(record)
    for _, case in _seen(record):
        states = {one.status for one in record.reminders.get(case.id, [])}
        is_told = case.number in delivered
        is_listed = bool(states & {DeliveryStatus.UNCERTAIN, DeliveryStatus.FAILED})
        is_excused = case.asks_operator or case.disposition is Disposition.CLEARED
        # Nothing was proven: no sighting was fresh enough to remind anybody.
        is_excused = is_excused or case.disposition is Disposition.UNPROVEN
        is_excused = is_excused or case.id in record.may_be_open
        if not (is_told or is_listed or is_excused):
            yield Violation(
                invariant="I2", told=f"case {case.number}: {case.status}, never reminded, no reason"
            )
        if DeliveryStatus.DELIVERED in states and not is_told:
            yield Violation(
                invariant="I2", told=f"case {case.number}: called delivered, never arrived"
            )
    yield from _never_after_it_left(record, delivered)


def _never_after_it_left(
    record: Record, delivered: dict[str, list[Delivered]]
) -> Iterator[Violation]:
    """And nobody is reminded whose departure was known."""
    known: dict[str, float] = {}
    for line in record.history:
        for case_id, action, _ in line.steps if line.kind == "committed" else ():
            if action == "departure seen":
                known.setdefault(case_id[:8], line.at)
    for number, at in known.items():
        late = [one for one in delivered.get(number, []) if one.at > at + _IN_FLIGHT_S]
        if late:
            yield Violation(
                invariant="I2",
                told=f"case {number}: reminded {late[0].at - at:.1f} s after it was known gone",
            )


def _not_early(record: Record) -> Iterator[Violation]:
    """I3: nothing comes to a desk before the grace period after its message is over."""
    delivered = _by_number(record)
    for line in record.history:
        for case_id, _, state in line.steps if line.kind == "committed" else ():
            if state != CaseStatus.IN_REVIEW:
                continue
            messages = delivered.get(case_id[:8], [])
            if not messages:
                yield Violation(invariant="I3", told=f"case {case_id[:8]}: at a desk, no message")
            elif line.at < messages[0].at + record.grace_s - 0.001:
                after_s = line.at - messages[0].at
                yield Violation(
                    invariant="I3",
                    told=f"case {case_id[:8]}: at a desk {after_s:.1f} s after its message",
                )
    for case in record.cases:
        if case.decision is not None:
            yield Violation(invariant="I3", told=f"case {case.number}: decided by nobody")


def _left_in_time(record: Record) -> Iterator[Violation]:
    """I4: who truly left within the grace period is at no desk in the end, however late the news.

    Nor is one who left while no camera looked: no sighting shows that it stayed.
    """
    delivered = _by_number(record)
    for visit, case in _seen(record):
        messages = delivered.get(case.number, [])
        if case.status not in AT_THE_DESK or not messages:
            continue
        left_at = record.began_at + visit.left_at_s
        is_in_time = left_at <= messages[0].at + record.grace_s
        if is_in_time or visit.deed is Deed.LEAVES_UNSEEN:
            yield Violation(
                invariant="I4", told=f"case {case.number}: {visit.deed}, and yet {case.status}"
            )


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
