"""The named fields of a text: which there are, and how a fact becomes a clean value."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from pipeline.notify.wording.documents import (
    PHONE_LENGTH,
    Facts,
    FactsError,
    Kind,
    Language,
    NoticeFacts,
    ReminderFacts,
    TipFacts,
)
from pipeline.notify.wording.segments import utf16_units
from pipeline.policy.entries import ChannelKind

__all__ = ["BOUNDS", "FIELDS", "Bound", "FieldRule", "clean", "values_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """What a field tells, and whether a text is incomplete without it."""

    tells: str
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The longest value of a field, in UTF-16 units; what is longer is shortened or refused."""

    zh_units: int
    en_units: int
    is_shortened: bool = False

    def units(self, language: Language) -> int:
        """The bound in one language."""
        return self.zh_units if language is Language.ZH_CN else self.en_units


_SHARED = {
    "agency": FieldRule(tells="who writes"),
    "plate": FieldRule(tells="which vehicle"),
    "place": FieldRule(tells="where"),
    "phone": FieldRule(tells="whom to ask"),
    "reference": FieldRule(tells="the number to give when asking"),
}
FIELDS: Mapping[Kind, Mapping[str, FieldRule]] = {
    Kind.REMINDER: {
        **_SHARED,
        "since": FieldRule(tells="since when it stands there"),
        "grace": FieldRule(tells="how long there is to move"),
    },
    Kind.TIP: {**_SHARED, "left_at": FieldRule(tells="when it left")},
    Kind.NOTICE: {
        **_SHARED,
        "recorded_at": FieldRule(tells="when it was recorded"),
        "act_wording": FieldRule(tells="which act, in the law's words"),
        "act_code": FieldRule(tells="the act's code", is_required=False),
        "unit": FieldRule(tells="where it is handled"),
        "deadline_days": FieldRule(tells="how many days there are to handle it"),
    },
}

# A cut agency or place is still understood; a cut number, plate or act would be a wrong one.
BOUNDS: Mapping[str, Bound] = {
    "agency": Bound(zh_units=20, en_units=40, is_shortened=True),
    "place": Bound(zh_units=30, en_units=60, is_shortened=True),
    "unit": Bound(zh_units=20, en_units=40, is_shortened=True),
    "plate": Bound(zh_units=10, en_units=10),
    "phone": Bound(zh_units=PHONE_LENGTH, en_units=PHONE_LENGTH),
    "reference": Bound(zh_units=20, en_units=20),
    "act_code": Bound(zh_units=8, en_units=8),
    "act_wording": Bound(zh_units=80, en_units=160),
}

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Braces are ours, and carriers read the heavy brackets as the sender's signature.
_BRACKETS = str.maketrans("{}【】", "()（）")
# In English whatever locale the process is set to.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SPELLED = frozenset({"plate", "phone", "reference", "act_code"})


def clean(value: str) -> str:
    """One line of printable text without braces; runs of white space become one space."""
    kept = (
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", value)
        if char.isspace() or unicodedata.category(char) not in _UNPRINTABLE
    )
    return " ".join("".join(kept).translate(_BRACKETS).split())


def values_of(facts: Facts, *, language: Language, channel: ChannelKind) -> Mapping[str, str]:
    """The value of every field that a text about `facts` may name, ready to be put in.

    Raises:
        FactsError: a fact is empty, impossible, or too long and must not be cut.
    """
    told = {
        "agency": facts.agency.name,
        "plate": facts.plate,
        "place": facts.place,
        "phone": facts.agency.phone,
        "reference": facts.reference,
        **_own_values(facts, language),
    }
    return MappingProxyType(
        {name: _fitted(name, text, language, channel) for name, text in told.items()}
    )


def _own_values(facts: Facts, language: Language) -> dict[str, str]:
    match facts:
        case ReminderFacts():
            return {
                "since": _moment("since", facts.since, facts, language),
                "grace": _length(facts.grace, language),
            }
        case TipFacts():
            return {"left_at": _moment("left_at", facts.left_at, facts, language)}
        case NoticeFacts():
            if facts.deadline_days < 1:
                raise FactsError(f"deadline_days is {facts.deadline_days}, at least 1 is needed")
            return {
                "recorded_at": _moment(
                    "recorded_at", facts.recorded_at, facts, language, is_dated=True
                ),
                "act_wording": facts.act_wording,
                "act_code": facts.act_code,
                "unit": facts.unit,
                "deadline_days": str(facts.deadline_days),
            }


def _fitted(name: str, text: str, language: Language, channel: ChannelKind) -> str:
    value, bound = clean(text), BOUNDS.get(name)
    if not value:
        raise FactsError(f"{name} is empty; the text would be incomplete")
    if bound is not None and utf16_units(value) > bound.units(language):
        if not bound.is_shortened:
            raise FactsError(
                f"{name} takes {utf16_units(value)} characters, at most {bound.units(language)} "
                "are allowed; it must not be cut"
            )
        value = _shortened(value, bound.units(language))
    if channel is ChannelKind.VOICE and name in _SPELLED:
        # A voice would read 12123 as a quantity.
        return " ".join(char for char in value if not char.isspace())
    return value


def _shortened(value: str, units: int) -> str:
    while utf16_units(value) > units - 1:
        value = value[:-1]
    return f"{value.rstrip()}…"


def _moment(
    name: str, at: datetime, facts: Facts, language: Language, *, is_dated: bool = False
) -> str:
    """The site's local time; with the day when that is not today's, or when it `is_dated`."""
    if at.tzinfo is None or facts.now.tzinfo is None:
        raise FactsError(f"{name} or now has no time zone")
    local = at.astimezone(facts.zone)
    clock = f"{local:%H:%M}"
    if local.date() == facts.today and not is_dated:
        return clock
    has_year = is_dated or local.year != facts.today.year
    if language is Language.ZH_CN:
        year = f"{local.year}年" if has_year else ""
        return f"{year}{local.month}月{local.day}日{clock}"
    year = f" {local.year}" if has_year else ""
    return f"{clock} on {local.day} {_MONTHS[local.month - 1]}{year}"


def _length(grace: timedelta, language: Language) -> str:
    """Whole minutes where it is that, else seconds: 10分钟, 1 minute, 20 seconds."""
    seconds = round(grace.total_seconds())
    if seconds < 1:
        raise FactsError(f"grace is {seconds} s; there must be time to move")
    minutes, rest = divmod(seconds, 60)
    n, zh, en = (seconds, "秒", "second") if rest else (minutes, "分钟", "minute")
    return f"{n}{zh}" if language is Language.ZH_CN else f"{n} {en}{'' if n == 1 else 's'}"
