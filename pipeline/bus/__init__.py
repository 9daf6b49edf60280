"""The bus that carries events; opened by URL, so that no caller names a technology."""

from pathlib import Path

from pipeline.bus.base import (
    BusError,
    BusPositionError,
    BusUnavailableError,
    EventPublisher,
    EventSubscriber,
    RawBatch,
)
from pipeline.bus.embedded import EmbeddedPublisher, EmbeddedSubscriber

__all__ = [
    "BusError",
    "BusPositionError",
    "BusUnavailableError",
    "EventPublisher",
    "EventSubscriber",
    "RawBatch",
    "open_publisher",
    "open_subscriber",
]


def _file_of(url: str) -> Path:
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise BusError(f"bus {url!r}: use sqlite:///FILE")
    return Path(path)


def open_publisher(url: str, *, source: str) -> EventPublisher:
    """Open the bus at `url` for writing as `source`, in a new epoch.

    Raises:
        BusError: the URL names no bus that this version knows.
        BusUnavailableError: it cannot be opened now.
    """
    return EmbeddedPublisher(_file_of(url), source=source)


def open_subscriber(url: str) -> EventSubscriber:
    """Open the bus at `url` for reading, as one of its consumers.

    Raises:
        BusError: the URL names no bus that this version knows.
        BusUnavailableError: it cannot be opened now.
    """
    return EmbeddedSubscriber(_file_of(url))
