"""The command `remindfirst`: all roles on one machine, the demo, and each role's own commands."""

import csv
import fcntl
import json
import logging
import shutil
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, NoReturn

import httpx
import typer
import yaml

import detector.commands
import pipeline.commands
import review_ui.commands
from detector.camera_file import load_camera
from detector.errors import DetectorError
from pipeline.app import open_book
from pipeline.case import CaseStatus, Disposition
from pipeline.clock import SystemClock
from pipeline.configuration import (
    CameraEntry,
    PersonEntry,
    QualificationEntry,
    UpConfig,
    load_config,
)
from pipeline.errors import BAD_INPUT, PermanentError, PipelineError
from pipeline.events.camera import CameraDocument
from pipeline.reminder import DeliveryStatus
from pipeline.settings import PipelineSettings
from pipeline.sites import Site, SiteState
from pipeline.staff import Qualification, Reviewer, ReviewerId, Role
from pipeline.storage import Storage, open_storage
from pipeline.supervisor import Supervisor, end_with_supervisor
from pipeline.telemetry import configure_logging
from review_ui.auth import hash_password

__all__ = ["demo_cameras_to_signal", "demo_config", "main", "register"]

log = logging.getLogger("remindfirst")

app = typer.Typer(
    help="Remind first: the driver is asked to move before anybody decides.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(detector.commands.app)
app.add_typer(pipeline.commands.app)
app.add_typer(review_ui.commands.app)

DEMO_PERSON = "demo"
DEMO_PASSWORD = "remind-first"  # noqa: S105 - shown on the demo's sign-in page
DEMO_SETTINGS = {
    "REMINDFIRST_DEMO": "true",
    "REMINDFIRST_DEMO_PERSON": DEMO_PERSON,
    "REMINDFIRST_DEMO_PASSWORD": DEMO_PASSWORD,
}
DEMO_MARK = ".remindfirst-demo"
DEMO_EXPECTED = {"suspected": 4, "reminded": 3, "delivered": 3, "cleared": 1, "in_review": 1}


def register(config: UpConfig, storage: Storage) -> None:
    """Put the configured sites and people into the database."""
    with storage.begin() as uow:
        for entry in config.cameras:
            uow.registry.save_site(_site(load_camera(entry.file), entry, config.rulebook))
        for person in config.people:
            uow.registry.save_person(_person(person), person.password_hash)
        uow.commit()


def _site(camera: CameraDocument, entry: CameraEntry, region: str) -> Site:
    return Site(
        camera_id=camera.camera_id,
        name=camera.name,
        road=camera.place.road,
        time_zone=camera.time_zone,
        region=region,
        state=entry.state,
        published_on=entry.published_on,
        calibrated_until=entry.calibrated_until,
    )


def _person(entry: PersonEntry) -> Reviewer:
    held = entry.qualification
    return Reviewer(
        id=ReviewerId(entry.id),
        name=entry.name,
        unit=entry.unit,
        roles=frozenset(entry.roles),
        qualification=None if held is None else Qualification(**held.model_dump()),
    )


def _require_free(host: str, *ports: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as exc:
                raise PermanentError(
                    f"port {port} on {host}: {exc.strerror}; end what uses it, or choose another"
                ) from exc


@contextmanager
def _sole_use(data: Path) -> Iterator[None]:
    """Hold the data folder, so that two of us never run on the same one."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "in-use.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise PermanentError(f"{data}: another remindfirst runs on it; end that first") from exc
        yield


def _stop_signal() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _run(
    config: UpConfig,
    storage: Storage,
    stop: Event,
    *,
    is_demo: bool = False,
    until_s: float | None = None,
    beside: Callable[[], None] | None = None,
) -> None:
    """Start every role and look after them; `beside` runs in a thread of its own meanwhile."""
    _require_free(config.host, config.port)
    ports = config.metrics_ports
    _require_free("127.0.0.1", config.endpoint_port, *filter(None, ports.values()))
    open_book(config.contacts, key_file=config.contacts_key_file, storage=storage)
    command = [sys.executable, "-m", "remindfirst"]
    roles = {
        "detect": [*command, "detect", *[str(entry.file) for entry in config.cameras]],
        "work": [*command, "work"],
        "serve": [*command, "serve"],
    }
    settings = config.environment() | (DEMO_SETTINGS if is_demo else {})
    # A port from our own environment would be the same for all three.
    own = {
        role: {"REMINDFIRST_METRICS_PORT": None if port is None else str(port)}
        for role, port in ports.items()
    }
    with ExitStack() as stack:
        stack.enter_context(_sole_use(config.data))
        register(config, storage)
        supervisor = stack.enter_context(Supervisor(roles, settings, own=own))
        thread = Thread(target=beside, daemon=True) if beside else None
        if thread:
            thread.start()
        try:
            supervisor.watch(stop, until_s=until_s)
        finally:
            stop.set()
            if thread:
                thread.join(timeout=5)


def _fail(command: str, exc: Exception) -> NoReturn:
    told = str(exc)
    if isinstance(exc, ImportError):
        told = f"{exc.name} is missing; this needs the extra `detector`, see README.md"
    typer.echo(f"remindfirst {command}: {told}", err=True)
    raise typer.Exit(BAD_INPUT) from exc


@app.command()
def up(config: Annotated[Path, typer.Option(help="YAML file; see docs/operations.md.")]) -> None:
    """Run all roles on this machine until Ctrl+C."""
    configure_logging()
    try:
        loaded = load_config(config)
        storage = open_storage(loaded.storage_url)
        _run(loaded, storage, _stop_signal())
        storage.close()
    except (PipelineError, DetectorError, ImportError) as exc:
        _fail("up", exc)


@app.command("register")
def register_command(
    config: Annotated[Path, typer.Option(help="The same file that `up` takes.")],
) -> None:
    """Put the sites and people of a configuration into the database, for roles run one by one."""
    try:
        loaded = load_config(config)
        storage = open_storage(PipelineSettings().storage_url)
        register(loaded, storage)
        storage.close()
    except (PipelineError, DetectorError, ImportError) as exc:
        _fail("register", exc)
    typer.echo(f"registered {len(loaded.cameras)} sites and {len(loaded.people)} people")


@app.command("hash-password")
def hash_password_command() -> None:
    """Ask for a password and print the hash for the configuration's list of people."""
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    typer.echo(hash_password(password))


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if is_wanted:
        typer.echo(f"remindfirst {version('remindfirst')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Remind first: the driver is asked to move before anybody decides."""


@app.command()
def demo(
    *,
    for_s: Annotated[
        float | None,
        typer.Option("--for", min=1, help="Run so many seconds without a browser, then report."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65534, help="Port of the pages.")] = 8000,
    data: Annotated[Path, typer.Option(help="Folder, emptied first.")] = Path("var/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another street.")] = 1,
) -> None:
    """Four simulated cameras and the whole story, from the first picture to a decision."""
    configure_logging(logging.WARNING if for_s is None else logging.ERROR)
    try:
        _require_free("127.0.0.1", port, port + 1)
        today = SystemClock().now().date()
        config = demo_config(data.resolve(), port=port, seed=seed, today=today)
        storage = open_storage(config.storage_url)
        stop = _stop_signal()

        def beside() -> None:
            if for_s is None:
                Thread(target=_show, args=(config, stop), daemon=True).start()
            _play_drivers(config, storage, stop)

        _run(config, storage, stop, is_demo=True, until_s=for_s, beside=beside)
        counts = _count(storage)
        storage.close()
    except (PipelineError, DetectorError, ImportError, OSError) as exc:
        _fail("demo", exc)
    if for_s is not None:
        typer.echo(json.dumps(counts))
        sys.exit(0 if counts == DEMO_EXPECTED else 1)


def demo_config(data: Path, *, port: int, seed: int, today: date) -> UpConfig:
    """Lay out the demo's folder: cameras, contacts and one person who may do everything."""
    # Needs the detector's libraries, which a light install lacks.
    from detector.simulator.scenarios import Scenario, plate_of

    _empty(data)
    (data / "cameras").mkdir(parents=True)
    (data / DEMO_MARK).touch()
    entries = []
    for template in sorted((Path(detector.__file__).parent / "cameras").glob("demo-*.yaml")):
        document = yaml.safe_load(template.read_text(encoding="utf-8"))
        document["source"] = f"{document['source'].partition('?')[0]}?seed={seed}"
        file = data / "cameras" / template.name
        file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        entries.append(
            CameraEntry(
                file=file,
                state=SiteState.ACTIVE,
                published_on=today - timedelta(days=30),
                calibrated_until=today + timedelta(days=300),
            )
        )
    with (data / "contacts.csv").open("w", encoding="utf-8", newline="") as contacts:
        rows = csv.writer(contacts)
        rows.writerow(["plate", "phone", "opted_out"])
        for number, scenario in enumerate(Scenario, start=1):
            rows.writerow([plate_of(scenario, seed), f"1380000{number:04}", "no"])
    officer = PersonEntry(
        id=DEMO_PERSON,
        name="演示警官 Demo officer",
        unit="demo",
        roles=(Role.OPERATOR, Role.REVIEWER),
        password_hash=hash_password(DEMO_PASSWORD),
        qualification=QualificationEntry(
            number="DEMO-1",
            valid_from=today - timedelta(days=365),
            valid_until=today + timedelta(days=365),
        ),
    )
    return UpConfig(
        data=data,
        port=port,
        endpoint_port=port + 1,
        rulebook="demo",
        weights="background",
        contacts=str(data / "contacts.csv"),
        delivered_after_s=2,
        agency_name="演示交警",
        agency_phone="000-0000",
        cameras=tuple(entries),
        people=(officer,),
    )


def _empty(data: Path) -> None:
    """Forget an earlier demonstration, and nothing else."""
    if data.exists() and any(data.iterdir()) and not (data / DEMO_MARK).exists():
        raise PermanentError(f"{data}: holds something else than a demonstration; name another")
    with _sole_use(data):
        shutil.rmtree(data, ignore_errors=True)


def _play_drivers(config: UpConfig, storage: Storage, stop: Event) -> None:
    """The drivers' side of the demo: what a phone gets or answers changes the drawn street."""
    signals = config.data / "signals"
    signals.mkdir(parents=True, exist_ok=True)
    while not stop.wait(0.5):
        with suppress(PipelineError):
            for camera_id in demo_cameras_to_signal(storage):
                (signals / camera_id).touch()


def demo_cameras_to_signal(storage: Storage) -> set[str]:
    """Where something happens now: a driver who reacts, or who answered, or a camera that dies."""
    reacts_by_itself = {"demo-leaves", "demo-drops-out"}
    cameras = set()
    with storage.read() as uow:
        for reminder in uow.outbox.recent():
            case = uow.cases.get(reminder.case_id)
            if case is None or reminder.status is not DeliveryStatus.DELIVERED:
                continue
            if case.camera_id in reacts_by_itself or reminder.answer is not None:
                cameras.add(case.camera_id)
    return cameras


def _show(config: UpConfig, stop: Event) -> None:
    """Wait for the pages and the first pictures, then open the browser."""
    page = f"http://{config.host}:{config.port}/"
    typer.echo(f"Starting the demonstration at {page} ...")
    while not stop.wait(0.2):
        with suppress(httpx.HTTPError):
            if httpx.get(f"{page}healthz", timeout=1).is_success:
                break
    if not stop.is_set():
        typer.echo(f"Ready: {page}   sign in as {DEMO_PERSON}, password {DEMO_PASSWORD}")
        typer.echo("Ctrl+C ends it.")
        webbrowser.open(page)


def _count(storage: Storage) -> dict[str, int]:
    with storage.read() as uow:
        cases = uow.cases.find()
        delivered = uow.outbox.count(DeliveryStatus.DELIVERED)
        reminded = delivered + uow.outbox.count(DeliveryStatus.ACCEPTED)
    return {
        "suspected": len(cases),
        "reminded": reminded,
        "delivered": delivered,
        "cleared": sum(case.disposition is Disposition.CLEARED for case in cases),
        "in_review": sum(case.status is CaseStatus.IN_REVIEW for case in cases),
    }


def main() -> None:
    """Run the command line."""
    end_with_supervisor()
    app()


if __name__ == "__main__":
    main()
