"""The topic of what detectors observe: made and checked before anybody uses it."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    InvalidReplicationFactorError,
    KafkaError,
    NoError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from pipeline.bus.base import BusError, BusUnavailableError
from pipeline.bus.kafka.address import KafkaAddress

__all__ = ["check_topic", "create_topic", "translated"]

_ASK_WITHIN_MS = 5_000
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
    admin = KafkaAdminClient(
        **address.client(), request_timeout_ms=_ASK_WITHIN_MS, bootstrap_timeout_ms=_ASK_WITHIN_MS
    )
    try:
        yield admin
    finally:
        admin.close()


@contextmanager
def translated(address: KafkaAddress) -> Iterator[None]:
    """Say in our words what the client library says in its own.

    Raises:
        BusUnavailableError: it may pass.
        BusError: it does not pass by itself.
    """
    where = f"bus {','.join(address.servers)}"
    try:
        yield
    except (SaslAuthenticationFailedError, AuthorizationError) as exc:
        raise BusError(
            f"{where}: {type(exc).__name__}; check the user, the mechanism, the password file "
            "and what this user may do"
        ) from exc
    except UnknownTopicOrPartitionError as exc:
        raise BusError(
            f"{where}: no topic {address.topic}; run `remindfirst topics create`"
        ) from exc
    except KafkaError as exc:
        raise BusUnavailableError(f"{where}: {type(exc).__name__}: {exc}") from exc
