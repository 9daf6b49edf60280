"""The rulebook: dated, sourced values of one region; the case's own date picks the entry."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PermanentError, findings
from pipeline.events.violation import LocalName, PlaceClass, ViolationType
from pipeline.policy.evidence_standard import Clause

__all__ = [
    "Act",
    "ActList",
    "ActsEntry",
    "Cause",
    "CountEntry",
    "DurationEntry",
    "Entry",
    "EvidenceEntry",
    "Need",
    "PlacesEntry",
    "Rulebook",
    "RulebookError",
    "Way",
    "WaysEntry",
    "load_rulebook",
]

_FOLDER = Path(__file__).parent / "rulebook"
_NO_RULEBOOKS = frozenset({"clocks", "holidays", "pictures"})


class RulebookError(PermanentError):
    """A rulebook that cannot be used as it is written, or has no entry for a date."""


class Cause(StrEnum):
    """Why no reminder can go out."""

    PLATE_UNREADABLE = "plate_unreadable"
    PLATE_DOUBTFUL = "plate_doubtful"
    NO_CONTACT = "no_contact"
    OPTED_OUT = "opted_out"
    CAP_REACHED = "cap_reached"
    NOT_DELIVERED = "not_delivered"


class Way(StrEnum):
    """What happens to a case without a reminder."""

    CLOSE = "close"
    ASK_OPERATOR = "ask_operator"
    REFER = "refer"


class Need(StrEnum):
    """What a clause of the evidence standard is for a record."""

    MUST = "must"
    SHOULD = "should"


class ActList(StrEnum):
    """Whether an act is reminded of first, or goes straight to a person."""

    ORDINARY = "ordinary"
    STRICT = "strict"


class Entry(BaseModel):
    """One value from one day on, with the text it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    valid_from: date = Field(alias="from")
    source: str = Field(min_length=1)


_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


class DurationEntry(Entry):
    """A length of time."""

    value: float = Field(gt=0)
    unit: Literal["s", "min", "h", "d"]

    @property
    def length(self) -> timedelta:
        """The value as a length of time."""
        return timedelta(**{_UNITS[self.unit]: self.value})


class CountEntry(Entry):
    """A whole number of something."""

    value: int = Field(ge=0)
    unit: Literal["reminders", "working days"]


class PlacesEntry(Entry):
    """A list of place classes."""

    value: tuple[PlaceClass, ...]
    unit: Literal["place classes"]


class WaysEntry(Entry):
    """What happens without a reminder, for every cause."""

    value: dict[Cause, Way]
    unit: Literal["way per cause"]

    def model_post_init(self, _context: object) -> None:
        """Check that no cause was forgotten.

        Raises:
            ValueError: a cause has no way.
        """
        missing = sorted(set(Cause) - set(self.value))
        if missing:
            raise ValueError(f"no way given for {', '.join(missing)}")


class EvidenceEntry(Entry):
    """Which clauses of the evidence standard a record must meet, for every clause."""

    value: dict[Clause, Need]
    unit: Literal["need per clause"]

    def model_post_init(self, _context: object) -> None:
        """Check that no clause was forgotten.

        Raises:
            ValueError: nothing is said of a clause.
        """
        unsaid = sorted(set(Clause) - set(self.value))
        if unsaid:
            raise ValueError(f"nothing said of {', '.join(unsaid)}; say must or should")

    @property
    def needed(self) -> tuple[Clause, ...]:
        """The clauses without which nothing is confirmed."""
        return tuple(one for one in Clause if self.value[one] is Need.MUST)


class Act(BaseModel):
    """What the law calls a violation type: its code, and the list it stands on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1)
    list: ActList
    source: str = Field(min_length=1)


class ActsEntry(Entry):
    """The acts behind the violation types; a type without one is ordinary."""

    value: dict[ViolationType, Act]
    unit: Literal["acts"]


E = TypeVar("E", bound=Entry)


def _in_order(entries: tuple[E, ...]) -> tuple[E, ...]:
    days = [entry.valid_from for entry in entries]
    if len(set(days)) != len(days):
        raise ValueError("two entries start on the same day")
    return tuple(sorted(entries, key=lambda entry: entry.valid_from))


Durations = Annotated[tuple[DurationEntry, ...], Field(min_length=1), AfterValidator(_in_order)]
Counts = Annotated[tuple[CountEntry, ...], Field(min_length=1), AfterValidator(_in_order)]


class Rulebook(BaseModel):
    """All policy values of one region; each list holds what was, is and will be in force."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: LocalName
    freshest_sighting: Durations
    grace_period: Durations
    receipt_wait: Durations
    longest_wait: Durations
    reminders_per_day: Counts
    review_deadline: Counts
    strict_places: Annotated[
        tuple[PlacesEntry, ...], Field(min_length=1), AfterValidator(_in_order)
    ]
    without_reminder: Annotated[
        tuple[WaysEntry, ...], Field(min_length=1), AfterValidator(_in_order)
    ]
    acts: Annotated[tuple[ActsEntry, ...], Field(min_length=1), AfterValidator(_in_order)]
    evidence_clauses: Annotated[
        tuple[EvidenceEntry, ...], Field(min_length=1), AfterValidator(_in_order)
    ]

    def in_force(self, entries: Sequence[E], on: date) -> E:
        """The entry of one of this rulebook's lists that is in force on `on`.

        Raises:
            RulebookError: the list starts later.
        """
        started = [entry for entry in entries if entry.valid_from <= on]
        if not started:
            raise RulebookError(
                f"rulebook {self.region}: nothing in force on {on}, "
                f"the first entry starts {entries[0].valid_from}"
            )
        return started[-1]


def load_rulebook(name: str) -> Rulebook:
    """Load a rulebook by the name of a shipped one, or from a YAML file.

    Raises:
        RulebookError: not there, no YAML, or a wrong value; names the file, the place and the fix.
    """
    shipped = sorted(path.stem for path in _FOLDER.glob("*.yaml") if path.stem not in _NO_RULEBOOKS)
    path = _FOLDER / f"{name}.yaml" if name in shipped else Path(name)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Rulebook.model_validate(document)
    except OSError as exc:
        raise RulebookError(
            f"rulebook {name}: {exc.strerror}; give a file or one of {', '.join(shipped)}"
        ) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise RulebookError(f"rulebook {path}: no valid YAML: {exc}") from exc
    except ValidationError as exc:
        raise RulebookError(findings(exc, f"rulebook {path}")) from exc
