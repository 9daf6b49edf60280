"""What is wrong with a wording: fields, words, tone and length, each with how to put it right."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.notify.wording.documents import Kind, Language
from pipeline.notify.wording.fields import FIELDS
from pipeline.notify.wording.samples import longest, typical
from pipeline.notify.wording.segments import sms_segments
from pipeline.notify.wording.template import Template, named_fields, without_fields
from pipeline.policy.entries import ChannelKind

__all__ = ["Fault", "faults", "is_renderable", "spoken_s"]

_FILE = Path(__file__).parent / "rules.toml"
_ALL_CHANNELS = tuple(ChannelKind)
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, where, and what to do about it."""

    place: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.fix}"


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Rule(_Closed):
    kinds: tuple[Kind, ...]
    channels: tuple[ChannelKind, ...] = _ALL_CHANNELS
    language: Language | None = None

    def is_for(self, template: Template) -> bool:
        is_language = self.language in {None, template.language}
        return template.kind in self.kinds and template.channel in self.channels and is_language


class _Forbidden(_Rule):
    words: tuple[str, ...]
    reason: str
    fix: str


class _Allowed(_Rule):
    phrases: tuple[str, ...]
    reason: str


class _MustSay(_Rule):
    any_of: Annotated[tuple[str, ...], Field(min_length=1)]
    is_opening: bool = False
    reason: str


class _Limit(_Rule):
    characters: int | None = None
    seconds: float | None = None


class _Tone(_Closed):
    marks: frozenset[str]
    abbreviations: frozenset[str]
    shorteners: frozenset[str]


class _Rules(_Closed):
    forbidden: tuple[_Forbidden, ...]
    allowed: tuple[_Allowed, ...]
    must_say: tuple[_MustSay, ...]
    spoken_per_s: dict[Language, float]
    limit: tuple[_Limit, ...]
    tone: _Tone


@cache
def _rules() -> _Rules:
    return _Rules.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))


def faults(template: Template) -> tuple[Fault, ...]:
    """Everything that is wrong with a wording; one with broken fields is looked at no further."""
    broken = tuple(_field_faults(template))
    if broken:
        return broken
    checks: tuple[Callable[[Template], Iterator[Fault]], ...] = (
        _invisible_characters,
        _forbidden_words,
        _missing_phrases,
        _tone_faults,
        _length_faults,
        _segment_faults,
    )
    return tuple(fault for check in checks for fault in check(template))


def is_renderable(template: Template) -> bool:
    """Whether its fields are those that its facts have."""
    return not any(_field_faults(template))


def spoken_s(text: str, language: Language) -> float:
    """How long a text is heard: in Chinese by its characters, in English by its words."""
    if language is Language.ZH_CN:
        units = sum(unicodedata.category(char)[0] in "LN" for char in text)
    else:
        units = len(re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)*|\d+|[^\W\d_A-Za-z]", text))
    return units / _rules().spoken_per_s[language]


def _field_faults(template: Template) -> Iterator[Fault]:
    rules = FIELDS[template.kind]
    names = ", ".join(sorted(rules))
    if "{{" in template.text or "}}" in template.text:
        yield Fault(place="text", what="a doubled brace", fix="braces are for fields alone")
        return
    try:
        used = list(named_fields(template.text))
    except ValueError:
        yield Fault(
            place="text", what="a brace without its partner", fix="write a field as {place}"
        )
        return
    for name in dict.fromkeys(used):
        if name not in rules:
            yield Fault(
                place=f"text, {{{name}}}",
                what=f"no field of a {template.kind}",
                fix=f"use one of: {names}",
            )
    for name, rule in rules.items():
        if rule.is_required and name not in used:
            yield Fault(
                place="text",
                what=f"the field {{{name}}} is missing",
                fix=f"the driver must read {rule.tells}; add it",
            )


def _invisible_characters(template: Template) -> Iterator[Fault]:
    for char in dict.fromkeys(template.text):
        if unicodedata.category(char) in _INVISIBLE:
            yield Fault(
                place="text",
                what=f"the invisible character U+{ord(char):04X}",
                fix="remove it",
            )


def _forbidden_words(template: Template) -> Iterator[Fault]:
    text = _plain(template.text)
    harmless = [
        found.span()
        for allowed in _rules().allowed
        if allowed.is_for(template)
        for phrase in allowed.phrases
        for found in _pattern(phrase).finditer(text)
    ]
    words = [
        (rule, word) for rule in _rules().forbidden if rule.is_for(template) for word in rule.words
    ]
    for rule, word in words:
        for found in _pattern(word).finditer(text):
            if not any(begin <= found.start() and found.end() <= end for begin, end in harmless):
                near = text[max(found.start() - 8, 0) : found.end() + 8].strip()
                yield Fault(
                    place=f'text, near "{near}"',
                    what=f'"{" ".join(found.group().split())}" must not be said: {rule.reason}',
                    fix=rule.fix,
                )


def _plain(text: str) -> str:
    """The wording as words are looked for in it: one width of letters, fields blanked out."""
    return unicodedata.normalize("NFKC", without_fields(text))


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    if phrase.isascii():
        words = r"\s+".join(re.escape(word) for word in phrase.split())
        return re.compile(rf"(?<![A-Za-z]){words}(?![A-Za-z])", re.IGNORECASE)
    return re.compile(
        r"\s*".join(re.escape(char) for char in unicodedata.normalize("NFKC", phrase))
    )


def _missing_phrases(template: Template) -> Iterator[Fault]:
    signature = re.compile(r"^\s*(?:【\{agency\}】|\[\{agency\}\])?\s*")
    for rule in _rules().must_say:
        if not rule.is_for(template):
            continue
        text = signature.sub("", template.text) if rule.is_opening else template.text
        is_said = text.startswith(rule.any_of) if rule.is_opening else _says(text, rule.any_of)
        if not is_said:
            phrases = ", ".join(f'"{phrase}"' for phrase in rule.any_of)
            yield Fault(
                place="text, beginning" if rule.is_opening else "text",
                what=f"it does not say {rule.reason}",
                fix=f"{'begin with' if rule.is_opening else 'say'} one of: {phrases}",
            )


def _says(text: str, phrases: tuple[str, ...]) -> bool:
    told = " ".join(text.split()).casefold()
    return any(phrase.casefold() in told for phrase in phrases)


def _tone_faults(template: Template) -> Iterator[Fault]:
    tone = _rules().tone
    for mark in sorted(tone.marks & set(template.text)):
        yield Fault(place="text", what=f'the mark "{mark}"', fix="be calm, end with a full stop")
    for word in re.findall(r"(?<![A-Za-z0-9])[A-Z]{2,}(?![A-Za-z0-9])", _plain(template.text)):
        if word not in tone.abbreviations:
            yield Fault(
                place="text", what=f'"{word}" is all in capitals', fix="write it in small letters"
            )
    for host in re.findall(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", _plain(template.text)):
        if host.lower().removeprefix("www.") in tone.shorteners:
            yield Fault(
                place="text",
                what=f'"{host}" shortens links, so that nobody sees where one leads',
                fix="give the agency's own full address, or none",
            )


def _length_faults(template: Template) -> Iterator[Fault]:
    text = typical(template).text
    for limit in _rules().limit:
        if not limit.is_for(template):
            continue
        if limit.characters is not None and len(text) > limit.characters:
            yield Fault(
                place="text",
                what=f"{len(text)} characters with ordinary values, at most {limit.characters}",
                fix="say it in fewer words",
            )
        if limit.seconds is not None:
            heard_s = spoken_s(text, template.language)
            if heard_s > limit.seconds:
                yield Fault(
                    place="text",
                    what=f"heard for {heard_s:.0f} s, at most {limit.seconds:.0f} s",
                    fix="say it in fewer words",
                )


def _segment_faults(template: Template) -> Iterator[Fault]:
    if template.max_segments is None:
        return
    count = sms_segments(longest(template).text)
    if count.segments > template.max_segments:
        yield Fault(
            place="max_segments",
            what=(
                f"the longest text takes {count.segments} messages ({count.units} units of "
                f"{count.encoding}), at most {template.max_segments} are allowed here"
            ),
            fix="shorten the text, or allow more",
        )
