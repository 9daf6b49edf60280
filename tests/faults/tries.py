"""How each driver was to be reached: what was done and known of it, and when."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.case import Case, CaseStatus
from pipeline.reminder import DeliveryStatus, Reminder
from tests.faults.history import Line
from tests.faults.receipts import Handed
from tests.faults.record import Record, Violation

__all__ = ["Change", "State", "Tries", "tries_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one transaction said of a message.

    It happened between two places in the history, before and after its commit. It is not sure
    where its role died over it.
    """

    before: int
    place: int
    before_at: float
    at: float
    key: str
    status: DeliveryStatus
    failure: str
    is_sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one transaction said of a case."""

    place: int
    at: float
    action: str
    status: CaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """All that is known of how one driver was to be reached.

    Attributes:
        case: The case.
        messages: As the database has them, in the order of their steps.
        handed: As the providers have them, by time.
        changes: Of the messages, by time.
        states: Of the case, by time.
        is_calm: Whether no clock was wrong and nobody died.
    """

    case: Case
    messages: Sequence[Reminder]
    handed: Sequence[Handed]
    changes: Sequence[Change]
    states: Sequence[State]
    is_calm: bool = False

    @property
    def taken(self) -> list[Handed]:
        """What a provider took."""
        return [one for one in self.handed if one.is_taken]

    @property
    def reached(self) -> list[Handed]:
        """What truly reached a phone."""
        return [one for one in self.handed if one.reached_at is not None]

    def first(self, status: DeliveryStatus, *, key: str | None = None) -> Change | None:
        """When a message, or any, certainly became so."""
        return next(self.all(status, key=key), None)

    def all(
        self, status: DeliveryStatus, *, key: str | None = None, or_perhaps: bool = False
    ) -> Iterator[Change]:
        """Whenever a message, or any, became so."""
        for one in self.changes:
            is_it = one.status is status and key in {None, one.key}
            if is_it and (one.is_sure or or_perhaps):
                yield one

    def broken(self, invariant: str, told: str) -> Violation:
        """A violation in this case."""
        return Violation(invariant=invariant, told=f"case {self.case.number}: {told}")


def tries_of(record: Record) -> list[Tries]:
    """The tries of each case."""
    handed, changes, states = defaultdict(list), defaultdict(list), defaultdict(list)
    for one in record.handed:
        handed[one.case_number].append(one)
    for change in _changes(record.history):
        changes[change.key.split(":")[1]].append(change)
    for place, line in enumerate(record.history):
        for case_id, action, status in line.steps if line.kind == "committed" else ():
            states[case_id].append(
                State(place=place, at=line.at, action=action, status=CaseStatus(status))
            )
    return [
        Tries(
            case=case,
            messages=record.reminders[case.id],
            handed=handed[case.number],
            changes=changes[str(case.id)],
            states=states[str(case.id)],
            is_calm=record.is_calm,
        )
        for case in record.cases
    ]


def _changes(history: Sequence[Line]) -> list[Change]:
    """What was said of messages, each thing once, however often it was said."""
    known: dict[str, tuple[DeliveryStatus, str]] = {}
    new = []
    for one in sorted(_all_changes(history), key=lambda change: change.place):
        if known.get(one.key) != (one.status, one.failure):
            new.append(one)
        if one.is_sure:
            known[one.key] = (one.status, one.failure)
    return new


def _all_changes(history: Sequence[Line]) -> Iterator[Change]:
    begun: dict[str, int] = {}
    for place, line in enumerate(history):
        if line.kind == "committed":
            yield from _said(history, begun.pop(line.role, place), place)
        elif line.kind == "about to commit":
            # Another one of the same role has begun before, and came to no end.
            lost = begun.get(line.role)
            begun[line.role] = place
            yield from _said(history, lost, None)
    for lost in begun.values():
        yield from _said(history, lost, None)


def _said(history: Sequence[Line], before: int | None, place: int | None) -> Iterator[Change]:
    """What a transaction says that came between two lines; without a second one, perhaps."""
    if before is None:
        return
    line = history[before if place is None else place]
    for key, status, failure in line.messages:
        yield Change(
            before=before,
            place=before if place is None else place,
            before_at=history[before].at,
            at=line.at,
            key=key,
            status=DeliveryStatus(status),
            failure=failure,
            is_sure=place is not None,
        )
