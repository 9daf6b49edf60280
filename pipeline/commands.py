"""The pipeline's commands, mounted by `remindfirst.py`."""

import logging
import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from pipeline.alert_commands import alerts
from pipeline.app import build_watch, build_worker
from pipeline.bus import check_topic, create_topic
from pipeline.clock import SystemClock
from pipeline.command_line import read_settings, telling
from pipeline.contact_commands import contacts
from pipeline.deadline_table import Language, instant_of, lines_of, milestones_of, zone_of
from pipeline.evidence_commands import evidence
from pipeline.failures import Failures
from pipeline.figure_commands import figures
from pipeline.notify.templates import TextsError
from pipeline.notify.texts_check import check_texts
from pipeline.policy.clocks import running_clocks
from pipeline.policy.deadlines import load_calendar
from pipeline.policy_commands import policy
from pipeline.storage import accept_clock, check, open_storage, upgrade
from pipeline.telemetry import configure_logging

__all__ = ["app"]

log = logging.getLogger(__name__)

DEFAULT_REPLICAS = 3

app = typer.Typer()
db = typer.Typer(help="The database of the cases, at REMINDFIRST_STORAGE_URL.")
app.add_typer(db, name="db")
topics = typer.Typer(help="The topic of the events, on the Kafka of REMINDFIRST_BUS_URL.")
app.add_typer(topics, name="topics")
app.add_typer(contacts, name="contacts")
app.add_typer(policy, name="policy")
app.add_typer(evidence)
app.add_typer(figures)
app.add_typer(alerts, name="alerts")
texts = typer.Typer(help="The wordings of reminders, tips and notices.")
app.add_typer(texts, name="texts")


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables to this program's version; safe while other processes start."""
    with telling("db upgrade"):
        upgrade(read_settings().storage_url)
        typer.echo(f"tables of version {check(read_settings().storage_url)}")


@db.command("check")
def db_check() -> None:
    """Say whether the database can be reached and its tables are this program's; change nothing."""
    with telling("db check"):
        typer.echo(f"ok: tables of version {check(read_settings().storage_url)}")


@db.command("accept-clock")
def db_accept_clock() -> None:
    """Say that the database's clock is right now, after it had been set back; work then goes on.

    A clock that goes back stops all decisions: what was measured with it would end too early.
    """
    with telling("db accept-clock"):
        at = accept_clock(read_settings().storage_url)
        typer.echo(f"accepted: it is {at.isoformat(timespec='seconds')}")


@topics.command("create")
def topics_create(
    replicas: Annotated[
        int, typer.Option(min=1, help="Brokers that hold a copy of each event.")
    ] = DEFAULT_REPLICAS,
) -> None:
    """Make the topic with as many partitions as the URL says, for good; no harm if it is there."""
    with telling("topics create"):
        bus_url = read_settings().bus_url
        is_new = create_topic(bus_url, replicas=replicas)
        typer.echo(f"{'made' if is_new else 'there already'}: {check_topic(bus_url)}")


@topics.command("check")
def topics_check() -> None:
    """Say whether the topic is there and has the partitions that the URL says; change nothing."""
    with telling("topics check"):
        typer.echo(f"ok: {check_topic(read_settings().bus_url)}")


@texts.command("check")
def texts_check(
    folder: Annotated[
        Path | None, typer.Argument(help="A city's own wordings; without it, the shipped ones.")
    ] = None,
) -> None:
    """Show each wording, an ordinary and the longest text of it, and what is wrong with it."""
    with telling("texts check"):
        lines, found = check_texts(folder)
        typer.echo("\n".join(lines))
        if found:
            raise TextsError("\n".join(str(one) for one in found))


@app.command()
def work() -> None:
    """Run the worker: events in, reminders out, cases to review.

    Reads REMINDFIRST_ settings: BUS_URL, STORAGE_URL, CHANNEL_URL, CONTACTS (required),
    CONTACTS_KEY_FILE, RULEBOOK, TEXTS, CALENDAR, PERMITS, AGENCY_NAME, AGENCY_PHONE,
    REMINDER_LANGUAGE, STAFF_ALERTS_FILE, ALERT_..., METRICS_HOST, METRICS_PORT; see
    docs/operations.md.
    """
    configure_logging()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with telling("work"):
        settings = read_settings()
        failures = Failures(SystemClock())
        worker = build_worker(settings, failures=failures)
        watch = build_watch(settings, worker, failures)
        log.info("worker is ready", extra={"partitions": len(worker.subscriber.assigned())})
        try:
            served = worker.metrics.served(host=settings.metrics_host, port=settings.metrics_port)
            with served, watch.running():
                worker.run(stop)
        finally:
            worker.subscriber.close()
            worker.storage.close()


@app.command("dead-letters")
def dead_letters() -> None:
    """List the messages that could not be handled, with the reason of each."""
    with telling("dead-letters"):
        storage = open_storage(read_settings().storage_url, must_exist=True)
        with storage.read() as uow:
            letters = uow.inbox.dead_letters()
        storage.close()
    for one in letters:
        typer.echo(f"{one.at.isoformat()}  {one.topic}/{one.partition}/{one.offset}  {one.reason}")
    typer.echo(f"{len(letters)} dead letters")


@app.command()
def deadlines(  # noqa: PLR0913 - one argument per option
    *,
    captured: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="The camera saw it: 2026-09-24T23:30, in --zone."),
    ] = None,
    entered: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="It was reviewed and entered.")
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MILESTONE=INSTANT",
            help="What else happened, such as notified=2026-10-20T09:00.",
        ),
    ] = None,
    now: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="As of then.", show_default="the present")
    ] = None,
    zone: Annotated[str, typer.Option(help="The site's time zone.")] = "Asia/Shanghai",
    holidays: Annotated[
        Path | None, typer.Option(help="The calendar of working days.", show_default="the shipped")
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language of the table.")] = Language.EN,
) -> None:
    """Print the legal clocks of a case: until when, since when they are near, and what follows.

    Milestones: captured, closed, entered, opened, notified, dealt, extended_until,
    ground_verified, eliminated, objected, objection_passed_on, objection_decided, intention_sent,
    intention_announced, decision_announced, decision_served, simple_decision, decision_filed,
    came, general_decision, fine_served, paid, reconsideration_requested, reconsideration_served,
    court_filed, hearing_offered, hearing_requested.
    """
    given = [f"captured={captured}"] * bool(captured) + [f"entered={entered}"] * bool(entered)
    with telling("deadlines"):
        local = zone_of(zone)
        milestones = milestones_of([*given, *(at or [])], local)
        now_at = instant_of(now, local) if now else SystemClock().now()
        clocks = running_clocks(milestones, now_at, local, load_calendar(holidays))
    for line in lines_of(clocks, local, lang):
        typer.echo(line)
