"""The compose files say only what the commands, the settings and the Dockerfile know."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from shutil import which
from typing import Any, NoReturn

import pytest
import yaml
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from detector.settings import DetectorSettings
from pipeline.bus.kafka import KafkaAddress
from pipeline.errors import RetryableError
from pipeline.evidence.s3 import S3Address
from pipeline.metrics import DetectorMetrics, RoleMetrics, WorkerMetrics
from pipeline.settings import PipelineSettings
from remindfirst import app
from review_ui.settings import ReviewSettings

ROOT = Path(__file__).parents[1]
FILES = ("docker-compose.yml", "docker-compose.one.yml")
DOCUMENTS = {name: yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) for name in FILES}
SERVICES: dict[str, dict[str, Any]] = DOCUMENTS["docker-compose.yml"]["services"]
OURS = {name: one for name, one in SERVICES.items() if "build" in one}
ROLES = ("worker", "web", "detector")
SETTINGS: dict[str, type[BaseSettings]] = {"detector": DetectorSettings, "web": ReviewSettings}
PIXELS = {"av", "numpy", "opencv-python-headless", "openvino", "rapidocr", "trackers"}


def _compose() -> list[str] | None:
    if which("docker-compose"):
        return ["docker-compose"]
    plugin = ["docker", "compose"]
    if not which("docker"):
        return None
    asked = subprocess.run([*plugin, "version"], capture_output=True, check=False)  # noqa: S603
    return plugin if asked.returncode == 0 else None


@pytest.mark.parametrize("file", FILES)
def test_compose_understands_the_file(file: str) -> None:
    compose = _compose()
    if compose is None:
        pytest.skip("neither docker-compose nor docker compose is installed")
    done = subprocess.run(  # noqa: S603
        [*compose, "-f", file, "config", "-q"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def _commands() -> Iterator[tuple[str, list[str]]]:
    """What `remindfirst` is told, by service."""
    for document in DOCUMENTS.values():
        for name, service in document["services"].items():
            match service.get("entrypoint"):
                case None if "build" in service:
                    yield name, service["command"]
                case ["sh", "-ec"]:
                    last = service["command"][0].splitlines()[-1]
                    yield name, shlex.split(last.removeprefix("exec remindfirst "))


@pytest.mark.parametrize(("service", "words"), list(_commands()))
def test_each_command_is_one_that_remindfirst_knows(service: str, words: list[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])

    assert result.exit_code == 0, result.output


def test_an_unknown_option_would_be_told() -> None:
    assert CliRunner().invoke(app, ["register", "--confg", "x", "--help"]).exit_code == 2


def _settings(service: str) -> dict[str, str]:
    """The values that a service gets where nobody says otherwise."""
    return {
        name.removeprefix("REMINDFIRST_").lower(): re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)
        for name, value in OURS[service]["environment"].items()
        if name.startswith("REMINDFIRST_")
    }


@pytest.mark.parametrize("service", OURS)
def test_each_variable_is_a_setting_of_its_role(service: str) -> None:
    role = SETTINGS.get(service, PipelineSettings)
    given = _settings(service)

    assert set(given) <= set(role.model_fields)
    role.model_validate(given)
    if "bus_url" in given:
        KafkaAddress.parse(given["bus_url"])
    if "evidence_url" in given:
        S3Address.parse(given["evidence_url"])


@pytest.mark.parametrize("service", OURS)
def test_each_server_that_is_named_is_a_service(service: str) -> None:
    hosts = re.findall(r"(?://|@)([a-z]+)[:/]", " ".join(_settings(service).values()))

    assert set(hosts) <= set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_the_secrets_that_it_reads_and_no_other(service: str) -> None:
    one = SERVICES[service]
    named = re.findall(r"/run/secrets/([\w.-]+)", str(one))

    assert set(one.get("secrets", [])) == set(named)
    assert set(named) <= set(DOCUMENTS["docker-compose.yml"]["secrets"])


def test_each_secret_lies_where_no_service_sees_all_of_them() -> None:
    mounted = [
        one.partition(":")[0] for service in OURS.values() for one in service.get("volumes", [])
    ]
    files = [one["file"] for one in DOCUMENTS["docker-compose.yml"]["secrets"].values()]

    assert all(Path(file).parent == Path("site/secrets") for file in files)
    assert not {"./site", "./site/secrets"} & set(mounted)


def test_workers_can_be_many_on_one_machine() -> None:
    assert not {"container_name", "ports"} & set(SERVICES["worker"])


def test_each_target_is_in_the_dockerfile_and_each_lock_is_there() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.MULTILINE)
    copied = re.findall(r"^COPY (requirements/\S+)", dockerfile, re.MULTILINE)
    targets = {
        service["build"]["target"]
        for document in DOCUMENTS.values()
        for service in document["services"].values()
        if "build" in service
    }

    assert targets == {*ROLES, "all"} <= set(stages)
    assert all((ROOT / file).is_file() for file in copied)


def _pins(name: str) -> set[str]:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^[a-z0-9.-]+==[^ ]+", lock, re.MULTILINE))


@pytest.mark.parametrize("name", ["build", *ROLES])
def test_an_image_holds_the_versions_that_the_tests_run_with(name: str) -> None:
    assert _pins(name) <= _pins("dev")


def test_only_the_detector_s_image_can_look_at_pictures() -> None:
    for role in ROLES:
        names = {pin.partition("==")[0] for pin in _pins(role)}
        assert names & PIXELS == (PIXELS if role == "detector" else set())


def _health(service: str, metrics: RoleMetrics) -> int:
    """The exit code of a service's health check where these metrics are told."""
    *_, code = SERVICES[service]["healthcheck"]["test"]
    port = SERVICES[service]["environment"]["REMINDFIRST_METRICS_PORT"]
    with metrics.served(host="127.0.0.1", port=0) as free:
        here = [sys.executable, "-c", code.replace(port, str(free))]
        return subprocess.run(here, check=False).returncode  # noqa: S603


def _away() -> NoReturn:
    raise RetryableError("away")


def test_a_worker_is_healthy_while_its_database_answers() -> None:
    assert _health("worker", WorkerMetrics(lambda: (0, timedelta()))) == 0
    assert _health("worker", WorkerMetrics(_away)) == 1


def test_a_detector_is_healthy_while_its_spool_can_be_read() -> None:
    def detector(read_spooled: Callable[[], int]) -> DetectorMetrics:
        return DetectorMetrics(
            read_published=dict, read_frames=lambda: 0, read_spooled=read_spooled
        )

    assert _health("detector", detector(lambda: 7)) == 0
    assert _health("detector", detector(_away)) == 1


def test_the_bucket_may_be_made_again(tmp_path: Path) -> None:
    # Half a second, which no other test shall wait for.
    from moto.server import ThreadedMotoServer

    credentials = tmp_path / "aws-credentials"
    credentials.write_text("[default]\naws_access_key_id = x\naws_secret_access_key = y\n")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        (code,) = SERVICES["bucket"]["command"]
        here = code.replace("http://objects:8333", f"http://{host}:{port}")
        for _ in range(2):
            subprocess.run(  # noqa: S603
                [sys.executable, "-c", here],
                env={"AWS_SHARED_CREDENTIALS_FILE": str(credentials)},
                check=True,
            )
    finally:
        server.stop()
