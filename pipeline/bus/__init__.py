"""The bus that carries events; opened by URL, so that no caller names a technology."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pipeline.bus.base import (
    BusError,
    BusPositionError,
    BusUnavailableError,
    EventPublisher,
    EventSubscriber,
    RawBatch,
    SpoolingPublisher,
)
from pipeline.bus.embedded import EmbeddedPublisher, EmbeddedSubscriber, forget_in_file
from pipeline.events.envelope import Envelope

__all__ = [
    "BusError",
    "BusPositionError",
    "BusUnavailableError",
    "EventPublisher",
    "EventSubscriber",
    "RawBatch",
    "SpoolingPublisher",
    "check_topic",
    "create_topic",
    "forget_read",
    "open_publisher",
    "open_subscriber",
]


_EMBEDDED = "sqlite:///"
_KAFKA = ("kafka://", "kafka+ssl://")


def open_publisher(
    url: str,
    *,
    source: str,
    state_dir: Path,
    before_sending: Callable[[Sequence[Envelope]], None] | None = None,
) -> SpoolingPublisher:
    """Open the bus at `url` for writing as `source`, in a new epoch.

    Args:
        url: `sqlite:///FILE`, or `kafka://HOST:PORT[,HOST:PORT]`; see `KafkaAddress.parse`.
        source: Who publishes; one process at a time under one name.
        state_dir: Keeps what waits for a bus on another machine.
        before_sending: Called with events before a bus on another machine gets them; while it
            raises a `PipelineError` they wait. What stays on this machine needs no such thing.

    Raises:
        BusError: the URL names no bus that this version knows.
        BusUnavailableError: it cannot be opened now. A Kafka that is away is no reason.
    """
    if url.startswith(_KAFKA):
        with _extra_installed():
            from pipeline.bus.kafka import KafkaAddress, KafkaPublisher
        spool = state_dir / f"{source}.spool.db"
        return KafkaPublisher(
            KafkaAddress.parse(url), source=source, spool=spool, before_sending=before_sending
        )
    return EmbeddedPublisher(_file_of(url), source=source)


def open_subscriber(url: str) -> EventSubscriber:
    """Open the bus at `url` for reading, as one of its consumers.

    Raises:
        BusError: the URL names no bus that this version knows.
        BusUnavailableError: it cannot be opened now.
    """
    if url.startswith(_KAFKA):
        with _extra_installed():
            from pipeline.bus.kafka import KafkaAddress, KafkaSubscriber
        return KafkaSubscriber(KafkaAddress.parse(url))
    return EmbeddedSubscriber(_file_of(url))


def forget_read(
    url: str,
    read_up_to: Callable[[str, int], int],
    *,
    before: datetime,
    is_rehearsal: bool = False,
) -> int:
    """Delete the events of before then that were read from the bus at `url`; says how many.

    Kafka does that by itself, and a file that is not there has none.

    Args:
        url: The bus.
        read_up_to: The position of a topic's partition in the consumers' own database.
        before: By the events' own times.
        is_rehearsal: Only count.

    Raises:
        BusError: the URL names no bus that this version knows.
        BusUnavailableError: it cannot be opened or written now.
    """
    if url.startswith(_KAFKA) or not _file_of(url).exists():
        return 0
    return forget_in_file(_file_of(url), read_up_to, before=before, is_rehearsal=is_rehearsal)


def create_topic(url: str, *, replicas: int) -> bool:
    """Make the topic of the bus at `url`; False when it was there already.

    Raises:
        BusError: the bus is embedded and has no topics, or we may not.
        BusUnavailableError: no broker answers.
    """
    with _extra_installed():
        from pipeline.bus import kafka
    return kafka.create_topic(kafka.KafkaAddress.parse(url), replicas=replicas)


def check_topic(url: str) -> str:
    """Hold the topic of the bus at `url` against what the URL says of it; its name and size.

    Raises:
        BusError: there is no such topic, or it is another.
        BusUnavailableError: no broker answers.
    """
    with _extra_installed():
        from pipeline.bus import kafka
    address = kafka.KafkaAddress.parse(url)
    kafka.check_topic(address)
    return f"topic {address.topic} of {address.partitions} partitions"


def _file_of(url: str) -> Path:
    path = url.removeprefix(_EMBEDDED)
    if path in {url, ""}:
        raise BusError(f"bus {url!r}: use sqlite:///FILE or kafka://HOST:PORT")
    return Path(path)


@contextmanager
def _extra_installed() -> Iterator[None]:
    """Kafka's client is an extra: a machine that needs none installs none."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise BusError(f"{exc.name} is missing: pip install 'remindfirst[kafka]'") from exc
