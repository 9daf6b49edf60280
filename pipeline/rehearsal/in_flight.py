"""A replay's messages: each takes as long, and ends, as the one that was really sent."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pipeline.policy.situation import Attempt
from pipeline.rehearsal.facts import Try, TryKey
from pipeline.rehearsal.outcome import CannotBeKnownError, Unknowable
from pipeline.reminder import DeliveryStatus

__all__ = ["SAME_TIME", "Happening", "InFlight", "Word"]

SAME_TIME = timedelta(minutes=1)
"""Who is reminded so much earlier or later does what was recorded."""


class Happening(StrEnum):
    """What is heard of a message."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    SILENT = "silent"
    """Its receipt has been waited for long enough."""
    ENDED = "ended"


class Word(NamedTuple):
    """What is heard of one message at `at`."""

    at: datetime
    what: Happening
    number: int


class InFlight:
    """The tries of one replay; a new round begins when an operator enters a plate."""

    def __init__(self) -> None:
        """Nothing is sent yet."""
        self.sent = 0
        self.reached: dict[TryKey, datetime] = {}
        self._tries: list[Try] = []
        self._attempts: list[Attempt] = []
        self._words: list[Word] = []

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The present tries as policy sees them."""
        return tuple(self._attempts)

    @property
    def has_failed(self) -> bool:
        """Whether the newest of them has."""
        return bool(self._attempts) and self._attempts[-1].status is DeliveryStatus.FAILED

    @property
    def next(self) -> Word | None:
        """What is heard next."""
        return min(self._words, default=None)

    def begin_round(self) -> None:
        """Forget the tries so far; what is heard of them tells nothing about the next driver."""
        self._tries, self._attempts, self._words = [], [], []

    def queue(self, one: Try, now: datetime) -> None:
        """Send a message as it was really sent."""
        _, channel, position = one.key
        number = len(self._attempts)
        self._tries.append(one)
        self._attempts.append(
            Attempt(channel=channel, position=position, status=DeliveryStatus.CREATED)
        )
        for what, after in (
            (Happening.ACCEPTED, one.accepted_after),
            (Happening.DELIVERED, one.delivered_after),
            (Happening.ENDED, one.ended_after),
        ):
            if after is not None:
                self._words.append(Word(now + after, what, number))

    def hear(self, word: Word, *, is_wanted: bool) -> Try | None:
        """Take in what is heard; None when it changes nothing.

        Args:
            word: The next one.
            is_wanted: Whether a message that is about to go out still should.

        Raises:
            CannotBeKnownError: the driver was told at another time than really.
        """
        self._words.remove(word)
        one, attempt = self._tries[word.number], self._attempts[word.number]
        is_new = attempt.status is DeliveryStatus.CREATED
        goes_out = is_wanted and word.number == len(self._attempts) - 1
        match word.what:
            case Happening.ACCEPTED if goes_out:
                self._turn(word, DeliveryStatus.ACCEPTED)
                self._accept(one, word.at)
                return one
            case Happening.DELIVERED if not is_new:
                self._turn(word, DeliveryStatus.DELIVERED)
                return one
            case Happening.SILENT if attempt.status is DeliveryStatus.ACCEPTED:
                return one
            case Happening.ENDED if not is_new or (goes_out and one.accepted_at is None):
                self.sent += is_new
                self._turn(word, one.status)
                return one
            case _:
                return None

    def wait_for_receipt(self, word: Word, length: timedelta) -> None:
        """After so long the receipt of an accepted message is missed."""
        self._words.append(Word(word.at + length, Happening.SILENT, word.number))

    def _accept(self, one: Try, now: datetime) -> None:
        self.sent += 1
        if not one.has_reached or one.accepted_at is None:
            return
        self.reached[one.key] = now
        if abs(now - one.accepted_at) > SAME_TIME:
            raise CannotBeKnownError(Unknowable.OTHER_TIME)

    def _turn(self, word: Word, status: DeliveryStatus) -> None:
        one, has_ended = self._tries[word.number], word.what is Happening.ENDED
        attempt = self._attempts[word.number]
        self._attempts[word.number] = Attempt(
            channel=attempt.channel,
            position=attempt.position,
            status=status,
            failure=one.failure if has_ended else None,
            ended_at=word.at if has_ended else None,
            is_disowned=one.is_disowned and has_ended,
        )
