"""A traffic light whose cycles vary, as lights do that follow the traffic."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

__all__ = ["Signal"]

_LONGEST_RED_S = 110.0
_CLEARING_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """When a light turns green and red; seconds of the scene.

    Attributes:
        green_at_s: When each green begins, rising.
        red_at_s: When the red after it begins.
    """

    green_at_s: tuple[float, ...]
    red_at_s: tuple[float, ...]

    @classmethod
    def choose(cls, rng: np.random.Generator, *, lasts_s: float) -> "Signal":
        """Cycles of 40 to 150 s around a mean of its own, red for at most 110 s of them."""
        mean_s, red_share = rng.uniform(50, 130), rng.uniform(0.4, 0.75)
        green, red, at_s = [], [], -float(rng.uniform(0, mean_s))
        while at_s < lasts_s + mean_s:
            cycle_s = float(np.clip(mean_s * rng.uniform(0.8, 1.2), 40, 150))
            green.append(at_s)
            red.append(at_s + cycle_s - min(red_share * cycle_s, _LONGEST_RED_S))
            at_s += cycle_s
        return cls(green_at_s=tuple(green), red_at_s=tuple(red))

    @property
    def mean_cycle_s(self) -> float:
        """How long a cycle takes on average."""
        return (self.green_at_s[-1] - self.green_at_s[0]) / max(1, len(self.green_at_s) - 1)

    def is_green(self, at_s: float) -> bool:
        """Whether one may drive."""
        cycle = bisect_right(self.green_at_s, at_s) - 1
        return cycle >= 0 and at_s < self.red_at_s[cycle]

    def is_clear_red(self, at_s: float) -> bool:
        """Whether it has been red long enough that the junction is clear, and stays red."""
        moments = (at_s - _CLEARING_S, at_s, at_s + _CLEARING_S)
        return not any(self.is_green(moment) for moment in moments)
