"""The demo's phones: a provider in a folder, one file per message, receipts by time or at will."""

import hashlib
import json
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ValidationError

from pipeline.clock import Clock
from pipeline.notify.channel import (
    Accepted,
    Answer,
    ChannelUnavailableError,
    Message,
    SendResult,
    UnreadableCallbackError,
)
from pipeline.reminder import DeliveryStatus, Receipt

__all__ = ["PhonesChannel"]


class _Stored(BaseModel):
    """One accepted message; the file's name is made from its key."""

    key: str
    text: str
    accepted_at: AwareDatetime


class _Callback(BaseModel):
    """What the page of phones writes when somebody presses a button."""

    key: str
    action: Literal["delivered", "failed", "moving", "left"]


class PhonesChannel:
    """Keeps messages as files that are written once; the same key is accepted once."""

    name = "phones"
    is_repeatable = True

    def __init__(self, folder: Path, *, clock: Clock, delivered_after: timedelta | None) -> None:
        """Keep messages in `folder`; without `delivered_after` only the page gives receipts."""
        self._folder = folder
        self._clock = clock
        self._delivered_after = delivered_after

    def send(self, message: Message) -> SendResult:
        """Accept the message unless its key was accepted before; see `Channel.send`."""
        stored = _Stored(
            key=message.key,
            text=message.text,
            accepted_at=self._clock.now(),
        )
        provider_ref = hashlib.sha256(message.key.encode()).hexdigest()[:32]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_once(self._folder / f"{provider_ref}.json", stored.model_dump_json())
        except OSError as exc:
            raise ChannelUnavailableError(f"phones {self._folder}: {exc.strerror}") from exc
        return Accepted(provider_ref=provider_ref)

    def fetch_receipt(self, provider_ref: str) -> Receipt | None:
        """Delivered once the time is over; see `Channel.fetch_receipt`."""
        stored = self._read(provider_ref)
        after = self._delivered_after
        if stored is None or after is None or self._clock.now() < stored.accepted_at + after:
            return None
        return Receipt(
            provider_ref=provider_ref,
            status=DeliveryStatus.DELIVERED,
            provider_at=stored.accepted_at + after,
        )

    def read_callback(self, body: str) -> Receipt | Answer:
        """What somebody pressed on the page of phones; see `Channel.read_callback`."""
        try:
            callback = _Callback.model_validate(json.loads(body))
        except (ValueError, ValidationError) as exc:
            raise UnreadableCallbackError("phones: not a call-back of the page of phones") from exc
        provider_ref = hashlib.sha256(callback.key.encode()).hexdigest()[:32]
        if self._read(provider_ref) is None:
            raise UnreadableCallbackError("phones: no message has this key")
        if callback.action in {"moving", "left"}:
            return Answer(provider_ref=provider_ref, text=callback.action)
        return Receipt(
            provider_ref=provider_ref,
            status=DeliveryStatus(callback.action),
            provider_at=self._clock.now(),
        )

    def accepted(self) -> dict[str, datetime]:
        """Every accepted key with its instant: the provider's own account of what it took."""
        files = self._folder.glob("*.json")
        stored = [_Stored.model_validate_json(file.read_bytes()) for file in files]
        return {one.key: one.accepted_at for one in stored}

    def _read(self, provider_ref: str) -> _Stored | None:
        try:
            return _Stored.model_validate_json((self._folder / f"{provider_ref}.json").read_bytes())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ChannelUnavailableError(f"phones {self._folder}: {exc.strerror}") from exc


def _write_once(path: Path, text: str) -> None:
    with NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            os.link(file.name, path)
    finally:
        Path(file.name).unlink()
