"""The shared camera document, and what a camera says of itself."""

from enum import StrEnum
from itertools import combinations
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from pipeline.events.violation import LocalName, PlaceClass, VehicleClass, ViolationType

__all__ = [
    "CameraDocument",
    "CameraState",
    "CameraStatus",
    "SitePlace",
    "ZoneShape",
]

MIN_ZONE_AREA_RATIO = 0.001

Ratio = Annotated[float, Field(ge=0, le=1)]
PointRatio = tuple[Ratio, Ratio]


def _known_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}; use a name such as Asia/Shanghai")
    return name


TimeZoneName = Annotated[str, AfterValidator(_known_time_zone)]


def _side(a: PointRatio, b: PointRatio, c: PointRatio) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: PointRatio, b: PointRatio, c: PointRatio, d: PointRatio) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


class ZoneShape(BaseModel):
    """One zone as drawn: a polygon in shares of the picture, origin top left, y down.

    Where, when and which vehicles; grace, strictness and caps are the rulebook's, by place class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone_id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: LocalName
    violation_type: ViolationType = ViolationType.PARKED
    place_class: PlaceClass = PlaceClass.ORDINARY
    dwell_s: float = Field(gt=0, le=86400)
    sighting_every_s: float = Field(default=20, gt=0, le=3600)
    vehicle_classes: tuple[VehicleClass, ...] = Field(
        default=(
            VehicleClass.CAR,
            VehicleClass.BUS,
            VehicleClass.TRUCK,
            VehicleClass.VEHICLE,
        ),
        min_length=1,
    )
    polygon: tuple[PointRatio, ...] = Field(min_length=3)

    @field_validator("violation_type")
    @classmethod
    def _a_rule_exists(cls, value: ViolationType) -> ViolationType:
        if value is not ViolationType.PARKED:
            raise ValueError(f"no detector rule for {value!r} yet; this version knows 'parked'")
        return value

    @field_validator("polygon")
    @classmethod
    def _drawable(cls, points: tuple[PointRatio, ...]) -> tuple[PointRatio, ...]:
        edges = [(a, points[(i + 1) % len(points)]) for i, a in enumerate(points)]
        for (i, first), (j, second) in combinations(enumerate(edges), 2):
            if _cross(*first, *second):
                raise ValueError(f"the outline crosses itself: edge {i + 1} cuts edge {j + 1}")
        area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges)) / 2
        if area < MIN_ZONE_AREA_RATIO:
            raise ValueError(
                f"area {area:.5f} of the picture, at least {MIN_ZONE_AREA_RATIO} is needed"
            )
        return points


class SitePlace(BaseModel):
    """Where a camera looks, in words for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    road: LocalName
    direction: LocalName | None = None


class CameraDocument(BaseModel):
    """One camera: where it stands, where its pictures come from, and the shapes drawn on them.

    `source` is a file, or `simulator:SCENARIO`. `recorded_at` is the instant of a recording's first
    picture; without it the recording's own date counts, else it ends at the moment it is opened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera_id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: LocalName
    place: SitePlace
    time_zone: TimeZoneName = "Asia/Shanghai"
    source: str | None = Field(default=None, min_length=1)
    recorded_at: AwareDatetime | None = None
    analysed_fps: float = Field(default=5.0, gt=0, le=60)
    version: int = Field(default=1, ge=1)
    zones: tuple[ZoneShape, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _zones_have_their_own_ids(self) -> "CameraDocument":
        seen: set[str] = set()
        for zone in self.zones:
            if zone.zone_id in seen:
                raise ValueError(f"zones: two zones are called {zone.zone_id!r}")
            seen.add(zone.zone_id)
        return self


class CameraState(StrEnum):
    """What a detector can say of a camera's stream."""

    ONLINE = "online"
    LOST = "lost"
    ENDED = "ended"
    HELD = "held"


class CameraStatus(BaseModel):
    """A change in what the camera can see; while it is not `online`, its silence means nothing.

    `held` says that pictures come but events wait, because evidence cannot be stored.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["CameraStatus"] = "CameraStatus"
    camera_id: str
    captured_at: AwareDatetime
    state: CameraState
    reason: str = ""
