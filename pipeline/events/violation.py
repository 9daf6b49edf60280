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
    "NotWaiting",
    "PlaceClass",
    "StandingEvidence",
    "UnseenReason",
    "UnseenSpan",
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


class NotWaiting(StrEnum):
    """What shows that a vehicle at rest does not wait in traffic."""

    PLACE = "place"
    """Nobody waits in such a place, and nothing spoke for a queue."""
    BESIDE_TRAFFIC = "beside_traffic"
    """Traffic drove past its place, and never over it."""
    PASSED = "passed"
    """Vehicles of its own direction drove around it."""
    OUTLASTED = "outlasted"
    """It stood longer than traffic is held anywhere."""
    HELD_AHEAD = "held_ahead"
    """It entered though the road ahead was full: for places that must be kept clear."""


class UnseenReason(StrEnum):
    """Why a vehicle was not seen for a time; such time never counts against it."""

    HIDDEN = "hidden"
    MISSED = "missed"
    IMPAIRED = "impaired"
    NO_PICTURE = "no_picture"


class UnseenSpan(BaseModel):
    """A time in which a standing vehicle was not seen."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: AwareDatetime
    until: AwareDatetime
    reason: UnseenReason


class StandingEvidence(BaseModel):
    """Why a vehicle at rest is held to stand there and not to wait; numbers are vehicles.

    `drove_over` drove over its place before it came, `passed_by` drove past it while it stood.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    basis: NotWaiting
    passed_by: int = Field(default=0, ge=0)
    drove_over: int = Field(default=0, ge=0)
    is_arrival_seen: bool = False


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
    rest, `moved_ratio` how far it moved meanwhile as a share of its own box size. `unseen` are the
    longest times in which it was not seen since.
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
    unseen: tuple[UnseenSpan, ...] = ()
    standing: StandingEvidence | None = None
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
    unseen: tuple[UnseenSpan, ...] = ()
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
