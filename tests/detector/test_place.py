import numpy as np
import pytest

from detector.stays.place import whole_place

WHOLE = (100, 100, 140, 130)
ROOF = (100, 100, 140, 110)


@pytest.mark.parametrize(
    ("seen", "other", "wheels_y"),
    [
        (WHOLE, (95, 125, 160, 180), 145),
        (ROOF, (95, 105, 160, 180), 128),
        (ROOF, (95, 113, 160, 180), 128),
        (ROOF, (95, 115, 160, 180), None),
        (ROOF, (125, 105, 190, 180), None),
        (ROOF, (95, 80, 160, 111), None),
    ],
    ids=[
        "half of its height at most is hidden",
        "a roof is lower than its vehicle is wide",
        "the nearer one begins a little below what is seen",
        "between them the road is seen",
        "half of its lower edge is seen",
        "the other stands no nearer",
    ],
)
def test_wheels_are_as_far_down_as_they_may_be_behind_a_nearer_one(
    seen: tuple[int, ...], other: tuple[int, ...], wheels_y: float | None
) -> None:
    whole = whole_place(np.array(seen, float), np.array([other], float))
    assert (None if whole is None else whole[3]) == wheels_y
