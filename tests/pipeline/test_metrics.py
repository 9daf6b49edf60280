"""What a worker says of itself, and that the list in the documents is the list in the code."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from prometheus_client import generate_latest

from pipeline.app import build_worker
from pipeline.bus import BusUnavailableError, EventPublisher
from pipeline.case import case_id_of
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.errors import PermanentError, RetryableError
from pipeline.metrics import DetectorMetrics, RoleMetrics, WebMetrics, WorkerMetrics
from pipeline.notify import Refused
from pipeline.notify.channel import ChannelUnavailableError, SendResult, SendUncertainError
from pipeline.reminder_queue import ReminderQueue
from pipeline.settings import PipelineSettings
from pipeline.storage import ClockSetBackError, StaleCaseError, Storage, StorageUnavailableError
from pipeline.worker import Worker
from tests.builders import NOON, PLATE, a_sighting, a_suspicion, by_hand, seconds
from tests.fakes import RecordingChannel
from tests.scrape import free_port, listening, samples, scrape

PHONE = "13800000001"


def told(metrics: RoleMetrics) -> dict[str, float]:
    return samples(generate_latest(metrics.registry).decode())


@pytest.fixture
def whole_worker(
    storage: Storage, storage_url: str, bus_url: str, tmp_path: Path, clock: ManualClock
) -> Iterator[Worker]:
    """A worker as the command `work` makes it."""
    contacts = tmp_path / "contacts.csv"
    contacts.write_text(f"plate,phone,opted_out\n{PLATE},{PHONE},no\n", encoding="utf-8")
    settings = PipelineSettings(
        bus_url=bus_url,
        storage_url=storage_url,
        rulebook="demo",
        contacts=contacts,
        channel_url=f"phones:{tmp_path}/phones?delivered_after_s=0",
    )
    worker = build_worker(settings, clock=clock)
    yield worker
    worker.subscriber.close()
    worker.storage.close()


@pytest.fixture(autouse=True)
def _every_scrape_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.metrics.ANSWER_KEPT_S", 0.0)
    monkeypatch.setattr("pipeline.worker.LOOK_BACK_EVERY_S", 0.0)


def a_broken_message(tmp_path: Path) -> None:
    by_hand(
        f"sqlite:///{tmp_path}/bus.db",
        "INSERT INTO rec SELECT part, MAX(off) + 1, key, X'FF' FROM rec GROUP BY part",
    )


def test_a_known_story_shows_in_the_numbers_and_nobody_can_be_told_from_them(
    publisher: EventPublisher, whole_worker: Worker, clock: ManualClock, tmp_path: Path
) -> None:
    suspicion = a_suspicion()
    sent, _ = publisher.publish([suspicion, a_sighting(suspicion, NOON + seconds(5))])
    a_broken_message(tmp_path)
    clock.advance(seconds(7))
    whole_worker.run_once()
    clock.advance(seconds(1))
    whole_worker.run_once()
    # Grace of 20 s since the receipt is over; nobody looked for 4 s.
    clock.advance(seconds(24))
    before = told(whole_worker.metrics)
    whole_worker.run_once()
    with whole_worker.metrics.served(host="127.0.0.1", port=0) as port:
        assert port is not None
        text = scrape(port)
    after = samples(text)

    assert after["remindfirst_events_handled_total"] == 2
    assert after["remindfirst_events_dead_lettered_total"] == 1
    assert after['remindfirst_reminders_total{outcome="accepted"}'] == 1
    assert after['remindfirst_reminders_total{outcome="refused"}'] == 0
    assert after["remindfirst_suspicion_to_acceptance_seconds_count"] == 1
    assert after["remindfirst_suspicion_to_acceptance_seconds_sum"] == 7
    assert (before["remindfirst_timers_due"], after["remindfirst_timers_due"]) == (1, 0)
    assert before["remindfirst_timer_oldest_lateness_seconds"] == 4
    assert after["remindfirst_timer_oldest_lateness_seconds"] == 0
    assert after["remindfirst_timer_lateness_seconds_count"] == 1
    assert after["remindfirst_timer_lateness_seconds_sum"] == 4
    assert {after[f'remindfirst_bus_lag_events{{partition="{n}"}}'] for n in range(4)} == {0}
    assert re.search(r'remindfirst_build_info\{version="[0-9.]+"\} 1.0', text)
    ids = (str(suspicion.episode_id), str(case_id_of(suspicion.episode_id)), sent.id)
    for private in (PLATE, PLATE[1:], PHONE, suspicion.camera_id, *ids):
        assert private not in text


def test_the_lag_is_what_stands_on_the_bus_and_is_not_handled(
    publisher: EventPublisher, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.worker.BATCH", 2)
    monkeypatch.setattr("pipeline.worker.LOOK_BACK_EVERY_S", 3600.0)
    suspicion = a_suspicion()
    publisher.publish([suspicion, *[a_sighting(suspicion, NOON + seconds(n)) for n in range(4)]])

    worker.run_once()

    lag = {k: v for k, v in told(worker.metrics).items() if "_lag_" in k}
    assert sorted(lag.values()) == [0, 0, 0, 3]
    monkeypatch.setattr("pipeline.metrics.LAG_KEPT_S", 0.0)
    assert not any("_lag_" in name for name in told(worker.metrics))


def _refused() -> SendResult:
    return Refused(detail="no such number")


def _uncertain() -> SendResult:
    raise SendUncertainError("perhaps")


def _unavailable() -> SendResult:
    raise ChannelUnavailableError("away")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(_refused, "refused"), (_uncertain, "uncertain"), (_unavailable, "unavailable")],
)
def test_each_outcome_of_a_reminder_is_counted_as_what_it_is(
    publisher: EventPublisher,
    worker: Worker,
    channel: RecordingChannel,
    answer: Callable[[], SendResult],
    outcome: str,
) -> None:
    channel.is_repeatable = False
    channel.before_answer = answer
    publisher.publish([a_suspicion()])

    worker.run_once()

    counted = {k: v for k, v in told(worker.metrics).items() if "reminders_total" in k}
    assert counted.pop(f'remindfirst_reminders_total{{outcome="{outcome}"}}') == 1
    assert [*counted.values()] == [0, 0, 0]
    assert told(worker.metrics)["remindfirst_suspicion_to_acceptance_seconds_count"] == 0


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (BusUnavailableError("x"), {'remindfirst_waits_total{away="bus"}'}),
        (StorageUnavailableError("x"), {'remindfirst_waits_total{away="database"}'}),
        (ClockSetBackError("x"), {"remindfirst_clock_refusals_total"}),
        (StaleCaseError("x"), set()),
    ],
)
def test_a_wait_is_counted_by_what_is_waited_for(
    storage: Storage,
    queue: ReminderQueue,
    delivery: Delivery,
    error: RetryableError,
    counted: set[str],
) -> None:
    stop = Event()

    class Away:
        topic = "none"

        def assigned(self) -> frozenset[int]:
            stop.set()
            raise error

    subscriber: Any = Away()
    worker = Worker(subscriber=subscriber, storage=storage, queue=queue, delivery=delivery)
    worker.run(stop)

    found = told(worker.metrics)
    assert {k for k in found if re.search("waits|refusals", k) and found[k]} == counted


def test_a_database_that_is_away_costs_its_own_samples_only() -> None:
    def away() -> tuple[int, timedelta]:
        raise StorageUnavailableError("gone")

    found = told(WorkerMetrics(away))

    assert not any("timers_due" in name or "oldest" in name for name in found)
    assert found["remindfirst_events_handled_total"] == 0


def test_a_database_that_hangs_is_asked_once_and_holds_up_no_scrape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.metrics.ANSWER_WITHIN_S", 0.01)
    answers, asked = Event(), []

    def hang() -> tuple[int, timedelta]:
        asked.append(1)
        assert answers.wait(30)
        return 7, seconds(3)

    metrics = WorkerMetrics(hang)
    for _ in range(3):
        assert "remindfirst_timers_due" not in told(metrics)
    assert len(asked) == 1

    answers.set()
    monkeypatch.setattr("pipeline.metrics.ANSWER_WITHIN_S", 30)
    assert told(metrics)["remindfirst_timers_due"] == 7


def test_many_scrapes_ask_the_database_once_in_some_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.metrics.ANSWER_KEPT_S", 3600.0)
    asked = iter(range(1, 9))
    metrics = WebMetrics(lambda: next(asked))

    assert [told(metrics)["remindfirst_cases_in_review"] for _ in range(3)] == [1, 1, 1]
    monkeypatch.setattr("pipeline.metrics.ANSWER_KEPT_S", 0.0)
    assert told(metrics)["remindfirst_cases_in_review"] == 2


def test_without_a_port_nothing_listens() -> None:
    before, threads = listening(), threading.active_count()

    with WorkerMetrics().served(host="127.0.0.1", port=None) as port:
        assert port is None
        assert (listening(), threading.active_count()) == (before, threads)
    assert PipelineSettings().metrics_port is None


def test_a_port_is_closed_when_its_role_ends_and_a_taken_one_is_a_clear_error() -> None:
    port = free_port()
    with WorkerMetrics().served(host="127.0.0.1", port=port):
        assert port in listening()
        with (
            pytest.raises(PermanentError, match=f"metrics 127.0.0.1:{port}: Address already"),
            WorkerMetrics().served(host="127.0.0.1", port=port),
        ):
            pass
    assert port not in listening()


def test_the_documents_list_exactly_the_metrics_of_the_code() -> None:
    worker = WorkerMetrics(lambda: (0, seconds(0)))
    worker.tell_lag({0: 0})
    detector = DetectorMetrics(
        read_published=lambda: {"CameraStatus": 1}, read_frames=lambda: 0, read_spooled=lambda: 0
    )
    sets: list[RoleMetrics] = [worker, detector, WebMetrics(lambda: 0)]
    of_code = {}
    for family in (one for each in sets for one in each.registry.collect()):
        assert family.documentation.endswith("."), family.name
        labels = [one for one in family.samples[0].labels if one != "le"]
        name = f"{family.name}_total" if family.type == "counter" else family.name
        of_code[f"{name}{{{labels[0]}}}" if labels else name] = family.type

    text = Path("docs/operations.md").read_text(encoding="utf-8")
    table = text.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(remindfirst_\S+)` \| .+ \| (\w+) \|", table, re.MULTILINE)

    assert dict(rows) == of_code
    assert len(rows) == len(of_code)
