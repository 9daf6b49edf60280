"""A frame is an image and the instant it was captured; a source gives frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from detector.geometry import ImageArray

__all__ = ["Frame", "FrameSource", "as_image", "utc_now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of one camera.

    Attributes:
        camera_id: Whose picture it is.
        image: The picture.
        captured_at: Aware UTC, from the stream's own clock; grows from frame to frame.
        received_at: When a live picture reached this machine, by its clock; None in a recording.
    """

    camera_id: str
    image: ImageArray
    captured_at: datetime
    received_at: datetime | None = None


class FrameSource(Protocol):
    """Gives the frames of one camera in the order of their capture."""

    def frames(self) -> Iterator[Frame]:
        """Frames until the source ends.

        Raises:
            SourceError: the source cannot be opened or read on.
            SourceLostError: it stopped and may come back.
        """
        ...


def as_image(picture: av.VideoFrame, reformatter: VideoReformatter) -> ImageArray:
    """A decoded picture as an image; one reformatter for a whole stream is six times cheaper."""
    return reformatter.reformat(picture, format="bgr24").to_ndarray().astype(np.uint8, copy=False)


def utc_now() -> datetime:
    """The present instant, for what is said of a stream that gives no picture."""
    return datetime.now(UTC)
