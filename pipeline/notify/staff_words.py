"""The wording of alerts, from `staff.toml`, in both languages."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.events.violation import LocalName
from pipeline.notify.staff import Alert, AlertKind, Phase

__all__ = ["AlertFacts", "alert_of"]

_FILE = Path(__file__).parent / "staff.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """What an alert is made of.

    Attributes:
        kind: What kind of trouble.
        phase: Where it stands.
        about: The camera of the site, or the channel.
        since: Since when.
        count: How many.
        zone: In which times are told.
        place: The site's name, where it is about one.
        last_day: The last day in time of the earliest case, where it is about deadlines.
    """

    kind: AlertKind
    phase: Phase
    about: str
    since: datetime
    count: int
    zone: ZoneInfo
    place: LocalName | None = None
    last_day: date | None = None


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: LocalName
    sentence: LocalName
    advice: LocalName


class _Title(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: LocalName


class _Document(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    over: _Words
    lasts: _Title
    kinds: dict[AlertKind, _Words] = Field(alias="kind")
    channels: dict[str, LocalName] = Field(alias="channel")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [one for one in AlertKind if one not in self.kinds]
        if missing:
            raise ValueError(f"kind: nothing said of {', '.join(missing)}")
        return self


def alert_of(facts: AlertFacts) -> Alert:
    """The alert that tells these facts."""
    zh, en = _said(facts, lambda name: name.zh), _said(facts, lambda name: name.en)
    title, sentence, advice = (
        LocalName(zh=one, en=other) for one, other in zip(zh, en, strict=True)
    )
    return Alert(
        kind=facts.kind,
        phase=facts.phase,
        about=facts.about,
        since=facts.since,
        count=facts.count,
        title=title,
        sentence=sentence,
        advice=advice,
    )


def _said(facts: AlertFacts, pick: Callable[[LocalName], str]) -> tuple[str, str, str]:
    """Title, sentence and advice in one language."""
    document = _document()
    words, channel = document.kinds[facts.kind], document.channels.get(facts.about)
    fields = {
        "place": pick(facts.place) if facts.place else facts.about,
        "channel": pick(channel) if channel else facts.about,
        "count": str(facts.count),
        "last_day": facts.last_day.isoformat() if facts.last_day else "",
        # Which zone it is must be told: who is on call may sit in another one.
        "since": facts.since.astimezone(facts.zone).isoformat(sep=" ", timespec="minutes"),
    }
    fields["title"] = title = pick(words.title).format_map(fields)
    if facts.phase is Phase.OVER:
        words = document.over
        title = pick(words.title).format_map(fields)
    elif facts.phase is Phase.LASTS:
        title = pick(document.lasts.title).format_map(fields)
    return title, pick(words.sentence).format_map(fields), pick(words.advice).format_map(fields)


@cache
def _document() -> _Document:
    return _Document.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))
