"""What the pipeline carries: events with all their effects, timers, and how long a reminder takes.

Run from the repository's root, with the servers of the tests up: `make kafka-up postgres-up`, then
`python -m benchmarks.pipeline`. Every number stands beside one of the same run: a bare kafka-python
loop, procrastinate's no-op jobs. The provider answers at once. `--embedded` needs no servers.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.pipeline_load import Form, embedded, many
from benchmarks.pipeline_measures import (
    bare_rate,
    event_rate,
    failover_s,
    latency_s,
    memory_mib,
    open_cases,
    procrastinate_rate,
    rush,
    timer_rate,
)
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import answers

__all__ = ["main"]

_PER_S = 200
_DUE = 5000


def main(
    *,
    stories: Annotated[int, typer.Option(help="Vehicles, of four events each.")] = 5000,
    vehicles: Annotated[int, typer.Option(help="That stop at one moment.")] = 10_000,
    pending: Annotated[int, typer.Option(help="Timers that wait.")] = 1_000_000,
    minutes: Annotated[float, typer.Option(help="Of load, for the memory.")] = 10,
    only: Annotated[
        str, typer.Option(help="events, latency, rush, failover, timers, growth or memory.")
    ] = "",
    is_embedded: Annotated[
        bool, typer.Option("--embedded", help="Without servers: events, latency and memory.")
    ] = False,
) -> None:
    """Measure and print."""
    parts: dict[str, Callable[[], Table]] = {
        "events": lambda: _events_table(stories, is_embedded=is_embedded),
        "latency": lambda: _latency_table(is_embedded=is_embedded),
        "rush": lambda: _rush_table(vehicles),
        "memory": lambda: _memory_table(minutes, is_embedded=is_embedded),
    }
    if not is_embedded:
        _require_servers()
        parts |= {
            "failover": _failover_table,
            "timers": lambda: _timers_table(pending),
            "growth": lambda: _growth_table(stories, pending),
        }
    if only and only not in parts:
        raise typer.BadParameter(f"give one of {', '.join(parts)}", param_hint="--only")
    console = Console()
    for name in [only] if only else parts:
        with console.status(name):
            table = parts[name]()
        console.print(table)


def _require_servers() -> None:
    ports = {"Kafka": KafkaServer().port, "PostgreSQL": PostgresServer().port}
    missing = [name for name, port in ports.items() if not answers(port)]
    if missing:
        typer.echo(
            f"{' and '.join(missing)}: not up yet; run `make kafka-up postgres-up` first, or "
            "measure with --embedded",
            err=True,
        )
        raise typer.Exit(2)


def _forms(*worker_counts: int, is_embedded: bool) -> Iterator[AbstractContextManager[Form]]:
    yield embedded()
    if not is_embedded:
        yield from (many(workers) for workers in worker_counts)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    table.add_column(first)
    for one in others:
        table.add_column(one, justify="right")
    return table


def _events_table(stories: int, *, is_embedded: bool) -> Table:
    table = _table("Events with all effects", "form", "events/s", "share of the bare loop")
    bare = None if is_embedded else bare_rate(stories * 2)
    if bare:
        table.add_row("bare kafka-python loop", f"{bare:,.0f}", "1.00")
    for opened in _forms(1, 2, 4, is_embedded=is_embedded):
        with opened as form:
            rate = event_rate(form, stories)
            table.add_row(form.name, f"{rate:,.0f}", f"{rate / bare:.3f}" if bare else "-")
    return table


def _latency_table(*, is_embedded: bool) -> Table:
    title = f"From the picture to the provider, {_PER_S} events/s"
    table = _table(title, "form", "p50 ms", "p99 ms")
    for opened in _forms(2, is_embedded=is_embedded):
        with opened as form:
            p50, p99 = latency_s(form, for_s=30, per_s=_PER_S)
            table.add_row(form.name, f"{p50 * 1000:.0f}", f"{p99 * 1000:.0f}")
    return table


def _rush_table(vehicles: int) -> Table:
    columns = ("vehicles", "come within s", "median s", "p99 s", "timers", "p99 late s")
    table = _table("So many vehicles at once, embedded", *columns)
    for within_s in (0, 60):
        with embedded() as form:
            found = rush(form, vehicles, within_s=within_s, for_s=within_s + 45)
        table.add_row(
            f"{vehicles:,}",
            f"{within_s}",
            f"{found.median_s:.2f}",
            f"{found.p99_s:.2f}",
            f"{found.timers:,}",
            f"{found.timers_p99_s:.2f}",
        )
    return table


def _memory_table(minutes: float, *, is_embedded: bool) -> Table:
    title = f"A worker's memory over {minutes:g} minutes, {_PER_S} events/s"
    table = _table(title, "form", "MiB in each tenth")
    for opened in _forms(2, is_embedded=is_embedded):
        with opened as form:
            found = memory_mib(form, minutes=minutes, per_s=_PER_S)
            table.add_row(form.name, " ".join(f"{one:.0f}" for one in found))
    return table


def _failover_table() -> Table:
    table = _table("A worker is killed", "form", "all partitions go on after s")
    with many(2) as form:
        table.add_row(form.name, f"{failover_s(form):.1f}")
    return table


def _timers_table(pending: int) -> Table:
    table = _table(f"Timers, {pending:,} pending", "what", "a second", "times procrastinate")
    theirs = procrastinate_rate(3000)
    if theirs is not None:
        table.add_row("procrastinate, no-op jobs", f"{theirs:,.0f}", "1.0")
    for workers in (1, 2):
        with many(workers) as form:
            rate = timer_rate(form, pending=pending, due=_DUE)
            times = f"{rate / theirs:.1f}" if theirs else "-"
            table.add_row(f"ours, {form.name}", f"{rate:,.0f}", times)
    return table


def _growth_table(stories: int, pending: int) -> Table:
    table = _table("Open cases", "open", "events/s")
    for cases in (1000, pending):
        with many(1) as form:
            open_cases(form, pending=cases, due=0)
            table.add_row(f"{cases:,}", f"{event_rate(form, stories):,.0f}")
    return table


if __name__ == "__main__":
    typer.run(main)
