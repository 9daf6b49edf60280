"""What is known of a vehicle's other cases: how often it was reminded, and what was recorded.

The recorded history counts for both rulebooks, but for the cases that were replayed already: under
a draft they count as the replay ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from pipeline.case import Disposition
from pipeline.policy.entries import Cause
from pipeline.rehearsal.outcome import Ending, Played
from pipeline.rehearsal.recorded import Recorded
from pipeline.storage.history import PlateFact

__all__ = ["Earlier", "Ledger", "Past", "Range"]

_MANY = 1_000_000


class Range(NamedTuple):
    """At least and at most so many."""

    least: int
    most: int


_NONE = Range(0, 0)


class Earlier(Protocol):
    """What policy asks of a vehicle's other cases; there are none where the case `is_alone`."""

    is_alone: bool

    def reminded(self, since: datetime, now: datetime) -> Range:
        """In how many of them a reminder was accepted since then."""
        ...

    def records(self, since: datetime, now: datetime) -> Range:
        """How many of them, opened since then, a person had confirmed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What really happened, by plate and case."""

    reminded: Mapping[str, Mapping[UUID, list[datetime]]]
    confirmed: Mapping[str, Mapping[UUID, PlateFact]]

    @classmethod
    def of(cls, reminded: Iterable[PlateFact], confirmed: Iterable[PlateFact]) -> "Past":
        """Put it in order."""
        times: defaultdict[str, dict[UUID, list[datetime]]] = defaultdict(dict)
        for one in reminded:
            times[one.plate].setdefault(one.case_id, []).append(one.at)
        records: defaultdict[str, dict[UUID, PlateFact]] = defaultdict(dict)
        for one in confirmed:
            records[one.plate][one.case_id] = one
        return cls(reminded=dict(times), confirmed=dict(records))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turned:
    """What a replay made of a case, where that is not what happened."""

    reminded_at: tuple[datetime, ...]
    may_be_reminded_at: datetime | None
    is_record: bool
    may_be_record_at: datetime | None
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The vehicles' other cases in one world; that of a draft learns as cases are replayed."""

    past: Past
    _turned: dict[str, dict[UUID, _Turned]] = field(default_factory=dict)

    def earlier(self, recorded: Recorded) -> Earlier:
        """What is known of the other cases of a case's vehicle."""
        case = recorded.case
        if recorded.is_erased:
            return _Forgotten(recorded)
        plate = case.plate.text
        if plate is None:
            return _Others(case.id, {}, {}, {})
        return _Others(
            case.id,
            self.past.reminded.get(plate, {}),
            self.past.confirmed.get(plate, {}),
            self._turned.get(plate, {}),
        )

    def learn(self, recorded: Recorded, before: Played, after: Played) -> None:
        """Take what became of a case under the draft as what happened, for the cases after it."""
        case, plate = recorded.case, recorded.case.plate.text
        if plate is None:
            return
        was_record = case.disposition is Disposition.CONFIRMED
        is_unknown = after.ending is Ending.UNKNOWN
        is_new = after.ending is Ending.REFERRED and after.needs_decision
        may_be_record_at = after.referred_at if is_new else None
        if is_unknown:
            may_be_record_at = case.opened_at
        is_same = (
            len(after.reminded_at) == len(before.reminded_at)
            and after.may_be_reminded_at is None
            and may_be_record_at is None
            and not (was_record and after.ending is not Ending.REFERRED)
        )
        if is_same:
            return
        self._turned.setdefault(plate, {})[case.id] = _Turned(
            reminded_at=after.reminded_at,
            may_be_reminded_at=after.may_be_reminded_at,
            is_record=was_record and after.ending is Ending.REFERRED and not is_new,
            may_be_record_at=may_be_record_at,
            opened_at=case.opened_at,
        )


class _Others:
    """The other cases of a plate."""

    def __init__(
        self,
        own: UUID,
        reminded: Mapping[UUID, list[datetime]],
        confirmed: Mapping[UUID, PlateFact],
        turned: Mapping[UUID, _Turned],
    ) -> None:
        self._own = own
        self._reminded = reminded
        self._confirmed = confirmed
        self._turned = turned
        self.is_alone = not turned and not confirmed and not ({*reminded} - {own})

    def reminded(self, since: datetime, now: datetime) -> Range:
        if self.is_alone:
            return _NONE
        least = sum(
            any(since <= at <= now for at in times)
            for case_id, times in self._reminded.items()
            if case_id != self._own and case_id not in self._turned
        )
        most = 0
        for one in self._turned.values():
            is_reminded = any(since <= at <= now for at in one.reminded_at)
            may_be_at = one.may_be_reminded_at
            least += is_reminded
            most += not is_reminded and may_be_at is not None and since <= may_be_at <= now
        return Range(least, least + most)

    def records(self, since: datetime, now: datetime) -> Range:
        if self.is_alone:
            return _NONE
        least = sum(
            one.opened_at >= since and one.at <= now
            for case_id, one in self._confirmed.items()
            if case_id != self._own
            and (case_id not in self._turned or self._turned[case_id].is_record)
        )
        most = sum(
            one.opened_at >= since and one.may_be_record_at is not None
            for one in self._turned.values()
            if one.may_be_record_at is not None and one.may_be_record_at <= now
        )
        return Range(least, least + most)


class _Forgotten:
    """The vehicle is not known any more, so that its cases are told by what policy said of them."""

    is_alone = False

    def __init__(self, recorded: Recorded) -> None:
        self._was_capped = Cause.CAP_REACHED in recorded.causes
        proposal = recorded.case.proposal
        factors = proposal.factors if proposal else ()
        told = (int(one.value) for one in factors if one.name == "earlier_records")
        self._records = next(told, None)

    def reminded(self, since: datetime, now: datetime) -> Range:  # noqa: ARG002
        return Range(_MANY, _MANY) if self._was_capped else _NONE

    def records(self, since: datetime, now: datetime) -> Range:  # noqa: ARG002
        return Range(0, _MANY) if self._records is None else Range(self._records, self._records)
