import pytest

from pipeline.intervals import quantile_ranks, wilson_interval


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [
        # 8 of 10 by hand; the others as R's binom.wilson tells them.
        (8, 10, 0.490, 0.943),
        (0, 10, 0.000, 0.278),
        (10, 10, 0.722, 1.000),
        (81, 263, 0.255, 0.366),
        (500, 1000, 0.469, 0.531),
    ],
)
def test_the_interval_of_a_share_has_known_ends(
    hits: int, tries: int, low: float, high: float
) -> None:
    assert wilson_interval(hits, tries) == pytest.approx((low, high), abs=0.0005)


@pytest.mark.parametrize(
    ("count", "share", "ranks"),
    [
        # The median's are those of the sign test; tables have 2 and 9 for 10 values.
        (10, 0.5, (2, 5, 9)),
        (6, 0.5, (1, 3, 6)),
        (20, 0.5, (6, 10, 15)),
        (100, 0.5, (40, 50, 61)),
    ],
)
def test_the_interval_of_a_quantile_has_known_ranks(
    count: int, share: float, ranks: tuple[int, int, int]
) -> None:
    assert quantile_ranks(count, share) == ranks


def test_few_values_bound_a_far_quantile_to_one_side_only() -> None:
    assert quantile_ranks(5, 0.5) == (None, 3, None)
    assert quantile_ranks(1, 0.5) == (None, 1, None)
    low, rank, high = quantile_ranks(100, 0.99)
    assert (low, rank, high) == (97, 99, None)


def test_many_values_bound_a_quantile_closely() -> None:
    # The normal approximation: 500,000 give or take 1.96 times 500.
    assert quantile_ranks(1_000_000, 0.5) == (499_020, 500_000, 500_981)
    low, rank, high = quantile_ranks(1_000_000, 0.99)
    assert rank == 990_000
    assert low is not None
    assert high is not None
    assert (rank - low, high - rank) == pytest.approx((195, 195), abs=2)
