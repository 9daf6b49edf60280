import pytest

from benchmarks.intervals import wilson_interval


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [(7, 7, 0.646, 1.0), (0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (95, 100, 0.888, 0.978)],
)
def test_an_interval_is_that_of_wilson(hits: int, tries: int, low: float, high: float) -> None:
    assert wilson_interval(hits, tries) == pytest.approx((low, high), abs=0.001)
