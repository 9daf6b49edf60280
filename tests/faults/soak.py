"""`python -m tests.faults.soak`: a street, all faults, and a verdict; exit 1 on a violation."""

import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated

import typer

from pipeline.storage import open_storage
from tests.faults.checker import Violation, violations
from tests.faults.nemesis import Nemesis
from tests.faults.receipts import Mood
from tests.faults.station import Form, Station
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import PostgresServer

__all__ = ["Verdict", "soak"]

_SETTLES_WITHIN_S = 180.0
_LOOK_EVERY_S = 2.0
_LAST_STAYS_S = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a run."""

    form: str
    seed: int
    cases: int
    messages: int
    reached: int
    in_review: int
    faults: dict[str, int]
    violations: list[Violation]

    def __str__(self) -> str:
        found = f"{len(self.violations)} violations" if self.violations else "no violation"
        fewest = min(self.faults.values(), default=0)
        return (
            f"verdict: {found}; {self.form}, seed {self.seed}, {self.cases} cases "
            f"({self.in_review} in review), {self.messages} messages, "
            f"{self.reached} of which reached a phone, "
            f"{sum(self.faults.values())} faults of {len(self.faults)} kinds, each at least "
            f"{fewest} times"
        )


def forms(folder: Path) -> dict[str, Form]:
    """The two forms; the servers are the run's own, for they are killed."""
    return {
        "embedded": Form(name="embedded"),
        "many": Form(
            name="many",
            kafka=KafkaServer(folder=folder / "kafka", port=29092),
            postgres=PostgresServer(folder=folder / "postgres", port=25432),
        ),
    }


def soak(form: Form, folder: Path, *, seed: int, minutes: float, count: int) -> Verdict:
    """Run a street of `count` vehicles for some minutes under faults, and judge it."""
    span_s = minutes * 60
    with Station.running(form, folder, seed=seed, count=count, span_s=span_s) as station:
        nemesis = Nemesis(station, seed)
        nemesis.run(monotonic() + 3 + span_s)
        for provider in station.providers.values():
            provider.set_mood(Mood.FINE)
        sleep(_LAST_STAYS_S)
        storage = open_storage(station.storage_url)
        until_s = monotonic() + _SETTLES_WITHIN_S
        while not station.settled(storage) and monotonic() < until_s:
            sleep(_LOOK_EVERY_S)
        record = station.record(storage)
        storage.close()
    return Verdict(
        form=form.name,
        seed=seed,
        cases=len(record.cases),
        messages=len(record.handed),
        reached=sum(one.reached_at is not None for one in record.handed),
        in_review=sum(case.status == "in_review" for case in record.cases),
        faults=dict(nemesis.counts),
        violations=violations(record),
    )


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    minutes: Annotated[float, typer.Option(help="How long faults happen, in each form.")] = 15,
    seed: Annotated[int | None, typer.Option(help="Left out: a new one.")] = None,
    form: Annotated[str, typer.Option(help="embedded, many or both.")] = "both",
    cases_per_minute: Annotated[int, typer.Option(help="Vehicles that come.")] = 140,
) -> None:
    """Run the fault harness; its last line is the verdict."""
    seed = random.randrange(10**6) if seed is None else seed
    verdicts = []
    for name in ("embedded", "many") if form == "both" else (form,):
        folder = Path(tempfile.mkdtemp(prefix="soak-"))
        folder.chmod(0o755)
        typer.echo(f"{name}, seed {seed}: {minutes:g} minutes of faults; logs in {folder}")
        one = forms(folder)[name]
        cases = round(minutes * cases_per_minute)
        verdict = soak(one, folder, seed=seed, minutes=minutes, count=cases)
        for kind, times in sorted(verdict.faults.items()):
            typer.echo(f"  {kind:28}{times:5}")
        for found in verdict.violations[:50]:
            typer.echo(f"  {found}")
        verdicts.append(verdict)
        if not verdict.violations:
            shutil.rmtree(folder, ignore_errors=True)
    for verdict in verdicts:
        typer.echo(str(verdict))
    raise typer.Exit(1 if any(one.violations for one in verdicts) else 0)


if __name__ == "__main__":
    app()
