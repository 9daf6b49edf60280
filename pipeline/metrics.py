"""What the roles count and measure, for Prometheus; docs/operations.md has the same list.

Each role has its own set and its own port, and says nothing of what only another role knows. No
label tells of a person, a vehicle or a camera.
"""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from threading import Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.errors import PermanentError, PipelineError

__all__ = ["Away", "DetectorMetrics", "Outcome", "RoleMetrics", "WebMetrics", "WorkerMetrics"]

log = logging.getLogger(__name__)

ANSWER_KEPT_S = 5.0
ANSWER_WITHIN_S = 2.0
LAG_KEPT_S = 60.0
LATENESS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
REMINDED_AFTER_S = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 21600)
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")

# When a counter was made tells nobody anything, and would be one more series for each.
disable_created_metrics()  # type: ignore[no-untyped-call]

T = TypeVar("T")


class Outcome(StrEnum):
    """What came of a reminder, or of one try to send it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    UNAVAILABLE = "unavailable"


class Away(StrEnum):
    """What a worker waits for when it cannot go on."""

    BUS = "bus"
    DATABASE = "database"


class RoleMetrics(Collector):
    """What every role tells; a role adds its own."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.registry = CollectorRegistry()
        build = Gauge(
            "remindfirst_build_info",
            "Always 1; its label says which version of RemindFirst runs.",
            ["version"],
            registry=self.registry,
        )
        build.labels(_version()).set(1)
        self.registry.register(self)

    @abstractmethod
    def collect(self) -> Iterable[Metric]:
        """What is found out only when somebody asks; what is not known has no sample."""

    @contextmanager
    def served(self, *, host: str, port: int | None) -> Iterator[int | None]:
        """Answer at http://HOST:PORT/metrics while the block runs; without a port do nothing.

        Gives the port it listens on, which is a free one for 0.

        Raises:
            PermanentError: the port is taken, or the address is not this machine's.
        """
        if port is None:
            yield None
            return
        try:
            server, thread = start_http_server(port, addr=host, registry=self.registry)
        except OSError as exc:
            raise PermanentError(
                f"metrics {host}:{port}: {exc.strerror}; end what uses the port, or set "
                "REMINDFIRST_METRICS_PORT to a free one for each role"
            ) from exc
        log.info("metrics served", extra={"host": host, "port": server.server_port})
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class WorkerMetrics(RoleMetrics):
    """What a worker counts; `read_due_timers` says how many timers are due and the oldest's age."""

    def __init__(self, read_due_timers: Callable[[], tuple[int, timedelta]] | None = None) -> None:
        """Begin with nothing counted; without `read_due_timers` nothing is said of timers."""
        super().__init__()
        self._due_timers = _Answer(read_due_timers)
        self._lag: Mapping[int, int] = {}
        self._lag_at_s = 0.0
        self.events_handled = Counter(
            "remindfirst_events_handled_total",
            "Events taken from the bus and handled, repeated ones too.",
            registry=self.registry,
        )
        self.events_dead_lettered = Counter(
            "remindfirst_events_dead_lettered_total",
            "Messages that could not be handled and were put aside with their reason; a person "
            "must look: remindfirst dead-letters.",
            registry=self.registry,
        )
        self.timer_lateness = Histogram(
            "remindfirst_timer_lateness_seconds",
            "How long after its time a timer of a case was taken up.",
            buckets=LATENESS_S,
            registry=self.registry,
        )
        self.reminders = Counter(
            "remindfirst_reminders_total",
            "Reminders by outcome: accepted by the provider; refused, so never sent; uncertain, "
            "perhaps sent and held for a person; unavailable, the provider was away and is asked "
            "again later.",
            ["outcome"],
            registry=self.registry,
        )
        self.reminded_after = Histogram(
            "remindfirst_suspicion_to_acceptance_seconds",
            "From the picture that made a vehicle suspect to the provider's acceptance of its "
            "reminder.",
            buckets=REMINDED_AFTER_S,
            registry=self.registry,
        )
        self.waits = Counter(
            "remindfirst_waits_total",
            "Times the worker had to wait because the bus or the database did not answer.",
            ["away"],
            registry=self.registry,
        )
        self.clock_refusals = Counter(
            "remindfirst_clock_refusals_total",
            "Times the worker decided nothing because the database's clock had been set back; a "
            "person may have to look: remindfirst db accept-clock.",
            registry=self.registry,
        )
        _begin_at_zero(self.reminders, Outcome)
        _begin_at_zero(self.waits, Away)

    def tell_lag(self, lag: Mapping[int, int]) -> None:
        """Take how many messages wait on each partition; it is true for a minute."""
        self._lag, self._lag_at_s = lag, monotonic()

    def lag(self) -> Mapping[int, int] | None:
        """How many messages wait on each partition; None when nobody has looked for a minute."""
        return self._lag if monotonic() - self._lag_at_s < LAG_KEPT_S else None

    def collect(self) -> Iterable[Metric]:
        """How far behind the worker is; see `RoleMetrics.collect`."""
        lag = GaugeMetricFamily(
            "remindfirst_bus_lag_events",
            "Messages on the bus that are not handled yet, by partition, when this worker last "
            "looked (some seconds ago).",
            labels=["partition"],
        )
        for partition, count in sorted((self.lag() or {}).items()):
            lag.add_metric([str(partition)], count)
        due = GaugeMetricFamily(
            "remindfirst_timers_due",
            "Timers of cases that are due now and not taken up; the same from every worker.",
        )
        oldest = GaugeMetricFamily(
            "remindfirst_timer_oldest_lateness_seconds",
            "How long the oldest due timer has been due; 0 when none is; the same from every "
            "worker.",
        )
        found = self._due_timers.value()
        if found is not None:
            due.add_metric([], found[0])
            oldest.add_metric([], found[1].total_seconds())
        return (lag, due, oldest)


class DetectorMetrics(RoleMetrics):
    """What a detector has counted, asked for at each scrape."""

    def __init__(
        self,
        *,
        read_published: Callable[[], Mapping[str, int]],
        read_frames: Callable[[], int],
        read_spooled: Callable[[], int],
    ) -> None:
        """Ask these: events published by type, frames analysed, events that wait."""
        super().__init__()
        self._read_published = read_published
        self._read_frames = read_frames
        self._spooled = _Answer(read_spooled)

    def collect(self) -> Iterable[Metric]:
        """What was seen, said and kept; see `RoleMetrics.collect`."""
        published = CounterMetricFamily(
            "remindfirst_events_published_total",
            "Events that this detector has published, by type.",
            labels=["type"],
        )
        for kind, count in sorted(self._read_published().items()):
            published.add_metric([kind], count)
        frames = CounterMetricFamily(
            "remindfirst_frames_analysed_total",
            "Pictures that this detector has looked at, of all its cameras.",
            value=self._read_frames(),
        )
        spooled = GaugeMetricFamily(
            "remindfirst_spool_events",
            "Events on this machine's disk that the broker has not taken yet.",
        )
        waiting = self._spooled.value()
        if waiting is not None:
            spooled.add_metric([], waiting)
        return (published, frames, spooled)


class WebMetrics(RoleMetrics):
    """What the web pages count; `read_in_review` says how many cases wait for a person."""

    def __init__(self, read_in_review: Callable[[], int]) -> None:
        """Begin with nothing counted."""
        super().__init__()
        self._in_review = _Answer(read_in_review)
        self._requests = Counter(
            "remindfirst_requests_total",
            "Requests answered, by class of status; 5xx are our faults.",
            ["status"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "remindfirst_request_duration_seconds",
            "From a request to the beginning of its answer.",
            registry=self.registry,
        )
        _begin_at_zero(self._requests, STATUS_CLASSES)

    def count_request(self, status: int, duration_s: float) -> None:
        """Count an answered request."""
        self._requests.labels(f"{status // 100}xx").inc()
        self._durations.observe(duration_s)

    def collect(self) -> Iterable[Metric]:
        """What waits for a person; see `RoleMetrics.collect`."""
        in_review = GaugeMetricFamily(
            "remindfirst_cases_in_review",
            "Cases that wait for a reviewer's decision, second reviews too.",
        )
        count = self._in_review.value()
        if count is not None:
            in_review.add_metric([], count)
        return (in_review,)


class _Answer(Generic[T]):
    """What a query says, asked for by scrapes: kept for seconds, one at a time, never waited out.

    Who hangs on a database that hangs would pile up with each scrape and take its connections.
    """

    def __init__(self, ask: Callable[[], T] | None) -> None:
        self._ask = ask
        self._lock = Lock()
        self._thread: Thread | None = None
        self._asked_at_s = 0.0
        self._found: T | None = None

    def value(self) -> T | None:
        """The answer; None when the other side is away or takes too long."""
        if self._ask is None:
            return None
        with self._lock:
            is_old = monotonic() - self._asked_at_s >= ANSWER_KEPT_S
            thread = self._thread
            if thread is None or (is_old and not thread.is_alive()):
                self._found, self._asked_at_s = None, monotonic()
                thread = self._thread = Thread(target=self._find, args=(self._ask,), daemon=True)
                thread.start()
        thread.join(timeout=ANSWER_WITHIN_S)
        return None if thread.is_alive() else self._found

    def _find(self, ask: Callable[[], T]) -> None:
        # The role meets the same trouble, and tells of it.
        with suppress(PipelineError):
            self._found = ask()


def _begin_at_zero(counter: Counter, labels: Iterable[str]) -> None:
    """A series that appears with its first count hides that count from who looks at increases."""
    for label in labels:
        counter.labels(label)


def _version() -> str:
    try:
        return version("remindfirst")
    except PackageNotFoundError:
        return "unknown"
