from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import pytest

from detector.simulator.noise import SeenVehicle
from detector.simulator.traffic import STEP_S, Traffic
from detector.simulator.traffic_picture import TrafficCamera
from detector.simulator.traffic_troubles import Trouble, write_scene
from detector.simulator.traffic_truth import TrafficTruth
from detector.simulator.traffic_vehicle import Doing, Vehicle
from pipeline.events import (
    DepartureKind,
    EvidenceRef,
    LocalName,
    PlaceClass,
    PlateReading,
    PlateStatus,
    VehicleClass,
    VehicleDeparted,
    ViolationSuspected,
    ViolationType,
)
from tests.detector.builders import at

REF = EvidenceRef(sha256="0" * 64, media_type="image/jpeg", size_bytes=1, captured_at=at(0))


class Street:
    """One undisturbed scene, up to any time."""

    def __init__(self) -> None:
        scene = write_scene(Trouble.NONE, 0)
        self.camera, self.traffic = TrafficCamera(scene.view, 0), Traffic(scene.plan, 0)
        self.size_px = (scene.view.width_px, scene.view.height_px)
        self.truth = TrafficTruth()
        self.vehicles: Sequence[Vehicle] = ()
        self.seen: Sequence[SeenVehicle] = ()

    def run_until(self, has_come: bool) -> "Street":
        """Run until the vehicle stands, or until it is gone."""
        while bool(self.truth.standing) != has_come:
            self.run_for(STEP_S)
        return self

    def run_for(self, seconds: float) -> "Street":
        for _ in range(round(seconds / STEP_S)):
            self.vehicles = self.traffic.step()
            self.seen = self.camera.look(self.vehicles)
            self.truth.see(self.traffic.now_s, self.vehicles, self.seen)
        return self

    def suspect(self, vehicle_id: int) -> UUID:
        (box,) = [one.box_px for one in self.seen if one.vehicle_id == vehicle_id]
        x1, y1, x2, y2 = (box / np.tile(self.size_px, 2)).tolist()
        event = ViolationSuspected(
            camera_id="cam-1",
            episode_id=uuid4(),
            captured_at=at(0),
            violation_type=ViolationType.PARKED,
            zone_id="kerb",
            zone_name=LocalName(zh="路缘", en="Kerb"),
            zone_version=1,
            place_class=PlaceClass.ORDINARY,
            vehicle_class=VehicleClass.CAR,
            stood_since_at=at(0),
            observed_s=10,
            dwell_limit_s=10,
            moved_ratio=0,
            box=(x1, y1, x2, y2),
            plate=PlateReading(status=PlateStatus.UNREADABLE),
            panorama=REF,
            crop=REF,
            drawn=REF,
            detector_version="0",
            model_version="0",
        )
        self.hear(event)
        return event.episode_id

    def depart(self, episode_id: UUID) -> None:
        self.hear(
            VehicleDeparted(
                camera_id="cam-1",
                episode_id=episode_id,
                captured_at=at(0),
                left_at=at(0),
                kind=DepartureKind.DROVE_OFF,
            )
        )

    def hear(self, event: ViolationSuspected | VehicleDeparted) -> None:
        self.truth.hear(event, self.traffic.now_s, self.vehicles, self.seen, self.size_px)


def test_a_suspicion_of_the_one_that_parks_is_true_and_has_its_delay() -> None:
    street = Street().run_until(True).run_for(12)
    (stay,) = street.truth.stays
    street.suspect(stay.vehicle_id)
    assert street.truth.false_stops == []
    assert stay.delays_s(10) == pytest.approx([2], abs=0.6)
    assert not stay.is_early(10)
    assert stay.is_early(20)


def test_a_suspicion_of_one_that_drives_is_a_false_stop() -> None:
    street = Street()
    while not any(one.is_moving and one.hidden_ratio == 0 for one in street.seen):
        street.run_for(STEP_S)
    driving = next(one for one in street.seen if one.is_moving and one.hidden_ratio == 0)
    street.suspect(driving.vehicle_id)
    (stop,) = street.truth.false_stops
    assert (stop.vehicle_id, stop.doing) == (driving.vehicle_id, Doing.DRIVING)


def test_a_departure_is_false_while_the_vehicle_stands_and_right_when_it_is_gone() -> None:
    street = Street().run_until(True).run_for(12)
    (stay,) = street.truth.stays
    episode_id = street.suspect(stay.vehicle_id)
    street.depart(episode_id)
    assert stay.false_departures == 1
    stay.departed_s.clear()
    street.run_until(False).run_for(3)
    assert stay.until_s is not None
    assert stay.has_missed_departure(stay.until_s + 60)
    street.depart(episode_id)
    assert stay.false_departures == 1
    assert not stay.has_missed_departure(stay.until_s + 60)


@pytest.mark.parametrize(("after_s", "false_stops"), [(0.6, 0), (3.0, 1)])
def test_what_is_said_in_the_second_in_which_it_drives_off_is_of_its_stay(
    after_s: float, false_stops: int
) -> None:
    street = Street().run_until(True).run_for(12)
    (stay,) = street.truth.stays
    street.run_until(False).run_for(after_s)
    street.suspect(stay.vehicle_id)
    assert len(street.truth.false_stops) == false_stops


def test_one_that_the_edge_of_the_picture_cuts_is_not_in_plain_sight() -> None:
    street = Street().run_until(True)
    (stay,) = street.truth.standing
    plain_s, sight_s = stay.plain_s, stay.sight_s
    cut = [replace(one, is_cut=True) for one in street.seen]
    street.truth.see(street.traffic.now_s + STEP_S, street.vehicles, cut)
    assert stay.plain_s == plain_s
    assert stay.sight_s == pytest.approx(sight_s + STEP_S)
