"""95 % intervals of shares and of counts."""

from pipeline.intervals import NORMAL_95, wilson_interval

__all__ = ["poisson_interval", "wilson_interval"]


def poisson_interval(count: int) -> tuple[float, float]:
    """The 95 % interval of a count. Source: Byar's form, Breslow and Day, 1987, p. 69."""
    above = count + 1
    high = above * (1 - 1 / (9 * above) + NORMAL_95 / (3 * above**0.5)) ** 3
    if not count:
        return 0.0, high
    return count * (1 - 1 / (9 * count) - NORMAL_95 / (3 * count**0.5)) ** 3, high
