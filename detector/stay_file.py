"""The open stays of one camera on disk, so that a restart goes on with the same episodes.

One JSON file per camera, replaced as a whole; it holds plate texts and is for its owner only.
"""

import logging
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

import numpy as np
from pydantic import AwareDatetime, BaseModel, ValidationError

from detector.appearance import Look
from detector.errors import StateFileError
from detector.geometry import FloatArray
from detector.health import Reference
from detector.stays import Departure, Stay
from detector.traffic import Counts
from pipeline.events import DepartureKind, UnseenSpan, VehicleClass

__all__ = ["CameraMemory", "Recording", "StayFile"]

log = logging.getLogger(__name__)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Which recording a loop looks at; a live camera has none."""

    name: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMemory:
    """What a camera's loop must know to go on after a restart.

    Attributes:
        recording: Which recording it was looking at; None for a live camera.
        started_at: When that recording starts; None for a live camera.
        seen_until_at: Frames up to this instant are in it already.
        picture_px: Width and height of the pictures that the stays are measured in.
        version: Of the camera's document; a later one may be drawn on another view.
        departures: Vehicles that left, as far as the bus does not know it yet.
        flow: Where vehicles drive, the counts of a `FlowMap`; None when it is not known yet.
        reference: What the camera sees when it stands as it should; None when not known yet.
    """

    recording: str | None
    started_at: AwareDatetime | None
    seen_until_at: AwareDatetime
    picture_px: tuple[int, int]
    version: int = 1
    stays: tuple[Stay, ...]
    departures: tuple[Departure, ...] = ()
    flow: Counts | None = None
    reference: Reference | None = None

    def not_after(self, now: datetime) -> "CameraMemory":
        """The memory with no instant of an open stay after `now`."""
        return replace(self, stays=tuple(stay.not_after(now) for stay in self.stays))


class _SavedLook(BaseModel):
    patch: str
    surroundings: str


class _SavedStay(BaseModel):
    episode_id: UUID
    vehicle_class: VehicleClass
    place_px: Box
    box_px: Box
    stood_since_at: AwareDatetime
    last_seen_at: AwareDatetime
    observed_s: float
    unseen: tuple[UnseenSpan, ...] = ()
    heading: tuple[float, float] | None = None
    passed_by: int = 0
    moved_ratio: float
    zone_id: str | None
    evidence_at: AwareDatetime | None
    plate_texts: tuple[str, ...]
    plate_tries: int
    check_texts: tuple[str, ...] | None = None
    saved_look: _SavedLook | None = None
    saved_first_look: _SavedLook | None = None


class _SavedDeparture(BaseModel):
    stay: _SavedStay
    kind: DepartureKind
    seen_at: AwareDatetime


class _SavedFlow(BaseModel):
    rows: int
    counts: str


class _SavedMemory(BaseModel):
    version: int = 1
    recording: str | None
    started_at: AwareDatetime | None
    seen_until_at: AwareDatetime
    picture_px: tuple[int, int]
    camera_version: int = 1
    stays: tuple[_SavedStay, ...]
    departures: tuple[_SavedDeparture, ...]
    flow: _SavedFlow | None = None
    reference: str | None = None


class StayFile:
    """Reads and replaces one camera's file."""

    def __init__(self, path: Path) -> None:
        """Use `path`; its folder is made when first needed."""
        self._path = path

    def load(self) -> CameraMemory | None:
        """What was saved last; None when there is nothing.

        Raises:
            StateFileError: the file cannot be read or understood.
        """
        try:
            saved = _SavedMemory.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StateFileError(f"{self._path}: {exc.strerror}; make it readable") from exc
        except ValidationError as exc:
            raise StateFileError(
                f"{self._path}: not a file of open stays ({exc.error_count()} errors); move it "
                "away to begin without open stays"
            ) from exc
        return CameraMemory(
            recording=saved.recording,
            started_at=saved.started_at,
            seen_until_at=saved.seen_until_at,
            picture_px=saved.picture_px,
            version=saved.camera_version,
            stays=tuple(_load_stay(stay) for stay in saved.stays),
            departures=tuple(
                Departure(stay=_load_stay(one.stay), kind=one.kind, seen_at=one.seen_at)
                for one in saved.departures
            ),
            flow=_load_flow(saved.flow) if saved.flow else None,
            reference=Reference.from_png(b64decode(saved.reference)) if saved.reference else None,
        )

    def load_for(self, recording: Recording | None) -> CameraMemory | None:
        """What was saved last, when it is about the same recording or about a live camera too.

        Raises:
            StateFileError: the file cannot be read or understood.
        """
        memory = self.load()
        if memory is None:
            return None
        name, started_at = (recording.name, recording.started_at) if recording else (None, None)
        if (memory.recording, memory.started_at) == (name, started_at):
            return memory
        log.warning("open stays of another recording are left behind")
        return None

    def save(self, memory: CameraMemory) -> None:
        """Replace the file; after a crash there is the old one or the new one, whole.

        Raises:
            StateFileError: the old file stands.
        """
        saved = _SavedMemory(
            recording=memory.recording,
            started_at=memory.started_at,
            seen_until_at=memory.seen_until_at,
            picture_px=memory.picture_px,
            camera_version=memory.version,
            stays=_save_stays(memory.stays),
            departures=tuple(
                _SavedDeparture(stay=_save_stays([one.stay])[0], kind=one.kind, seen_at=one.seen_at)
                for one in memory.departures
            ),
            flow=None if memory.flow is None else _save_flow(memory.flow),
            reference=b64encode(memory.reference.as_png()).decode() if memory.reference else None,
        )
        try:
            self._replace(saved.model_dump_json().encode())
        except OSError as exc:
            raise StateFileError(
                f"{self._path}: {exc.strerror}; make room or allow writing, events wait until then"
            ) from exc

    def forget(self) -> None:
        """Remove the file: the recording it belongs to was seen to its end.

        Raises:
            StateFileError: the file cannot be removed.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as exc:
            raise StateFileError(f"{self._path}: {exc.strerror}; remove it by hand") from exc

    def _replace(self, content: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The temporary file is readable by its owner only, and so is what it becomes.
        with NamedTemporaryFile(dir=self._path.parent, prefix=".new-", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(self._path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise


def _save_stays(stays: Sequence[Stay]) -> tuple[_SavedStay, ...]:
    return tuple(
        _SavedStay(
            episode_id=stay.episode_id,
            vehicle_class=stay.vehicle_class,
            place_px=_box(stay.place_px),
            box_px=_box(stay.box_px),
            stood_since_at=stay.stood_since_at,
            last_seen_at=stay.last_seen_at,
            observed_s=stay.observed_s,
            unseen=stay.unseen,
            heading=None if stay.heading is None else (stay.heading[0], stay.heading[1]),
            passed_by=stay.passed_by,
            moved_ratio=stay.moved_ratio,
            zone_id=stay.zone_id,
            evidence_at=stay.evidence_at,
            plate_texts=stay.plate_texts,
            plate_tries=stay.plate_tries,
            check_texts=stay.check_texts,
            saved_look=_save_look(stay.look) if stay.look else None,
            saved_first_look=_save_look(stay.first_look) if stay.first_look else None,
        )
        for stay in stays
    )


def _load_stay(saved: _SavedStay) -> Stay:
    return Stay(
        episode_id=saved.episode_id,
        vehicle_class=saved.vehicle_class,
        place_px=np.array(saved.place_px),
        box_px=np.array(saved.box_px),
        stood_since_at=saved.stood_since_at,
        last_seen_at=saved.last_seen_at,
        observed_s=saved.observed_s,
        unseen=saved.unseen,
        heading=None if saved.heading is None else np.array(saved.heading),
        passed_by=saved.passed_by,
        moved_ratio=saved.moved_ratio,
        look=_load_look(saved.saved_look) if saved.saved_look else None,
        first_look=_load_look(saved.saved_first_look) if saved.saved_first_look else None,
        zone_id=saved.zone_id,
        evidence_at=saved.evidence_at,
        plate_texts=saved.plate_texts,
        plate_tries=saved.plate_tries,
        check_texts=saved.check_texts,
    )


def _box(xyxy_px: FloatArray) -> Box:
    x1, y1, x2, y2 = (float(value) for value in xyxy_px)
    return x1, y1, x2, y2


def _save_look(look: Look) -> _SavedLook:
    return _SavedLook(
        patch=b64encode(look.patch.tobytes()).decode(),
        surroundings=b64encode(look.surroundings.astype(np.float16).tobytes()).decode(),
    )


def _load_look(saved: _SavedLook) -> Look:
    patch = np.frombuffer(b64decode(saved.patch), dtype=np.uint8)
    surroundings = np.frombuffer(b64decode(saved.surroundings), dtype=np.float16)
    return Look(
        patch=patch.reshape(Look.PATCH_SHAPE),
        surroundings=surroundings.astype(np.float64).reshape(Look.SURROUNDINGS_SHAPE),
    )


def _save_flow(counts: Counts) -> _SavedFlow:
    content = counts.astype(np.float16).tobytes()
    return _SavedFlow(rows=len(counts), counts=b64encode(content).decode())


def _load_flow(saved: _SavedFlow) -> Counts:
    counts = np.frombuffer(b64decode(saved.counts), np.float16).reshape(saved.rows, -1)
    return counts.astype(np.float32)
