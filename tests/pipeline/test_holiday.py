"""A case over the National Day holiday of 2026: its last day, the alerts, and what is left then.

Captured on Tuesday, 29 September. The working days after it: 30 September, 8, 9, the make-up
Saturday 10 and Monday 12 October; 1 to 7 October are free, 11 October is a Sunday.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline import review
from pipeline.alert_watch import AlertWatch
from pipeline.bus import EventPublisher
from pipeline.case import Case, CaseStatus, Disposition, Outcome, RejectReason
from pipeline.clock import ManualClock
from pipeline.failures import Failures
from pipeline.notify.staff import AlertKind, Phase
from pipeline.policy.clocks import ClockState, Milestones, running_clocks
from pipeline.policy.working_calendar import load_calendar
from pipeline.review import DeadlinePassedError, NotOpenError, Verdict
from pipeline.storage import Storage
from pipeline.worker import Worker
from tests.builders import a_reviewer, a_sighting, a_suspicion, seconds
from tests.fakes import RecordingChannel
from tests.pipeline.test_alert_rules import LIMITS
from tests.pipeline.test_alert_watch import RecordingAlerts

SHANGHAI = ZoneInfo("Asia/Shanghai")
CAPTURED = datetime(2026, 9, 29, 2, 0, tzinfo=UTC)
LAST_DAY_BEGINS = datetime(2026, 10, 12, tzinfo=SHANGHAI)
DUE = datetime(2026, 10, 13, tzinfo=SHANGHAI)
LI = a_reviewer("li")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(CAPTURED)


@pytest.fixture
def referred(
    publisher: EventPublisher, worker: Worker, channel: RecordingChannel, clock: ManualClock
) -> Case:
    """A case that was reminded, seen again, and went to review."""
    channel.delivers_at_once = True
    suspicion = a_suspicion(at=CAPTURED)
    publisher.publish([suspicion])
    for wait_s in (0, 1, 30):
        clock.advance(seconds(wait_s))
        publisher.publish([a_sighting(suspicion, clock.now())])
        while worker.run_once():
            pass
    with worker.storage.read() as uow:
        (case,) = uow.cases.find()
    assert case.status is CaseStatus.IN_REVIEW
    return case


@pytest.fixture
def alerts() -> RecordingAlerts:
    return RecordingAlerts()


@pytest.fixture
def watch(worker: Worker, alerts: RecordingAlerts, clock: ManualClock) -> AlertWatch:
    return AlertWatch(
        storage=worker.storage,
        alerts=alerts,
        failures=Failures(clock),
        read_lag=worker.metrics.lag,
        calendar=worker.queue.calendar,
        limits=LIMITS,
    )


def move_to(clock: ManualClock, at: datetime) -> None:
    clock.advance(at - clock.now())


def t1_of(case: Case, now: datetime) -> tuple[ClockState, datetime]:
    milestones = Milestones(captured_at=case.suspected_at, closed_at=case.closed_at)
    clock = running_clocks(milestones, now, SHANGHAI, load_calendar())[0]
    return clock.state, clock.ends_at


def try_to_decide(storage: Storage, case: Case, verdict: Verdict) -> None:
    """Decide, and leave all as it was."""
    with storage.begin() as uow:
        verified = {ref.sha256 for ref in case.evidence}
        review.decide(uow, case.id, LI, verdict, seen_version=case.version, verified=verified)


def test_the_deadline_counts_the_make_up_saturday_and_none_of_the_holiday(referred: Case) -> None:
    assert referred.review_due_at == DUE
    assert t1_of(referred, CAPTURED) == (ClockState.RUNNING, DUE.astimezone(UTC))


def test_staff_are_told_on_the_last_day_and_when_it_has_passed_and_only_then(
    referred: Case,
    worker: Worker,
    watch: AlertWatch,
    alerts: RecordingAlerts,
    clock: ManualClock,
) -> None:
    while clock.now() < LAST_DAY_BEGINS - timedelta(hours=3):
        clock.advance(timedelta(hours=3))
        worker.run_once()
        watch.look()
    assert alerts.told == []

    move_to(clock, LAST_DAY_BEGINS)
    watch.look()
    (near,) = alerts.told
    assert (near.kind, near.phase, near.count) == (AlertKind.REVIEW_NEAR, Phase.BEGAN, 1)
    assert "2026-10-12" in near.sentence.zh
    assert "2026-10-12" in near.sentence.en
    assert t1_of(referred, clock.now())[0] is ClockState.NEAR

    move_to(clock, DUE)
    alerts.told.clear()
    for minutes in (0, 5, 5):
        clock.advance(timedelta(minutes=minutes))
        watch.look()
        while worker.run_once():
            pass
    (overdue,) = alerts.told
    assert (overdue.kind, overdue.phase) == (AlertKind.REVIEW_OVERDUE, Phase.BEGAN)
    assert "2026-10-12" in overdue.sentence.zh

    clock.advance(timedelta(days=1))
    alerts.told.clear()
    watch.look()
    assert [(one.kind, one.phase) for one in alerts.told] == [
        (AlertKind.REVIEW_OVERDUE, Phase.OVER)
    ]


@pytest.mark.parametrize(
    "verdict",
    [Verdict(outcome=Outcome.PENALTY), Verdict(reject_reason=RejectReason.TOO_SHORT)],
)
def test_it_can_be_decided_to_the_last_second_and_then_only_expires(
    referred: Case, worker: Worker, clock: ManualClock, verdict: Verdict
) -> None:
    storage = worker.storage
    move_to(clock, DUE - seconds(1))
    while worker.run_once():
        pass
    try_to_decide(storage, referred, verdict)

    move_to(clock, DUE)
    with pytest.raises(DeadlinePassedError):
        try_to_decide(storage, referred, verdict)
    with storage.read() as uow:
        assert review.next_case(uow, LI) is None
    while worker.run_once():
        pass

    with storage.read() as uow:
        ended = uow.cases.get(referred.id)
        last = uow.audit.of_case(referred.id)[-1]
    assert ended is not None
    assert (ended.status, ended.disposition) == (CaseStatus.CLOSED, Disposition.EXPIRED)
    assert ended.decision is None
    assert [one.rule for one in ended.reasons] == ["expire_if_overdue"]
    assert (last.note.actor, last.note.action) == ("pipeline", "closed as expired")
    assert t1_of(ended, clock.now())[0] is ClockState.MET_LATE
    with pytest.raises(NotOpenError):
        try_to_decide(storage, ended, verdict)
