"""Whole camera loops that watch drawn scenes: pictures in, and what was said against the truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

import numpy as np

from detector.evidence_capture import draw_box, encode_jpeg
from detector.geometry import FloatArray
from detector.health import blinds
from detector.observer import Eyes
from detector.perception import (
    BACKGROUND,
    PlateReader,
    VehicleDetector,
    open_detector,
    open_plate_reader,
)
from detector.score import (
    ClipScore,
    Episode,
    MemoryPublisher,
    MemoryStore,
    Setting,
    Truth,
    Verdict,
    Watched,
    camera_document,
    judge,
    memory_loop,
)
from detector.score.truth import Certainty, NotEvent, TruthEvent
from detector.settings import DetectorSettings
from detector.simulator import Condition, Situation, open_stage
from detector.simulator.stage import Stage
from detector.simulator.truth_file import TruthFault, tell_truth
from detector.sources import Frame
from detector.tracking import ByteTracker
from pipeline.events import (
    CameraDocument,
    CameraFault,
    CameraStatus,
    Event,
    LocalName,
    VehicleDeparted,
    ViolationSuspected,
    ZoneShape,
)

__all__ = [
    "FPS",
    "Part",
    "SceneOrder",
    "SceneResult",
    "expected",
    "hear_faults",
    "watch_scene",
]

FPS = 5.0
_START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
# A vehicle that stands this long beyond the dwell has to be found.
_SURE_S = 4.0
# The truth is told in tenths, a frame comes every two of them.
_INSTANT_S = 0.3
# So much later a fault may still be told.
_LINGERS_S = 5.0
_WHOLE = np.array([0.0, 0.0, 1.0, 1.0])


class Part(StrEnum):
    """Which table a scene belongs to."""

    SITUATIONS = "situations"
    FAULTS = "faults"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOrder:
    """What to watch; `lasts_s` of None stands for as long as the scene has something to show."""

    part: Part
    situation: Situation
    seed: int
    condition: Condition | None = None
    dwell_s: float = 10.0
    lasts_s: float | None = None

    @property
    def name(self) -> str:
        """What the scene is called in lines and in the names of pictures."""
        return f"{self.situation}-{self.condition or 'day'}-{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneResult:
    """How one scene came out.

    Attributes:
        waiting: How many vehicles truly stood without breaking a rule.
        events: Suspicions of the true stays that were found.
        delays_s: From the true stop to the suspicion, the dwell included.
        told_s: How long after its beginning the camera's fault was told; None where it was not.
        told_as: What was told of the camera then.
        failures: What went wrong, one line each.
        wall_s: How long watching it took.
    """

    order: SceneOrder
    lasts_s: float
    waiting: int
    truth: int
    found: int
    false: int
    events: int
    delays_s: tuple[float, ...]
    false_departures: int
    told_s: float | None
    told_as: tuple[str, ...]
    failures: tuple[str, ...]
    wall_s: float


class _Failure(NamedTuple):
    words: str
    at_s: float
    box: FloatArray = _WHOLE


def watch_scene(order: SceneOrder, weights: str, show: Path | None) -> SceneResult:
    """Show one scene to a camera's loop.

    Args:
        order: The scene.
        weights: The network; see `open_detector`.
        show: Folder for a drawn picture of each failure.
    """
    began_s = perf_counter()
    stage = open_stage(order.situation, order.seed, (order.condition,) if order.condition else ())
    lasts_s = stage.script.shown_s if order.lasts_s is None else order.lasts_s
    told = tell_truth(stage, name=order.name, fps=FPS, frames=round(lasts_s * FPS))
    truth = expected(
        Truth.model_validate(told.model_dump(mode="json", exclude_none=True)), order.dwell_s
    )
    events = _watch(stage, lasts_s, _document(truth, order), weights)
    episodes = {
        _episode(one): one.episode_id for one in events if isinstance(one, ViolationSuspected)
    }
    score = _judge(order, truth, tuple(episodes))
    left = list(_false_departures(events, score, truth, episodes))
    fault = told.faults[0] if told.faults else None
    told_s, told_as, wrong = hear_faults(_statuses(events), fault)
    failures = [*_failures(score, order), *left]
    if fault is not None and told_s is None:
        failures.append(_Failure(f"{fault.kind} not told", fault.start_s))
    failures += [_Failure(f"told {name}", at_s) for at_s, name in wrong]
    if show is not None:
        _draw(failures, stage, order, show)
    totals = score.types.values()
    return SceneResult(
        order=order,
        lasts_s=lasts_s,
        waiting=len(truth.not_events),
        truth=sum(one.truth for one in totals),
        found=sum(one.found for one in totals),
        false=sum(one.false for one in totals),
        events=sum(one.events for one in totals),
        delays_s=tuple(delay_s for one in totals for delay_s in one.delays_s),
        false_departures=len(left),
        told_s=told_s,
        told_as=told_as,
        failures=tuple(f"{order.name}: {_line(one)}" for one in failures),
        wall_s=perf_counter() - began_s,
    )


def expected(truth: Truth, dwell_s: float) -> Truth:
    """The truth of a camera with this dwell: who stands for less has done nothing wrong."""
    long, short = [], []
    for one in truth.events:
        stands_s = one.end_s - one.start_s
        if stands_s < dwell_s:
            short.append(NotEvent(id=one.id, start_s=one.start_s, end_s=one.end_s, box=one.box))
        elif stands_s < dwell_s + _SURE_S:
            long.append(one.model_copy(update={"certainty": Certainty.OPTIONAL}))
        else:
            long.append(one)
    return truth.model_copy(
        update={"events": tuple(long), "not_events": (*truth.not_events, *short)}
    )


def hear_faults(
    statuses: Sequence[tuple[float, frozenset[CameraFault]]], fault: TruthFault | None
) -> tuple[float | None, tuple[str, ...], list[tuple[float, str]]]:
    """How what was said of the camera answers to its one true fault.

    Args:
        statuses: Seconds of the scene, and the faults that blind the camera from then on.
        fault: What was wrong; None where nothing was.

    Returns:
        How long after the fault began it was told, as what, and what was told without a cause.
    """
    told_s, told_as, wrong = None, set[str](), []
    for at_s, faults in statuses:
        names = sorted(name.value for name in faults)
        if fault is None or not fault.start_s <= at_s <= fault.end_s + _LINGERS_S:
            wrong += [(at_s, name) for name in names]
        elif names:
            told_s = at_s - fault.start_s if told_s is None else told_s
            told_as |= set(names)
    return told_s, tuple(sorted(told_as)), wrong


def _frames(stage: Stage, lasts_s: float, camera_id: str) -> Iterator[Frame]:
    for n in range(round(lasts_s * FPS)):
        at_s = n / FPS
        if stage.has_picture(at_s):
            captured_at = _START + timedelta(seconds=at_s)
            yield Frame(camera_id=camera_id, image=stage.picture(at_s), captured_at=captured_at)


def _watch(
    stage: Stage, lasts_s: float, document: CameraDocument, weights: str
) -> tuple[Event, ...]:
    publisher = MemoryPublisher()
    detector, plate_reader = _open(weights)
    tracker = ByteTracker(document.analysed_fps)
    eyes = Eyes(detector=detector, tracker=tracker, plate_reader=plate_reader)
    with memory_loop(document, eyes, publisher, MemoryStore()) as loop:
        for frame in _frames(stage, lasts_s, document.camera_id):
            loop.step(frame)
        loop.ended()
    return tuple(publisher.events)


@cache
def _open(weights: str) -> tuple[VehicleDetector, PlateReader]:
    """The networks, opened once in each process."""
    # What the street looks like is learned anew in each scene.
    memory = None if weights == BACKGROUND else DetectorSettings().state_dir
    return open_detector(weights, memory=memory), open_plate_reader()


def _document(truth: Truth, order: SceneOrder) -> CameraDocument:
    """The camera with the place's zones; ordinary traffic waits on a roadway without stopping."""
    setting = Setting(dwell_s=order.dwell_s, analysed_fps=FPS)
    document = camera_document(truth, Path(order.name), setting)
    zones = list(document.zones)
    if order.part is Part.TRAFFIC:
        queue = next(one for one in truth.zones if one.kind == "queue")
        size_px = (truth.image.width, truth.image.height)
        zones.append(
            ZoneShape(
                zone_id="approach",
                name=LocalName(zh="approach", en="approach"),
                is_roadway=True,
                dwell_s=order.dwell_s,
                polygon=tuple((x / size_px[0], y / size_px[1]) for x, y in queue.polygon),
            )
        )
    return document.model_copy(
        update={"camera_id": order.name.replace("_", "-"), "zones": tuple(zones)}
    )


def _judge(order: SceneOrder, truth: Truth, episodes: Sequence[Episode]) -> ClipScore:
    types = Setting(dwell_s=order.dwell_s).types
    watched = Watched(episodes=tuple(episodes), frames=0, analysed_fps=FPS, wall_s=0, cpu_s=0)
    return judge(order.name, truth, watched, types)


def _episode(suspicion: ViolationSuspected) -> Episode:
    at_s, box = _second(suspicion.captured_at), np.array(suspicion.box)
    return Episode(
        violation_type=suspicion.violation_type.value,
        at_s=at_s,
        box=box,
        track=(),
        places=((at_s, box),),
        basis=suspicion.standing.basis.value if suspicion.standing else "",
        picture=b"",
    )


def _second(at: datetime) -> float:
    return (at - _START).total_seconds()


def _statuses(events: Sequence[Event]) -> list[tuple[float, frozenset[CameraFault]]]:
    return [
        (
            _second(one.captured_at),
            frozenset(fault for fault in one.faults if blinds(frozenset({fault}))),
        )
        for one in events
        if isinstance(one, CameraStatus)
    ]


def _failures(score: ClipScore, order: SceneOrder) -> Iterator[_Failure]:
    for one in score.findings:
        # A fault of the camera may hide a stay for too long.
        is_missed = one.verdict is Verdict.MISSED and order.part is not Part.FAULTS
        if is_missed or one.verdict in (Verdict.FALSE, Verdict.REPEATED):
            basis = one.episode.basis if one.episode else ""
            words = " ".join(filter(None, (one.verdict, one.violation_type, one.truth_id, basis)))
            yield _Failure(words, one.at_s, one.box)


def _false_departures(
    events: Sequence[Event], score: ClipScore, truth: Truth, episodes: Mapping[Episode, UUID]
) -> Iterator[_Failure]:
    """Where a vehicle was said to have left that stood there."""
    true: dict[str, TruthEvent] = {one.id: one for one in truth.events}
    of_episode = {
        episodes[one.episode]: (true[one.truth_id], one.box)
        for one in score.findings
        if one.episode is not None and one.truth_id in true
    }
    for event in events:
        if isinstance(event, VehicleDeparted) and event.episode_id in of_episode:
            stay, box = of_episode[event.episode_id]
            at_s = _second(event.captured_at)
            if at_s < stay.end_s - _INSTANT_S:
                yield _Failure(f"departed {event.kind} {stay.id}", at_s, box)


def _draw(failures: Sequence[_Failure], stage: Stage, order: SceneOrder, show: Path) -> None:
    show.mkdir(parents=True, exist_ok=True)
    for n, one in enumerate(failures, start=1):
        image = stage.picture(one.at_s).copy()
        draw_box(image, one.box * np.tile(image.shape[1::-1], 2))
        name = f"{order.name}-{n}-{one.words.replace(' ', '-')}.jpg"
        (show / name).write_bytes(encode_jpeg(image))


def _line(failure: _Failure) -> str:
    box = " ".join(f"{value:.3f}" for value in failure.box.tolist())
    return f"{failure.words} at {failure.at_s:.1f} s, box {box}"
