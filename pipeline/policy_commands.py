"""The commands `remindfirst policy`: what a draft of the rulebook would have changed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from os import cpu_count
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command_line import read_settings, telling
from pipeline.deadline_table import Language, zone_of
from pipeline.errors import PermanentError
from pipeline.events.violation import LocalName
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import load_rulebook
from pipeline.rehearsal import (
    DraftRulebook,
    Plan,
    Rehearsal,
    json_of,
    print_report,
    rehearse,
    rehearse_together,
    require_in_force,
)
from pipeline.settings import PipelineSettings
from pipeline.storage import UnitOfWork, check, open_storage

__all__ = ["policy"]

policy = typer.Typer(help="The rulebook, and drafts of it.")

_STEPS = 200
_FEW = 5000
"""Fewer cases are not worth starting another process for."""


@policy.command("try")
def try_draft(  # noqa: PLR0913 - one argument per option
    draft: Annotated[str, typer.Argument(metavar="DRAFT", help="The draft: a YAML file.")],
    *,
    since: Annotated[str, typer.Option(metavar="DAY", help="First day, such as 2026-11-01.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="Last day.")],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="RULEBOOK",
            help="What was in force then.",
            show_default="REMINDFIRST_RULEBOOK",
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="CAMERA", help="Only this camera's cases.")
    ] = None,
    cases: Annotated[int, typer.Option(min=0, help="So many changed cases are listed.")] = 50,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="Judge all cases by the draft's values of this day.",
            show_default="from the draft's own newest entry on",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="So many work at it.", show_default="one per processor core"),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the result to this file too.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Whose days these are.")] = "Asia/Shanghai",
    lang: Annotated[Language, typer.Option(help="The language of the report.")] = Language.EN,
) -> None:
    """Say what would have been different had a draft of the rulebook been in force.

    Replays the stored cases opened in these days under both rulebooks and changes nothing. Reads
    REMINDFIRST_ settings: STORAGE_URL, RULEBOOK, CALENDAR, CHANNEL_URL; see docs/what-if.md.
    """
    with telling("policy try"):
        drafted = load_rulebook(draft)
        settings = read_settings()
        plan = Plan(
            against=load_rulebook(against or settings.rulebook),
            draft=DraftRulebook.of(drafted, _day("--as-of", as_of) if as_of else None),
            since=_day("--since", since),
            until=_day("--until", until),
            zone=zone_of(zone),
            site=site,
            calendar=load_calendar(settings.calendar),
            kinds=_kinds(settings),
            cases=cases,
        )
        if plan.until < plan.since:
            raise PermanentError(f"--until: {until} is before --since, {since}")
        require_in_force(plan.against, plan.since)
        result = _rehearse(settings.storage_url, plan, processes or (cpu_count() or 1))
        if result is None:
            return
        if json_file is not None:
            _write(json_file, json_of(result))
    print_report(result, _said_in(lang))


def _rehearse(url: str, plan: Plan, processes: int) -> Rehearsal | None:
    """The result; None, with a friendly word, when there are no cases in these days."""
    # First, because opening would bring older tables up to date.
    check(url)
    with closing(open_storage(url, must_exist=True)) as storage, storage.read() as uow:
        since, until = plan.span
        total = uow.history.count(since, until, camera_id=plan.site)
        if not total:
            _say_that_there_are_none(uow, plan)
            return None
        if total < _FEW or processes == 1:
            with _progress(total) as told:
                return rehearse(uow, plan, told)
    with _progress(total) as told:
        return rehearse_together(url, plan, told, processes=processes)


def _say_that_there_are_none(uow: UnitOfWork, plan: Plan) -> None:
    at = f" at {plan.site}" if plan.site else ""
    typer.echo(f"No case was opened{at} from {plan.since} to {plan.until}: nothing to replay.")
    newest = uow.cases.find(newest_first=True, limit=1)
    if newest:
        day = newest[0].opened_at.astimezone(plan.zone).date()
        typer.echo(f"The newest case of all is of {day}.")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    with typer.progressbar(
        length=total,
        label=f"{total} cases",
        file=sys.stderr,
        update_min_steps=max(total // _STEPS, 1),
    ) as bar:
        yield bar.update


def _kinds(settings: PipelineSettings) -> frozenset[ChannelKind]:
    """By which ways drivers are reached; a channel that is of no kind stands for all."""
    words = {url.partition(":")[0].partition("+")[0] for url in settings.channel_url.split()}
    kinds = frozenset(kind for kind in ChannelKind if kind in words)
    return kinds or frozenset(ChannelKind)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise PermanentError(f"{option}: {text!r} is no day; say one like 2026-11-01") from exc


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as exc:
        raise PermanentError(f"--json {file}: {exc.strerror}") from exc


def _said_in(lang: Language) -> Callable[[LocalName], str]:
    return lambda name: name.zh if lang is Language.ZH else name.en
