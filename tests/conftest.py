"""What every test may use."""

from pathlib import Path

import pytest

from pipeline.bus import EventPublisher, open_publisher, open_subscriber
from pipeline.clock import ManualClock
from pipeline.delivery import Delivery
from pipeline.notify.templates import Agency
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.parameters import load_rulebook
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage, open_storage
from pipeline.worker import Worker
from tests.builders import NOON, PLATE, a_reviewer, a_site
from tests.fakes import DictContactBook, RecordingChannel

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REAL.is_dir():
        return
    missing = pytest.mark.skip(reason="the real clips lie beside the repository, not in it")
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(missing)


@pytest.fixture
def real() -> Path:
    """The folder of real clips, plates and weights."""
    return REAL


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def storage(tmp_path: Path, clock: ManualClock) -> Storage:
    storage = open_storage(f"sqlite:///{tmp_path}/state.db", clock=clock)
    with storage.begin() as uow:
        uow.registry.save_site(a_site())
        uow.registry.save_person(a_reviewer(), "no hash")
        uow.registry.save_person(a_reviewer("wang"), "no hash")
        uow.commit()
    return storage


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
        channel_name=channel.name,
    )


@pytest.fixture
def delivery(storage: Storage, channel: RecordingChannel, queue: ReminderQueue) -> Delivery:
    return Delivery(storage=storage, channel=channel, queue=queue)


@pytest.fixture
def bus_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bus.db"


@pytest.fixture
def publisher(bus_url: str) -> EventPublisher:
    return open_publisher(bus_url, source="test")


@pytest.fixture
def worker(storage: Storage, queue: ReminderQueue, delivery: Delivery, bus_url: str) -> Worker:
    return Worker(
        subscriber=open_subscriber(bus_url), storage=storage, queue=queue, delivery=delivery
    )
