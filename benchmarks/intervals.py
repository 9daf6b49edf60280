"""95 % intervals of shares and of counts."""

from math import sqrt

__all__ = ["poisson_interval", "wilson_interval"]

# The normal distribution's 97.5 % point: 95 % lie between it and its negative.
_Z = 1.959964


def wilson_interval(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `tries`, at least one.

    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    share, weight = hits / tries, _Z**2 / tries
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt((share * (1 - share) + weight / 4) / tries) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson_interval(count: int) -> tuple[float, float]:
    """The 95 % interval of a count. Source: Byar's form, Breslow and Day, 1987, p. 69."""
    above = count + 1
    high = above * (1 - 1 / (9 * above) + _Z / (3 * above**0.5)) ** 3
    if not count:
        return 0.0, high
    return count * (1 - 1 / (9 * count) - _Z / (3 * count**0.5)) ** 3, high
