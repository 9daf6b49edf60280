"""Channels to a driver's phone, contacts and wording; channels are opened by URL."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pipeline.clock import Clock
from pipeline.errors import PermanentError
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Channel,
    ChannelUnavailableError,
    Message,
    Refused,
    SendUncertainError,
    Sent,
    UnreadableCallbackError,
)
from pipeline.notify.contacts import ContactBook, ContactBookError, CsvContactBook
from pipeline.notify.phones import PhonesChannel

__all__ = [
    "Accepted",
    "Answer",
    "Callback",
    "Channel",
    "ChannelUnavailableError",
    "ContactBook",
    "ContactBookError",
    "CsvContactBook",
    "Message",
    "Refused",
    "SendUncertainError",
    "Sent",
    "UnreadableCallbackError",
    "open_channel",
]


def open_channel(url: str, *, clock: Clock) -> Channel:
    """Open a channel: `phones:FOLDER?delivered_after_s=2` (left out: receipts only from the page).

    Raises:
        PermanentError: the URL names no channel that this version knows.
    """
    parts = urlsplit(url)
    if parts.scheme != "phones" or not parts.path:
        raise PermanentError(f"channel {url!r}: use phones:FOLDER?delivered_after_s=2")
    after = parse_qs(parts.query).get("delivered_after_s", [None])[0]
    return PhonesChannel(
        Path(parts.path),
        clock=clock,
        delivered_after=None if after is None else timedelta(seconds=float(after)),
    )
