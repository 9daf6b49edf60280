"""The pipeline's commands, mounted by `remindfirst.py`."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from pipeline.app import build_worker
from pipeline.audit import first_broken, reaches
from pipeline.bus import check_topic, create_topic
from pipeline.case import Case
from pipeline.errors import PermanentError, PipelineError, RetryableError, findings
from pipeline.evidence import EvidenceError, open_evidence_store
from pipeline.settings import PipelineSettings
from pipeline.storage import UnitOfWork, accept_clock, check, open_storage, upgrade
from pipeline.supervisor import BAD_INPUT, TRY_AGAIN
from pipeline.telemetry import configure_logging

__all__ = ["app"]

log = logging.getLogger(__name__)

NUMBER_LENGTH = 8
DEFAULT_REPLICAS = 3

app = typer.Typer()
db = typer.Typer(help="The database of the cases, at REMINDFIRST_STORAGE_URL.")
app.add_typer(db, name="db")
topics = typer.Typer(help="The topic of the events, on the Kafka of REMINDFIRST_BUS_URL.")
app.add_typer(topics, name="topics")


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables to this program's version; safe while other processes start."""
    with _telling("db upgrade"):
        upgrade(_settings().storage_url)
        typer.echo(f"tables of version {check(_settings().storage_url)}")


@db.command("check")
def db_check() -> None:
    """Say whether the database can be reached and its tables are this program's; change nothing."""
    with _telling("db check"):
        typer.echo(f"ok: tables of version {check(_settings().storage_url)}")


@db.command("accept-clock")
def db_accept_clock() -> None:
    """Say that the database's clock is right now, after it had been set back; work then goes on.

    A clock that goes back stops all decisions: what was measured with it would end too early.
    """
    with _telling("db accept-clock"):
        at = accept_clock(_settings().storage_url)
        typer.echo(f"accepted: it is {at.isoformat(timespec='seconds')}")


@topics.command("create")
def topics_create(
    replicas: Annotated[
        int, typer.Option(min=1, help="Brokers that hold a copy of each event.")
    ] = DEFAULT_REPLICAS,
) -> None:
    """Make the topic with as many partitions as the URL says, for good; no harm if it is there."""
    with _telling("topics create"):
        is_new = create_topic(_settings().bus_url, replicas=replicas)
        typer.echo(f"{'made' if is_new else 'there already'}: {check_topic(_settings().bus_url)}")


@topics.command("check")
def topics_check() -> None:
    """Say whether the topic is there and has the partitions that the URL says; change nothing."""
    with _telling("topics check"):
        typer.echo(f"ok: {check_topic(_settings().bus_url)}")


@app.command()
def work() -> None:
    """Run the worker: events in, reminders out, cases to review.

    Reads REMINDFIRST_ settings: BUS_URL, STORAGE_URL, CHANNEL_URL, CONTACTS (required), RULEBOOK,
    AGENCY_NAME, AGENCY_PHONE, REMINDER_LANGUAGE, METRICS_HOST, METRICS_PORT; see
    docs/operations.md.
    """
    configure_logging()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _telling("work"):
        settings = _settings()
        worker = build_worker(settings)
        log.info("worker is ready", extra={"partitions": len(worker.subscriber.assigned())})
        try:
            with worker.metrics.served(host=settings.metrics_host, port=settings.metrics_port):
                worker.run(stop)
        finally:
            worker.subscriber.close()
            worker.storage.close()


@app.command("verify-evidence")
def verify_evidence(
    case: Annotated[str, typer.Argument(help="The case's id, or its number on the pages.")],
) -> None:
    """Check every stored picture of a case against its hash, and the case's audit chain.

    Reads REMINDFIRST_STORAGE_URL and REMINDFIRST_EVIDENCE_URL, by default those under ./var.
    """
    with _telling("verify-evidence"):
        problems = _verify(_settings(), case)
    if problems:
        sys.exit("\n".join(problems))


@app.command("dead-letters")
def dead_letters() -> None:
    """List the messages that could not be handled, with the reason of each."""
    with _telling("dead-letters"):
        storage = open_storage(_settings().storage_url, must_exist=True)
        with storage.read() as uow:
            letters = uow.inbox.dead_letters()
        storage.close()
    for one in letters:
        typer.echo(f"{one.at.isoformat()}  {one.topic}/{one.partition}/{one.offset}  {one.reason}")
    typer.echo(f"{len(letters)} dead letters")


@contextmanager
def _telling(command: str) -> Iterator[None]:
    """End with the sentence and the exit code of what goes wrong on purpose in the block."""
    try:
        yield
    except PipelineError as exc:
        typer.echo(f"remindfirst {command}: {exc}", err=True)
        raise typer.Exit(TRY_AGAIN if isinstance(exc, RetryableError) else BAD_INPUT) from exc


def _settings() -> PipelineSettings:
    try:
        return PipelineSettings()
    except ValidationError as exc:
        raise PermanentError(findings(exc, "settings (REMINDFIRST_...)")) from exc


def _verify(settings: PipelineSettings, number: str) -> list[str]:
    store = open_evidence_store(settings.evidence_url)
    storage = open_storage(settings.storage_url, must_exist=True)
    with storage.read() as uow:
        found = _one_case(_matching(uow, number), number)
        chain = uow.audit.of_case(found.id)
    problems = []
    for ref in found.evidence:
        try:
            store.get(ref)
        except EvidenceError as exc:
            problems.append(str(exc))
            continue
        typer.echo(f"ok  {ref.sha256}  {ref.captured_at.isoformat()}  {ref.media_type}")
    broken = first_broken(chain)
    if broken is not None:
        problems.append(f"audit chain of case {found.id}: entry {broken.number} was changed")
    elif not reaches(chain, version=found.version, status=found.status):
        problems.append(f"audit chain of case {found.id}: its last entries are missing")
    else:
        typer.echo(f"ok  audit chain of {len(chain)} entries")
    storage.close()
    return problems


def _matching(uow: UnitOfWork, number: str) -> list[Case]:
    try:
        case = uow.cases.get(UUID(number))
    except ValueError:
        return uow.cases.by_number(number) if len(number) <= NUMBER_LENGTH else []
    return [case] if case else []


def _one_case(found: list[Case], number: str) -> Case:
    if len(found) != 1:
        raise PermanentError(
            f"{'no case' if not found else 'several cases'} with number {number!r}; "
            "give the id as the page of the case shows it"
        )
    return found[0]
