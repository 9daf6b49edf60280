"""A rehearsal as tables for a terminal or a file, and as JSON; never a plate, never a phone."""

import json
from collections.abc import Callable, Iterable

import typer
from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.events.violation import LocalName
from pipeline.rehearsal.outcome import Ending, Unknowable
from pipeline.rehearsal.result import Rehearsal, SiteTotals
from pipeline.rehearsal.totals import Count
from pipeline.rehearsal.words import COUNTS, UNKNOWABLES, Phrase, label_words

__all__ = ["json_of", "print_report"]

_WIDE = 240
"""Columns of a page that no terminal limits."""
_REHEARSAL = TypeAdapter(Rehearsal)
_PROPOSALS = (Count.PENALTY, Count.WARNING, Count.EDUCATION)
Said = Callable[[LocalName], str]
Row = tuple[str, ...]


def json_of(result: Rehearsal) -> str:
    """The whole result, with the words for what cannot be known."""
    document = _REHEARSAL.dump_python(result, mode="json")
    document["words"] = {
        kind.value: words.model_dump(mode="json") for kind, words in UNKNOWABLES.items()
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def print_report(result: Rehearsal, said: Said) -> None:
    """Write the report to standard output; without a terminal in plain columns.

    Args:
        result: What came of the rehearsal.
        said: The words in one of the languages.
    """
    _Report(result, said).write()


class _Report:
    def __init__(self, result: Rehearsal, said: Said) -> None:
        console = Console(markup=False, highlight=False)
        if not console.is_terminal:
            console = Console(markup=False, highlight=False, width=_WIDE, color_system=None)
        self._console = console
        self._result = result
        self._said = said

    def write(self) -> None:
        if self._console.is_terminal:
            self._write()
            return
        with self._console.capture() as written:
            self._write()
        typer.echo("\n".join(line.rstrip() for line in written.get().splitlines()))

    def _write(self) -> None:
        result = self._result
        self._say(
            Phrase.TITLE,
            draft=result.draft,
            against=result.against,
            counts_from=result.counts_from,
        )
        number = f"{result.before[Count.CASES]:,}"
        self._say(Phrase.SPAN, since=result.since, until=result.until, cases=number)
        self._write_differences()
        self._write_totals()
        self._write_endings()
        self._write_sites()
        self._write_changes()
        self._write_check()

    def _say(self, phrase: Phrase, **values: object) -> None:
        self._console.print(self._said(phrase.words).format(**values), soft_wrap=True)

    def _table(self, title: str, head: Row, rows: Iterable[Row], *, texts: int = 1) -> None:
        """Write a table; its first `texts` columns are texts, the others numbers."""
        table = Table(
            title=title,
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD if self._console.is_terminal else None,
            pad_edge=False,
        )
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number < texts else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print()
        self._console.print(table)

    def _write_differences(self) -> None:
        if not self._result.differences:
            self._console.print()
            self._say(Phrase.SAME)
            return
        self._table(
            self._said(Phrase.DIFFERENCES.words),
            ("", self._said(Phrase.IN_FORCE.words), self._said(Phrase.DRAFT.words)),
            ((one.place, one.before or "-", one.after or "-") for one in self._result.differences),
            texts=3,
        )

    def _write_totals(self) -> None:
        before, after = self._result.before, self._result.after
        head = ("", *(self._said(one.words) for one in (Phrase.IN_FORCE, Phrase.DRAFT, Phrase.BY)))
        rows = [(self._said(COUNTS[one]), *_sides(before[one], after[one])) for one in Count]
        self._table(self._said(Phrase.TOTALS.words), head, rows)
        self._console.print()
        self._say(Phrase.ASSUMES)
        if after[Count.UNKNOWN]:
            self._say(Phrase.AT_LEAST)
        if self._result.spared_decisions:
            self._say(Phrase.SPARED, number=self._result.spared_decisions)

    def _write_endings(self) -> None:
        head = ("", *(self._said(one.words) for one in (Phrase.IN_FORCE, Phrase.DRAFT, Phrase.BY)))
        otherwise = [
            (self._said(label_words(label)), *_sides(old, new))
            for label, old, new in self._result.endings
            if label.ending is Ending.OTHERWISE
        ]
        if otherwise:
            self._table(self._said(Phrase.OTHERWISE.words), head, otherwise)
        unknown = [
            (self._said(UNKNOWABLES[Unknowable(label.detail)]), *_sides(old, new))
            for label, old, new in self._result.endings
            if label.ending is Ending.UNKNOWN
        ]
        if self._result.new_decisions:
            words = self._said(UNKNOWABLES[Unknowable.DECISION])
            unknown.append((words, *_sides(0, self._result.new_decisions)))
        if unknown:
            self._table(self._said(Phrase.UNKNOWN.words), head, unknown)

    def _write_sites(self) -> None:
        shown = [one for one in Count if one not in _PROPOSALS]
        proposals = self._said(Phrase.PROPOSALS.words)
        at = shown.index(Count.REFERRED) + 1
        names = [self._said(COUNTS[one]) for one in shown]
        head = (self._said(Phrase.SITE.words), *names[:at], proposals, *names[at:])
        self._table(
            self._said(Phrase.SITES.words),
            head,
            (self._site(one, shown, at) for one in self._result.sites),
        )

    def _site(self, site: SiteTotals, shown: list[Count], at: int) -> Row:
        cells = [_arrow(f"{site.before[one]:,}", f"{site.after[one]:,}") for one in shown]
        old, new = (
            "/".join(f"{side[one]:,}" for one in _PROPOSALS) for side in (site.before, site.after)
        )
        name = f" {self._said(site.name)}" if site.name else ""
        return (f"{site.camera_id}{name}", *cells[:at], _arrow(old, new), *cells[at:])

    def _write_changes(self) -> None:
        result = self._result
        if not result.moves:
            self._console.print()
            self._say(Phrase.NO_MOVES)
            return
        ends = (self._said(Phrase.FROM.words), self._said(Phrase.TO.words))
        self._table(
            self._said(Phrase.MOVES.words),
            (*ends, ""),
            (
                (self._said(label_words(old)), self._said(label_words(new)), f"{number:,}")
                for old, new, number in result.moves
            ),
            texts=2,
        )
        if not result.changes:
            return
        total = sum(number for _, _, number in result.moves)
        title = self._said(Phrase.CHANGES.words)
        self._table(
            title.format(shown=len(result.changes), all=f"{total:,}"),
            (
                self._said(Phrase.NUMBER.words),
                self._said(Phrase.SITE.words),
                *ends,
                self._said(Phrase.REASON.words),
            ),
            (
                (
                    one.number,
                    one.site,
                    self._said(label_words(one.before)),
                    self._said(label_words(one.after)),
                    f"{one.rule}: {one.entry}",
                )
                for one in result.changes
            ),
            texts=5,
        )

    def _write_check(self) -> None:
        check = self._result.check
        self._console.print()
        self._say(Phrase.CHECK, checked=f"{check.checked:,}", differing=f"{check.differing:,}")
        if check.numbers:
            self._say(Phrase.DIFFERS, numbers=", ".join(check.numbers))
        for text, number in check.other_texts.items():
            self._say(Phrase.OTHER_TEXTS, number=f"{number:,}", text=text)


def _sides(before: int, after: int) -> Row:
    return f"{before:,}", f"{after:,}", f"{after - before:+,}" if after != before else "="


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"
