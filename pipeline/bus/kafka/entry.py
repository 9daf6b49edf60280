"""Getting in: who is not let in hears why, where the client library only tries on and on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from typing import Any

from kafka.errors import (
    AuthorizationError,
    InvalidReceiveError,
    KafkaError,
    NoError,
    SaslAuthenticationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
    for_code,
)
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from pipeline.bus.base import BusError, BusUnavailableError
from pipeline.bus.kafka.address import KafkaAddress
from pipeline.errors import PipelineError

__all__ = ["ASK_WITHIN_S", "knock", "translated"]

ASK_WITHIN_S = 5


def knock(address: KafkaAddress) -> None:
    """Be let in by one of the brokers, once.

    The library's clients keep to themselves why they are not, and lose half of the brokers' last
    words (kafka-python 3.0.12, `_read_from_sock`); one that is made in vain leaves open files.

    Raises:
        BusUnavailableError: no broker answers.
        BusError: none lets us in, and one says that it never will.
    """
    failures: list[PipelineError] = []
    for server in address.servers:
        try:
            _enter(address, server)
        except PipelineError as exc:
            failures.append(exc)
        else:
            return
    raise next((one for one in failures if isinstance(one, BusError)), failures[0])


def _enter(address: KafkaAddress, server: str) -> None:
    host, _, port = server.rpartition(":")
    host, where, context = host.strip("[]"), f"bus {server}", address.tls()
    try:
        with (
            translated(address),
            socket.create_connection((host, int(port)), timeout=ASK_WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host) if context else plain as connection,
        ):
            if address.user is not None:
                _authenticate(connection, address)
            _ask(connection, MetadataRequest(version=1, topics=[]))
    except SSLCertVerificationError as exc:
        raise BusError(
            f"{where}: its certificate is not trusted: {exc.verify_message.rstrip('.')}; check the "
            "file that ca_file names, and the name of the broker"
        ) from exc
    except OSError as exc:
        raise BusUnavailableError(f"{where}: {exc.strerror or exc}") from exc


def _authenticate(connection: socket.socket, address: KafkaAddress) -> None:
    name = address.security["sasl_mechanism"]
    _ask(connection, SaslHandshakeRequest(version=1, mechanism=name))
    mechanism = get_sasl_mechanism(name)(**address.client())
    while not mechanism.is_done():
        request = SaslAuthenticateRequest(version=1, auth_bytes=mechanism.auth_bytes())
        mechanism.receive(_ask(connection, request).auth_bytes)


def _ask(connection: socket.socket, request: Any) -> Any:
    protocol = KafkaProtocol()
    protocol.send_request(request)
    connection.sendall(protocol.send_bytes())
    while data := connection.recv(4096):
        for _, answer in protocol.receive_bytes(data):
            failure = for_code(getattr(answer, "error_code", 0))
            if failure is not NoError:
                raise failure
            return answer
    raise ConnectionAbortedError("it hangs up; perhaps it asks for a user")


@contextmanager
def translated(address: KafkaAddress) -> Iterator[None]:
    """Say in our words what the client library says in its own.

    Raises:
        BusUnavailableError: it may pass.
        BusError: it does not pass by itself.
    """
    try:
        yield
    except KafkaError as exc:
        where, remedy = f"bus {','.join(address.servers)}", _remedy(exc, address)
        if remedy is None:
            raise BusUnavailableError(f"{where}: {exc}") from exc
        raise BusError(f"{where}: {remedy}") from exc


def _remedy(exc: KafkaError, address: KafkaAddress) -> str | None:
    """What is wrong and what a person must mend; None for what may pass."""
    match exc:
        case SaslAuthenticationFailedError():
            return (
                f"user {address.user!r} is not let in; check the user and the file that "
                "password_file names"
            )
        case UnsupportedSaslMechanismError():
            mechanism = address.security.get("sasl_mechanism")
            return f"mechanism {mechanism} is not one of its own; give another as ?mechanism="
        case InvalidReceiveError():
            return "what answers there is no Kafka in the clear; for TLS use kafka+ssl://"
        case AuthorizationError():
            return f"{type(exc).__name__}; check what this user may do"
        case UnknownTopicOrPartitionError():
            return f"no topic {address.topic}; run `remindfirst topics create`"
    return None
