"""What a camera saw of one vehicle: facts on the wire, never law."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pipeline.events.evidence import EvidenceRef
from pipeline.events.plate import PlateReading

__all__ = [
    "BoxRatio",
    "DepartureKind",
    "LocalName",
    "PlaceClass",
    "VehicleClass",
    "VehicleDeparted",
    "ViolationOngoing",
    "ViolationSuspected",
    "ViolationType",
]


class ViolationType(StrEnum):
    """What a camera can see; the legal act behind it is the rulebook's."""

    PARKED = "parked"
    STOPPED_ON_CROSSING = "stopped_on_crossing"
    BLOCKED_JUNCTION = "blocked_junction"
    WRONG_WAY = "wrong_way"
    BUS_LANE = "bus_lane"
    EMERGENCY_LANE = "emergency_lane"
    SOLID_LINE = "solid_line"
    WRONG_LANE = "wrong_lane"
    U_TURN = "u_turn"
    RED_LIGHT = "red_light"
    STOP_LINE_OVERHANG = "stop_line_overhang"
    NOT_YIELDING = "not_yielding"
    OVER_SPEED = "over_speed"
    CYCLE_LANE = "cycle_lane"


class PlaceClass(StrEnum):
    """The kind of place a zone covers; what follows from it is the rulebook's."""

    ORDINARY = "ordinary"
    STRICT = "strict"
    FIRE_LANE = "fire_lane"
    BUS_STOP = "bus_stop"
    TACTILE_PAVING = "tactile_paving"
    YELLOW_BOX = "yellow_box"
    EXPRESSWAY = "expressway"


class VehicleClass(StrEnum):
    """Road users a detector may tell apart; `vehicle` where it cannot."""

    CAR = "car"
    BUS = "bus"
    TRUCK = "truck"
    MOTORCYCLE = "motorcycle"
    BICYCLE = "bicycle"
    VEHICLE = "vehicle"


class LocalName(BaseModel):
    """A name in both languages of the product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class DepartureKind(StrEnum):
    """How the camera knows that the vehicle left."""

    DROVE_OFF = "drove_off"
    PLACE_EMPTY = "place_empty"


Ratio = Annotated[float, Field(ge=0, le=1)]
BoxRatio = tuple[Ratio, Ratio, Ratio, Ratio]
"""x1, y1, x2, y2 as shares of the picture's width and height, origin top left, y down."""


class _AboutEpisode(BaseModel):
    """Fields of every event about one episode; unknown fields are ignored on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: str
    episode_id: UUID
    captured_at: AwareDatetime


class ViolationSuspected(_AboutEpisode):
    """A rule of the detector fired; nothing is proven.

    `stood_since_at` is when the vehicle came to rest, `observed_s` how long it was truly seen at
    rest, `moved_ratio` how far it moved meanwhile as a share of its own box size.
    """

    type: Literal["ViolationSuspected"] = "ViolationSuspected"
    violation_type: ViolationType
    zone_id: str
    zone_name: LocalName
    zone_version: int = Field(ge=1)
    place_class: PlaceClass
    vehicle_class: VehicleClass
    stood_since_at: AwareDatetime
    observed_s: float = Field(ge=0)
    dwell_limit_s: float = Field(gt=0)
    moved_ratio: float = Field(ge=0)
    box: BoxRatio
    plate: PlateReading
    panorama: EvidenceRef
    crop: EvidenceRef
    drawn: EvidenceRef
    detector_version: str
    model_version: str


class ViolationOngoing(_AboutEpisode):
    """A sighting: the same vehicle was seen again in the same place, with a fresh panorama."""

    type: Literal["ViolationOngoing"] = "ViolationOngoing"
    observed_s: float = Field(ge=0)
    moved_ratio: float = Field(ge=0)
    box: BoxRatio
    plate: PlateReading
    panorama: EvidenceRef
    drawn: EvidenceRef


class VehicleDeparted(_AboutEpisode):
    """The camera saw the vehicle leave; `left_at` is when it was last seen in its place."""

    type: Literal["VehicleDeparted"] = "VehicleDeparted"
    left_at: AwareDatetime
    kind: DepartureKind
