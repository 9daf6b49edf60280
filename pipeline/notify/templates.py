"""The wording of a reminder: who, which vehicle, where, since when, what to do, whom to ask."""

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

__all__ = ["Agency", "reminder_text"]

_FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """Who reminds, as the driver reads it, and in which language."""

    name: str
    phone: str
    language: str = "zh-CN"


@cache
def _texts(language: str) -> dict[str, str]:
    texts = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {name: str(text) for name, text in texts.items()}


def reminder_text(
    agency: Agency, *, plate: str, place: str, since: datetime, grace: timedelta, reference: str
) -> str:
    """The reminder, complete by itself; `since` is told in its own time zone."""
    texts = _texts(agency.language)
    whole_minutes, seconds = divmod(round(grace.total_seconds()), 60)
    unit, n = ("minutes", whole_minutes) if not seconds else ("seconds", grace.total_seconds())
    return texts["reminder"].format(
        agency=agency.name,
        plate=plate,
        place=place,
        since=since.strftime("%H:%M"),
        minutes=texts[unit].format(n=round(n)),
        phone=agency.phone,
        reference=reference,
    )
