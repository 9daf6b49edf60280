import pytest

from detector.perception import PlateRead
from detector.plate_vote import pick_plate, vote
from pipeline.events import PlateStatus


def read(text: str, confidence: float = 0.9) -> PlateRead:
    return PlateRead(text=text, confidence=confidence)


@pytest.mark.parametrize(
    ("reads", "picked"),
    [
        ([read("鄂A·12345")], "鄂A12345"),
        ([read("TAXI"), read("13800138000"), read("鄂a 12345", 0.75)], "鄂A12345"),
        ([read("RK-819AM")], "RK819AM"),
        ([read("RK-819AM", 0.99), read("京ADF1234", 0.8)], "京ADF1234"),
        ([read("鄂A12345", 0.5)], None),
        ([read("SCHOOL"), read("24"), read("A1")], None),
        ([], None),
    ],
)
def test_of_all_texts_on_a_vehicle_the_plate_is_picked(
    reads: list[PlateRead], picked: str | None
) -> None:
    assert pick_plate(reads) == picked


@pytest.mark.parametrize(
    ("texts", "status", "text", "agreeing"),
    [
        ([], PlateStatus.UNREADABLE, None, 0),
        (["A1B2C3"] * 2, PlateStatus.DOUBTFUL, "A1B2C3", 2),
        (["A1B2C3"] * 3, PlateStatus.AGREED, "A1B2C3", 3),
        (["A1B2C3"] * 3 + ["A1B2C8"], PlateStatus.AGREED, "A1B2C3", 3),
        (["A1B2C3"] * 3 + ["A1B2C8"] * 2, PlateStatus.DOUBTFUL, "A1B2C3", 3),
        (["8O8"] * 9, PlateStatus.DOUBTFUL, "8O8", 9),
        (["A1B2C3", "A1B2C8", "A1B2O3"], PlateStatus.DOUBTFUL, "A1B2C3", 1),
    ],
)
def test_a_vote_needs_three_that_agree_a_clear_majority_and_the_length_of_a_plate(
    texts: list[str], status: PlateStatus, text: str | None, agreeing: int
) -> None:
    reading = vote(texts)
    assert (reading.status, reading.text, reading.agreeing) == (status, text, agreeing)
    assert reading.reads == len(texts)
