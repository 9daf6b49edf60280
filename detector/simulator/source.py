"""The drawn street as a source of frames, and its wall-clock pace for the demo."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from detector.errors import SourceError, SourceLostError
from detector.geometry import ImageArray
from detector.simulator.clip import open_stage, parse_conditions
from detector.simulator.conditions import Condition
from detector.simulator.scenarios import Scenario, draw_scene
from detector.simulator.situations import Situation
from detector.sources import Frame, FrameSource
from pipeline.events.camera import CameraDocument

__all__ = ["DrawnScene", "PacedSource", "SceneClock", "SimulatedSource", "open_simulator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneClock:
    """The two instants that decide what a scene shows.

    Attributes:
        started_at: When the scene began.
        signalled_at: When its driver was first told to leave; None while he was not.
    """

    started_at: datetime
    signalled_at: datetime | None = None


class DrawnScene(Protocol):
    """A scene that can be drawn at any second since it began."""

    @property
    def is_lost_on_signal(self) -> bool:
        """Whether the picture stops for good when the driver is told to leave."""
        ...

    def has_picture(self, at_s: float, /) -> bool:
        """Whether the camera delivers what it sees at an instant."""
        ...

    def picture(self, at_s: float, signalled_at_s: float | None, /) -> ImageArray:
        """What it sees, when the driver was told to leave at `signalled_at_s`."""
        ...


class SimulatedSource:
    """Frames of one scene without waiting; frame k comes k / frames_per_s after the start."""

    def __init__(
        self,
        *,
        camera_id: str,
        scene: DrawnScene,
        clock: SceneClock,
        leave_signal: Callable[[], bool],
        keep: Callable[[SceneClock], None] | None = None,
        frames_per_s: float = 8.0,
    ) -> None:
        """A scene from its start.

        Args:
            camera_id: Written on each frame.
            scene: What is drawn.
            clock: When it began, and whether its driver was told to leave in an earlier life.
            leave_signal: Asked once for each frame; true when the driver was told to leave.
            keep: Called when the signal is first seen, with the clock to start from next time.
            frames_per_s: How often a picture is taken.
        """
        self._camera_id = camera_id
        self._scene = scene
        self._clock = clock
        self._leave_signal = leave_signal
        self._keep = keep
        self._frames_per_s = frames_per_s
        self._next = 0

    def frames(self) -> Iterator[Frame]:
        """Frames for as long as they are asked for; a second call goes on where the first stopped.

        Raises:
            SourceLostError: the scene's camera has dropped out, for good.
        """
        while True:
            k = self.delivered(self._next)
            self._next = k + 1
            yield self.frame(k)

    def delivered(self, k: int) -> int:
        """The first frame from `k` on that the camera delivers."""
        while not self._scene.has_picture(k / self._frames_per_s):
            k += 1
        return k

    def captured_at(self, k: int) -> datetime:
        """When frame `k` is captured."""
        return self._clock.started_at + timedelta(seconds=k / self._frames_per_s)

    def due(self, now: datetime) -> int:
        """The newest frame that is captured by `now`."""
        return int((now - self._clock.started_at).total_seconds() * self._frames_per_s)

    def frame(self, k: int) -> Frame:
        """Draw frame `k`.

        Raises:
            SourceLostError: the scene's camera has dropped out, for good.
        """
        captured_at = self.captured_at(k)
        signalled_at = self._signalled_at(captured_at)
        if signalled_at is not None and self._scene.is_lost_on_signal:
            raise SourceLostError(f"camera {self._camera_id}: the picture stopped")
        signalled_at_s = (
            None
            if signalled_at is None
            else (signalled_at - self._clock.started_at).total_seconds()
        )
        image = self._scene.picture(k / self._frames_per_s, signalled_at_s)
        return Frame(camera_id=self._camera_id, image=image, captured_at=captured_at)

    def _signalled_at(self, now: datetime) -> datetime | None:
        if self._clock.signalled_at is None and self._leave_signal():
            self._clock = SceneClock(started_at=self._clock.started_at, signalled_at=now)
            if self._keep is not None:
                self._keep(self._clock)
        return self._clock.signalled_at


class PacedSource:
    """Gives a scene's frames when their time has come; frames it has no time for are left out."""

    def __init__(
        self,
        open_scene: Callable[[], SimulatedSource],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        """Nothing is opened before the first frame is asked for.

        Args:
            open_scene: Draws the scene and starts its clock.
            now: The wall clock, aware UTC.
            sleep: Waits for a number of seconds.
        """
        self._open_scene = open_scene
        self._now = now
        self._sleep = sleep
        self._scene: SimulatedSource | None = None
        self._next = 0

    def frames(self) -> Iterator[Frame]:
        """Frames in real time, for as long as they are asked for.

        Raises:
            SourceLostError: the scene's camera has dropped out, for good.
        """
        if self._scene is None:
            self._scene = self._open_scene()
        scene = self._scene
        while True:
            k = scene.delivered(max(scene.due(self._now()), self._next))
            wait_s = (scene.captured_at(k) - self._now()).total_seconds()
            if wait_s > 0:
                self._sleep(wait_s)
            self._next = k + 1
            yield scene.frame(k)


def open_simulator(
    document: CameraDocument,
    *,
    leave_signal: Callable[[], bool],
    state_dir: Path | None = None,
    # The demo's street lives by the wall clock like a real camera; tests hand in their own.
    now: Callable[[], datetime] = lambda: datetime.now(UTC),  # noqa: TID251
    sleep: Callable[[float], None] = time.sleep,
) -> FrameSource:
    """Open a camera document whose source reads `simulator:SCENARIO?seed=N&conditions=A,B`.

    Args:
        document: The camera.
        leave_signal: True when the driver was told to leave.
        state_dir: Where the scene's start is kept, so that a detector that comes back finds the
            same street at the right time; None keeps nothing.
        now: The wall clock, aware UTC.
        sleep: Waits for a number of seconds.

    Raises:
        SourceError: the source names no scene, or its kept start cannot be read.
    """
    draw = _parse(document)
    path = None if state_dir is None else state_dir / f"{document.camera_id}.scene.json"
    known = None if path is None else _load(path)

    def keep(clock: SceneClock) -> None:
        if path is not None:
            _save(path, clock)

    def open_scene() -> SimulatedSource:
        scene = draw()
        # The clock starts when the street is there: nobody may miss its first, empty seconds.
        clock = known or SceneClock(started_at=now())
        if known is None:
            keep(clock)
        return SimulatedSource(
            camera_id=document.camera_id,
            scene=scene,
            clock=clock,
            leave_signal=leave_signal,
            keep=keep,
        )

    return PacedSource(open_scene, now=now, sleep=sleep)


def _parse(document: CameraDocument) -> Callable[[], DrawnScene]:
    """What draws the scene that a camera's source names."""
    source = urlsplit(document.source or "")
    where = f"camera {document.camera_id}: source {document.source!r}"
    if source.scheme != "simulator":
        raise SourceError(f"{where} is not of the form simulator:SCENARIO?seed=N")
    names = [*Scenario, *Situation]
    if source.path not in names:
        raise SourceError(f"{where}: no such scene; there are {', '.join(names)}")
    options = dict(parse_qsl(source.query, keep_blank_values=True))
    seed = options.pop("seed", "0")
    conditions = _conditions(where, options.pop("conditions", ""))
    if options:
        known = "seed and conditions"
        raise SourceError(f"{where}: unknown option {', '.join(options)}; there are {known}")
    if not (seed.isascii() and seed.isdigit()):
        raise SourceError(f"{where}: seed {seed!r} is not a whole number of 0 or more")
    if source.path in list(Situation):
        return partial(open_stage, Situation(source.path), int(seed), conditions)
    if conditions:
        raise SourceError(f"{where}: {source.path} has no conditions; leave them out")
    return partial(draw_scene, source.path, int(seed))


def _conditions(where: str, text: str) -> tuple[Condition, ...]:
    try:
        return parse_conditions(text)
    except SourceError as exc:
        raise SourceError(f"{where}: {exc}") from exc


def _load(path: Path) -> SceneClock | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        signalled_at = kept["signalled_at"]
        return SceneClock(
            started_at=datetime.fromisoformat(kept["started_at"]),
            signalled_at=None if signalled_at is None else datetime.fromisoformat(signalled_at),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise SourceError(f"{path}: not the start of a scene; delete it to begin anew") from exc


def _save(path: Path, clock: SceneClock) -> None:
    signalled_at = None if clock.signalled_at is None else clock.signalled_at.isoformat()
    kept = {"started_at": clock.started_at.isoformat(), "signalled_at": signalled_at}
    draft = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(json.dumps(kept), encoding="utf-8")
    draft.replace(path)
