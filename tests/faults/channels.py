"""`python -m tests.faults.channels`: many cases by several channels, and a verdict; exit 1 on any.

Each seed is a street of 30 vehicles with two providers of the seed's kinds, and all their faults.
"""

import logging
from collections import Counter
from typing import Annotated

import typer

from tests.faults.checker import on_acceptance_alone
from tests.faults.plays import Played, play
from tests.faults.provider import kinds_of

__all__ = ["app"]

_CASES_A_SEED = 30

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    cases: Annotated[int, typer.Option(help="At least so many vehicles.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the first street.")] = 0,
) -> None:
    """Judge streets whose drivers are called, called again and sent a message."""
    logging.disable(logging.CRITICAL)
    seeds = range(seed, seed + -(-cases // _CASES_A_SEED))
    total, faults, mishaps, kinds = (Counter[str]() for _ in range(4))
    broken = 0
    for one in seeds:
        played = play(one, count=_CASES_A_SEED)
        total.update(_counts(played))
        faults.update(played.faults)
        mishaps.update(played.mishaps)
        voice, sms = kinds_of(one)
        kinds.update((f"voice {voice}", f"sms {sms}"))
        for found in played.violations:
            broken += 1
            typer.echo(f"seed {one}: {found}")
    for title, counted in (
        ("cases and messages", total),
        ("providers, by streets", kinds),
        ("faults", faults),
        ("receipts that misbehave, by messages", mishaps),
    ):
        typer.echo(title)
        for name, times in sorted((+counted).items()):
            typer.echo(f"  {name:44}{times:6}")
    typer.echo(
        f"verdict: {broken} violations; seeds {seeds.start} to {seeds.stop - 1}, "
        f"{total['cases']} cases, {total['messages handed over']} messages, "
        f"{sum(faults.values())} faults of {len(faults)} kinds, each at least "
        f"{min(faults.values())} times; {sum(mishaps.values())} receipts of {len(mishaps)} kinds, "
        f"each at least {min(mishaps.values())} times"
    )
    raise typer.Exit(1 if broken else 0)


def _counts(played: Played) -> Counter[str]:
    handed = played.record.handed
    cases = played.record.cases
    counts = Counter(
        {
            "cases": played.cases,
            "messages handed over": len(handed),
            "phones reached": sum(one.reached_at is not None for one in handed),
            "at a desk in the end": sum(one.status == "in_review" for one in cases),
            "at a desk on acceptance alone (D7)": on_acceptance_alone(played.record),
        }
    )
    for one in handed:
        counts[f"{one.channel}: {one.outcome}"] += 1
    for case in cases:
        counts[f"tries: {len(played.record.reminders[case.id])}"] += 1
        counts[f"closed as {case.disposition}"] += case.disposition is not None
    return counts


if __name__ == "__main__":
    app()
