"""95 % intervals of shares and of quantiles; pure."""

from math import ceil, exp, floor, lgamma, log, log1p, sqrt

__all__ = ["NORMAL_95", "quantile_ranks", "wilson_interval"]

NORMAL_95 = 1.959964
"""The normal distribution's 97.5 % point: 95 % lie between it and its negative."""

_OUTSIDE = 0.025
"""What may lie beyond either end of an interval of 95 %."""
_FAR = 10
"""So many standard deviations from its mean a binomial distribution is as good as nothing."""


def wilson_interval(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `tries`, at least one.

    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    share, weight = hits / tries, NORMAL_95**2 / tries
    middle = (share + weight / 2) / (1 + weight)
    half = NORMAL_95 * sqrt((share * (1 - share) + weight / 4) / tries) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def quantile_ranks(count: int, share: float) -> tuple[int | None, int, int | None]:
    """Which of `count` values in their order are a quantile and the ends of its 95 % interval.

    Args:
        count: At least 1.
        share: Of the values that lie below the quantile, between 0 and 1.

    Returns:
        Ranks from 1 on: the lower end, the quantile itself, the upper end. An end is None where so
        few values bound the quantile to no side.

    Source: Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2: the number of values
    below a quantile is binomial, so no distribution has to be assumed.
    """
    spread = sqrt(count * share * (1 - share))
    first = max(0, floor(count * share - _FAR * spread) - _FAR)
    last = min(count, ceil(count * share + _FAR * spread) + _FAR)
    low: int | None = None
    high: int | None = None
    below = 0.0
    for hits in range(first, last + 1):
        below += exp(_log_binomial(hits, count, share))
        if below <= _OUTSIDE:
            low = hits + 1
        if below >= 1 - _OUTSIDE:
            high = hits + 1
            break
    is_bounded = high is not None and high <= count
    return low, max(1, ceil(count * share)), high if is_bounded else None


def _log_binomial(hits: int, tries: int, share: float) -> float:
    """The logarithm of the probability of so many hits."""
    ways = lgamma(tries + 1) - lgamma(hits + 1) - lgamma(tries - hits + 1)
    return ways + hits * log(share) + (tries - hits) * log1p(-share)
