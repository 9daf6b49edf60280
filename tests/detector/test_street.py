"""What the street looks like without vehicles, and whether a place shows it."""

from collections.abc import Sequence

import numpy as np
import pytest

from detector.stays.street import Street
from tests.detector.builders import CAR_BOX, Box, a_frame, a_picture, at, moved, times

PLACE = np.array(CAR_BOX)
UNSEEN = 77


def learnt(street: Street, start_s: float, end_s: float, *cars: Box) -> Street:
    """A street on which cars stand, each in a box."""
    for t in times(start_s, end_s):
        street.learn(a_frame(t, cars).image, at(t), [np.array(box) for box in cars])
    return street


def shows(street: Street, t: float, cars: Sequence[Box] = (), *, coat: int = 2) -> bool | None:
    return street.shows_at(a_frame(t, cars, coats=[coat] * len(cars)).image, PLACE)


def test_nothing_is_known_of_a_place_before_the_first_picture() -> None:
    assert shows(Street(), 0) is None


def test_an_empty_place_is_known_and_a_vehicle_in_it_is_not_the_street() -> None:
    street = learnt(Street(), 0, 2)
    assert shows(street, 5) is True
    assert shows(street, 5, [CAR_BOX]) is False


def test_nothing_is_learnt_of_a_place_while_a_vehicle_stands_there() -> None:
    street = learnt(Street(), 0, 30, CAR_BOX)
    assert shows(street, 30) is None
    assert shows(street, 30, [CAR_BOX]) is None


def test_what_was_seen_before_a_vehicle_came_is_kept_while_it_stands() -> None:
    street = learnt(learnt(Street(), 0, 2), 2, 60, CAR_BOX)
    assert shows(street, 60) is True
    assert shows(street, 60, [CAR_BOX]) is False


def test_the_street_close_around_a_vehicles_box_is_not_learnt_either() -> None:
    # Its shadow and what the network left outside its box lie there.
    street = learnt(Street(), 0, 10, CAR_BOX)
    _, y1, x2, y2 = CAR_BOX
    beside = np.array([x2 + 1, y1, x2 + 8, y2])
    assert street.shows_at(a_picture(), beside) is None
    assert street.shows_at(a_picture(), np.array([x2 + 20, y1, x2 + 60, y2])) is True


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_place_of_which_too_little_was_seen_is_not_known(share: float) -> None:
    x1, y1, x2, y2 = CAR_BOX
    covers: Box = (x1 + share * (x2 - x1), y1 - 20, x2 + 20, y2 + 20)
    assert shows(learnt(Street(), 0, 10, covers), 10) is None


def test_what_one_vehicle_hid_is_learnt_once_it_has_gone() -> None:
    street = learnt(Street(), 0, 10, CAR_BOX)
    assert shows(learnt(street, 10, 13), 13) is True


def test_a_vehicle_that_the_network_does_not_see_is_not_the_street() -> None:
    street = learnt(Street(), 0, 2)
    assert shows(street, 5, [CAR_BOX], coat=UNSEEN) is False
    assert shows(street, 5, [moved(CAR_BOX, 15, 0)], coat=UNSEEN) is False


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 30), (1.0, -40), (0.85, 0), (0.9, 20)])
def test_the_street_in_another_light_is_still_the_street(gain: float, offset: float) -> None:
    street = learnt(Street(), 0, 2)
    for cars, expected in (([], True), ([CAR_BOX], False)):
        lit = np.clip(gain * a_picture(cars) + offset, 0, 255).astype(np.uint8)
        assert street.shows_at(lit, PLACE) is expected


def test_the_street_follows_the_light_where_it_is_free() -> None:
    street = learnt(Street(), 0, 2)
    dusk = (0.4 * a_picture()).astype(np.uint8)
    assert street.shows_at(dusk, PLACE) is False
    for t in times(2, 32):
        street.learn(dusk, at(t), [])
    assert street.shows_at(dusk, PLACE) is True


def test_a_street_is_looked_at_once_a_second_and_again_when_the_clock_goes_back() -> None:
    street = Street()
    street.learn(a_picture(), at(100), [PLACE])
    street.learn(a_picture(), at(100.8), [])
    assert shows(street, 101) is None
    for t in (50, 51):
        street.learn(a_picture(), at(t), [])
    assert shows(street, 52) is True


def test_pictures_of_another_form_begin_anew() -> None:
    street = learnt(Street(), 0, 2)
    wide = a_picture()[:180]
    street.learn(wide, at(3), [PLACE])
    assert street.shows_at(wide, PLACE) is None
    for t in (4, 5):
        street.learn(wide, at(t), [])
    assert street.shows_at(wide, PLACE) is True


def test_a_vehicle_that_is_missed_as_it_comes_is_not_learnt() -> None:
    street = learnt(Street(), 0, 5)
    for t in times(5, 8):
        coming = moved(CAR_BOX, 15 * (t - 8), 0)
        street.learn(a_frame(t, [coming], coats=[UNSEEN]).image, at(t), [])
    assert street.shows_at(a_picture(), PLACE) is True
    assert shows(street, 8, [CAR_BOX], coat=UNSEEN) is False


def test_a_place_outside_the_picture_is_not_known() -> None:
    street = learnt(Street(), 0, 2)
    assert street.shows_at(a_picture(), np.array([-60.0, 100, -10, 140])) is None
