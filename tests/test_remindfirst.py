import fcntl
import socket
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from time import monotonic

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from pipeline.bus import open_publisher
from pipeline.configuration import load_config
from pipeline.errors import PermanentError
from pipeline.settings import PipelineSettings
from pipeline.supervisor import Supervisor
from remindfirst import app
from tests.pipeline.bus.contract import a_status
from tests.scrape import free_port, listening, samples, scrape

CONFIG = {
    "weights": "background",
    "contacts": "contacts.csv",
    "agency_name": "x",
    "agency_phone": "1",
    "cameras": [{"file": "camera.yaml", "state": "trial"}],
}


def _written(tmp_path: Path, **changes: object) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(CONFIG | changes), encoding="utf-8")
    return file


def test_relative_paths_start_at_the_configuration_s_folder(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    config = load_config(_written(tmp_path, weights="net.onnx"))

    assert config.data == tmp_path / "var"
    assert config.contacts == f"{tmp_path}/contacts.csv"
    assert config.cameras[0].file == tmp_path / "camera.yaml"
    assert config.weights == str(tmp_path / "net.onnx")
    assert load_config(_written(tmp_path)).weights == "background"


def test_a_register_may_be_a_url_and_its_files_lie_beside_the_configuration(
    tmp_path: Path,
) -> None:
    url = "https://register.example/contacts?token_file=secrets/token"
    config = load_config(_written(tmp_path, contacts=url, contacts_key_file="secrets/keys"))
    settings = config.environment()

    assert settings["REMINDFIRST_CONTACTS"] == url.replace("secrets", f"{tmp_path}/secrets")
    assert settings["REMINDFIRST_CONTACTS_KEY_FILE"] == f"{tmp_path}/secrets/keys"
    plain = load_config(_written(tmp_path)).environment()
    assert plain["REMINDFIRST_CONTACTS_KEY_FILE"] == ""
    with pytest.raises(PermanentError, match="contacts 'ldap': use csv:FILE"):
        load_config(_written(tmp_path, contacts="ldap://x"))


def test_channels_of_a_city_take_the_place_of_the_demo_s_phones(tmp_path: Path) -> None:
    urls = ["sms+https://gateway.example/sms", "voice+https://gateway.example/voice"]
    settings = load_config(_written(tmp_path, channels=urls)).environment()

    assert settings["REMINDFIRST_CHANNEL_URL"] == " ".join(urls)


def test_files_that_may_be_left_out_lie_beside_the_configuration_else_the_environments_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("texts", "calendar", "permits", "staff_alerts_file")
    given = {name: f"ours/{name}" for name in names}
    settings = load_config(_written(tmp_path, **given)).environment()

    for name in names:
        assert settings[f"REMINDFIRST_{name.upper()}"] == f"{tmp_path}/ours/{name}"
        assert f"REMINDFIRST_{name.upper()}" not in load_config(_written(tmp_path)).environment()
        monkeypatch.setenv(f"REMINDFIRST_{name.upper()}", "")
        assert getattr(PipelineSettings(), name) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "1 broken row, nothing was loaded"),
        ({"contacts": "nowhere.csv"}, "nowhere.csv: No such file"),
        ({"contacts": "table:"}, "set REMINDFIRST_CONTACTS_KEY_FILE"),
        ({"contacts_key_file": "keys"}, "keys: No such file or directory; remindfirst contacts n"),
    ],
)
def test_contacts_that_cannot_be_used_are_said_before_anything_starts(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    (tmp_path / "contacts.csv").write_text("plate,phone\n鄂A12345,\n", encoding="utf-8")
    ports = {"port": free_port(), "endpoint_port": free_port()}
    file = _written(tmp_path, **ports, **changes)
    result = CliRunner().invoke(app, ["up", "--config", str(file)])

    assert result.exit_code == 2
    assert says in result.output
    assert "12345" not in result.output


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"surprise": 1}, "surprise: "),
        ({"cameras": []}, "cameras: "),
        ({"cameras": [{"file": "x", "state": "ready"}]}, "cameras.0.state: "),
        ({"port": 8011}, "port and endpoint_port must differ"),
        ({"metrics_port": 7998}, "must not be among the three from metrics_port"),
        ({"metrics_port": 65534}, "metrics_port: "),
        (
            {
                "people": [
                    {"id": "li", "name": "", "unit": "", "roles": [], "password_hash": "secret"}
                ]
            },
            "people.0.password_hash: ",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(
    tmp_path: Path, changes: dict[str, object], place: str
) -> None:
    with pytest.raises(PermanentError, match=place):
        load_config(_written(tmp_path, **changes))


def test_a_missing_configuration_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["up", "--config", str(tmp_path / "nowhere.yaml")])

    assert result.exit_code == 2
    assert "nowhere.yaml: No such file" in result.output
    assert "Traceback" not in result.output


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        data = tmp_path / "demo"
        result = CliRunner().invoke(app, ["demo", "--port", str(port), "--data", str(data)])

    assert result.exit_code == 2
    assert f"port {port} on 127.0.0.1" in result.output
    assert not data.exists()


def test_a_password_becomes_a_hash_that_the_configuration_takes() -> None:
    result = CliRunner().invoke(app, ["hash-password"], input="secret\nsecret\n")

    assert result.output.splitlines()[-1].startswith("$argon2id$")


def test_the_demo_never_empties_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.touch()
    result = CliRunner().invoke(app, ["demo", "--for", "1", "--data", str(tmp_path)])

    assert result.exit_code == 2
    assert "holds something else than a demonstration" in result.output
    assert precious.exists()


def test_a_configuration_in_another_encoding_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_bytes("agency_name: 交警".encode("gbk"))

    with pytest.raises(PermanentError, match="not YAML in UTF-8"):
        load_config(file)


@pytest.mark.parametrize("content", ["", "- a\n- b\n"])
def test_a_configuration_that_is_no_mapping_is_said_in_words(tmp_path: Path, content: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(content)

    with pytest.raises(PermanentError, match="a set of names and values"):
        load_config(file)


def test_a_wrong_entry_is_not_told_twice(tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as refused:
        load_config(_written(tmp_path, cameras=[{"file": "x", "state": "ready"}]))

    assert len(str(refused.value).splitlines()) == 1


def test_the_demo_never_empties_the_folder_of_one_that_runs(tmp_path: Path) -> None:
    (tmp_path / ".remindfirst-demo").touch()
    precious = tmp_path / "state.db"
    precious.touch()
    with (tmp_path / "in-use.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = CliRunner().invoke(app, ["demo", "--for", "1", "--data", str(tmp_path)])

    assert result.exit_code == 2
    assert "another remindfirst runs on it" in result.output
    assert precious.exists()


def test_each_role_has_a_port_for_its_metrics_or_none_has(tmp_path: Path) -> None:
    config = load_config(_written(tmp_path, metrics_port=9101))

    assert config.metrics_ports == {"detect": 9101, "work": 9102, "serve": 9103}
    assert set(load_config(_written(tmp_path)).metrics_ports.values()) == {None}


@pytest.mark.slow
@pytest.mark.parametrize("has_ports", [True, False])
def test_worker_and_pages_tell_their_numbers_only_where_they_have_a_port(
    tmp_path: Path, *, has_ports: bool
) -> None:
    (tmp_path / "contacts.csv").write_text("plate,phone,opted_out\n", encoding="utf-8")
    pages = free_port()
    settings = {
        "BUS_URL": f"sqlite:///{tmp_path}/bus.db",
        "STORAGE_URL": f"sqlite:///{tmp_path}/state.db",
        "EVIDENCE_URL": f"file:{tmp_path}/evidence",
        "CHANNEL_URL": f"phones:{tmp_path}/phones",
        "CONTACTS": f"{tmp_path}/contacts.csv",
        "PORT": str(pages),
    }
    environment = {f"REMINDFIRST_{name}": value for name, value in settings.items()}
    with closing(open_publisher(settings["BUS_URL"], source="x", state_dir=tmp_path)) as publisher:
        publisher.publish([a_status("cam-1", 0)])
    roles = {role: [sys.executable, "-m", "remindfirst", role] for role in ("work", "serve")}
    ports = {role: free_port() for role in roles} if has_ports else {}
    own = {role: {"REMINDFIRST_METRICS_PORT": str(port)} for role, port in ports.items()}

    with Supervisor(roles, environment, own=own) as supervisor:
        until_s = monotonic() + 60
        while not (_has_handled(tmp_path) and _answers(pages)) and monotonic() < until_s:
            supervisor.watch(Event(), until_s=0.2)
        listens = {one.name: listening(one.process.pid) for one in supervisor._roles}
        found = {role: samples(scrape(port)) for role, port in ports.items()}

    told = {role: {port} for role, port in ports.items()}
    assert listens == {"work": told.get("work", set()), "serve": told.get("serve", set()) | {pages}}
    if has_ports:
        assert found["work"]["remindfirst_events_handled_total"] == 1
        assert found["work"]["remindfirst_timers_due"] == 0
        assert found["serve"]["remindfirst_cases_in_review"] == 0


def _has_handled(folder: Path) -> bool:
    with suppress(sqlite3.Error), closing(sqlite3.connect(folder / "state.db")) as state:
        return bool(state.execute("SELECT COUNT(*) FROM inbox").fetchone()[0])
    return False


def _answers(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).is_success
    return False
