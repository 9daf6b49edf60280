"""What comes out of a network: plain arrays, in pixels of the image that went in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoxPrediction", "ImageArray", "TextPrediction"]

ImageArray = NDArray[np.uint8]
"""An image: shape (height, width, 3), BGR, 0 to 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPrediction:
    """The boxes found in one image.

    Attributes:
        xyxy_px: Shape (n, 4), float64, image pixels, origin top left, y down.
        confidence: Shape (n,), float64, 0 to 1.
        labels: One class name per box, as the network calls it.
    """

    xyxy_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPrediction:
    """One line of text found in one image.

    Attributes:
        text: As read, neither corrected nor normalised.
        confidence: 0 to 1.
        xyxy_px: Shape (4,), float64, the line's upright box in image pixels.
    """

    text: str
    confidence: float
    xyxy_px: NDArray[np.float64]
