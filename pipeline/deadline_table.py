"""The legal clocks as a table for a terminal, and milestones as they are typed there."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.cells import cell_len, set_cell_size

from pipeline.errors import PermanentError
from pipeline.events.violation import LocalName
from pipeline.policy.clocks import Milestones, RunningClock, what_follows

__all__ = ["Language", "instant_of", "lines_of", "milestones_of", "zone_of"]


class Language(StrEnum):
    """The languages in which the table can be printed."""

    ZH = "zh"
    EN = "en"


_NAMES = frozenset(field.name for field in fields(Milestones))
_HEADINGS = {
    Language.ZH: ("", "时限", "起算", "截止", "预警", "状态", "依据"),
    Language.EN: ("", "clock", "from", "until", "near from", "state", "source"),
}
_STATES = {
    Language.ZH: {
        "running": "进行中",
        "near": "即将到期",
        "overdue": "已逾期",
        "met": "已完成",
        "met_late": "逾期完成",
    },
    Language.EN: {
        "running": "running",
        "near": "near",
        "overdue": "overdue",
        "met": "met",
        "met_late": "met late",
    },
}
_PROVISIONAL = {
    Language.ZH: "暂定：所涉年份的节假日安排尚未录入",
    Language.EN: "provisional: the holidays of a year that it reaches into are not known yet",
}

_OPEN_POINT = {Language.ZH: "未定：", Language.EN: "not settled: "}


def zone_of(name: str) -> ZoneInfo:
    """The time zone called `name`.

    Raises:
        PermanentError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise PermanentError(
            f"--zone: {name!r} is no time zone; say one like Asia/Shanghai"
        ) from exc


def instant_of(text: str, zone: ZoneInfo) -> datetime:
    """What `text` says in ISO 8601; without an offset it is in `zone`.

    Raises:
        PermanentError: it is no instant.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise PermanentError(f"{text!r} is no instant; say one like 2026-09-24T23:30") from exc
    return at if at.tzinfo else at.replace(tzinfo=zone)


def milestones_of(given: list[str], zone: ZoneInfo) -> Milestones:
    """The milestones that `given` names, such as `entered=2026-09-28T09:00`.

    Raises:
        PermanentError: nothing is given, or something unknown.
    """
    if not given:
        raise PermanentError("nothing happened yet; say --captured, or --at for what did")
    instants = {}
    for one in given:
        word, _, text = one.partition("=")
        name = next((name for name in (word, f"{word}_at") if name in _NAMES), None)
        if name is None:
            raise PermanentError(f"--at: {word!r} is no milestone; --help lists them")
        instants[name] = instant_of(text, zone)
    return Milestones(**instants)


def lines_of(clocks: tuple[RunningClock, ...], zone: ZoneInfo, lang: Language) -> Iterator[str]:
    """The table of `clocks` for a terminal, with what follows below each line."""
    rows = [_HEADINGS[lang], *(_row(one, zone, lang) for one in clocks)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row, clock in zip(rows, (None, *clocks), strict=True):
        cells = [set_cell_size(text, width) for text, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()
        for remark in _remarks(clock, lang) if clock else ():
            yield f"{' ' * widths[0]}  ^ {remark}"


def _row(clock: RunningClock, zone: ZoneInfo, lang: Language) -> tuple[str, ...]:
    starts, near, ends = (
        at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        for at in (clock.starts_at, clock.alert_at, clock.ends_at)
    )
    return (
        clock.id,
        _said(clock.clock.name, lang),
        starts,
        clock.last_day.isoformat() if ends.endswith("00:00") else ends,
        near,
        _STATES[lang][clock.state],
        clock.entry.source,
    )


def _remarks(clock: RunningClock, lang: Language) -> Iterator[str]:
    follows = what_follows(clock)
    if follows is not None:
        yield _said(follows.text, lang)
    if clock.is_provisional:
        yield _PROVISIONAL[lang]
    if clock.entry.open_point is not None:
        yield f"{_OPEN_POINT[lang]}{_said(clock.entry.open_point, lang)}"


def _said(name: LocalName, lang: Language) -> str:
    return name.zh if lang is Language.ZH else name.en
