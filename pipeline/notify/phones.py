"""The demo's phones: a provider in a folder, one file per message, receipts by time or at will."""

import hashlib
import os
from collections.abc import Sequence
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
    Callback,
    ChannelUnavailableError,
    Message,
    SendResult,
    Sent,
    UnreadableCallbackError,
)
from pipeline.reminder import DeliveryStatus, Failure, Receipt

__all__ = ["PhonesChannel"]


class _Stored(BaseModel):
    """One accepted message; the file's name is made from its key."""

    key: str
    text: str
    accepted_at: AwareDatetime


class _Pressed(BaseModel):
    """What the page of phones writes when somebody presses a button."""

    key: str
    action: Literal["delivered", "failed", "moving", "left", "not_mine"]


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
        provider_ref = _ref_of(message.key)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_once(self._folder / f"{provider_ref}.json", stored.model_dump_json())
        except OSError as exc:
            raise ChannelUnavailableError(f"phones {self._folder}: {exc.strerror}") from exc
        return Accepted(provider_ref=provider_ref)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """Whether the key is here; see `Channel.look_up`."""
        provider_ref = _ref_of(message.key)
        return Accepted(provider_ref=provider_ref) if self._read(provider_ref) else None

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """Delivered once the time is over; see `Channel.fetch_receipt`."""
        stored = self._read(sent.provider_ref)
        after = self._delivered_after
        if stored is None or after is None or self._clock.now() < stored.accepted_at + after:
            return None
        return Receipt(
            provider_ref=sent.provider_ref,
            status=DeliveryStatus.DELIVERED,
            provider_at=stored.accepted_at + after,
        )

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """What somebody pressed on the page of phones; see `Channel.read_callback`."""
        try:
            pressed = _Pressed.model_validate_json(callback.body)
        except ValidationError as exc:
            raise UnreadableCallbackError("phones: not a call-back of the page of phones") from exc
        provider_ref = _ref_of(pressed.key)
        if self._read(provider_ref) is None:
            raise UnreadableCallbackError("phones: no message has this key")
        if pressed.action not in {"delivered", "failed"}:
            return [Answer(provider_ref=provider_ref, text=pressed.action)]
        status = DeliveryStatus(pressed.action)
        return [
            Receipt(
                provider_ref=provider_ref,
                status=status,
                provider_at=self._clock.now(),
                failure=Failure.TEMPORARY if status is DeliveryStatus.FAILED else None,
            )
        ]

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


def _ref_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


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
