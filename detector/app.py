"""Wiring: connects cameras, networks, bus and evidence store, and runs them until they end."""

import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Lock, current_thread, main_thread
from types import FrameType

from detector.batching import BatchingDetector
from detector.camera_file import SIMULATOR
from detector.camera_loop import CameraLoop, Eyes
from detector.camera_runner import CameraInput, CameraProgress, CameraRunner
from detector.endpoint import Endpoint, WatchedCamera
from detector.errors import DetectorError, OutputError, SourceError
from detector.perception import open_detector, open_plate_reader
from detector.reporting import Reporter
from detector.settings import AnalysedStream, DetectorSettings
from detector.simulator.source import open_simulator
from detector.sources import open_recording, open_stream, recording_name
from detector.stay_file import Recording, StayFile
from detector.stream_address import is_stream
from detector.tracking import ByteTracker
from pipeline.bus import SpoolingPublisher, open_publisher
from pipeline.events import CameraDocument, Envelope, Event
from pipeline.evidence import (
    EvidenceError,
    EvidenceStore,
    EvidenceStoreUnavailableError,
    forget_unsent,
    open_evidence_store,
)
from pipeline.metrics import DetectorMetrics

__all__ = ["DetectorApp", "DetectorResult"]

log = logging.getLogger(__name__)

_TICK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorResult:
    """What a run gave: published events by camera and type, and what went wrong, in words."""

    events: Counter[tuple[str, str]]
    errors: tuple[str, ...]


class DetectorApp:
    """All cameras of one detector process, a thread each; the network is shared."""

    def __init__(
        self,
        documents: Sequence[CameraDocument],
        settings: DetectorSettings,
        *,
        source: Path | str | None = None,
        out: Path | None = None,
    ) -> None:
        """Take the cameras; nothing is opened before `run`.

        Args:
            documents: The cameras.
            settings: Where everything is.
            source: A recording or an rtsp:// address to look at instead of the one camera's own.
            out: A file that gets each published event as a line of JSON.

        Raises:
            SourceError: two cameras share an id, or there are several for one `source`.
        """
        twice = [one for one, n in Counter(d.camera_id for d in documents).items() if n > 1]
        if twice:
            raise SourceError(f"camera {twice[0]}: given twice; give each camera once")
        if source is not None and len(documents) > 1:
            raise SourceError(f"--source: one for {len(documents)} cameras; give one camera")
        self._documents = documents
        self._settings = settings
        self._source = None if source is None else str(source)
        self._out = out
        self._stop = Flag()

    def stop(self) -> None:
        """Ask all cameras to stop; `run` then returns soon."""
        self._stop.set()

    def run(self, on_tick: Callable[[Sequence[CameraProgress]], None]) -> DetectorResult:
        """Run until all recordings are over, or until told to stop (also by SIGTERM, SIGINT).

        Args:
            on_tick: Called a few times a second.

        Raises:
            DetectorError: something cannot be opened.
            PipelineError: bus or evidence store cannot be opened.
        """
        with ExitStack() as stack:
            stack.enter_context(_stopping_on_signals(self._stop))
            inputs = [self._open_input(document) for document in self._documents]
            store = self._open_store()
            publisher = self._open_publisher(store, stack)
            self._forget_unsent(publisher)
            runners = self._open_runners(inputs, publisher, store)
            self._open_endpoint(runners, stack)
            self._tell_metrics(runners, publisher, stack)
            errors = self._run(runners, on_tick)
        return DetectorResult(events=publisher.counts, errors=errors)

    def _open_input(self, document: CameraDocument) -> CameraInput:
        file = StayFile(self._settings.state_dir / f"{document.camera_id}.stays.json")
        where = self._source or self._own_source(document)
        if where is None:
            raise SourceError(
                f"camera {document.camera_id}: no source; add `source` to its file or use --source"
            )
        if where.startswith(SIMULATOR):
            signal_file = self._settings.signal_dir / document.camera_id
            source = open_simulator(
                document, leave_signal=signal_file.exists, state_dir=self._settings.state_dir
            )
            return CameraInput(document=document, source=source, file=file)
        if is_stream(where):
            return CameraInput(document=document, source=open_stream(where, document), file=file)
        path, memory = Path(where), file.load()
        name = recording_name(path)
        is_known = memory is not None and memory.recording == name
        recorded = open_recording(
            path,
            document,
            started_at=memory.started_at
            if memory and is_known and document.recorded_at is None
            else None,
        )
        return CameraInput(
            document=document,
            source=recorded,
            file=file,
            recording=Recording(name=name, started_at=recorded.started_at),
            duration_s=recorded.duration_s,
        )

    def _own_source(self, document: CameraDocument) -> str | None:
        is_sub = self._settings.analysed_stream is AnalysedStream.SUB
        return (document.sub_source if is_sub else None) or document.source

    def _open_store(self) -> EvidenceStore:
        """A store on another machine gets its pictures just before the bus gets their event."""
        is_forwarded = self._settings.bus_url.startswith("kafka")
        return open_evidence_store(
            self._settings.evidence_url,
            spool_dir=self._pictures if is_forwarded else None,
        )

    @property
    def _pictures(self) -> Path:
        """Where pictures wait for a store on another machine."""
        return self._settings.state_dir / "pictures"

    def _forget_unsent(self, publisher: "_CountingPublisher") -> None:
        """Delete pictures that no event will ever name: a full spool gave up theirs."""
        if publisher.waiting():
            return
        try:
            count = forget_unsent(self._pictures)
        except EvidenceStoreUnavailableError as exc:
            log.warning("pictures of given up events stay", extra={"error": str(exc)})
        else:
            log.info("pictures of given up events deleted", extra={"count": count})

    def _open_publisher(self, store: EvidenceStore, stack: ExitStack) -> "_CountingPublisher":
        inner = open_publisher(
            self._settings.bus_url,
            source=self._settings.detector_name,
            state_dir=self._settings.state_dir,
            before_sending=partial(_forward_pictures, store),
        )
        publisher = _CountingPublisher(inner, self._out)
        stack.callback(publisher.close)
        return publisher

    def _open_runners(
        self,
        inputs: Sequence[CameraInput],
        publisher: "_CountingPublisher",
        store: EvidenceStore,
    ) -> list[CameraRunner]:
        detector = open_detector(self._settings.weights, memory=self._settings.state_dir)
        if len(inputs) > 1:
            detector = BatchingDetector(detector)
        plate_reader = open_plate_reader()
        runners = []
        for one in inputs:
            loop = CameraLoop(
                one.document,
                Eyes(
                    detector=detector,
                    tracker=ByteTracker(one.document.analysed_fps),
                    plate_reader=plate_reader,
                ),
                Reporter(one.document.camera_id, publisher, store),
                one.file,
                recording=one.recording,
            )
            runners.append(CameraRunner(one, loop, self._stop, least_fps=self._settings.least_fps))
        return runners

    def _open_endpoint(self, runners: Sequence[CameraRunner], stack: ExitStack) -> None:
        token = self._settings.endpoint_token
        if token is None:
            return
        endpoint = Endpoint(
            {
                one.document.camera_id: WatchedCamera(document=one.document, loop=one.loop)
                for one in runners
            },
            host=self._settings.endpoint_host,
            port=self._settings.endpoint_port,
            token=token.get_secret_value(),
        )
        stack.callback(endpoint.close)
        log.info("endpoint listens", extra={"port": endpoint.port})

    def _tell_metrics(
        self,
        runners: Sequence[CameraRunner],
        publisher: "_CountingPublisher",
        stack: ExitStack,
    ) -> None:
        metrics = DetectorMetrics(
            read_published=publisher.by_type,
            read_frames=lambda: sum(one.loop.analysed for one in runners),
            read_spooled=publisher.waiting,
        )
        host, port = self._settings.metrics_host, self._settings.metrics_port
        stack.enter_context(metrics.served(host=host, port=port))

    def _run(
        self,
        runners: Sequence[CameraRunner],
        on_tick: Callable[[Sequence[CameraProgress]], None],
    ) -> tuple[str, ...]:
        with ThreadPoolExecutor(max_workers=len(runners), thread_name_prefix="camera") as pool:
            waiting: set[Future[None]] = {pool.submit(one.run) for one in runners}
            futures = tuple(waiting)
            while waiting:
                done, waiting = wait(waiting, timeout=_TICK_S)
                for future in done:
                    _tell_unexpected(future)
                on_tick([one.progress() for one in runners])
        errors = []
        for future in futures:
            try:
                future.result()
            except DetectorError as exc:
                errors.append(str(exc))
        return tuple(errors)


class _CountingPublisher:
    """Counts what is published and repeats it in a file, for all cameras."""

    def __init__(self, inner: SpoolingPublisher, out: Path | None) -> None:
        self._inner = inner
        self._path = out
        self._lock = Lock()
        self.counts: Counter[tuple[str, str]] = Counter()
        try:
            self._file = out.open("w", encoding="utf-8") if out else None
        except OSError as exc:
            raise OutputError(f"{out}: {exc.strerror}; give a file that can be written") from exc

    def publish(self, events: Sequence[Event]) -> tuple[Envelope, ...]:
        with self._lock:
            envelopes = self._inner.publish(events)
            for envelope in envelopes:
                self.counts[envelope.subject, envelope.type] += 1
                self._repeat(envelope)
        return envelopes

    def by_type(self) -> Counter[str]:
        totals: Counter[str] = Counter()
        with self._lock:
            for (_, kind), count in self.counts.items():
                totals[kind] += count
        return totals

    def waiting(self) -> int:
        return self._inner.waiting()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._inner.close()

    def _repeat(self, envelope: Envelope) -> None:
        if self._file is None:
            return
        try:
            self._file.write(envelope.model_dump_json() + "\n")
            self._file.flush()
        except OSError as exc:
            raise OutputError(f"{self._path}: {exc.strerror}; the bus has the event") from exc


def _forward_pictures(store: EvidenceStore, envelopes: Sequence[Envelope]) -> None:
    """Bring the pictures of events to where reviewers see them; a lost one holds up nobody."""
    try:
        store.forward(ref for one in envelopes for ref in one.pictures)
    except EvidenceError as exc:
        # No case of it can be confirmed: evidence is checked before every decision.
        log.error("pictures are lost", extra={"error": str(exc)})  # noqa: TRY400


def _tell_unexpected(future: Future[None]) -> None:
    """Log what nobody foresaw at once; it is raised when the other cameras have ended."""
    failure = future.exception()
    if failure is not None and not isinstance(failure, DetectorError):
        log.error("camera failed", exc_info=failure)


@contextmanager
def _stopping_on_signals(stop: Flag) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a calm stop, where this is the main thread."""
    if current_thread() is not main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
