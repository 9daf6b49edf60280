"""The shared camera document, and what a camera says of itself."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from pipeline.events.shapes import Day, LaneShape, MaskShape, ShapeId, ZoneShape
from pipeline.events.violation import LocalName

__all__ = ["CameraDocument", "CameraFault", "CameraState", "CameraStatus", "SitePlace"]


def _known_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}; use a name such as Asia/Shanghai")
    return name


TimeZoneName = Annotated[str, AfterValidator(_known_time_zone)]


class SitePlace(BaseModel):
    """Where a camera looks, in words for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    road: LocalName
    direction: LocalName | None = None


class CameraDocument(BaseModel):
    """One camera: where it stands, where its pictures come from, and the shapes drawn on them.

    `source` is a video file, a folder of pictures, the rtsp:// address of a live stream, or
    `simulator:SCENARIO`; `sub_source` is the same camera's smaller stream. `recorded_at` is the
    instant of a recording's first picture; without it the recording's own date counts, else it ends
    at the moment it is opened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera_id: ShapeId
    name: LocalName
    place: SitePlace
    time_zone: TimeZoneName = "Asia/Shanghai"
    source: str | None = Field(default=None, min_length=1)
    sub_source: str | None = Field(default=None, min_length=1)
    recorded_at: AwareDatetime | None = None
    analysed_fps: float = Field(default=5.0, gt=0, le=60)
    version: int = Field(default=1, ge=1)
    calendar: dict[date, Day] = Field(default_factory=dict)
    zones: tuple[ZoneShape, ...] = Field(min_length=1)
    lanes: tuple[LaneShape, ...] = ()
    masks: tuple[MaskShape, ...] = ()

    @model_validator(mode="after")
    def _shapes_have_their_own_ids(self) -> "CameraDocument":
        seen: dict[str, str] = {}
        for place, shape_id in self._shape_ids():
            if shape_id in seen:
                raise ValueError(
                    f"{place}: {shape_id!r} is the name of {seen[shape_id]} too; give it its own"
                )
            seen[shape_id] = place
        return self

    def _shape_ids(self) -> Iterator[tuple[str, str]]:
        yield from ((f"zones.{i}.zone_id", one.zone_id) for i, one in enumerate(self.zones))
        yield from ((f"lanes.{i}.lane_id", one.lane_id) for i, one in enumerate(self.lanes))
        yield from ((f"masks.{i}.mask_id", one.mask_id) for i, one in enumerate(self.masks))


class CameraState(StrEnum):
    """What a detector can say of a camera's stream."""

    ONLINE = "online"
    LOST = "lost"
    IMPAIRED = "impaired"
    ENDED = "ended"
    HELD = "held"


class CameraFault(StrEnum):
    """Why pictures cannot be judged; what each of them makes impossible is the detector's."""

    VIEW_MOVED = "view_moved"
    LENS_DIRTY = "lens_dirty"
    DAZZLED = "dazzled"
    FROZEN = "frozen"
    TOO_DARK = "too_dark"
    PLATE_TOO_SMALL = "plate_too_small"
    CLOCK_WRONG = "clock_wrong"


class CameraStatus(BaseModel):
    """A change in what the camera can see; while it is not `online`, its silence means nothing.

    `impaired` says that pictures come but cannot be judged, `held` that events wait because
    evidence cannot be stored. `faults` may stand beside any state: a plate that is too small to
    read hinders reminders, not sight.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["CameraStatus"] = "CameraStatus"
    camera_id: str
    captured_at: AwareDatetime
    state: CameraState
    faults: tuple[CameraFault, ...] = ()
    reason: str = ""
