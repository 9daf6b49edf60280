"""Stopped in a no-stopping zone: a vehicle seen at rest there for the zone's dwell."""

from collections.abc import Sequence

from detector.camera_config import Zone
from detector.geometry import ground_point, polygon_contains
from detector.rules.base import Suspicion
from detector.stays import Stay
from pipeline.events import ViolationType

__all__ = ["StoppingRule"]


class StoppingRule:
    """Judges stays against the no-stopping zones of one picture size; see `ViolationRule`."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        """Watch those of `zones` where standing is the violation."""
        self._zones = tuple(
            zone for zone in zones if zone.shape.violation_type is ViolationType.PARKED
        )

    def judge(self, stay: Stay) -> Suspicion | None:
        """The first zone that the vehicle stands in and whose dwell it was seen to reach."""
        point = ground_point(stay.place_px)
        for zone in self._zones:
            if (
                stay.vehicle_class in zone.shape.vehicle_classes
                and stay.observed_s >= zone.shape.dwell_s
                and polygon_contains(zone.polygon_px, point)
            ):
                return Suspicion(stay=stay, zone=zone)
        return None
