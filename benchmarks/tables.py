"""Tables in plain text and in Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass

import typer

__all__ = ["Table", "markdown_lines", "print_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as they are shown."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def print_table(table: Table) -> None:
    """Write a table to standard output, in columns."""
    typer.echo(f"\n{table.title}")
    rows = (table.head, *table.lines)
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def markdown_lines(table: Table) -> Iterator[str]:
    """A table under its title."""
    yield from (f"### {table.title}", "")
    yield f"| {' | '.join(table.head)} |"
    yield f"| {' | '.join('---' for _ in table.head)} |"
    yield from (f"| {' | '.join(line)} |" for line in table.lines)
    yield ""
