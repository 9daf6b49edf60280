"""The legal clocks of a case: which run, until when, and what follows; nothing is done here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pipeline.policy.clock_table import (
    AlertBefore,
    Clock,
    ClockEntry,
    ClockId,
    ClockTable,
    Follows,
    load_clocks,
)
from pipeline.policy.deadlines import Ending, Unit, WorkingCalendar, ending_of, midnight_before
from pipeline.policy.milestones import Milestones

__all__ = [
    "ClockId",
    "ClockState",
    "Milestones",
    "RunningClock",
    "near_from",
    "running_clocks",
    "what_follows",
]

_DAY = timedelta(days=1)


class ClockState(StrEnum):
    """Where a clock stands; `near` begins with its alert."""

    RUNNING = "running"
    NEAR = "near"
    OVERDUE = "overdue"
    MET = "met"
    MET_LATE = "met_late"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningClock:
    """One clock of one case.

    `ends_at` is the first instant that is too late and `last_day` the last day in time, at the
    site. A provisional end may move once the holidays of all its days are known.
    """

    clock: Clock
    entry: ClockEntry
    starts_at: datetime
    ends_at: datetime
    last_day: date
    alert_at: datetime
    state: ClockState
    is_provisional: bool

    @property
    def id(self) -> ClockId:
        """Its number in the domain reference."""
        return self.clock.id


def running_clocks(
    milestones: Milestones,
    now: datetime,
    zone: ZoneInfo,
    calendar: WorkingCalendar,
    *,
    table: ClockTable | None = None,
) -> tuple[RunningClock, ...]:
    """Every clock that the milestones have started, met ones too, in the order of the table.

    Args:
        milestones: What happened, and when.
        now: The present.
        zone: The site's time zone, whose midnights end the periods.
        calendar: Which days are worked.
        table: The clocks; None stands for those shipped.

    Raises:
        RulebookError: a clock started before the first entry that is known of it.
    """
    measure = _Measure(milestones, now, zone, calendar, table or load_clocks())
    return tuple(measure.all())


def what_follows(running: RunningClock) -> Follows | None:
    """What follows from a clock that ran out, met late or not at all; None while it is in time."""
    is_late = running.state in {ClockState.OVERDUE, ClockState.MET_LATE}
    return running.clock.follows if is_late else None


def near_from(
    alert: AlertBefore, ends_at: datetime, zone: ZoneInfo, calendar: WorkingCalendar
) -> datetime:
    """Since when a clock that ends at `ends_at`, the first instant too late, is near.

    Args:
        alert: How long before its end that begins.
        ends_at: Its end.
        zone: The site's time zone.
        calendar: Which days are worked.
    """
    if alert.unit is Unit.HOURS:
        return ends_at - timedelta(hours=alert.length)
    last_day = (ends_at - timedelta.resolution).astimezone(zone).date()
    if alert.unit is Unit.DAYS:
        first = last_day - (alert.length - 1) * _DAY
    else:
        first = calendar.first_of_last(last_day, alert.length)
    return midnight_before(first, zone)


@dataclass(frozen=True, slots=True)
class _Measure:
    """The clocks of one case at one instant."""

    milestones: Milestones
    now: datetime
    zone: ZoneInfo
    calendar: WorkingCalendar
    table: ClockTable

    def all(self) -> Iterator[RunningClock]:
        for clock in self.table.clocks:
            if any(self._instants(clock.not_with)):
                continue
            start_at = self.milestones.at(clock.starts)
            until_at = self.milestones.at(clock.until) if clock.until else None
            if start_at is None or (clock.until and until_at is None):
                continue
            yield self._running(clock, start_at, until_at)

    def _running(self, clock: Clock, start_at: datetime, until_at: datetime | None) -> RunningClock:
        entry, starts_at, ending = self._ending(clock, start_at)
        if until_at is not None and until_at < ending.at:
            ending = self._sooner(ending, starts_at, until_at.astimezone(UTC))
        near_at = near_from(clock.alert_before, ending.at, self.zone, self.calendar)
        alert_at = max(starts_at, near_at)
        return RunningClock(
            clock=clock,
            entry=entry,
            starts_at=starts_at,
            ends_at=ending.at,
            last_day=ending.last_day,
            alert_at=alert_at,
            state=self._state(clock, ending.at, alert_at),
            is_provisional=ending.is_provisional,
        )

    def _ending(self, clock: Clock, start_at: datetime) -> tuple[ClockEntry, datetime, Ending]:
        """What is in force, when the clock starts and when the law ends it."""
        starts_at, is_provisional = start_at.astimezone(UTC), False
        if clock.after is not None:
            _, _, before = self._ending(self.table.of(clock.after), start_at)
            # Its first day is the one after the last day of the clock before.
            start_at = midnight_before(before.last_day, self.zone)
            starts_at, is_provisional = before.at, before.is_provisional
        entry = clock.in_force(start_at.astimezone(self.zone).date())
        length = (entry.length, entry.unit)
        ending = ending_of(length, start_at, self.zone, self.calendar, moves=entry.moves)
        is_provisional = is_provisional or ending.is_provisional
        whole = Ending(at=ending.at, last_day=ending.last_day, is_provisional=is_provisional)
        return entry, starts_at, whole

    def _sooner(self, ending: Ending, starts_at: datetime, until_at: datetime) -> Ending:
        """What a person has set ends it, which needs no calendar; never before it starts."""
        at = max(until_at, starts_at)
        last_day = (at - timedelta.resolution).astimezone(self.zone).date()
        is_provisional = ending.is_provisional and until_at <= starts_at
        return Ending(at=at, last_day=last_day, is_provisional=is_provisional)

    def _state(self, clock: Clock, ends_at: datetime, alert_at: datetime) -> ClockState:
        met_at = min(self._instants(clock.ends), default=None)
        if met_at is not None:
            return ClockState.MET if met_at < ends_at else ClockState.MET_LATE
        if self.now >= ends_at:
            return ClockState.OVERDUE
        return ClockState.NEAR if self.now >= alert_at else ClockState.RUNNING

    def _instants(self, names: Sequence[str]) -> list[datetime]:
        return [at for at in map(self.milestones.at, names) if at is not None]
