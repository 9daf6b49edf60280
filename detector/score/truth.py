"""A truth file: what people drew on a clip and saw happen in it; and the camera it makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.errors import TruthFileError
from pipeline.errors import findings
from pipeline.events import (
    CameraDocument,
    LaneShape,
    LocalName,
    MaskShape,
    SitePlace,
    ViolationType,
    ZoneShape,
)

__all__ = [
    "JUDGED_TYPES",
    "Certainty",
    "NotEvent",
    "Setting",
    "Truth",
    "TruthEvent",
    "camera_document",
    "clip_name",
    "load_truth",
]

_TYPE_OF_KIND = {
    "no_stopping": ViolationType.PARKED,
    "crosswalk": ViolationType.STOPPED_ON_CROSSING,
    "yellow_box": ViolationType.BLOCKED_JUNCTION,
    "junction_box": ViolationType.BLOCKED_JUNCTION,
    "emergency_lane": ViolationType.EMERGENCY_LANE,
}
JUDGED_TYPES: tuple[ViolationType, ...] = tuple(dict.fromkeys(_TYPE_OF_KIND.values()))
"""What the detector has rules for: the types that are held against the truth unless told."""

_LANE_KINDS = frozenset({"lane_direction", "lane_approach", "roadway"})
_ARROW_RATIO = 0.1
_WHOLE_PICTURE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
# Any instant will do: the zones of a truth file are in force day and night.
_RECORDED_AT = datetime(2026, 1, 1, tzinfo=UTC)

Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Certainty(StrEnum):
    """How sure the people were; what is optional counts neither way."""

    CERTAIN = "certain"
    LIKELY = "likely"
    OPTIONAL = "optional"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Image(_Part):
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class TruthZone(_Part):
    """What people drew, in pixels; `direction` is the lawful way as x and y, y down."""

    id: str = Field(min_length=1)
    kind: str
    polygon: tuple[Point, ...] = ()
    direction: Point | None = None


class _Happening(_Part):
    """Something between two seconds of the clip."""

    id: str
    start_s: float
    end_s: float
    box: Box
    certainty: Certainty = Certainty.CERTAIN

    @property
    def is_counted(self) -> bool:
        """Whether it counts for or against the detector."""
        return self.certainty is not Certainty.OPTIONAL


class TruthEvent(_Happening):
    """What must be found; `box`, in pixels, is true at `box_at_s`."""

    type: str
    box_at_s: float


class NotEvent(_Happening):
    """What must stay silent, within `box`, in pixels."""


class Truth(_Part):
    """What people know of one clip; boxes and polygons are in pixels of a picture of `image`.

    Attributes:
        file: The clip's name beside the truth file; by default named like it.
    """

    file: str | None = None
    image: _Image
    zones: tuple[TruthZone, ...] = ()
    events: tuple[TruthEvent, ...]
    not_events: tuple[NotEvent, ...] = ()

    @model_validator(mode="after")
    def _zones_lie_in_the_picture(self) -> Self:
        width, height = self.image.width, self.image.height
        for i, zone in enumerate(self.zones):
            for j, (x, y) in enumerate(zone.polygon):
                if not (0 <= x <= width and 0 <= y <= height):
                    raise ValueError(
                        f"zones.{i}.polygon.{j}: ({x:g}, {y:g}) lies outside the picture of "
                        f"{width} x {height} pixels; draw the zone inside it"
                    )
        return self

    @model_validator(mode="after")
    def _lanes_lead_somewhere(self) -> Self:
        for i, zone in enumerate(self.zones):
            is_missing = zone.kind == "lane_direction" and zone.direction is None
            if is_missing or zone.direction == (0, 0):
                raise ValueError(
                    f"zones.{i}.direction: {zone.id!r} leads nowhere; give the way as [dx, dy]"
                )
        return self

    @model_validator(mode="after")
    def _names_are_their_own(self) -> Self:
        for name, ids in (
            ("zones", [one.id for one in self.zones]),
            ("events", [one.id for one in self.events]),
        ):
            for i, one in enumerate(ids):
                if one in ids[:i]:
                    raise ValueError(f"{name}.{i}.id: {one!r} stands twice; give it its own")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a clip is looked at.

    Attributes:
        is_everywhere: The whole picture is one roadway where stopping is forbidden, so that every
            wrong stop shows; nothing is known of kerbs, queues and lanes.
    """

    dwell_s: float = 5.0
    analysed_fps: float = 5.0
    is_everywhere: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """The types that can be found in this setting."""
        judged = (ViolationType.PARKED,) if self.is_everywhere else JUDGED_TYPES
        return tuple(one.value for one in judged)

    @property
    def words(self) -> str:
        """The setting in words."""
        zones = "stopping forbidden everywhere" if self.is_everywhere else "the clips' own zones"
        return f"{zones}, dwell {self.dwell_s:g} s, {self.analysed_fps:g} pictures a second"


def load_truth(path: Path) -> tuple[Truth, Path]:
    """Read a truth file; returns it with the clip beside it.

    Raises:
        TruthFileError: there is no such file or no clip, or it says something impossible; one line
            per finding, each with the place in the file.
    """
    try:
        truth = Truth.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise TruthFileError(f"{path}: {exc.strerror}; give the path of a truth file") from exc
    except ValidationError as exc:
        raise TruthFileError(findings(exc, str(path))) from exc
    clip = path.parent / (truth.file or f"{clip_name(path)}.mp4")
    if not clip.is_file():
        raise TruthFileError(f"{path}: no clip {clip.name} beside it; put it there")
    return truth, clip


def clip_name(path: Path) -> str:
    """What a truth file's clip is called in tables."""
    return path.name.removesuffix(".json").removesuffix(".truth")


def camera_document(truth: Truth, path: Path, setting: Setting) -> CameraDocument:
    """The camera that a person would set up with what the truth file at `path` draws.

    Raises:
        TruthFileError: something drawn there cannot be a zone; one line per finding.
    """
    name = LocalName(zh=clip_name(path), en=clip_name(path))
    shapes = list(_shapes(truth, path, setting))
    zones = tuple(one for one in shapes if isinstance(one, ZoneShape))
    everywhere = ZoneShape(
        zone_id="everywhere",
        name=name,
        is_roadway=True,
        dwell_s=setting.dwell_s,
        polygon=_WHOLE_PICTURE,
    )
    document = CameraDocument(
        camera_id="clip",
        name=name,
        place=SitePlace(road=name),
        recorded_at=_RECORDED_AT,
        analysed_fps=setting.analysed_fps,
        zones=(everywhere,),
        lanes=tuple(one for one in shapes if isinstance(one, LaneShape)),
        masks=tuple(one for one in shapes if isinstance(one, MaskShape)),
    )
    # A camera without zones is refused as a mistake; a clip may have none.
    return document if setting.is_everywhere else document.model_copy(update={"zones": zones})


def _shapes(
    truth: Truth, path: Path, setting: Setting
) -> Iterator[ZoneShape | LaneShape | MaskShape]:
    for i, zone in enumerate(truth.zones):
        try:
            shape = _shape(zone, f"zone-{i}", truth.image, setting)
        except ValidationError as exc:
            raise TruthFileError(findings(exc, f"{path}: zones.{i}")) from exc
        if shape is not None and (isinstance(shape, MaskShape) or not setting.is_everywhere):
            yield shape


def _shape(
    zone: TruthZone, shape_id: str, image: _Image, setting: Setting
) -> ZoneShape | LaneShape | MaskShape | None:
    name = LocalName(zh=zone.id, en=zone.id)
    polygon = tuple((x / image.width, y / image.height) for x, y in zone.polygon)
    if zone.kind == "ignore":
        return MaskShape(mask_id=shape_id, name=name, polygon=polygon)
    if zone.kind in _LANE_KINDS and zone.direction is not None:
        arrow = _arrow(polygon, zone.direction, image)
        return LaneShape(lane_id=shape_id, name=name, direction=arrow, polygon=polygon)
    if zone.kind in _TYPE_OF_KIND:
        return ZoneShape(
            zone_id=shape_id,
            name=name,
            violation_type=_TYPE_OF_KIND[zone.kind],
            dwell_s=setting.dwell_s,
            polygon=polygon,
        )
    return None


def _arrow(polygon: tuple[Point, ...], direction: Point, image: _Image) -> tuple[Point, Point]:
    """From the polygon's centre in its direction, moved as far as it must be to fit the picture."""
    way_ratio = np.array(direction) / [image.width, image.height]
    step = _ARROW_RATIO * way_ratio / np.linalg.norm(way_ratio)
    centre = np.mean(polygon, axis=0) if polygon else np.full(2, 0.5)
    begin = np.clip(centre, np.maximum(0, -step), np.minimum(1, 1 - step))
    (x1, y1), (x2, y2) = begin.tolist(), np.clip(begin + step, 0, 1).tolist()
    return (x1, y1), (x2, y2)
