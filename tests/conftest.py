"""What every test may use."""

import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from pipeline.bus import EventPublisher, create_topic, open_publisher, open_subscriber
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.notify.channels import Channels
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage, open_storage, upgrade
from pipeline.worker import Worker
from tests.builders import NOON, PLATE, a_reviewer, a_site
from tests.fakes import DictContactBook, RecordingChannel
from tests.servers.kafka import KafkaServer, delete_topic
from tests.servers.postgres import PostgresServer
from tests.servers.process import answers

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers", action="store_true", help="A missing server is an error, no skip."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REAL.is_dir():
        return
    missing = pytest.mark.skip(reason="the real clips lie beside the repository, not in it")
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(missing)


@pytest.fixture(autouse=True)
def _root_handlers() -> Iterator[None]:
    """A command sets up logging for its process; the tests' own comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def real() -> Path:
    """The folder of real clips, plates and weights."""
    return REAL


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture(scope="session")
def postgres_template(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database without rows, to be copied."""
    _require(request, PostgresServer().port, "make postgres-up")
    name = f"template_{uuid4().hex}"
    _run_sql(f"CREATE DATABASE {name}")
    upgrade(PostgresServer().url_of(name))
    yield name
    _run_sql(f"DROP DATABASE {name}")


@pytest.fixture
def postgres_url(postgres_template: str) -> Iterator[str]:
    """A database of the test's own on the PostgreSQL server."""
    name = f"test_{uuid4().hex}"
    _run_sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield PostgresServer().url_of(name)
    _run_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def kafka_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A topic of the test's own on the Kafka broker."""
    _require(request, KafkaServer().port, "make kafka-up")
    url = f"{KafkaServer().url}/test_{uuid4().hex}?partitions=4"
    create_topic(url, replicas=1)
    yield url
    delete_topic(url)


@pytest.fixture
def secured_kafka_url(request: pytest.FixtureRequest, kafka_url: str, tmp_path: Path) -> str:
    """The same topic through TLS, for a user of the test's own whose password is `right`."""
    server, user, file = KafkaServer(), f"user_{uuid4().hex}", tmp_path / "kafka-password"
    _require(request, server.secured_port, "make kafka-down kafka-up")
    file.write_text("right\n")
    server.let_in(user, file)
    return server.secured(kafka_url, user=user, password_file=file)


def _require(request: pytest.FixtureRequest, port: int, remedy: str) -> None:
    if answers(port):
        return
    told = f"no server at port {port}; start one: {remedy}"
    if request.config.getoption("--require-servers"):
        pytest.fail(told)
    pytest.skip(told)


def _run_sql(command: str) -> None:
    engine = sa.create_engine(PostgresServer().url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(command)
    engine.dispose()


@pytest.fixture
def storage(storage_url: str, clock: ManualClock) -> Iterator[Storage]:
    storage = open_storage(storage_url, clock=clock)
    with storage.begin() as uow:
        uow.registry.save_site(a_site())
        uow.registry.save_person(a_reviewer(), "no hash")
        uow.registry.save_person(a_reviewer("wang"), "no hash")
        uow.commit()
    yield storage
    storage.close()


@pytest.fixture
def channel(clock: ManualClock) -> RecordingChannel:
    return RecordingChannel(clock)


@pytest.fixture
def queue(storage: Storage, channel: RecordingChannel) -> ReminderQueue:
    return ReminderQueue(
        storage=storage,
        contacts=DictContactBook(PLATE),
        rulebook=load_rulebook("demo"),
        calendar=load_calendar(),
        agency=Agency(name="演示交警", phone="000-0000"),
        kinds=Channels(channel).kinds,
    )


@pytest.fixture
def delivery(storage: Storage, channel: RecordingChannel, queue: ReminderQueue) -> Delivery:
    return Delivery(storage=storage, channels=Channels(channel), queue=queue)


@pytest.fixture
def bus_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bus.db"


@pytest.fixture
def publisher(bus_url: str, tmp_path: Path) -> EventPublisher:
    return open_publisher(bus_url, source="test", state_dir=tmp_path)


@pytest.fixture
def worker(storage: Storage, queue: ReminderQueue, delivery: Delivery, bus_url: str) -> Worker:
    return Worker(
        subscriber=open_subscriber(bus_url), storage=storage, queue=queue, delivery=delivery
    )
