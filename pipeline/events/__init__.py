"""The wire: what was seen, in messages that any version of the pipeline can read."""

from pipeline.events.camera import CameraDocument, CameraState, CameraStatus, SitePlace, ZoneShape
from pipeline.events.envelope import Envelope, Event, EventId, UndecodableEventError
from pipeline.events.evidence import EvidenceRef
from pipeline.events.plate import PlateClass, PlateNumber, PlateReading, PlateStatus, mask_plate
from pipeline.events.violation import (
    DepartureKind,
    LocalName,
    PlaceClass,
    VehicleClass,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
    ViolationType,
)

__all__ = [
    "CameraDocument",
    "CameraState",
    "CameraStatus",
    "DepartureKind",
    "Envelope",
    "Event",
    "EventId",
    "EvidenceRef",
    "LocalName",
    "PlaceClass",
    "PlateClass",
    "PlateNumber",
    "PlateReading",
    "PlateStatus",
    "SitePlace",
    "UndecodableEventError",
    "VehicleClass",
    "VehicleDeparted",
    "ViolationOngoing",
    "ViolationSuspected",
    "ViolationType",
    "ZoneShape",
    "mask_plate",
]
