"""The topic of what detectors observe: made and checked before anybody uses it."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaAdminClient
from kafka.errors import (
    InvalidReplicationFactorError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from pipeline.bus.base import BusError
from pipeline.bus.kafka.address import KafkaAddress
from pipeline.bus.kafka.entry import ASK_WITHIN_S, knock, translated

__all__ = ["check_topic", "create_topic"]

_KEPT_MS = 7 * 24 * 3600 * 1000


def create_topic(address: KafkaAddress, *, replicas: int) -> bool:
    """Make the topic as it must be; False when there is one already, which stays as it is.

    Raises:
        BusUnavailableError: no broker answers.
        BusError: we may not, or there are fewer brokers than replicas.
    """
    settings = {
        "num_partitions": address.partitions,
        "replication_factor": replicas,
        "configs": {
            "cleanup.policy": "delete",
            "retention.ms": str(_KEPT_MS),
            # A spool that is replayed after days must not be expired at once.
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, replicas - 1)),
        },
    }
    with translated(address), _admin(address) as admin:
        try:
            admin.create_topics({address.topic: settings}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return False
        except InvalidReplicationFactorError as exc:
            raise BusError(
                f"bus {address.servers[0]}: fewer than {replicas} brokers; give --replicas"
            ) from exc
    return True


def check_topic(address: KafkaAddress) -> None:
    """Hold the topic against the address.

    Raises:
        BusUnavailableError: no broker answers.
        BusError: there is no such topic, it has another number of partitions, or we may not look.
    """
    with translated(address), _admin(address) as admin:
        (found,) = admin.describe_topics([address.topic])
        failure = for_code(found["error_code"])
        if failure is not NoError:
            raise failure(address.topic)
    has = len(found["partitions"])
    if has != address.partitions:
        raise BusError(
            f"bus {address.servers[0]}: topic {address.topic} has {has} partitions, the address "
            f"says {address.partitions}; give ?partitions={has}. The number never changes while a "
            "topic lives: cameras would move to other partitions and lose their order"
        )


@contextmanager
def _admin(address: KafkaAddress) -> Iterator[KafkaAdminClient]:
    knock(address)
    admin = KafkaAdminClient(
        **address.client(),
        request_timeout_ms=ASK_WITHIN_S * 1000,
        bootstrap_timeout_ms=ASK_WITHIN_S * 1000,
    )
    try:
        yield admin
    finally:
        admin.close()
