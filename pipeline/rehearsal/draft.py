"""A draft as if it were in force, and what differs between it and the rulebook that is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from pipeline.policy.entries import Entry
from pipeline.policy.parameters import Rulebook, RulebookError

__all__ = [
    "Difference",
    "DraftRulebook",
    "differences",
    "require_in_force",
]

E = TypeVar("E", bound=Entry)

_LISTS = [name for name in Rulebook.model_fields if name not in {"region", "version", "name"}]
_NOT_SAID = ""
_OUTSIDE = frozenset({"from", "until", "source", "region"})


class DraftRulebook(Rulebook):
    """A draft in force: cases of earlier days are judged as those of its first day.

    Attributes:
        own_edition: The name of the draft's text.
        counts_from: The day on which the draft's own newest entry begins, or the day asked for.
        is_of_one_day: Whether later cases are judged by that day's entries too.
    """

    own_edition: str
    counts_from: date
    is_of_one_day: bool

    @classmethod
    def of(cls, draft: Rulebook, as_of: date | None = None) -> "DraftRulebook":
        """The draft as if in force: as of the day on which all of it is, or as of `as_of`."""
        own = [
            entry.valid_from
            for name in _LISTS
            for entry in getattr(draft, name)
            if entry.region == draft.region
        ]
        return cls.model_construct(
            **dict(draft),
            own_edition=draft.edition,
            counts_from=as_of or max(own, default=date.min),
            is_of_one_day=as_of is not None,
        )

    def in_force(self, entries: Sequence[E], on: date) -> E:
        """The entry that is in force on `on` had the draft been in force; see `Rulebook`."""
        return super().in_force(
            entries, self.counts_from if self.is_of_one_day else max(on, self.counts_from)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that differs in the days looked at; what one of them does not say is empty."""

    place: str
    before: str
    after: str


def differences(
    against: Rulebook, draft: DraftRulebook, since: date, until: date
) -> Iterator[Difference]:
    """What differs for the cases of these days, both included.

    Raises:
        RulebookError: on one of the days a list has no entry in force.
    """
    seen = set[Difference]()
    for name in _LISTS:
        for entry in _in_force_within(against, getattr(against, name), since, until):
            day = max(since, entry.valid_from)
            old = dict(_flat(name, entry))
            new = dict(_flat(name, draft.in_force(getattr(draft, name), day)))
            for place in dict.fromkeys((*old, *new)):
                before, after = old.get(place, _NOT_SAID), new.get(place, _NOT_SAID)
                found = Difference(place=place, before=before, after=after)
                if before != after and found not in seen:
                    seen.add(found)
                    yield found


def _in_force_within(
    rulebook: Rulebook, entries: Sequence[Entry], since: date, until: date
) -> Iterator[Entry]:
    yield rulebook.in_force(entries, since)
    for entry in entries:
        if since < entry.valid_from <= until:
            yield entry


def _flat(place: str, entry: Entry) -> Iterator[tuple[str, str]]:
    values = {
        name: value
        for name, value in entry.model_dump(mode="json", by_alias=True).items()
        if name not in _OUTSIDE
    }
    unit = values.pop("unit")
    value = values.pop("value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield place, f"{value:g} {unit}"
    else:
        yield from _scalars(place, value)
    yield from _scalars(place, values)


def _scalars(place: str, value: object) -> Iterator[tuple[str, str]]:
    """Every value below, with its place; rows go by their id."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "source":
                yield from _scalars(f"{place}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(row, dict) for row in value):
        names = [str(row.get("id", number)) for number, row in enumerate(value, start=1)]
        yield f"{place} (order)", ", ".join(names)
        for name, row in zip(names, value, strict=True):
            yield from _scalars(f"{place}.{name}", row)
    elif isinstance(value, list):
        yield place, ", ".join(map(str, value))
    else:
        yield place, "-" if value is None else str(value)


def require_in_force(rulebook: Rulebook, day: date) -> None:
    """Pass when every list has an entry on `day`.

    Raises:
        RulebookError: one starts later; names it.
    """
    for name in _LISTS:
        try:
            rulebook.in_force(getattr(rulebook, name), day)
        except RulebookError as exc:
            raise RulebookError(f"{exc} ({name})") from exc
