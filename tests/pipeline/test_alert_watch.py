"""From the database and the process to the people who are told: once, whoever looks."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from pipeline.alert_rules import CLAIM
from pipeline.alert_watch import AlertWatch
from pipeline.app import build_watch
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.events import CameraState, CameraStatus
from pipeline.failures import REGISTER, Failures
from pipeline.notify.staff import Alert, AlertKind, Phase, StaffAlertError
from pipeline.settings import PipelineSettings
from pipeline.storage import Storage, StorageUnavailableError
from pipeline.storage.base import DeadLetter
from pipeline.worker import Worker
from tests.builders import NOON, PLATE, a_case, a_suspicion, seconds
from tests.pipeline.test_alert_rules import DUE, HOUR, LIMITS, MINUTE


@dataclass
class RecordingAlerts:
    """Remembers what staff were told; fails while `is_away`."""

    told: list[Alert] = field(default_factory=list)
    is_away: bool = False

    def tell(self, alert: Alert) -> None:
        if self.is_away:
            raise StaffAlertError("nobody there")
        self.told.append(alert)

    def try_out(self) -> list[tuple[int, bool]]:
        return []

    def take(self) -> list[tuple[AlertKind, Phase]]:
        told, self.told = self.told, []
        return [(one.kind, one.phase) for one in told]


@pytest.fixture
def alerts() -> RecordingAlerts:
    return RecordingAlerts()


@pytest.fixture
def failures(clock: ManualClock) -> Failures:
    return Failures(clock)


@pytest.fixture
def make_watch(
    storage: Storage, alerts: RecordingAlerts, failures: Failures, worker: Worker
) -> Callable[[], AlertWatch]:
    def make() -> AlertWatch:
        return AlertWatch(
            storage=storage,
            alerts=alerts,
            failures=failures,
            read_lag=worker.metrics.lag,
            calendar=worker.queue.calendar,
            limits=LIMITS,
        )

    return make


@pytest.fixture
def watch(make_watch: Callable[[], AlertWatch]) -> AlertWatch:
    return make_watch()


def store(storage: Storage, *cases: Case) -> None:
    with storage.begin() as uow:
        for case in cases:
            uow.cases.add(case)
        uow.commit()


def a_dead_letter(storage: Storage, clock: ManualClock, offset: int = 1) -> None:
    letter = DeadLetter(
        topic="t", partition=0, offset=offset, raw=PLATE.encode(), reason="?", at=clock.now()
    )
    with storage.begin() as uow:
        uow.inbox.add_dead_letter(letter)
        uow.commit()


def in_review(**changes: object) -> Case:
    return a_case(a_suspicion(), status=CaseStatus.IN_REVIEW, review_due_at=DUE, **changes)


def test_where_all_is_well_nobody_is_told_and_nothing_is_kept(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage
) -> None:
    store(storage, a_case(), in_review())
    watch.look()

    assert alerts.told == []
    with storage.read() as uow:
        assert uow.alerts.marks() == []


def test_a_trouble_is_told_when_it_begins_while_it_lasts_and_when_it_is_over(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    store(storage, in_review(), in_review())
    clock.advance(DUE - timedelta(days=1) - NOON - seconds(1))
    watch.look()
    assert alerts.told == []

    clock.advance(seconds(1))
    watch.look()
    (told,) = alerts.told
    assert (told.kind, told.phase, told.about, told.count) == (
        AlertKind.REVIEW_NEAR,
        Phase.BEGAN,
        "cam-1",
        2,
    )
    assert "cases in review near their deadline: 2" in told.sentence.en
    assert "解放路口：2 起待审核案件即将到期，最后一日为 2026-03-09" in told.sentence.zh

    for _ in range(8):
        clock.advance(HOUR)
        watch.look()
    assert alerts.take() == [
        (AlertKind.REVIEW_NEAR, Phase.BEGAN),
        (AlertKind.REVIEW_NEAR, Phase.LASTS),
        (AlertKind.REVIEW_NEAR, Phase.LASTS),
    ]
    with storage.begin() as uow:
        for case in uow.cases.find([CaseStatus.IN_REVIEW]):
            uow.cases.save(replace(case, status=CaseStatus.DECIDED))
        uow.commit()
    for _ in range(5):
        clock.advance(MINUTE)
        watch.look()
    assert alerts.take() == [(AlertKind.REVIEW_NEAR, Phase.OVER)]
    with storage.read() as uow:
        assert uow.alerts.marks() == []


def test_several_workers_tell_it_once(
    make_watch: Callable[[], AlertWatch],
    alerts: RecordingAlerts,
    storage: Storage,
    clock: ManualClock,
) -> None:
    many = [make_watch() for _ in range(3)]
    a_dead_letter(storage, clock)
    start = threading.Barrier(len(many))

    def look(watch: AlertWatch) -> None:
        start.wait(timeout=30)
        watch.look()

    threads = [threading.Thread(target=look, args=(one,)) for one in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert alerts.take() == [(AlertKind.DEAD_LETTERS, Phase.BEGAN)]


def test_what_nobody_took_is_told_again_when_the_claim_is_over(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    a_dead_letter(storage, clock)
    alerts.is_away = True
    with pytest.raises(StaffAlertError):
        watch.look()
    alerts.is_away = False
    clock.advance(CLAIM - seconds(1))
    watch.look()
    assert alerts.take() == []

    clock.advance(seconds(1))
    watch.look()
    assert alerts.take() == [(AlertKind.DEAD_LETTERS, Phase.BEGAN)]
    clock.advance(CLAIM)
    watch.look()
    assert alerts.take() == []


def test_dead_letters_are_over_when_none_has_come_for_an_hour(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    a_dead_letter(storage, clock)
    watch.look()
    clock.advance(50 * MINUTE)
    a_dead_letter(storage, clock, offset=2)
    watch.look()
    clock.advance(50 * MINUTE)
    watch.look()
    assert alerts.take() == [(AlertKind.DEAD_LETTERS, Phase.BEGAN)]

    clock.advance(11 * MINUTE)
    watch.look()
    assert alerts.take() == [(AlertKind.DEAD_LETTERS, Phase.OVER)]


def test_a_clock_that_was_set_back_is_told_once_and_over_when_it_has_caught_up(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    watch.look()
    clock.advance(-HOUR)
    a_case_that_would_alert = in_review()
    for _ in range(3):
        watch.look()
        clock.advance(MINUTE)
    assert alerts.take() == [(AlertKind.CLOCK_SET_BACK, Phase.BEGAN)]

    clock.advance(HOUR)
    store(storage, a_case_that_would_alert)
    watch.look()
    clock.advance(3 * MINUTE)
    watch.look()
    assert alerts.take() == [(AlertKind.CLOCK_SET_BACK, Phase.OVER)]


@pytest.mark.parametrize("what", ["sms", REGISTER])
def test_what_failed_in_this_process_is_told(
    watch: AlertWatch, alerts: RecordingAlerts, failures: Failures, what: str
) -> None:
    for _ in range(LIMITS.failures):
        failures.note(what)
    watch.look()

    kind = AlertKind.CHANNEL_FAILS if what else AlertKind.REGISTER_AWAY
    assert alerts.take() == [(kind, Phase.BEGAN)]


def test_a_lag_is_told_when_it_has_lasted_and_a_moment_without_news_ends_nothing(
    watch: AlertWatch, alerts: RecordingAlerts, clock: ManualClock
) -> None:
    lag: Mapping[int, int] | None = {0: 600, 1: 400}
    watch.read_lag = lambda: lag
    watch.look()
    clock.advance(LIMITS.lag_for - seconds(1))
    lag = None
    watch.look()
    assert alerts.told == []

    clock.advance(seconds(1))
    watch.look()
    assert [(one.kind, one.count) for one in alerts.told] == [(AlertKind.LAG, 1000)]
    lag = {0: 0}
    watch.look()
    clock.advance(2 * LIMITS.lag_for)
    watch.look()
    assert alerts.take() == [(AlertKind.LAG, Phase.BEGAN), (AlertKind.LAG, Phase.OVER)]


def test_tasks_of_the_operator_are_told_when_they_are_old(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    store(
        storage,
        a_case(asks_operator=True),
        a_case(asks_operator=True, status=CaseStatus.REMINDER_UNCERTAIN),
        a_case(),
        a_case(asks_operator=True, opened_at=NOON + MINUTE),
    )
    clock.advance(LIMITS.operator_after - seconds(1))
    watch.look()
    assert alerts.told == []

    clock.advance(seconds(1))
    watch.look()
    assert [(one.kind, one.count) for one in alerts.told] == [(AlertKind.OPERATOR_WAITS, 2)]


def test_cameras_that_hold_their_events_are_told(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    def say(camera_id: str, state: CameraState) -> None:
        word = CameraStatus(
            camera_id=camera_id, captured_at=clock.now(), state=state, reason='no "held" place'
        )
        with storage.begin() as uow:
            uow.registry.save_camera_status(word)
            uow.commit()

    say("cam-1", CameraState.HELD)
    say("cam-2", CameraState.ONLINE)
    watch.look()
    assert [(one.kind, one.count) for one in alerts.told] == [(AlertKind.EVIDENCE_HELD, 1)]

    clock.advance(MINUTE)
    say("cam-1", CameraState.ONLINE)
    clock.advance(2 * MINUTE)
    watch.look()
    assert alerts.take()[1:] == [(AlertKind.EVIDENCE_HELD, Phase.OVER)]


def test_cases_that_expired_are_told_for_a_day(
    watch: AlertWatch, alerts: RecordingAlerts, storage: Storage, clock: ManualClock
) -> None:
    expired, rejected = (
        a_case(status=CaseStatus.CLOSED, review_due_at=DUE, disposition=ended)
        for ended in (Disposition.EXPIRED, Disposition.REJECTED)
    )
    store(storage, expired, rejected)
    clock.advance(DUE - NOON)
    watch.look()
    assert [(one.kind, one.count) for one in alerts.told] == [(AlertKind.REVIEW_OVERDUE, 1)]
    clock.advance(timedelta(days=1))
    watch.look()
    clock.advance(3 * MINUTE)
    watch.look()
    assert alerts.take() == [
        (AlertKind.REVIEW_OVERDUE, Phase.BEGAN),
        (AlertKind.REVIEW_OVERDUE, Phase.LASTS),
        (AlertKind.REVIEW_OVERDUE, Phase.OVER),
    ]


def test_no_alert_tells_a_plate_a_phone_or_a_person(
    watch: AlertWatch,
    alerts: RecordingAlerts,
    storage: Storage,
    clock: ManualClock,
    failures: Failures,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    store(storage, in_review(), a_case(asks_operator=True))
    a_dead_letter(storage, clock)
    failures.note("sms")
    clock.advance(DUE - timedelta(days=1) - NOON)
    watch.look()

    told = f"{alerts.told} {caplog.text} {[vars(one) for one in caplog.records]}"
    assert {one.kind for one in alerts.told} >= {AlertKind.REVIEW_NEAR, AlertKind.OPERATOR_WAITS}
    assert not any(private in told for private in (PLATE, PLATE[1:], "138", "Li", "Wang"))


class BrokenStorage:
    """A storage that fails whoever begins."""

    def __init__(self, error: Exception) -> None:
        self.error, self.is_asked = error, Event()

    def begin(self) -> None:
        self.is_asked.set()
        raise self.error


@pytest.mark.parametrize(
    ("error", "level"),
    [(StorageUnavailableError("away"), logging.WARNING), (RuntimeError("a slip"), logging.ERROR)],
)
def test_a_watch_that_fails_stops_no_work_and_ends_with_it(
    watch: AlertWatch, error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = BrokenStorage(error)
    watch.storage = broken
    with watch.running():
        assert broken.is_asked.wait(timeout=30)

    assert not any(one.name == "alert-watch" for one in threading.enumerate())
    assert [one.levelno for one in caplog.records] == [level]


def test_the_watch_of_a_worker_knows_its_settings_and_tells_the_log(
    worker: Worker, failures: Failures, storage: Storage, clock: ManualClock
) -> None:
    settings = PipelineSettings(alert_again_h=2, alert_operator_min=3)
    watch = build_watch(settings, worker, failures)

    assert (watch.limits.again_after, watch.limits.operator_after) == (2 * HOUR, 3 * MINUTE)
    watch.look()
