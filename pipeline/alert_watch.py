"""Looks every half minute for what needs a person, and tells staff; in a thread of its own.

Several workers share the marks in the database: who claims a mark tells, outside the transaction.
Who dies between telling and keeping that it told makes another one tell again: at least once.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event as StopSignal
from threading import Thread
from time import monotonic

from pipeline.alert_rules import (
    CLAIM,
    MISSED_FOR,
    RECENT,
    Limits,
    Move,
    Sight,
    facts_of,
    moves_of,
    troubles_of,
)
from pipeline.errors import RetryableError
from pipeline.failures import Failures
from pipeline.notify.staff import Phase, StaffAlerts
from pipeline.notify.staff_words import alert_of
from pipeline.policy.clock_table import ClockId, load_clocks
from pipeline.policy.working_calendar import WorkingCalendar
from pipeline.storage.base import ClockSetBackError, Storage, UnitOfWork

__all__ = ["AlertWatch"]

log = logging.getLogger(__name__)

EVERY_S = 30.0
STOP_WAIT_S = 5.0


@dataclass(kw_only=True)
class AlertWatch:
    """Watches over one worker and the database that it shares with others.

    Attributes:
        storage: The database.
        alerts: How staff are told.
        failures: What failed in this process.
        read_lag: Events that wait, by partition; None when nobody knows.
        calendar: Which days are worked.
        limits: From when on something is a trouble.
    """

    storage: Storage
    alerts: StaffAlerts
    failures: Failures
    read_lag: Callable[[], Mapping[int, int] | None]
    calendar: WorkingCalendar
    limits: Limits
    _lag: int = field(default=0, init=False)
    _lag_since: datetime | None = field(default=None, init=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look at once and every half minute while the block runs; nothing here ends the block."""
        stop = StopSignal()
        thread = Thread(target=self._run, args=(stop,), name="alert-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            # Whoever hangs on a provider is not waited for: a claim runs out by itself.
            thread.join(timeout=STOP_WAIT_S)

    def _run(self, stop: StopSignal) -> None:
        while not stop.is_set():
            try:
                self.look()
            except RetryableError as exc:
                log.warning("alerts wait", extra={"error": str(exc)})
            except Exception:
                log.exception("nobody looks for alerts now, next try in a while")
            stop.wait(EVERY_S)

    def look(self) -> None:
        """Look once: keep what is seen, and tell what is due.

        Raises:
            StorageUnavailableError: the database cannot be reached.
        """
        is_clock_back = self._is_clock_back()
        with self.storage.read() as uow:
            sight = self._see(uow, is_clock_back=is_clock_back)
            marks = uow.alerts.marks()
        alert = load_clocks().of(ClockId.T1).alert_before
        troubles = troubles_of(sight, self.limits, alert, self.calendar)
        if not moves_of(sight, troubles, marks, self.limits):
            return
        # What others have kept since counts, so it is decided once more, with nobody beside us.
        with self.storage.begin_unguarded() as uow:
            moves = moves_of(sight, troubles, uow.alerts.lock(), self.limits)
            kept = [one for one in moves if _keep(uow, one)]
            uow.commit()
        self._tell(kept, sight)

    def _is_clock_back(self) -> bool:
        try:
            with self.storage.begin() as uow:
                uow.now()
        except ClockSetBackError:
            return True
        return False

    def _see(self, uow: UnitOfWork, *, is_clock_back: bool) -> Sight:
        now = uow.now()
        if not is_clock_back:
            self._look_at_the_lag(now)
        return Sight(
            now=now,
            is_clock_back=is_clock_back,
            sites={site.camera_id: site for site in uow.registry.sites()},
            deadlines=uow.alerts.deadlines(since=now - MISSED_FOR),
            dead_letters=uow.alerts.dead_letters(since=now - RECENT),
            operator_tasks=uow.alerts.operator_tasks(opened_until=now - self.limits.operator_after),
            held_cameras=uow.alerts.held_cameras(),
            failures=self.failures.of_late(self.limits.failures_within),
            lag=self._lag,
            lag_since=self._lag_since,
        )

    def _look_at_the_lag(self, now: datetime) -> None:
        """Since when too many events wait; that nobody knows it ends no trouble."""
        found = self.read_lag()
        if found is not None:
            self._lag = sum(found.values())
            is_long = self._lag >= self.limits.lag
            self._lag_since = (self._lag_since or now) if is_long else None

    def _tell(self, moves: list[Move], sight: Sight) -> None:
        calls_until_s = monotonic() + CLAIM.total_seconds() / 2
        for move in moves:
            if move.phase is None or move.after is None or monotonic() >= calls_until_s:
                continue
            self.alerts.tell(alert_of(facts_of(move, move.phase, sight)))
            with self.storage.begin_unguarded() as uow:
                if move.phase is Phase.OVER:
                    uow.alerts.drop(move.mark)
                else:
                    uow.alerts.told(move.mark, uow.now())
                uow.commit()


def _keep(uow: UnitOfWork, move: Move) -> bool:
    """Whether the move was kept as it is; another worker may have been faster."""
    if move.after is None:
        uow.alerts.drop(move.mark)
        return True
    if move.is_new:
        return uow.alerts.add(move.after)
    uow.alerts.save(move.after)
    return True
