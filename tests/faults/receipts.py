"""What a provider tells of a message, and when: by its moods, and by the dice of the message."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pipeline.reminder import DeliveryStatus, Failure

__all__ = [
    "Handed",
    "Kind",
    "Mood",
    "Outcome",
    "Said",
    "Telling",
    "Told",
    "outcome_of",
    "telling",
]

# A phone that is reached is reached within the wait that every rulebook here has.
_SOONEST_S, _LATEST_S = 0.2, 3.0


class Kind(StrEnum):
    """What a provider knows of our keys."""

    TAKES_A_KEY_ONCE = "takes a key once"
    CAN_LOOK_UP = "can look up"
    KNOWS_NOTHING = "knows nothing"


class Mood(StrEnum):
    """How the provider behaves."""

    FINE = "fine"
    SLOW = "slow"
    BUSY = "busy"
    """Takes nothing and says so: 429 and 5xx."""
    LOSES_ANSWERS = "loses answers"
    """Takes it or not, and says nothing."""
    REFUSES = "refuses"
    ANSWERS_TWICE = "answers twice"
    """The request reaches it twice, and everything it says comes twice."""
    ANSWERS_WRONG = "answers wrong"
    """Takes it or not, and answers with a page that nobody can read."""
    LOSES_RECEIPTS = "loses receipts"
    TELLS_LATE = "tells late"
    TELLS_AGAIN = "tells again"
    TELLS_IN_DISORDER = "tells in disorder"
    """Delivered before it has answered; failed after delivered; delivered after failed."""
    TELLS_WRONG = "tells wrong"
    """Says that it failed, and the phone was reached."""
    IS_IMITATED = "is imitated"
    """Somebody else calls back in its name."""


class Outcome(StrEnum):
    """What truly became of a message."""

    REACHED = "reached"
    """The call was answered, the message arrived."""
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    TECHNICAL = "technical"
    REFUSED = "refused"
    """The provider did not take it, and said so at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a provider says of a message, and from when on; in seconds since 1970."""

    at: float
    status: DeliveryStatus
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """All that a provider will say: to whoever asks, and by itself; `mishap` is what goes wrong."""

    if_asked: Sequence[Said] = ()
    by_itself: Sequence[Said] = ()
    mishap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the provider said, and when we had it; `is_asked`: as the answer to a question."""

    at: float
    status: DeliveryStatus
    failure: Failure | None
    is_asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A message that was handed over at the true instant `at`; `case_number` stands in its text.

    Attributes:
        key: Its name.
        case_number: Of the case it is about.
        channel: Whose it is.
        at: When the provider took it, or refused it.
        outcome: What truly became of it.
        reached_at: When a phone was answered or showed it; None when none did.
        mishap: What went wrong with what the provider said of it.
        told: What the provider said of it, by time.
    """

    key: str
    case_number: str
    channel: str
    at: float
    outcome: Outcome
    reached_at: float | None
    mishap: str = ""
    told: tuple[Told, ...] = field(default=())

    @property
    def is_taken(self) -> bool:
        """Whether the provider took it."""
        return self.outcome is not Outcome.REFUSED

    def was_told(self, status: DeliveryStatus, *, by: float) -> bool:
        """Whether the provider had said so at an instant."""
        return any(one.status is status and one.at <= by for one in self.told)


def outcome_of(dice: random.Random) -> tuple[Outcome, float]:
    """What truly happens to a message, and how many seconds later."""
    (outcome,) = dice.choices(
        (Outcome.REACHED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.TECHNICAL),
        weights=(50, 30, 10, 10),
    )
    return outcome, dice.uniform(_SOONEST_S, _LATEST_S)


def telling(
    mood: Mood, outcome: Outcome, dice: random.Random, *, known_at: float, late_s: Sequence[float]
) -> Telling:
    """What is told of a message whose end is known at `known_at`; `late_s` is how late at most."""
    truth = Said(at=known_at, status=DeliveryStatus.DELIVERED)
    if outcome is not Outcome.REACHED:
        truth = Said(at=known_at, status=DeliveryStatus.FAILED, failure=Failure(outcome))
    match mood:
        case Mood.LOSES_RECEIPTS:
            told = Telling(mishap="receipts lost")
        case Mood.TELLS_LATE:
            late = replace(truth, at=known_at + dice.uniform(*late_s))
            told = _by_some_way(late, dice, mishap="receipt late")
        case Mood.TELLS_AGAIN | Mood.ANSWERS_TWICE:
            times = dice.randint(2, 4) if mood is Mood.TELLS_AGAIN else 2
            again = [replace(truth, at=known_at + dice.uniform(0, 5)) for _ in range(times - 1)]
            told = Telling(if_asked=(truth,), by_itself=(truth, *again), mishap="receipt repeated")
        case Mood.TELLS_IN_DISORDER:
            told = _in_disorder(truth, dice)
        case Mood.TELLS_WRONG if outcome is Outcome.REACHED:
            told = _by_some_way(_failed(known_at), dice, mishap="receipt wrong")
        case Mood.IS_IMITATED:
            told = _by_some_way(truth, dice, mishap="call-backs forged")
        case _:
            told = _by_some_way(truth, dice)
    return told


def _in_disorder(truth: Said, dice: random.Random) -> Telling:
    way = dice.choice(("early", "failed last", "failed first"))
    if way == "early" or truth.status is DeliveryStatus.FAILED:
        return Telling(by_itself=(truth,), mishap="receipt before the answer")
    if way == "failed last":
        afterwards = _failed(truth.at + dice.uniform(0.1, 5))
        told = (truth, afterwards)
        return Telling(if_asked=told, by_itself=told, mishap="failed after delivered")
    told = (_failed(truth.at), replace(truth, at=truth.at + dice.uniform(0.1, 15)))
    return Telling(if_asked=told, by_itself=told, mishap="delivered after failed")


def _failed(at: float) -> Said:
    return Said(at=at, status=DeliveryStatus.FAILED, failure=Failure.TEMPORARY)


def _by_some_way(said: Said, dice: random.Random, *, mishap: str = "") -> Telling:
    way = dice.choice(("if asked", "by itself", "both"))
    return Telling(
        if_asked=() if way == "by itself" else (said,),
        by_itself=() if way == "if asked" else (said,),
        mishap=mishap,
    )
