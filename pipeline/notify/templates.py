"""Wordings from files: the shipped ones in `texts/`, and a city's own folder before them."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import PermanentError, findings
from pipeline.notify.wording import (
    Agency,
    Kind,
    Language,
    NoticeFacts,
    NoticeTemplate,
    NoticeText,
    ReminderFacts,
    ReminderTemplate,
    ReminderText,
    Template,
    TipFacts,
    faults,
)
from pipeline.policy.entries import ChannelKind

__all__ = [
    "SHIPPED",
    "Agency",
    "Finding",
    "Texts",
    "TextsError",
    "load_texts",
    "read_texts",
]

SHIPPED = Path(__file__).parent / "texts"

_Slot = tuple[Kind, ChannelKind, Language]
_OneKind = TypeVar("_OneKind", ReminderTemplate, NoticeTemplate)


class TextsError(PermanentError):
    """A wording that cannot be used as it is written, or none for a purpose and a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with a template, in one line; `template` is empty for the file as a whole."""

    file: str
    template: str
    line: str

    def __str__(self) -> str:
        of = f": template {self.template}" if self.template else ""
        return f"{self.file}{of}: {self.line}"


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _File(_Closed):
    """One file: the templates of one kind in one language."""

    kind: Kind
    language: Language


class _Entry(_Closed):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{2,39}$")
    channel: ChannelKind
    version: int = Field(ge=1)
    author: str = Field(min_length=2, max_length=60)
    valid_from: date
    max_segments: int | None = Field(default=None, ge=1, le=10)
    text: str = Field(min_length=1)

    @model_validator(mode="after")
    def _segments_of_sms(self) -> Self:
        if self.channel is ChannelKind.SMS and self.max_segments is None:
            raise ValueError("an sms needs max_segments; add it")
        if self.channel is not ChannelKind.SMS and self.max_segments is not None:
            raise ValueError("max_segments is for an sms alone; remove it")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The wordings in use: a city's own where it has one in force on the day, else the shipped.

    Its methods write in the agency's language, and raise FactsError where a fact is missing,
    impossible or too long, and TextsError where no wording is in force.
    """

    own: tuple[Template, ...] = ()
    shipped: tuple[Template, ...]

    def remind(self, facts: ReminderFacts, *, channel: ChannelKind) -> ReminderText:
        """The reminder about a vehicle that stands where it may not."""
        return self._reminder(Kind.REMINDER, facts, channel)

    def thank(self, facts: TipFacts, *, channel: ChannelKind) -> ReminderText:
        """The tip for a driver who left in time."""
        return self._reminder(Kind.TIP, facts, channel)

    def give_notice(self, facts: NoticeFacts, *, channel: ChannelKind) -> NoticeText:
        """The statutory notice of a record that was entered."""
        slot = (Kind.NOTICE, channel, Language(facts.agency.language))
        return self._in_force(NoticeTemplate, slot, facts.today).render(facts)

    def _reminder(
        self, kind: Kind, facts: ReminderFacts | TipFacts, channel: ChannelKind
    ) -> ReminderText:
        slot = (kind, channel, Language(facts.agency.language))
        return self._in_force(ReminderTemplate, slot, facts.today).render(facts)

    def _in_force(self, wanted: type[_OneKind], slot: _Slot, on: date) -> _OneKind:
        for templates in (self.own, self.shipped):
            begun = [
                one
                for one in templates
                if isinstance(one, wanted) and one.slot == slot and one.valid_from <= on
            ]
            if begun:
                return max(begun, key=lambda one: one.valid_from)
        raise TextsError(f"no wording for {' '.join(slot)} on {on.isoformat()}; add one")


def load_texts(folder: Path | None = None) -> Texts:
    """The shipped wordings, and those of a city's folder before them.

    Raises:
        TextsError: one line for each finding, with file, template, place and how to put it right.
    """
    own, found = ((), ()) if folder is None else read_texts(folder)
    if found:
        raise TextsError("\n".join(str(one) for one in found))
    return Texts(own=own, shipped=_shipped())


@cache
def _shipped() -> tuple[Template, ...]:
    templates, found = read_texts(SHIPPED)
    if found:
        raise TextsError("\n".join(str(one) for one in found))
    return templates


def read_texts(folder: Path) -> tuple[tuple[Template, ...], tuple[Finding, ...]]:
    """Every template of a folder that can be read at all, and all that is wrong in its files."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        return (), (Finding(file=str(folder), template="", line="no *.toml file; add one"),)
    read = [one for file in files for one in _read(file)]
    templates = tuple(one for one in read if not isinstance(one, Finding))
    found = [one for one in read if isinstance(one, Finding)]
    found += [_of(one, str(fault)) for one in templates for fault in faults(one)]
    found += _clashes(templates)
    if folder != SHIPPED:
        found += _taken(templates, _shipped())
    return templates, tuple(found)


def _read(file: Path) -> Iterator[Template | Finding]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        yield Finding(file=file.name, template="", line=f"cannot be read: {exc}; correct it")
        return
    entries = document.pop("template", None)
    try:
        header = _File.model_validate(document)
    except ValidationError as exc:
        yield from _broken(file, "", exc)
        return
    if not isinstance(entries, list) or not entries:
        yield Finding(file=file.name, template="", line="no [[template]] in it; add one")
        return
    for number, entry in enumerate(entries, start=1):
        name = entry.get("id") if isinstance(entry, dict) else None
        try:
            yield _template(file, header, _Entry.model_validate(entry))
        except ValidationError as exc:
            yield from _broken(file, str(name or f"number {number}"), exc)


def _broken(file: Path, template: str, exc: ValidationError) -> Iterator[Finding]:
    for line in findings(exc, "").splitlines():
        yield Finding(file=file.name, template=template, line=line)


def _template(file: Path, header: _File, entry: _Entry) -> Template:
    # Lines are broken in the file for its readers; Chinese puts no space between its sentences.
    joint = "" if header.language is Language.ZH_CN else " "
    text = joint.join(line.strip() for line in entry.text.splitlines() if line.strip())
    make = NoticeTemplate if header.kind is Kind.NOTICE else ReminderTemplate
    return make(
        id=entry.id,
        kind=header.kind,
        channel=entry.channel,
        language=header.language,
        version=entry.version,
        author=entry.author,
        valid_from=entry.valid_from,
        max_segments=entry.max_segments,
        text=text,
        file=file.name,
    )


def _of(template: Template, line: str) -> Finding:
    return Finding(file=template.file, template=template.id, line=line)


def _clashes(templates: Sequence[Template]) -> list[Finding]:
    """Pairs that leave it open which text is meant, or was sent."""
    found = []
    for number, one in enumerate(templates):
        for other in templates[:number]:
            is_same_slot = one.slot == other.slot
            if one.id == other.id and not is_same_slot:
                line = f"id: {other.file} has it for {' '.join(other.slot)}; give it another id"
                found.append(_of(one, line))
            elif is_same_slot and one.valid_from == other.valid_from:
                line = f"valid_from: {other.id} begins on the same day; choose another day"
                found.append(_of(one, line))
            elif one.id == other.id and not _is_in_order(one, other):
                line = "version: a later valid_from needs a higher version; raise it"
                found.append(_of(one, line))
    return found


def _is_in_order(one: Template, other: Template) -> bool:
    earlier, later = sorted((one, other), key=lambda template: template.valid_from)
    return earlier.version < later.version


def _taken(own: Sequence[Template], shipped: Sequence[Template]) -> list[Finding]:
    """Own templates that would pass for a shipped one where a message names what it was."""
    texts = {(one.id, one.version): one.text for one in shipped}
    return [
        _of(one, f"version: {one.version} is that of a shipped text; raise it, or change the id")
        for one in own
        if texts.get((one.id, one.version), one.text) != one.text
    ]
