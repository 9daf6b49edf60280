"""The shapes drawn on a camera's picture: zones, lanes and masks.

Points are shares of the picture's width and height, origin top left, y down.
"""

from datetime import date, time
from enum import StrEnum
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.events.plate import PlateNumber
from pipeline.events.violation import LocalName, PlaceClass, VehicleClass, ViolationType

__all__ = ["Day", "Hours", "LaneShape", "MaskShape", "PointRatio", "ShapeId", "ZoneShape"]

MIN_AREA_RATIO = 0.001
_MIN_ARROW_RATIO = 0.01
_STANDING = frozenset(
    {
        ViolationType.PARKED,
        ViolationType.STOPPED_ON_CROSSING,
        ViolationType.BLOCKED_JUNCTION,
        ViolationType.EMERGENCY_LANE,
    }
)

Ratio = Annotated[float, Field(ge=0, le=1)]
PointRatio = tuple[Ratio, Ratio]
ShapeId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


def _side(a: PointRatio, b: PointRatio, c: PointRatio) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: PointRatio, b: PointRatio, c: PointRatio, d: PointRatio) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _drawable(points: tuple[PointRatio, ...]) -> tuple[PointRatio, ...]:
    edges = [(a, points[(i + 1) % len(points)]) for i, a in enumerate(points)]
    for (i, first), (j, second) in combinations(enumerate(edges), 2):
        if _cross(*first, *second):
            raise ValueError(f"the outline crosses itself: edge {i + 1} cuts edge {j + 1}")
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges)) / 2
    if area < MIN_AREA_RATIO:
        raise ValueError(f"area {area:.5f} of the picture, at least {MIN_AREA_RATIO} is needed")
    return points


Polygon = Annotated[tuple[PointRatio, ...], Field(min_length=3), AfterValidator(_drawable)]


class Day(StrEnum):
    """A day as a traffic sign tells days apart."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    HOLIDAY = "holiday"

    @classmethod
    def of(cls, on: date) -> Self:
        """The weekday of a date."""
        return list(cls)[on.weekday()]


class Hours(BaseModel):
    """Local hours on some days; an end before the beginning lies on the next day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: tuple[Day, ...] = Field(default=tuple(Day), min_length=1)
    begin: time
    end: time

    @model_validator(mode="after")
    def _begins(self) -> Self:
        if self.begin == self.end:
            raise ValueError(
                f"begin and end are both {self.begin:%H:%M}, so these hours never begin; "
                "give another end, or leave `hours` out for day and night"
            )
        return self


class ZoneShape(BaseModel):
    """Where, when and for which vehicles standing is a suspicion, and of what.

    Grace, strictness and caps are the rulebook's, by place class.

    Attributes:
        is_roadway: Vehicles drive through here, so that one at rest is held to wait in traffic
            until something shows that it does not.
        hours: When the zone is in force, in the camera's local time; without any, always.
        exempt_plates: Vehicles that may stand here, such as residents with a permit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone_id: ShapeId
    name: LocalName
    violation_type: ViolationType = ViolationType.PARKED
    place_class: PlaceClass = PlaceClass.ORDINARY
    is_roadway: bool = False
    hours: tuple[Hours, ...] = ()
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
    exempt_plates: tuple[str, ...] = ()
    polygon: Polygon

    @field_validator("violation_type")
    @classmethod
    def _a_rule_exists(cls, value: ViolationType) -> ViolationType:
        if value not in _STANDING:
            known = ", ".join(repr(one.value) for one in ViolationType if one in _STANDING)
            raise ValueError(f"no detector rule for {value!r} yet; this version knows {known}")
        return value

    @field_validator("exempt_plates")
    @classmethod
    def _in_one_spelling(cls, plates: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(PlateNumber.parse(plate).text for plate in plates)


class LaneShape(BaseModel):
    """Where vehicles drive, and which way: the arrow leads from its first point to its second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lane_id: ShapeId
    name: LocalName
    kind: Literal["general"] = "general"
    direction: tuple[PointRatio, PointRatio]
    polygon: Polygon

    @field_validator("direction")
    @classmethod
    def _points_somewhere(
        cls, arrow: tuple[PointRatio, PointRatio]
    ) -> tuple[PointRatio, PointRatio]:
        (x1, y1), (x2, y2) = arrow
        if max(abs(x2 - x1), abs(y2 - y1)) < _MIN_ARROW_RATIO:
            raise ValueError("the arrow has no length; give two points, from and to")
        return arrow


class MaskShape(BaseModel):
    """What is not looked at: a car park behind the fence, a screen, a reflection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mask_id: ShapeId
    name: LocalName
    polygon: Polygon
