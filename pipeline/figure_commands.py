"""The command `remindfirst figures`: published numbers with their queries, as a table and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from pipeline.command_line import read_settings, telling
from pipeline.deadline_table import Language, instant_of, zone_of
from pipeline.errors import PermanentError
from pipeline.events.violation import LocalName
from pipeline.figures import Figure, FigureTable, Quantile, Share, read_figures
from pipeline.storage import open_storage
from pipeline.storage.figure_queries import Span

__all__ = ["figures"]

figures = typer.Typer()

_WORDS = {
    Language.ZH: {
        "head": "{since} 至 {until}（不含），{zone}，{site}",
        "all": "全部点位",
        "site": "点位 {site}",
        "cases": "疑似案件 {cases} 件，其中 {open} 件尚未结束",
        "none": "没有案件",
        "share": "{share}%（95% 区间 {low}% 至 {high}%），{n} 件中 {hits} 件",
        "n": "{n} 件",
        "quantile": "{name}：{value} 秒（95% 区间 {low} 至 {high}）",
        "median": "中位数",
        "open_end": "无界",
        "queries": "查询语句；:since = {since}, :until = {until}, :site = {site}, :now = {now}",
    },
    Language.EN: {
        "head": "{since} up to {until} (not included), {zone}, {site}",
        "all": "all sites",
        "site": "site {site}",
        "cases": "{cases} suspected cases, {open} of them still open",
        "none": "no cases",
        "share": "{share} % (95 % interval {low} to {high} %), {hits} of {n}",
        "n": "{n} cases",
        "quantile": "{name}: {value} s (95 % interval {low} to {high})",
        "median": "median",
        "open_end": "no bound",
        "queries": "Queries; :since = {since}, :until = {until}, :site = {site}, :now = {now}",
    },
}


@figures.command("figures")
def show_figures(
    *,
    since: Annotated[
        str, typer.Option(metavar="INSTANT", help="The first instant: 2026-03-01, in --zone.")
    ],
    until: Annotated[
        str, typer.Option(metavar="INSTANT", help="The first that is not included any more.")
    ],
    site: Annotated[
        str | None, typer.Option(help="One camera's id.", show_default="all of them")
    ] = None,
    zone: Annotated[str, typer.Option(help="The time zone of the instants.")] = "Asia/Shanghai",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="A file for the same as JSON.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language of the table.")] = Language.EN,
) -> None:
    """Print how reminders are heeded, whom they reach and how fast, with each query.

    Reads REMINDFIRST_STORAGE_URL. No figure names a vehicle or a person; docs/figures.md says what
    is counted.
    """
    with telling("figures"):
        local = zone_of(zone)
        found = _read(site, since, until, local)
        if json_file is not None:
            _write(json_file, found)
    for line in _lines(found, local, lang):
        typer.echo(line)


def _read(site: str | None, since: str, until: str, zone: ZoneInfo) -> FigureTable:
    begins, ends = instant_of(since, zone), instant_of(until, zone)
    if begins >= ends:
        raise PermanentError(f"--until {until} is not later than --since {since}")
    storage = open_storage(read_settings().storage_url, must_exist=True)
    try:
        with storage.read() as uow:
            if site is not None and uow.registry.site(site) is None:
                raise PermanentError(f"--site: no site is called {site!r}")
            return read_figures(uow, Span(since=begins, until=ends, site=site, now=uow.now()))
    finally:
        storage.close()


def _write(file: Path, found: FigureTable) -> None:
    try:
        text = json.dumps(asdict(found), default=_plain, ensure_ascii=False, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as exc:
        raise PermanentError(f"--json {file}: {exc.strerror}") from exc


def _plain(value: object) -> object:
    return value.model_dump() if isinstance(value, LocalName) else str(value)


def _lines(found: FigureTable, zone: ZoneInfo, lang: Language) -> Iterator[str]:
    words, span = _WORDS[lang], found.span
    since, until = (
        at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for at in (span.since, span.until)
    )
    site = words["site"].format(site=span.site) if span.site else words["all"]
    yield words["head"].format(since=since, until=until, zone=zone.key, site=site)
    yield words["cases"].format(cases=found.cases, open=found.still_open)
    for one in found.figures:
        yield ""
        yield from _figure_lines(one, lang)
    yield ""
    yield words["queries"].format(
        since=span.since.isoformat(),
        until=span.until.isoformat(),
        site=span.site or "NULL",
        now=span.now.isoformat(timespec="seconds"),
    )
    for one in found.figures:
        yield ""
        yield f"-- {one.id}"
        yield f"{one.query};"


def _figure_lines(figure: Figure, lang: Language) -> Iterator[str]:
    words = _WORDS[lang]
    yield f"{_said(figure.title, lang)} [{figure.id}]"
    if not figure.n:
        yield f"  {words['none']}"
    elif isinstance(figure.answer, Share):
        yield f"  {_share(figure.answer, figure.n, lang)}"
    else:
        yield f"  {words['n'].format(n=figure.n)}"
        for one in figure.answer:
            yield f"  {_quantile(one, lang)}"
    yield f"  {_said(figure.counted, lang)}"


def _share(share: Share, n: int, lang: Language) -> str:
    value, low, high = (f"{100 * (one or 0):.1f}" for one in (share.value, share.low, share.high))
    return _WORDS[lang]["share"].format(share=value, low=low, high=high, hits=share.hits, n=n)


def _quantile(quantile: Quantile, lang: Language) -> str:
    words = _WORDS[lang]
    low, high = (
        words["open_end"] if one is None else f"{one:.1f}"
        for one in (quantile.low_s, quantile.high_s)
    )
    name = words["median"] if quantile.share == 0.5 else f"p{quantile.share * 100:.0f}"
    return words["quantile"].format(name=name, value=f"{quantile.value_s:.1f}", low=low, high=high)


def _said(name: LocalName, lang: Language) -> str:
    return name.zh if lang is Language.ZH else name.en
