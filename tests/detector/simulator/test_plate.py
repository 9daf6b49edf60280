"""Drawn plates: readable where they should be, and not where mud covers them."""

import numpy as np
import pytest

from detector.perception import PlateReader, open_plate_reader
from detector.simulator import draw_scene, plate_of, truth
from detector.simulator.plate import draw_plate, glyph_mask
from pipeline.events.plate import PlateNumber


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return open_plate_reader()


def read_plates(reader: PlateReader, scenario: str, seed: int) -> set[str]:
    """Whole plates read from the vehicle at rest."""
    real = truth(scenario, seed)
    picture = draw_scene(scenario, seed).picture(real.rest_at_s + 3, None)
    x1, y1, x2, y2 = real.box_px.astype(int)
    found = set()
    for read in reader.read(picture[y1:y2, x1:x2]):
        try:
            found.add(PlateNumber.parse(read.text).text)
        except ValueError:
            continue
    return {text for text in found if len(text) == 7}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["leaves", "stays", "drops_out"])
@pytest.mark.parametrize("seed", range(2))
def test_the_plate_of_a_standing_vehicle_is_read(
    reader: PlateReader, scenario: str, seed: int
) -> None:
    assert read_plates(reader, scenario, seed) == {plate_of(scenario, seed)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_muddy_plate_is_not_read(reader: PlateReader, seed: int) -> None:
    assert read_plates(reader, "unreadable", seed) == set()


def test_mud_hides_what_a_plate_says() -> None:
    pictures = [
        draw_plate(text, rng=np.random.default_rng(1), is_muddy=True).astype(float)
        for text in ("鄂A23456", "鄂H98X72")
    ]
    assert np.mean(np.abs(pictures[0] - pictures[1])[40:240, 40:840]) < 2


def test_every_character_of_a_plate_has_a_glyph() -> None:
    signs = "鄂ABCEFHJKLMNPRTWXY23456789禁止停车"
    assert len({glyph_mask(sign, 90, 180).tobytes() for sign in signs}) == len(signs)
