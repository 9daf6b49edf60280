"""A Kafka broker without Docker: `python -m tests.servers.kafka up`, or `down`.

One KRaft node from Maven's jars, on this machine alone. It needs Java 17 and, the first time, Maven
and the network. One port lets everybody in; another speaks TLS and asks for a user and a password.
"""

import shutil
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from pipeline.bus import BusError
from pipeline.bus.kafka import KafkaAddress
from pipeline.bus.kafka.entry import knock
from tests.servers.certificates import make_certificates
from tests.servers.process import ServerError, ServerProcess, answers, command_line, require_free

__all__ = ["KafkaServer", "delete_topic"]

_HERE = Path(__file__).resolve().parent
_JARS = Path("var/servers/kafka-jars").resolve()
_FOLDER = Path("var/servers/kafka").resolve()
_JVM = ("-server", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_READY_WITHIN_S = 60.0
_SCRAM = ScramMechanism.SCRAM_SHA_512


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaServer:
    """One broker with its data in `folder`; the two ports after `port` are its own too."""

    folder: Path = _FOLDER
    port: int = 19092

    @property
    def url(self) -> str:
        """As `pipeline.bus` wants it."""
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def secured_port(self) -> int:
        """Where it speaks TLS, and lets in who has a password by SCRAM-SHA-512."""
        return self.port + 2

    @property
    def ca_file(self) -> Path:
        """The authority of its certificate, another one after each start."""
        return self.folder / "tls" / "ca.pem"

    def secured(self, url: str, *, user: str, password_file: Path) -> str:
        """The way through TLS to a topic that `url` names."""
        there = url.replace(self.url, f"kafka+ssl://{user}@127.0.0.1:{self.secured_port}")
        return f"{there}&ca_file={self.ca_file}&password_file={password_file}"

    @property
    def process(self) -> ServerProcess:
        """The broker's process."""
        return ServerProcess(name="Kafka", folder=self.folder)

    def up(self) -> None:
        """Start it, unless it runs; data of an earlier run are kept.

        Raises:
            ServerError: Java or Maven is missing, or the broker does not answer.
        """
        if self.process.pid() is not None:
            return
        require_free(self.port)
        _fetch_jars()
        make_certificates(self.ca_file.parent)
        data = self.folder / "data"
        if not (data / "meta.properties").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            cluster_id = _java("kafka.tools.StorageTool", "random-uuid").strip()
            _java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._properties())
        logging = f"-Dlog4j.configuration=file:{_HERE / 'kafka.log4j.properties'}"
        command = ("java", *_JVM, logging, f"-Dkafka.logs.dir={self.folder}", "-cp", f"{_JARS}/*")
        self.process.start((*command, "kafka.Kafka", self._properties()))
        self.process.wait_until(self._is_ready, within_s=_READY_WITHIN_S)

    def down(self) -> None:
        """Stop it; its data stay."""
        self.process.stop(signal.SIGTERM)

    def let_in(self, user: str, password_file: Path) -> None:
        """Let in who has this password from now on, and nobody with an earlier one."""
        change = UserScramCredentialUpsertion(user, _SCRAM, password_file.read_bytes().strip())
        with closing(KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.port}")) as admin:
            failure = admin.alter_user_scram_credentials([change])[user]
        if failure is not None:
            raise ServerError(f"user {user}: {failure}")
        url = self.secured(f"{self.url}?partitions=1", user=user, password_file=password_file)
        # The broker says yes a moment before it knows.
        self.process.wait_until(lambda: _lets_in(url), within_s=_READY_WITHIN_S)

    def _is_ready(self) -> bool:
        return answers(self.port) and "Kafka Server started" in self.process.log_file.read_text()

    def _properties(self) -> str:
        file = self.folder / "server.properties"
        plain, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.port + 1}"
        secured = f"127.0.0.1:{self.secured_port}"
        own = (
            f"controller.quorum.voters=1@{controller}",
            f"listeners=PLAINTEXT://{plain},SASL_SSL://{secured},CONTROLLER://{controller}",
            f"advertised.listeners=PLAINTEXT://{plain},SASL_SSL://{secured}",
            f"log.dirs={self.folder / 'data'}",
            f"ssl.keystore.location={self.ca_file.with_name('server.pem')}",
        )
        file.write_text("\n".join([(_HERE / "kafka.properties").read_text(), *own]))
        return str(file)


def _fetch_jars() -> None:
    for tool in ("java", "mvn", "openssl"):
        if shutil.which(tool) is None:
            raise ServerError(
                f"{tool} is missing; on Debian: "
                "apt-get install maven openjdk-17-jre-headless openssl"
            )
    if _JARS.is_dir():
        return
    print("Fetching Kafka from Maven (once, about 46 MB) ...", file=sys.stderr)
    partial = _JARS.with_suffix(".partial")
    command = ["mvn", "-B", "-q", "-f", str(_HERE / "kafka.pom.xml"), _COPY]
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    subprocess.run([*command, *options], check=True)
    partial.rename(_JARS)


def _java(*arguments: str) -> str:
    done = subprocess.run(
        ["java", "-Xmx128m", "-cp", f"{_JARS}/*", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"{arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _lets_in(url: str) -> bool:
    try:
        knock(KafkaAddress.parse(url))
    except BusError:
        return False
    return True


def delete_topic(url: str) -> None:
    """Take away a topic that a test has made."""
    address = KafkaAddress.parse(url)
    with closing(KafkaAdminClient(**address.client())) as admin:
        admin.delete_topics([address.topic])


if __name__ == "__main__":
    command_line("Kafka", KafkaServer())
