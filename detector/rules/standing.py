"""Standing where it is forbidden: parked, on a crossing, in a junction, on an emergency lane."""

from collections.abc import Callable
from datetime import datetime

from detector.camera_config import CameraShapes, Zone
from detector.geometry import ground_point, polygon_contains
from detector.rules.base import Suspicion
from detector.rules.hours import in_force_since
from detector.rules.waiting import why_not_waiting
from detector.stays import Situation, Stay
from pipeline.events import StandingEvidence

__all__ = ["StandingRule"]


class StandingRule:
    """Judges stays against the zones of one picture size; see `ViolationRule`."""

    def __init__(self, shapes: CameraShapes) -> None:
        """Watch the zones of `shapes`."""
        self._shapes = shapes

    def judge(
        self, stay: Stay, now: datetime, situation: Callable[[], Situation]
    ) -> Suspicion | None:
        """The first zone where it stands, was seen for the dwell, and does not wait in traffic."""
        point = ground_point(stay.place_px)
        for zone in self._shapes.zones:
            is_in_zone = polygon_contains(zone.polygon_px, point)
            if is_in_zone and self._is_dwell_over(stay, zone, now):
                around = situation()
                basis = why_not_waiting(stay, around, zone, self._shapes.lanes)
                if basis is not None:
                    evidence = StandingEvidence(
                        basis=basis,
                        passed_by=stay.passed_by,
                        drove_over=round(around.flow.over),
                        is_arrival_seen=stay.heading is not None,
                    )
                    return Suspicion(stay=stay, zone=zone, evidence=evidence)
        return None

    def is_in_force(self, zone: Zone, now: datetime) -> bool:
        """Whether standing in the zone is forbidden at this instant."""
        return self._in_force_since(zone, now) is not None

    def _in_force_since(self, zone: Zone, now: datetime) -> datetime | None:
        return in_force_since(
            zone.shape.hours,
            now,
            time_zone=self._shapes.time_zone,
            calendar=self._shapes.calendar,
        )

    def _is_dwell_over(self, stay: Stay, zone: Zone, now: datetime) -> bool:
        """Whether a vehicle that the zone is for was seen there for its dwell while it counts."""
        shape = zone.shape
        if stay.vehicle_class not in shape.vehicle_classes or stay.observed_s < shape.dwell_s:
            return False
        since = self._in_force_since(zone, now)
        return since is not None and stay.observed_since_s(since) >= shape.dwell_s
