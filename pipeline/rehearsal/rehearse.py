"""Replays the cases of a time span under two rulebooks, in one process or in several."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date, datetime, time, timedelta
from multiprocessing import get_context

from pipeline.policy.parameters import Rulebook
from pipeline.rehearsal.ledger import Ledger, Past
from pipeline.rehearsal.moment import World
from pipeline.rehearsal.outcome import Ending, Label, Played, Unknowable
from pipeline.rehearsal.part import Part
from pipeline.rehearsal.plan import Plan
from pipeline.rehearsal.recorded import Recorded, recorded_of
from pipeline.rehearsal.replay import replay
from pipeline.rehearsal.result import Rehearsal
from pipeline.rehearsal.stand_in import with_stand_in
from pipeline.storage import UnitOfWork, open_storage
from pipeline.storage.history import WHOLE, Share

__all__ = ["rehearse", "rehearse_together"]

_MONTH = timedelta(days=33)
"""Reaches beyond the first of any site's month."""
_LIFE = timedelta(days=2)
"""Cases opened so soon after the last day may have been reminded before its cases were."""

Told = Callable[[int], None]


def rehearse(uow: UnitOfWork, plan: Plan, told: Told) -> Rehearsal:
    """Replay all cases of the plan; `told` is called with how many are done since the last call.

    Raises:
        RulebookError: one of the rulebooks has nothing in force on the day of a case.
    """
    sites = {one.camera_id: one for one in uow.registry.sites()}
    return _replayed(uow, plan, WHOLE, told).result(plan, sites)


def rehearse_together(url: str, plan: Plan, told: Told, *, processes: int) -> Rehearsal:
    """The same in several processes, each of which reads the database for itself.

    A vehicle's cases depend on one another, so each process takes those of other vehicles.

    Raises:
        RulebookError: one of the rulebooks has nothing in force on the day of a case.
        StorageUnavailableError: the database cannot be reached.
    """
    own, *others = [Share(number=number, of=processes) for number in range(processes)]
    with (
        closing(open_storage(url, must_exist=True)) as storage,
        ProcessPoolExecutor(max(len(others), 1), mp_context=get_context("spawn")) as pool,
    ):
        parts = [pool.submit(_replayed_in, url, plan, share) for share in others]
        with storage.read() as uow:
            sites = {one.camera_id: one for one in uow.registry.sites()}
            whole = _replayed(uow, plan, own, lambda count: told(count * processes))
        for part in parts:
            whole.join(part.result())
    return whole.result(plan, sites)


def _replayed_in(url: str, plan: Plan, share: Share) -> Part:
    with closing(open_storage(url, must_exist=True)) as storage, storage.read() as uow:
        return _replayed(uow, plan, share, lambda _: None)


def _replayed(uow: UnitOfWork, plan: Plan, share: Share, told: Told) -> Part:
    sites = {one.camera_id: one for one in uow.registry.sites()}
    worlds, part = _Worlds(plan, _past(uow, plan, share)), Part(cases=plan.cases)
    since, until = plan.span
    now = uow.now()
    for stored in uow.history.cases(since, until, camera_id=plan.site, share=share):
        recorded = recorded_of(stored, sites.get(stored.case.camera_id), now)
        before, after = worlds.play(recorded)
        part.take(recorded, before, after)
        part.check(recorded, before, plan.against.edition)
        told(1)
    return part


def _past(uow: UnitOfWork, plan: Plan, share: Share) -> Past:
    """What the vehicles' other cases were, of all sites."""
    since, until = plan.span
    books = (plan.against, plan.draft)
    looks_back_to = min(entry.before(plan.since) for book in books for entry in book.first_offence)
    records_since = datetime.combine(looks_back_to, time(), tzinfo=plan.zone)
    return Past.of(
        uow.history.reminded(since - _MONTH, until + _LIFE, share=share),
        uow.history.confirmed(records_since - _MONTH, until, share=share),
    )


class _Worlds:
    """The world as it was, and as it would have been; cases are played in the order of opening."""

    def __init__(self, plan: Plan, past: Past) -> None:
        self._plan = plan
        self._before, self._after = (
            World(
                rulebook=rulebook,
                calendar=plan.calendar,
                kinds=plan.kinds,
                ledger=Ledger(past=past),
            )
            for rulebook in (plan.against, plan.draft)
        )

    def play(self, recorded: Recorded) -> tuple[Played, Played]:
        """How a case ends in both."""
        plan, case = self._plan, recorded.case
        day = recorded.site.day_of(case.suspected_at) if recorded.site else case.suspected_at.date()
        if recorded.is_erased:
            found = with_stand_in(recorded, plan.against, plan.draft, day)
            if found is None:
                lost = _lost(recorded)
                return lost, lost
            recorded = found
        lag = _grace_lag(recorded, plan.against, day)
        before = replay(recorded, self._before, grace_lag=lag)
        after = replay(recorded, self._after, grace_lag=lag)
        self._after.ledger.learn(recorded, before, after)
        return before, after


def _lost(recorded: Recorded) -> Played:
    """A case that cannot be replayed under either rulebook."""
    return Played(
        label=Label(ending=Ending.UNKNOWN, detail=Unknowable.ERASED),
        path=(),
        disposition=None,
        moves=(),
        messages=sum(one.accepted_at is not None for one in recorded.tries.values()),
        reminded_at=tuple(one.accepted_at for one in recorded.reached if one.accepted_at),
        may_be_reminded_at=None,
        referred_at=None,
        proposal=None,
        needs_decision=False,
    )


def _grace_lag(recorded: Recorded, against: Rulebook, day: date) -> timedelta:
    """How much later than its message grace really began, by the text that was in force."""
    case, none = recorded.case, timedelta()
    reached = recorded.reached
    if case.grace_ends_at is None or not reached or recorded.edition != against.edition:
        return none
    told = reached[-1]
    if told.accepted_at is None or told.accepted_after is None:
        return none
    if told.delivered_after is not None:
        heard_at = told.accepted_at + (told.delivered_after - told.accepted_after)
    else:
        wait = against.in_force(against.receipt_wait, told.accepted_at.date())
        heard_at = told.accepted_at + wait.length
    length = against.in_force(against.grace_period, day).length_at(case.place_class)
    return max(case.grace_ends_at - length - heard_at, none)
