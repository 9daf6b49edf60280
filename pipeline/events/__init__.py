"""The wire: what was seen, in messages that any version of the pipeline can read."""

from pipeline.events.camera import (
    CameraDocument,
    CameraFault,
    CameraState,
    CameraStatus,
    SitePlace,
)
from pipeline.events.envelope import Envelope, Event, EventId, UndecodableEventError
from pipeline.events.evidence import EvidenceRef
from pipeline.events.plate import (
    PlateClass,
    PlateMark,
    PlateNumber,
    PlateReading,
    PlateStatus,
    mask_plate,
)
from pipeline.events.shapes import Day, Hours, LaneShape, MaskShape, ZoneShape
from pipeline.events.violation import (
    DepartureKind,
    LocalName,
    NotWaiting,
    PlaceClass,
    StandingEvidence,
    UnseenReason,
    UnseenSpan,
    VehicleClass,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
    ViolationType,
)

__all__ = [
    "CameraDocument",
    "CameraFault",
    "CameraState",
    "CameraStatus",
    "Day",
    "DepartureKind",
    "Envelope",
    "Event",
    "EventId",
    "EvidenceRef",
    "Hours",
    "LaneShape",
    "LocalName",
    "MaskShape",
    "NotWaiting",
    "PlaceClass",
    "PlateClass",
    "PlateMark",
    "PlateNumber",
    "PlateReading",
    "PlateStatus",
    "SitePlace",
    "StandingEvidence",
    "UndecodableEventError",
    "UnseenReason",
    "UnseenSpan",
    "VehicleClass",
    "VehicleDeparted",
    "ViolationOngoing",
    "ViolationSuspected",
    "ViolationType",
    "ZoneShape",
    "mask_plate",
]
