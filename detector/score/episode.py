"""What the loop said of a clip: its suspicions, each with where its vehicle was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.geometry import FloatArray

__all__ = ["Episode", "Watched"]

_NEAR_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """One suspicion with where its vehicle was seen; boxes are shares of the picture.

    Attributes:
        at_s: When it was said, in seconds of the clip.
        box: Shape (4,), as it was said.
        track: Seconds and boxes of the track that it was said of, in order.
        places: Seconds and boxes of what was said of the episode, in order.
        basis: What shows that the vehicle does not wait; empty where nothing was said.
        picture: The drawn JPEG.
    """

    violation_type: str
    at_s: float
    box: FloatArray
    track: Sequence[tuple[float, FloatArray]]
    places: Sequence[tuple[float, FloatArray]]
    basis: str
    picture: bytes

    def box_near(self, at_s: float) -> FloatArray:
        """Its track's box at that second; where the track was not there, its place nearest to it.

        A stay outlives its tracks, which break when the vehicle is hidden.
        """
        near = [one for one in self.track if abs(one[0] - at_s) <= _NEAR_S]
        _, box = min(near or self.places, key=lambda one: abs(one[0] - at_s))
        return box


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the loop said of a clip, how many frames it looked at and how long it took.

    Attributes:
        analysed_fps: Frames looked at for each second of the clip.
        cpu_s: Of all threads of this process.
    """

    episodes: tuple[Episode, ...]
    frames: int
    analysed_fps: float
    wall_s: float
    cpu_s: float
