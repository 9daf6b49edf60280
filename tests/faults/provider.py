"""A provider of messages with a log of its own, which has all the faults of a real one."""

import hashlib
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from time import sleep

from pipeline.notify import Message, UnreadableCallbackError
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    ChannelUnavailableError,
    Refused,
    SendResult,
    SendUncertainError,
    Sent,
)
from pipeline.reminder import DeliveryStatus, Receipt

__all__ = ["Delivered", "FaultyProvider", "Mood"]

_DELIVERED_AFTER_S = 0.5
_SLOW_S = 1.0


class Mood(StrEnum):
    """How the provider behaves."""

    FINE = "fine"
    SLOW = "slow"
    BUSY = "busy"
    """Takes nothing and says so: 429 and 5xx."""
    LOSES_ANSWERS = "loses answers"
    """Takes it or not, and says nothing."""
    REFUSES = "refuses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message that reached a phone, at a true instant; `case_number` stands in its text."""

    key: str
    case_number: str
    at: float


class FaultyProvider:
    """A channel; several processes share its file."""

    name = "faulty"

    def __init__(
        self,
        file: Path,
        *,
        is_repeatable: bool,
        true_now: Callable[[], datetime],
        pause: Callable[[float], None] = sleep,
    ) -> None:
        """Keep the log in `file`.

        Args:
            file: Where the log is.
            is_repeatable: Whether it knows a key again, and takes it once.
            true_now: The true time.
            pause: Waits, in seconds.
        """
        self._file = file
        self.is_repeatable = is_repeatable
        self._true_now = true_now
        self._pause = pause
        self._dice = random.Random(0)
        with closing(self._open()) as log, log:
            log.execute("CREATE TABLE IF NOT EXISTS mood (mood TEXT)")
            log.execute(
                "CREATE TABLE IF NOT EXISTS delivered (n INTEGER PRIMARY KEY, key, number, at)"
            )

    def set_mood(self, mood: Mood) -> None:
        with closing(self._open()) as log, log:
            log.execute("DELETE FROM mood")
            log.execute("INSERT INTO mood VALUES (?)", (mood,))

    def send(self, message: Message) -> SendResult:
        """See `Channel.send`."""
        match self._mood():
            case Mood.SLOW:
                self._pause(_SLOW_S)
            case Mood.BUSY:
                raise ChannelUnavailableError("503")
            case Mood.LOSES_ANSWERS:
                if self._dice.random() < 0.5:
                    self._take(message)
                if self.is_repeatable:
                    raise ChannelUnavailableError("timed out; the same key may be sent again")
                raise SendUncertainError("timed out; it may have been taken")
            case Mood.REFUSES:
                return Refused(detail="no such number")
        self._take(message)
        return Accepted(provider_ref=_ref(message.key))

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """See `Channel.look_up`; one that takes a key twice does not know keys."""
        if not self.is_repeatable:
            raise SendUncertainError("this provider knows no keys")
        is_known = any(one.key == message.key for one in self.delivered())
        return Accepted(provider_ref=_ref(message.key)) if is_known else None

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """Delivered a moment later; see `Channel.fetch_receipt`."""
        if self._mood() is Mood.BUSY:
            raise ChannelUnavailableError("503")
        at = next((one.at for one in self.delivered() if _ref(one.key) == sent.provider_ref), None)
        if at is None or self._true_now().timestamp() < at + _DELIVERED_AFTER_S:
            return None
        return Receipt(
            provider_ref=sent.provider_ref,
            status=DeliveryStatus.DELIVERED,
            provider_at=self._true_now(),
        )

    def read_callback(self, callback: Callback) -> list[Receipt | Answer]:
        raise UnreadableCallbackError(callback.body)

    def delivered(self) -> list[Delivered]:
        """The provider's own account of what reached a phone."""
        with closing(self._open()) as log:
            rows = log.execute("SELECT key, number, at FROM delivered ORDER BY n").fetchall()
        return [Delivered(key=key, case_number=number, at=at) for key, number, at in rows]

    def _take(self, message: Message) -> None:
        with closing(self._open()) as log, log:
            log.execute("BEGIN IMMEDIATE")
            known = log.execute("SELECT 1 FROM delivered WHERE key = ?", (message.key,)).fetchone()
            if known is None or not self.is_repeatable:
                number = message.text.partition("编号")[2][:8]
                log.execute(
                    "INSERT INTO delivered (key, number, at) VALUES (?, ?, ?)",
                    (message.key, number, self._true_now().timestamp()),
                )

    def _mood(self) -> Mood:
        with closing(self._open()) as log:
            row = log.execute("SELECT mood FROM mood").fetchone()
        return Mood(row[0]) if row else Mood.FINE

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=30)


def _ref(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
