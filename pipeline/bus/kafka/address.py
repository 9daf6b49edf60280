"""Where a Kafka cluster is and how to get in, from one URL that holds no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError
from urllib.parse import parse_qsl, urlsplit

from pipeline.bus.base import BusError

__all__ = ["KafkaAddress"]

_FORM = "kafka://[USER@]HOST:PORT[,HOST:PORT][/NAMESPACE], or kafka+ssl://..."
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PARTITIONS = 12
_RECONNECT_WITHIN_MS = 5_000
_FILES = {"ca_file": "ssl_cafile", "cert_file": "ssl_certfile", "key_file": "ssl_keyfile"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAddress:
    """A cluster and our place in it.

    Attributes:
        servers: Some brokers, as HOST:PORT.
        namespace: The first part of the names of topics and groups.
        partitions: How many the topic has, from its first day to its last.
        security: What kafka-python's clients need to get in.
    """

    servers: tuple[str, ...]
    namespace: str
    partitions: int
    security: Mapping[str, str] = field(repr=False)

    @property
    def user(self) -> str | None:
        """Who we are there; None where nobody asks."""
        return self.security.get("sasl_plain_username")

    @property
    def topic(self) -> str:
        """The topic of what detectors observe."""
        return f"{self.namespace}.obs.v1"

    @property
    def group(self) -> str:
        """The consumer group of the workers."""
        return f"{self.namespace}.workers"

    def client(self) -> dict[str, object]:
        """The settings that all clients of kafka-python take."""
        # Said, not asked: so a client can be made while no broker answers.
        return {
            "bootstrap_servers": list(self.servers),
            "api_version": (3, 9),
            "reconnect_backoff_max_ms": _RECONNECT_WITHIN_MS,
            **self.security,
        }

    def tls(self) -> SSLContext | None:
        """Whom we trust and who we are; None where nothing is encrypted.

        Raises:
            BusError: a file is not there, or is something else.
        """
        if not self.security["security_protocol"].endswith("SSL"):
            return None
        where, context = f"bus {','.join(self.servers)}", SSLContext(PROTOCOL_TLS_CLIENT)
        ca_file, cert_file, key_file = (self.security.get(ours) for ours in _FILES.values())
        told = f"ca_file {ca_file}"
        try:
            if ca_file is None:
                context.load_default_certs()
            else:
                context.load_verify_locations(ca_file)
            told = f"cert_file {cert_file}, key_file {key_file or cert_file}"
            if cert_file is not None:
                # Without a password here, an encrypted key would ask for one at the terminal.
                context.load_cert_chain(cert_file, key_file, password="")
        except SSLError as exc:
            raise BusError(f"{where}: {told}: not what it should be, in PEM: {exc.reason}") from exc
        except OSError as exc:
            raise BusError(f"{where}: {told}: {exc.strerror}") from exc
        return context

    @classmethod
    def parse(cls, url: str) -> "KafkaAddress":
        """Read `kafka://[USER@]HOST:PORT[,HOST:PORT][/NAMESPACE][?OPTION=VALUE&...]`.

        `partitions` is how many the topic has, by default 12. With a user, `password_file` names
        the file that holds the password, and `mechanism` is one of PLAIN, SCRAM-SHA-256,
        SCRAM-SHA-512 (the default). With `kafka+ssl`, `ca_file` names the authority, `cert_file`
        and `key_file` our own certificate.

        Raises:
            BusError: another form, an unknown option, or a file that cannot be read.
        """
        parts = urlsplit(url)
        user, _, hosts = parts.netloc.rpartition("@")
        servers = tuple(one for one in hosts.split(",") if one)
        if parts.scheme not in {"kafka", "kafka+ssl"} or not servers:
            raise BusError(f"bus {_shown(url)}: use {_FORM}")
        if ":" in user:
            raise BusError(f"bus {_shown(url)}: no password in a URL; use ?password_file=FILE")
        for server in servers:
            if not server.rpartition(":")[2].isdecimal():
                raise BusError(f"bus {_shown(url)}: {server}: no port; use {_FORM}")
        namespace = parts.path.strip("/") or "remindfirst"
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        partitions = options.pop("partitions", str(_PARTITIONS))
        if not partitions.isdecimal() or int(partitions) < 1:
            raise BusError(f"bus {_shown(url)}: partitions: give a number, 1 or more")
        address = cls(
            servers=servers,
            namespace=namespace,
            partitions=int(partitions),
            security=_security(url, user, options, is_ssl=parts.scheme == "kafka+ssl"),
        )
        address.tls()
        return address


def _security(url: str, user: str, options: dict[str, str], *, is_ssl: bool) -> dict[str, str]:
    known = {"mechanism", "password_file"} if user else set()
    known |= set(_FILES) if is_ssl else set()
    unknown = sorted(set(options) - known)
    if unknown:
        raise BusError(
            f"bus {_shown(url)}: option {unknown[0]!r} has no meaning here; "
            f"known: {', '.join(sorted({'partitions', *known}))}"
        )
    security = {ours: options[name] for name, ours in _FILES.items() if name in options}
    security["security_protocol"] = ("SASL_" if user else "") + ("SSL" if is_ssl else "PLAINTEXT")
    if user:
        mechanism = options.get("mechanism", "SCRAM-SHA-512")
        if mechanism not in _MECHANISMS:
            raise BusError(f"bus {_shown(url)}: mechanism: use one of {', '.join(_MECHANISMS)}")
        security["sasl_mechanism"] = mechanism
        security["sasl_plain_username"] = user
        security["sasl_plain_password"] = _password(url, options.get("password_file"))
    return security


def _password(url: str, file: str | None) -> str:
    if file is None:
        raise BusError(f"bus {_shown(url)}: a user needs ?password_file=FILE")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise BusError(f"bus {_shown(url)}: {file}: {exc.strerror}") from exc


def _shown(url: str) -> str:
    """The URL without what may be a password in the wrong place."""
    scheme, _, rest = url.partition("://")
    user, _, hosts = rest.rpartition("@")
    return repr(f"{scheme}://{user.partition(':')[0]}@{hosts}" if user else url)
