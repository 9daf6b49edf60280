"""What staff are told, and when: no clock, no database, nobody told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.alert_rules import (
    CLAIM,
    MOST_TOLD,
    Limits,
    Move,
    Sight,
    Trouble,
    facts_of,
    moves_of,
    troubles_of,
)
from pipeline.failures import REGISTER, Failed
from pipeline.notify.staff import AlertKind, Phase
from pipeline.policy.clock_table import ClockId, load_clocks
from pipeline.policy.working_calendar import load_calendar
from pipeline.storage.alerts import AlertMark, DeadlineCount, Tally
from tests.builders import NOON, a_site, seconds

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LIMITS = Limits(
    again_after=4 * HOUR,
    failures=5,
    failures_within=10 * MINUTE,
    lag=1000,
    lag_for=5 * MINUTE,
    operator_after=15 * MINUTE,
)
DUE = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
"""The end of Monday, 9 March 2026, in Shanghai."""
LAST_DAY_BEGINS = DUE - timedelta(days=1)


def troubles(sight: Sight) -> tuple[Trouble, ...]:
    alert = load_clocks().of(ClockId.T1).alert_before
    return troubles_of(sight, LIMITS, alert, load_calendar())


def a_sight(now: datetime = NOON, **seen: object) -> Sight:
    sites = {one: a_site(one) for one in ("cam-1", "cam-2")}
    return replace(Sight(now=now, sites=sites), **seen)  # type: ignore[arg-type]


def due(count: int, at: datetime = DUE, camera_id: str = "cam-1") -> DeadlineCount:
    return DeadlineCount(camera_id=camera_id, due_at=at, count=count)


def a_trouble(kind: AlertKind = AlertKind.DEAD_LETTERS, **changes: object) -> Trouble:
    return replace(Trouble(kind=kind, since=NOON, count=3), **changes)  # type: ignore[arg-type]


def a_mark(kind: AlertKind = AlertKind.DEAD_LETTERS, **changes: object) -> AlertMark:
    mark = AlertMark(kind=kind, about="", began_at=NOON, seen_at=NOON, count=3, told_at=NOON)
    return replace(mark, **changes)  # type: ignore[arg-type]


def the_move(now: datetime, *, trouble: Trouble | None, mark: AlertMark | None) -> Move | None:
    found = moves_of(a_sight(now), [trouble] if trouble else [], [mark] if mark else [], LIMITS)
    assert len(found) <= 1
    return found[0] if found else None


def phase_of(now: datetime, *, trouble: Trouble | None, mark: AlertMark | None) -> Phase | None:
    move = the_move(now, trouble=trouble, mark=mark)
    return move.phase if move else None


@pytest.mark.parametrize(
    ("now", "kinds"),
    [
        (LAST_DAY_BEGINS - seconds(1), []),
        (LAST_DAY_BEGINS, [AlertKind.REVIEW_NEAR]),
        (DUE - seconds(1), [AlertKind.REVIEW_NEAR]),
        (DUE, [AlertKind.REVIEW_OVERDUE]),
    ],
)
def test_a_review_is_near_on_its_last_working_day_and_overdue_after_it(
    now: datetime, kinds: list[AlertKind]
) -> None:
    assert [one.kind for one in troubles(a_sight(now, deadlines=[due(2)]))] == kinds


def test_deadlines_are_counted_for_each_site_with_the_earliest_one() -> None:
    deadlines = [
        due(2),
        due(3, DUE + timedelta(days=1)),
        due(4, DUE + timedelta(days=9)),
        due(5, camera_id="cam-2"),
    ]
    first, second = troubles(a_sight(DUE - seconds(1), deadlines=deadlines))
    later = troubles(a_sight(DUE, deadlines=deadlines))

    assert (first.about, first.count, first.last_day) == ("cam-1", 2, date(2026, 3, 9))
    assert (second.about, second.count, second.since) == ("cam-2", 5, LAST_DAY_BEGINS)
    assert [(one.kind, one.about, one.count) for one in later] == [
        (AlertKind.REVIEW_OVERDUE, "cam-1", 2),
        (AlertKind.REVIEW_NEAR, "cam-1", 3),
        (AlertKind.REVIEW_OVERDUE, "cam-2", 5),
    ]


def test_a_site_that_nobody_registered_has_deadlines_by_the_zone_of_the_others() -> None:
    (found,) = troubles(a_sight(DUE, deadlines=[due(1, camera_id="cam-9")]))

    assert (found.about, found.last_day) == ("cam-9", date(2026, 3, 9))


@pytest.mark.parametrize(("count", "kinds"), [(4, []), (5, [AlertKind.CHANNEL_FAILS])])
def test_a_channel_fails_when_it_has_failed_so_often(count: int, kinds: list[AlertKind]) -> None:
    failures = {"sms": Failed(count=count, for_time=3 * MINUTE)}

    found = troubles(a_sight(failures=failures))

    assert [one.kind for one in found] == kinds
    assert all((one.about, one.since) == ("sms", NOON - 3 * MINUTE) for one in found)


def test_the_register_is_told_of_as_the_register() -> None:
    failures = {REGISTER: Failed(count=9, for_time=MINUTE)}

    assert [one.kind for one in troubles(a_sight(failures=failures))] == [AlertKind.REGISTER_AWAY]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("held_cameras", AlertKind.EVIDENCE_HELD),
        ("dead_letters", AlertKind.DEAD_LETTERS),
        ("operator_tasks", AlertKind.OPERATOR_WAITS),
    ],
)
def test_what_is_counted_is_a_trouble_as_soon_as_there_is_one(part: str, kind: AlertKind) -> None:
    one = Tally(count=1, oldest_at=NOON - HOUR)

    assert troubles(a_sight(NOON, **{part: Tally(count=0, oldest_at=None)})) == ()
    (found,) = troubles(a_sight(NOON, **{part: one}))
    assert (found.kind, found.count, found.since) == (kind, 1, NOON - HOUR)


def test_a_lag_is_a_trouble_once_it_has_lasted() -> None:
    behind = a_sight(lag=5000, lag_since=NOON - 5 * MINUTE)

    assert troubles(replace(behind, lag_since=NOON - 5 * MINUTE + seconds(1))) == ()
    assert [(one.kind, one.count) for one in troubles(behind)] == [(AlertKind.LAG, 5000)]
    assert troubles(replace(behind, lag_since=None)) == ()


def test_with_the_clock_set_back_nothing_else_is_said_and_nothing_else_changes() -> None:
    sight = a_sight(
        is_clock_back=True, deadlines=[due(2)], dead_letters=Tally(count=1, oldest_at=NOON)
    )
    found = troubles(sight)
    old = a_mark(seen_at=NOON - 9 * HOUR)

    assert [one.kind for one in found] == [AlertKind.CLOCK_SET_BACK]
    (move,) = moves_of(sight, found, [old], LIMITS)
    assert (move.mark.kind, move.phase) == (AlertKind.CLOCK_SET_BACK, Phase.BEGAN)


def test_a_trouble_is_told_when_it_begins() -> None:
    move = the_move(NOON + seconds(5), trouble=a_trouble(), mark=None)

    assert move is not None
    assert (move.is_new, move.phase) == (True, Phase.BEGAN)
    assert move.after is not None
    assert (move.after.began_at, move.after.seen_at) == (NOON, NOON + seconds(5))
    assert move.after.claimed_until == NOON + seconds(5) + CLAIM


@pytest.mark.parametrize(
    ("since_told", "phase"),
    [(seconds(30), None), (4 * HOUR - seconds(1), None), (4 * HOUR, Phase.LASTS)],
)
def test_while_it_lasts_it_is_told_again_only_after_some_hours(
    since_told: timedelta, phase: Phase | None
) -> None:
    assert phase_of(NOON + since_told, trouble=a_trouble(), mark=a_mark()) is phase


@pytest.mark.parametrize(("since_seen", "phase"), [(119, None), (120, Phase.OVER)])
def test_it_is_over_when_nobody_has_seen_it_for_a_while(
    since_seen: int, phase: Phase | None
) -> None:
    assert phase_of(NOON + seconds(since_seen), trouble=None, mark=a_mark()) is phase


@pytest.mark.parametrize(
    ("kind", "quiet"),
    [
        (AlertKind.CHANNEL_FAILS, 20 * MINUTE),
        (AlertKind.REGISTER_AWAY, 20 * MINUTE),
        (AlertKind.LAG, 10 * MINUTE),
    ],
)
def test_what_only_a_process_knows_is_over_later_so_that_a_restart_ends_nothing(
    kind: AlertKind, quiet: timedelta
) -> None:
    assert phase_of(NOON + quiet - seconds(1), trouble=None, mark=a_mark(kind)) is None
    assert phase_of(NOON + quiet, trouble=None, mark=a_mark(kind)) is Phase.OVER


@pytest.mark.parametrize("trouble", [a_trouble(), None])
def test_what_another_worker_is_about_to_tell_is_left_to_it_until_its_claim_ends(
    trouble: Trouble | None,
) -> None:
    mark = a_mark(told_at=None if trouble else NOON, claimed_until=NOON + 5 * MINUTE)

    assert phase_of(NOON + 4 * MINUTE, trouble=trouble, mark=mark) is None
    claimed = replace(mark, claimed_until=NOON + 2 * MINUTE)
    told = phase_of(NOON + 2 * MINUTE, trouble=trouble, mark=claimed)
    assert told is (Phase.BEGAN if trouble else Phase.OVER)


def test_what_nobody_heard_of_ends_without_a_word() -> None:
    move = the_move(NOON + HOUR, trouble=None, mark=a_mark(told_at=None))

    assert move is not None
    assert (move.after, move.phase) == (None, None)


def test_a_deadline_that_passes_is_never_said_to_be_over() -> None:
    near = a_mark(AlertKind.REVIEW_NEAR, about="cam-1")
    overdue = a_trouble(AlertKind.REVIEW_OVERDUE, about="cam-1")

    moves = moves_of(a_sight(NOON + HOUR), [overdue], [near], LIMITS)

    assert [(one.mark.kind, one.phase, one.after is None) for one in moves] == [
        (AlertKind.REVIEW_OVERDUE, Phase.BEGAN, False),
        (AlertKind.REVIEW_NEAR, None, True),
    ]


def test_marks_of_a_clock_that_has_been_set_back_since_hold_nothing_up() -> None:
    mark = a_mark(
        seen_at=NOON + 99 * HOUR, told_at=NOON + 99 * HOUR, claimed_until=NOON + 99 * HOUR
    )

    move = the_move(NOON, trouble=a_trouble(), mark=mark)

    assert move is not None
    assert move.after is not None
    assert (move.after.seen_at, move.after.told_at) == (NOON, NOON)
    assert move.after.claimed_until == NOON + CLAIM


def test_too_many_troubles_at_once_are_told_over_several_rounds_the_gravest_first() -> None:
    many = [a_trouble(AlertKind.REVIEW_NEAR, about=f"cam-{n}") for n in range(MOST_TOLD)]
    grave = a_trouble(AlertKind.REVIEW_OVERDUE, about="cam-99")

    moves = moves_of(a_sight(), [*many, grave], [], LIMITS)

    assert len(moves) == MOST_TOLD + 1
    assert (moves[0].mark.about, moves[0].phase) == ("cam-99", Phase.BEGAN)
    put_off = [one for one in moves if one.phase is None]
    (mark,) = [one.after for one in put_off]
    assert mark is not None
    assert mark.claimed_until is None
    again = a_trouble(AlertKind.REVIEW_NEAR, about=mark.about)
    assert phase_of(NOON + seconds(30), trouble=again, mark=mark) is Phase.BEGAN


def test_a_mark_of_another_version_is_left_alone() -> None:
    unknown = replace(a_mark(), kind="a kind of tomorrow", seen_at=NOON - HOUR)

    assert moves_of(a_sight(), [], [unknown], LIMITS) == []


def test_an_alert_is_made_of_the_site_and_its_time() -> None:
    trouble = a_trouble(AlertKind.REVIEW_NEAR, about="cam-1", last_day=date(2026, 3, 9))
    move = the_move(NOON, trouble=trouble, mark=None)
    assert move is not None

    facts = facts_of(move, Phase.BEGAN, a_sight())

    assert facts.place is not None
    assert facts.place.en == "Jiefang junction"
    assert (str(facts.zone), facts.last_day) == ("Asia/Shanghai", date(2026, 3, 9))
    assert str(Sight(now=NOON).zone()) == "UTC"
