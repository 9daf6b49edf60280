"""Providers of messages with a log of their own, which have all the faults of real ones."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

from pydantic import BaseModel, SecretStr, TypeAdapter

from pipeline.errors import RetryableError
from pipeline.notify import Message
from pipeline.notify.callbacks import CallbackToken, read_body
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
from pipeline.reminder import DeliveryStatus, Failure, Receipt
from pipeline.storage import Storage
from tests.faults.receipts import (
    Handed,
    Kind,
    Mood,
    Outcome,
    Said,
    Telling,
    Told,
    outcome_of,
    telling,
)

__all__ = ["CHANNELS", "LATE_S", "FaultyProvider", "kinds_of"]

CHANNELS = ("voice", "sms")
LATE_S = (60.0, 180.0)
_SLOW_S = 1.0
_OVERTAKES_S = 0.5
_ANSWERS_QUESTIONS_AFTER_S = 5.0
_TOKEN = SecretStr("what only the provider knows")
_TABLES = (
    "mood (mood TEXT)",
    "handed (n INTEGER PRIMARY KEY, key, number, at, outcome, reached_at, mishap)",
    "answers (key, at, status, failure)",
    "calls (n INTEGER PRIMARY KEY, key, due_at, body, token, is_made DEFAULT 0)",
    "told (n INTEGER PRIMARY KEY, key, at, status, failure, is_asked)",
    "looked (key PRIMARY KEY, at)",
)


class _Body(BaseModel):
    """The form of its call-backs."""

    ref: str
    status: DeliveryStatus
    failure: Failure | None = None


_BODY = TypeAdapter(_Body)


def kinds_of(seed: int) -> tuple[Kind, Kind]:
    """Which kinds of providers a run has, for calls and for messages."""
    kinds = list(Kind)
    return kinds[seed % 3], kinds[seed // 3 % 3]


class FaultyProvider:
    """A channel; several processes share its file. Its names for messages are plain numbers."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        kind: Kind,
        true_now: Callable[[], datetime],
        pause: Callable[[float], None] = sleep,
        late_s: tuple[float, float] = LATE_S,
        is_lucky: bool = False,
    ) -> None:
        """Keep the log in `folder`.

        Args:
            name: Of the channel.
            folder: Where the log is.
            kind: What it knows of keys.
            true_now: The true time.
            pause: Waits, in seconds.
            late_s: How late a late receipt is, in seconds.
            is_lucky: Every phone is reached.
        """
        self.name = name
        self.kind = kind
        self.is_repeatable = kind is Kind.TAKES_A_KEY_ONCE
        self._file = folder / f"{name}.provider.db"
        self._true_now = true_now
        self._pause = pause
        self._late_s = late_s
        self._is_lucky = is_lucky
        self._dice = random.Random(name)
        self._token = CallbackToken(channel=name, secret=_TOKEN)
        self._answers: dict[str, Accepted] = {}
        with self._log() as log:
            for table in _TABLES:
                log.execute(f"CREATE TABLE IF NOT EXISTS {table}")

    def set_mood(self, mood: Mood) -> None:
        """How it behaves from now on."""
        with self._log() as log:
            log.execute("DELETE FROM mood")
            log.execute("INSERT INTO mood VALUES (?)", (mood,))

    def send(self, message: Message) -> SendResult:
        """See `Channel.send`."""
        mood = self._mood()
        match mood:
            case Mood.SLOW:
                self._pause(_SLOW_S)
            case Mood.BUSY:
                raise ChannelUnavailableError("503")
            case Mood.LOSES_ANSWERS | Mood.ANSWERS_WRONG:
                if self._dice.random() < 0.5:
                    self._take(message, mood)
                what = "timed out" if mood is Mood.LOSES_ANSWERS else "HTTP 200, a page"
                raise SendUncertainError(f"{what}; it may have been taken")
            case Mood.REFUSES if not (self.is_repeatable and self._ref(message.key)):
                self._refuse(message)
                return Refused(detail="no such number")
            case Mood.ANSWERS_TWICE if self.is_repeatable:
                self._take(message, mood)
        accepted = self._take(message, mood)
        if mood is Mood.TELLS_IN_DISORDER:
            self._pause(_OVERTAKES_S)
        return accepted

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """A while after the first question it is certain; see `Channel.look_up`."""
        if self.kind is Kind.KNOWS_NOTHING:
            raise SendUncertainError("this provider knows no keys")
        now = self._now()
        with self._log() as log:
            log.execute("INSERT OR IGNORE INTO looked VALUES (?, ?)", (message.key, now))
            row = log.execute("SELECT at FROM looked WHERE key = ?", (message.key,)).fetchone()
        if self.kind is Kind.CAN_LOOK_UP and now < row[0] + _ANSWERS_QUESTIONS_AFTER_S:
            raise ChannelUnavailableError("perhaps not listed yet")
        ref = self._ref(message.key)
        return Accepted(provider_ref=ref) if ref else None

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """What it says by now; see `Channel.fetch_receipt`."""
        if self._mood() is Mood.BUSY:
            raise ChannelUnavailableError("503")
        now = self._now()
        with self._log() as log:
            row = log.execute(
                "SELECT key, status, failure FROM answers WHERE at <= ? AND key = "
                "(SELECT key FROM handed WHERE n = ?) ORDER BY at DESC LIMIT 1",
                (now, sent.provider_ref),
            ).fetchone()
            if row is None:
                return None
            log.execute("INSERT INTO told VALUES (NULL, ?, ?, ?, ?, 1)", (row[0], now, *row[1:]))
        return self._receipt(_Body(ref=sent.provider_ref, status=row[1], failure=row[2]))

    def read_callback(self, callback: Callback) -> list[Receipt | Answer]:
        """One receipt, by whoever knows the token; see `Channel.read_callback`."""
        self._token.check(callback)
        return [self._receipt(read_body(callback, _BODY, channel=self.name))]

    def ring_back(self, storage: Storage) -> None:
        """Make the calls that are due to our pages, which keep them for the worker."""
        with self._log() as log:
            due = log.execute(
                "SELECT n, key, body, token FROM calls WHERE due_at <= ? AND NOT is_made "
                "ORDER BY due_at",
                (self._now(),),
            ).fetchall()
        for n, key, body, token in due:
            now = self._now()
            try:
                with storage.begin() as uow:
                    uow.registry.add_callback(self.name, body, query={"token": token})
                    uow.commit()
            except RetryableError:
                # Our page answers 503, and the provider calls again.
                return
            with self._log() as log:
                log.execute("UPDATE calls SET is_made = 1 WHERE n = ?", (n,))
                if key is not None:
                    said = _BODY.validate_json(body)
                    log.execute(
                        "INSERT INTO told VALUES (NULL, ?, ?, ?, ?, 0)",
                        (key, now, said.status, said.failure),
                    )

    def last_call_at(self) -> float | None:
        """When the last of the calls is due that it has still to make; None when there is none."""
        with self._log() as log:
            row = log.execute("SELECT MAX(due_at) FROM calls WHERE NOT is_made").fetchone()
        return None if row[0] is None else float(row[0])

    def handed(self) -> list[Handed]:
        """The provider's own account of all that was handed to it."""
        told: dict[str, list[Told]] = {}
        with self._log() as log:
            for key, at, status, failure, is_asked in log.execute(
                "SELECT key, at, status, failure, is_asked FROM told ORDER BY at, n"
            ):
                told.setdefault(key, []).append(
                    Told(
                        at=at,
                        status=DeliveryStatus(status),
                        failure=Failure(failure) if failure else None,
                        is_asked=bool(is_asked),
                    )
                )
            rows = log.execute(
                "SELECT key, number, at, outcome, reached_at, mishap FROM handed ORDER BY n"
            ).fetchall()
        return [
            Handed(
                key=key,
                case_number=number,
                channel=self.name,
                at=at,
                outcome=Outcome(outcome),
                reached_at=reached_at,
                mishap=mishap,
                told=_refusal(at) if outcome == Outcome.REFUSED else tuple(told.get(key, ())),
            )
            for key, number, at, outcome, reached_at, mishap in rows
        ]

    def _take(self, message: Message, mood: Mood) -> Accepted:
        """Take it, unless keys are known here and this one was taken before."""
        with self._log() as log:
            log.execute("BEGIN IMMEDIATE")
            known = log.execute(
                "SELECT n FROM handed WHERE key = ? AND outcome <> 'refused'", (message.key,)
            ).fetchone()
            ref = str(known[0] if known and self.is_repeatable else self._note(log, message, mood))
        return self._answers.setdefault(f"{message.key} {ref}", Accepted(provider_ref=ref))

    def _note(self, log: sqlite3.Connection, message: Message, mood: Mood) -> int:
        dice, now = random.Random(f"{self.name} {message.key}"), self._now()
        outcome, after_s = outcome_of(dice)
        outcome = Outcome.REACHED if self._is_lucky else outcome
        known_at = now if mood is Mood.TELLS_IN_DISORDER else now + after_s
        will_tell = telling(mood, outcome, dice, known_at=known_at, late_s=self._late_s)
        log.execute(
            "INSERT INTO handed VALUES (NULL, ?, ?, ?, ?, ?, ?)",
            (
                message.key,
                _number(message),
                now,
                outcome,
                known_at if outcome is Outcome.REACHED else None,
                will_tell.mishap,
            ),
        )
        (n,) = log.execute("SELECT last_insert_rowid()").fetchone()
        self._plan(log, message.key, str(n), will_tell)
        if mood is Mood.IS_IMITATED:
            self._plan_forged(log, str(n), dice)
        return int(n)

    def _plan(self, log: sqlite3.Connection, key: str, ref: str, will_tell: Telling) -> None:
        log.executemany(
            "INSERT INTO answers VALUES (?, ?, ?, ?)",
            [(key, one.at, one.status, one.failure) for one in will_tell.if_asked],
        )
        self._plan_calls(log, key, ref, will_tell.by_itself, token=_TOKEN.get_secret_value())

    def _plan_forged(self, log: sqlite3.Connection, ref: str, dice: random.Random) -> None:
        """Calls of somebody who guesses: about this message, another one, and one of nobody's."""
        other, now = dice.randint(1, int(ref)), self._now()
        arrived = Said(at=now, status=DeliveryStatus.DELIVERED)
        failed = Said(at=now, status=DeliveryStatus.FAILED, failure=Failure.TEMPORARY)
        told = [arrived, failed]
        dice.shuffle(told)
        for about, said in zip((ref, str(other)), told, strict=True):
            later = [Said(at=said.at + 0.5, status=said.status, failure=said.failure)]
            self._plan_calls(log, None, about, later, token="guessed")
        self._plan_calls(log, None, "404404", [arrived], token=_TOKEN.get_secret_value())

    def _plan_calls(
        self,
        log: sqlite3.Connection,
        key: str | None,
        ref: str,
        said: Sequence[Said],
        *,
        token: str,
    ) -> None:
        for one in said:
            body = _Body(ref=ref, status=one.status, failure=one.failure).model_dump_json()
            log.execute(
                "INSERT INTO calls (key, due_at, body, token) VALUES (?, ?, ?, ?)",
                (key, one.at, body, token),
            )

    def _refuse(self, message: Message) -> None:
        with self._log() as log:
            log.execute(
                "INSERT INTO handed VALUES (NULL, ?, ?, ?, ?, NULL, '')",
                (message.key, _number(message), self._now(), Outcome.REFUSED),
            )

    def _ref(self, key: str) -> str:
        """Its name for a message that it took; empty when it took none."""
        with self._log() as log:
            row = log.execute(
                "SELECT n FROM handed WHERE key = ? AND outcome <> 'refused'", (key,)
            ).fetchone()
        return str(row[0]) if row else ""

    def _receipt(self, said: _Body) -> Receipt:
        return Receipt(
            provider_ref=said.ref,
            status=said.status,
            failure=said.failure,
            provider_at=datetime.fromtimestamp(self._now(), UTC),
        )

    def _mood(self) -> Mood:
        with self._log() as log:
            row = log.execute("SELECT mood FROM mood").fetchone()
        return Mood(row[0]) if row else Mood.FINE

    def _now(self) -> float:
        return self._true_now().timestamp()

    @contextmanager
    def _log(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30)) as log, log:
            yield log


def _refusal(at: float) -> tuple[Told, ...]:
    return (Told(at=at, status=DeliveryStatus.FAILED, failure=Failure.PERMANENT, is_asked=True),)


def _number(message: Message) -> str:
    """The number of the case, which is read out character by character."""
    return message.text.partition("编号")[2].replace(" ", "")[:8]
