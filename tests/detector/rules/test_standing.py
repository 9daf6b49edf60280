from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest

from detector.camera_config import shapes_in_pixels
from detector.rules import StandingRule
from detector.stays import Situation, Stay
from detector.traffic import PlaceFlow
from pipeline.events import VehicleClass
from tests.detector.builders import CAR_BOX, HEIGHT, WIDTH, a_camera, at

SHAPES = shapes_in_pixels(a_camera(), width_px=WIDTH, height_px=HEIGHT)
CALM = Situation(flow=PlaceFlow(), is_alone=True)
STAY = Stay(
    episode_id=uuid4(),
    vehicle_class=VehicleClass.CAR,
    place_px=np.array(CAR_BOX),
    box_px=np.array(CAR_BOX),
    stood_since_at=at(0),
    last_seen_at=at(12),
    observed_s=10.0,
)
FAR_AWAY = np.array([100.0, 10, 160, 60])
REACHES_IN = np.array([100.0, 40, 160, 90])
REACHES_OUT = np.array([100.0, 180, 160, 230])


@pytest.mark.parametrize(
    ("stay", "is_suspected"),
    [
        (STAY, True),
        (replace(STAY, observed_s=9.9), False),
        (replace(STAY, vehicle_class=VehicleClass.MOTORCYCLE), False),
        (replace(STAY, vehicle_class=VehicleClass.VEHICLE), True),
        (replace(STAY, place_px=FAR_AWAY), False),
        (replace(STAY, place_px=REACHES_IN), True),
        (replace(STAY, place_px=REACHES_OUT), False),
    ],
    ids=["stands", "too short", "motorcycle", "unknown class", "outside", "foot in", "foot out"],
)
def test_a_vehicle_of_the_zone_that_stands_in_it_for_its_dwell_is_suspected(
    stay: Stay, is_suspected: bool
) -> None:
    suspicion = StandingRule(SHAPES).judge(stay, at(12), lambda: CALM)
    assert (suspicion is not None) is is_suspected
    if suspicion is not None:
        assert suspicion.zone.shape.zone_id == "kerb"
        assert suspicion.stay is stay
