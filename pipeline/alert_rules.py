"""What staff are told, and when: pure; `alert_watch` looks, keeps and tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.failures import REGISTER, Failed
from pipeline.notify.staff import AlertKind, Phase
from pipeline.notify.staff_words import AlertFacts
from pipeline.policy.clock_table import AlertBefore
from pipeline.policy.clocks import near_from
from pipeline.policy.working_calendar import WorkingCalendar
from pipeline.sites import Site
from pipeline.storage.alerts import AlertMark, DeadlineCount, Tally

__all__ = [
    "CLAIM",
    "MISSED_FOR",
    "MOST_TOLD",
    "RECENT",
    "Limits",
    "Move",
    "Sight",
    "Trouble",
    "facts_of",
    "moves_of",
    "troubles_of",
]

CLAIM = timedelta(minutes=2)
"""For how long one worker alone may tell; then another one may."""
RECENT = timedelta(hours=1)
"""What counts as of late."""
MISSED_FOR = timedelta(days=1)
"""For how long a missed deadline is told."""
MOST_TOLD = 20
"""How much staff are told in one round."""

# A trouble is over when nobody has seen it for a while, so that one that flickers is one trouble.
_QUIET = timedelta(minutes=2)
_GRAVEST = tuple(AlertKind)
_NONE = Tally(count=0, oldest_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on something is a trouble, and how often staff are told of it.

    Attributes:
        again_after: While it lasts, it is told again after so long.
        failures: So many failures of a channel or of the register are a trouble,
        failures_within: within so long.
        lag: So many events that wait are a trouble,
        lag_for: when they have for so long.
        operator_after: A task of the operator is late after so long.
    """

    again_after: timedelta
    failures: int
    failures_within: timedelta
    lag: int
    lag_for: timedelta
    operator_after: timedelta

    def quiet(self, kind: AlertKind) -> timedelta:
        """How long nobody must have seen a trouble for it to be over.

        What only a process knows, its next start has to see anew.
        """
        match kind:
            case AlertKind.CHANNEL_FAILS | AlertKind.REGISTER_AWAY:
                return 2 * self.failures_within
            case AlertKind.LAG:
                return 2 * self.lag_for
            case _:
                return _QUIET


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one worker sees at one moment; a part that nobody could tell is left at nothing.

    Attributes:
        now: The database's time.
        is_clock_back: The database's clock was set back.
        sites: All sites by camera.
        deadlines: Cases at the desk, and lately expired ones, by camera and deadline.
        dead_letters: Those of late.
        operator_tasks: Those that are late.
        held_cameras: Cameras that hold their events.
        failures: What failed of late in this process.
        lag: Events that wait for this process,
        lag_since: and since when they have been too many; None while they are not.
    """

    now: datetime
    is_clock_back: bool = False
    sites: Mapping[str, Site] = field(default_factory=dict)
    deadlines: Sequence[DeadlineCount] = ()
    dead_letters: Tally = _NONE
    operator_tasks: Tally = _NONE
    held_cameras: Tally = _NONE
    failures: Mapping[str, Failed] = field(default_factory=dict)
    lag: int = 0
    lag_since: datetime | None = None

    def zone(self, camera_id: str = "") -> ZoneInfo:
        """In which times are told: the site's, else the one that all sites share, else UTC."""
        site = self.sites.get(camera_id)
        zones = {site.time_zone} if site else {one.time_zone for one in self.sites.values()}
        return ZoneInfo(zones.pop() if len(zones) == 1 else str(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that is wrong now; `about` is the camera or the channel."""

    kind: AlertKind
    since: datetime
    count: int
    about: str = ""
    last_day: date | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is one of, as its mark says it."""
        return self.kind.value, self.about


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What becomes of one mark, and what staff are told then.

    Attributes:
        mark: As it stands, or the new one.
        after: As it will stand; None when it is forgotten.
        is_new: Nobody has seen this trouble before.
        phase: What staff are told; None when nothing is.
        last_day: Of the trouble, where it is about deadlines.
    """

    mark: AlertMark
    after: AlertMark | None
    is_new: bool = False
    phase: Phase | None = None
    last_day: date | None = None

    @property
    def is_change(self) -> bool:
        """Whether anything is to be kept."""
        return self.is_new or self.after != self.mark


def troubles_of(
    sight: Sight, limits: Limits, alert: AlertBefore, calendar: WorkingCalendar
) -> tuple[Trouble, ...]:
    """All that is wrong, the gravest first.

    With the clock set back nothing else can be said, for all else is measured by it.

    Args:
        sight: What was seen.
        limits: From when on it is a trouble.
        alert: How long before its end the clock of the review is near.
        calendar: Which days are worked.
    """
    if sight.is_clock_back:
        return (Trouble(kind=AlertKind.CLOCK_SET_BACK, since=sight.now, count=1),)
    return (
        *_deadlines(sight, alert, calendar),
        *_failures(sight, limits),
        *_tally(AlertKind.EVIDENCE_HELD, sight.held_cameras),
        *_tally(AlertKind.DEAD_LETTERS, sight.dead_letters),
        *_lag(sight, limits),
        *_tally(AlertKind.OPERATOR_WAITS, sight.operator_tasks),
    )


def moves_of(
    sight: Sight, troubles: Sequence[Trouble], marks: Sequence[AlertMark], limits: Limits
) -> list[Move]:
    """What becomes of each mark, the gravest first; one that stays as it is makes no move.

    Staff are told when a trouble begins, again while it lasts, and when it is over; what is too
    much for one round comes with the next ones.
    """
    seen = {one.key: one for one in troubles}
    # By a clock that was set back nothing can be said to last or to be over.
    known = {AlertKind.CLOCK_SET_BACK} if sight.is_clock_back else set(AlertKind)
    overdue = {one.about for one in troubles if one.kind is AlertKind.REVIEW_OVERDUE}
    moves = [
        Move(mark=mark, after=None)
        # It was in time no longer, so "over" would be the wrong word.
        if mark.kind == AlertKind.REVIEW_NEAR and mark.key not in seen and mark.about in overdue
        else _met(mark, seen.pop(mark.key, None), sight.now, limits)
        for mark in marks
        if mark.kind in known
    ]
    moves += [_begun(one, sight.now) for one in seen.values()]
    moves.sort(key=lambda one: _GRAVEST.index(AlertKind(one.mark.kind)))
    telling = [one for one in moves if one.phase is not None]
    put_off = {id(one) for one in telling[MOST_TOLD:]}
    kept = (_untold(one) if id(one) in put_off else one for one in moves)
    return [one for one in kept if one.is_change]


def facts_of(move: Move, phase: Phase, sight: Sight) -> AlertFacts:
    """What the alert of a move is made of."""
    mark = move.after or move.mark
    site = sight.sites.get(mark.about)
    return AlertFacts(
        kind=AlertKind(mark.kind),
        phase=phase,
        about=mark.about,
        since=mark.began_at,
        count=mark.count,
        zone=sight.zone(mark.about),
        place=site.name if site else None,
        last_day=move.last_day,
    )


def _deadlines(sight: Sight, alert: AlertBefore, calendar: WorkingCalendar) -> Iterator[Trouble]:
    """Of each site: the cases whose deadline has passed, and those near it."""
    for camera_id in sorted({one.camera_id for one in sight.deadlines}):
        zone = sight.zone(camera_id)
        over, near = [], []
        for one in sight.deadlines:
            if one.camera_id != camera_id:
                continue
            near_at = near_from(alert, one.due_at, zone, calendar)
            if one.due_at <= sight.now:
                over.append((one.due_at, one))
            elif near_at <= sight.now:
                near.append((near_at, one))
        for kind, found in ((AlertKind.REVIEW_OVERDUE, over), (AlertKind.REVIEW_NEAR, near)):
            if found:
                first = min(one.due_at for _, one in found)
                yield Trouble(
                    kind=kind,
                    about=camera_id,
                    since=min(since for since, _ in found),
                    count=sum(one.count for _, one in found),
                    last_day=(first - timedelta.resolution).astimezone(zone).date(),
                )


def _failures(sight: Sight, limits: Limits) -> Iterator[Trouble]:
    for what, failed in sorted(sight.failures.items()):
        if failed.count >= limits.failures:
            is_register = what == REGISTER
            yield Trouble(
                kind=AlertKind.REGISTER_AWAY if is_register else AlertKind.CHANNEL_FAILS,
                about=what,
                since=sight.now - failed.for_time,
                count=failed.count,
            )


def _tally(kind: AlertKind, tally: Tally) -> Iterator[Trouble]:
    if tally.count and tally.oldest_at is not None:
        yield Trouble(kind=kind, since=tally.oldest_at, count=tally.count)


def _lag(sight: Sight, limits: Limits) -> Iterator[Trouble]:
    since = sight.lag_since
    if since is not None and sight.now - since >= limits.lag_for:
        yield Trouble(kind=AlertKind.LAG, since=since, count=sight.lag)


def _begun(trouble: Trouble, now: datetime) -> Move:
    mark = AlertMark(
        kind=trouble.kind.value,
        about=trouble.about,
        began_at=min(trouble.since, now),
        seen_at=now,
        count=trouble.count,
    )
    return Move(
        mark=mark,
        after=replace(mark, claimed_until=now + CLAIM),
        is_new=True,
        phase=Phase.BEGAN,
        last_day=trouble.last_day,
    )


def _met(mark: AlertMark, trouble: Trouble | None, now: datetime, limits: Limits) -> Move:
    known = _not_in_the_future(mark, now)
    is_claimed = known.claimed_until is not None and now < known.claimed_until
    if trouble is not None:
        seen = replace(known, seen_at=now, count=trouble.count)
        phase = None if is_claimed else _due(known, now, limits)
        return _claimed(Move(mark=mark, after=seen, phase=phase, last_day=trouble.last_day), now)
    if is_claimed or now - known.seen_at < limits.quiet(AlertKind(mark.kind)):
        return Move(mark=mark, after=known)
    if known.told_at is None:
        # Nobody heard of it, so nobody needs to hear that it is over.
        return Move(mark=mark, after=None)
    return _claimed(Move(mark=mark, after=known, phase=Phase.OVER), now)


def _claimed(move: Move, now: datetime) -> Move:
    if move.phase is None or move.after is None:
        return move
    return replace(move, after=replace(move.after, claimed_until=now + CLAIM))


def _untold(move: Move) -> Move:
    """The same, but staff are told in a later round."""
    after = move.after and replace(move.after, claimed_until=move.mark.claimed_until)
    return replace(move, after=after, phase=None)


def _due(mark: AlertMark, now: datetime, limits: Limits) -> Phase | None:
    if mark.told_at is None:
        return Phase.BEGAN
    return Phase.LASTS if now - mark.told_at >= limits.again_after else None


def _not_in_the_future(mark: AlertMark, now: datetime) -> AlertMark:
    """The mark as one that the present clock could have made: it may have been set back since."""
    told_at, claimed_until = mark.told_at, mark.claimed_until
    return replace(
        mark,
        began_at=min(mark.began_at, now),
        seen_at=min(mark.seen_at, now),
        told_at=told_at and min(told_at, now),
        claimed_until=claimed_until and min(claimed_until, now + CLAIM),
    )
