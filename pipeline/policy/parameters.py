"""The rulebook: dated, sourced values of one region; the case's own date picks the entry.

A region may build on another (county on city on province): on the days of its own entries they
stand, on all other days those of the region above.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from pipeline.errors import PermanentError, findings
from pipeline.events.violation import LocalName
from pipeline.policy.entries import (
    ActsEntry,
    DurationEntry,
    Entry,
    EvidenceEntry,
    GraceEntry,
    ListsEntry,
    MonthsEntry,
    PlacesEntry,
    PlatesEntry,
    QuietEntry,
    RemindersEntry,
    RetentionEntry,
    StepsEntry,
    WaysEntry,
    WorkingDaysEntry,
)

__all__ = ["Rulebook", "RulebookError", "load_rulebook", "shipped_rulebooks"]

_FOLDER = Path(__file__).parent / "rulebook"
_NO_RULEBOOKS = frozenset({"clocks", "holidays", "pictures"})
_MAX_LEVELS = 5
_EDITION_DIGITS = 8
_DAY = timedelta(days=1)


class RulebookError(PermanentError):
    """A rulebook that cannot be used as it is written, or has no entry for a date."""


E = TypeVar("E", bound=Entry)
Dated = Annotated[tuple[E, ...], Field(min_length=1)]


class Rulebook(BaseModel):
    """All policy values of one region; each list holds what was, is and will be in force.

    Attributes:
        region: Its short name.
        version: The region's own name of this text of it, such as 2026.1.
        name: As people call it.
        freshest_sighting: How old a sighting may be when a driver is reminded.
        grace_period: From delivery until a sighting counts against the driver.
        receipt_wait: How long a receipt is waited for; then grace begins all the same.
        longest_wait: After so long without a word of the camera nothing is proven.
        contact_steps: The tries to reach a driver.
        quiet_hours: When which of them are silent.
        reminders_per_day: To one plate on one day of the site.
        reminders_per_month: To one plate in one calendar month of the site.
        review_deadline: From the picture to the decision.
        first_offence: How far one looks back for earlier records.
        strict_places: Where nobody is reminded first.
        exempt_plates: Whose vehicles are not proceeded against.
        contact_plates: Whose holders may be reminded by their plate.
        without_reminder: What happens where no reminder can go out.
        acts: What the law calls what a camera sees.
        three_lists: Which acts are handled strictly, warned of at first, or not penalised.
        evidence_clauses: What a record must have.
        retention: What is kept for how long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    version: str = Field(min_length=1)
    name: LocalName
    freshest_sighting: Dated[DurationEntry]
    grace_period: Dated[GraceEntry]
    receipt_wait: Dated[DurationEntry]
    longest_wait: Dated[DurationEntry]
    contact_steps: Dated[StepsEntry]
    quiet_hours: Dated[QuietEntry]
    reminders_per_day: Dated[RemindersEntry]
    reminders_per_month: Dated[RemindersEntry]
    review_deadline: Dated[WorkingDaysEntry]
    first_offence: Dated[MonthsEntry]
    strict_places: Dated[PlacesEntry]
    exempt_plates: Dated[PlatesEntry]
    contact_plates: Dated[PlatesEntry]
    without_reminder: Dated[WaysEntry]
    acts: Dated[ActsEntry]
    three_lists: Dated[ListsEntry]
    evidence_clauses: Dated[EvidenceEntry]
    retention: Dated[RetentionEntry]

    @model_validator(mode="after")
    def _rows_name_known_acts(self) -> Self:
        for entry in self.three_lists:
            for acts in (one for one in self.acts if _overlap(one, entry)):
                for row in entry.value:
                    unknown = sorted(set(row.acts) - set(acts.value))
                    if unknown:
                        raise ValueError(
                            f"three_lists: row {row.id}: no act for {unknown[0]} in acts "
                            f"from {acts.valid_from}"
                        )
        return self

    @cached_property
    def edition(self) -> str:
        """Region, version and the beginning of the SHA-256 over all values, for the record."""
        digest = hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()
        return f"{self.region} {self.version} {digest[:_EDITION_DIGITS]}"

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, which has an edition of its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("edition", None)
        return copy

    def in_force(self, entries: Sequence[E], on: date) -> E:
        """The entry of one of this rulebook's lists that is in force on `on`.

        Raises:
            RulebookError: the list starts later.
        """
        for entry in reversed(entries):
            if entry.is_in_force(on):
                return entry
        raise RulebookError(
            f"rulebook {self.region}: nothing in force on {on}, "
            f"the first entry starts {entries[0].valid_from}"
        )


def _overlap(one: Entry, other: Entry) -> bool:
    return one.valid_from <= (other.valid_until or date.max) and other.valid_from <= (
        one.valid_until or date.max
    )


_HEAD = {"region", "version", "name"}
_LISTS = tuple(name for name in Rulebook.model_fields if name not in _HEAD)


class _EachOnce(yaml.SafeLoader):
    """Refuses a name that stands twice, where YAML lets the second one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        names = [self.construct_object(key) for key, _ in node.value]
        twice = [one for one in names if names.count(one) > 1]
        if twice:
            raise yaml.MarkedYAMLError(
                problem=f"{twice[0]} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


class _Level(BaseModel):
    """One region's own file: its lists may lack what the region above has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    version: str
    name: LocalName
    extends: str | None = None


_OWN_LISTS: dict[str, Any] = {
    name: (Rulebook.model_fields[name].rebuild_annotation() | None, None) for name in _LISTS
}
_OwnFile = create_model("_OwnFile", __base__=_Level, **_OWN_LISTS)


def shipped_rulebooks() -> list[str]:
    """The names of the rulebooks that come with the product."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml") if path.stem not in _NO_RULEBOOKS)


def load_rulebook(name: str) -> Rulebook:
    """Load a rulebook by the name of a shipped one, or from a YAML file.

    `extends` names the rulebook it builds on: a shipped one, or a file beside it.

    Raises:
        RulebookError: not there, no YAML, a wrong value, a gap or an overlap in the dates; names
            the file, the place and the fix.
    """
    first = path = _path(name, beside=Path())
    levels = [_read(path)]
    while (above := levels[-1].extends) is not None:
        if len(levels) == _MAX_LEVELS:
            raise RulebookError(f"rulebook {first}: more than {_MAX_LEVELS} levels; in a circle?")
        path = _path(above, beside=path.parent)
        levels.append(_read(path))
    own = levels[0]
    whole: dict[str, object] = {"region": own.region, "version": own.version, "name": own.name}
    for name_of_list in _LISTS:
        entries: tuple[Entry, ...] = ()
        for level in reversed(levels):
            entries = _laid_over(_own_entries(level, name_of_list), entries)
        if entries:
            whole[name_of_list] = entries
    try:
        _require_no_gap(whole)
        return Rulebook.model_validate(whole)
    except ValidationError as exc:
        raise RulebookError(findings(exc, f"rulebook {first}")) from exc
    except ValueError as exc:
        raise RulebookError(f"rulebook {first}: {exc}") from exc


def _path(name: str, *, beside: Path) -> Path:
    return _FOLDER / f"{name}.yaml" if name in shipped_rulebooks() else beside / name


def _read(path: Path) -> _Level:
    try:
        level = _OwnFile.model_validate(yaml.load(path.read_text(encoding="utf-8"), _EachOnce))  # noqa: S506
        for name in _LISTS:
            _own_entries(level, name)
    except OSError as exc:
        shipped = ", ".join(shipped_rulebooks())
        raise RulebookError(
            f"rulebook {path}: {exc.strerror}; give a file or one of {shipped}"
        ) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise RulebookError(f"rulebook {path}: no valid YAML: {exc}") from exc
    except ValidationError as exc:
        raise RulebookError(findings(exc, f"rulebook {path}")) from exc
    except ValueError as exc:
        raise RulebookError(f"rulebook {path}: {exc}") from exc
    return level


def _own_entries(level: _Level, name: str) -> tuple[Entry, ...]:
    """One list of one file by the first day, each entry with its last day and its region.

    Raises:
        ValueError: two entries are in force on one day.
    """
    given: tuple[Entry, ...] = getattr(level, name) or ()
    entries = sorted(given, key=lambda entry: entry.valid_from)
    for one, after in pairwise(entries):
        if one.valid_from == after.valid_from:
            raise ValueError(f"{name}: two entries start on the same day, {one.valid_from}")
        if one.valid_until is not None and one.valid_until >= after.valid_from:
            raise ValueError(
                f"{name}: the entry from {one.valid_from} overlaps the one from "
                f"{after.valid_from}; let it end on {after.valid_from - _DAY}"
            )
    ends = [after.valid_from - _DAY for after in entries[1:]] + [None] * bool(entries)
    return tuple(
        one.model_copy(update={"valid_until": one.valid_until or end, "region": level.region})
        for one, end in zip(entries, ends, strict=True)
    )


def _laid_over(own: Sequence[Entry], above: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries of a region over those of the region above it, which fill all other days."""
    left = list(above)
    for one in own:
        left = [piece for entry in left for piece in _outside(entry, one)]
    return tuple(sorted((*own, *left), key=lambda entry: entry.valid_from))


def _outside(entry: Entry, taken: Entry) -> list[Entry]:
    """The parts of an entry's days that are not the days of another."""
    begins, ends = entry.valid_from, entry.valid_until or date.max
    cut_begins, cut_ends = taken.valid_from, taken.valid_until or date.max
    pieces = []
    if begins < cut_begins:
        pieces.append(entry.model_copy(update={"valid_until": min(ends, cut_begins - _DAY)}))
    if ends > cut_ends:
        pieces.append(entry.model_copy(update={"valid_from": max(begins, cut_ends + _DAY)}))
    return pieces


def _require_no_gap(lists: Mapping[str, object]) -> None:
    """Pass when each list has a value on every day from its first on.

    Raises:
        ValueError: on some days nothing is in force; names the list and the days.
    """
    for name, entries in lists.items():
        if not isinstance(entries, tuple):
            continue
        for one, after in pairwise(entries):
            if one.valid_until < after.valid_from - _DAY:
                raise ValueError(
                    f"{name}: nothing is in force between {one.valid_until} and "
                    f"{after.valid_from}; close the gap"
                )
        if entries[-1].valid_until is not None:
            raise ValueError(
                f"{name}: nothing is in force after {entries[-1].valid_until}; "
                "add an entry, or leave out `until`"
            )
