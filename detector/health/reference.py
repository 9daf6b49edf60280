"""What a camera sees while it stands as it should."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from detector.health.picture import GreyArray

__all__ = ["Reference"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """What a camera sees while it stands as it should, without its traffic.

    Attributes:
        grey: A small grey picture, shape (height, 320).
    """

    grey: GreyArray

    def as_png(self) -> bytes:
        """The reference as a file."""
        _, encoded = cv2.imencode(".png", self.grey)
        return encoded.tobytes()

    @classmethod
    def from_png(cls, content: bytes) -> Self:
        """Read a reference that `as_png` wrote.

        Raises:
            ValueError: the content is no picture.
        """
        grey = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise ValueError("the reference is no picture; learn a new one")
        return cls(grey=grey.astype(np.uint8))
