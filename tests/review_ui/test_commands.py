"""The command `serve`."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from review_ui.commands import app
from review_ui.errors import PortInUseError
from review_ui.server import take_port
from review_ui.settings import ReviewSettings


def test_a_port_in_use_is_one_clear_line_and_exit_2() -> None:
    with take_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--port", str(port)])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert f"127.0.0.1:{port}" in result.output
    assert "--port" in result.output


def test_a_taken_port_cannot_be_taken_twice() -> None:
    with take_port("127.0.0.1", 0) as taken, pytest.raises(PortInUseError):
        take_port("127.0.0.1", taken.getsockname()[1])


def test_settings_read_endpoints_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_DETECTOR_ENDPOINTS", "http://a:1/, http://b:2")
    assert ReviewSettings().detector_endpoints == ("http://a:1", "http://b:2")


@pytest.mark.parametrize(
    ("arguments", "environment", "field"),
    [
        (["--port", "0"], {}, "port"),
        ([], {"PORT": "abc"}, "port"),
        ([], {"DETECTOR_ENDPOINTS": "foo"}, "detector_endpoints"),
    ],
)
def test_an_impossible_setting_is_one_line_that_says_which_and_exit_2(
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    field: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"REMINDFIRST_{name}", value)
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    start = f"remindfirst serve: settings (REMINDFIRST_...): {field}: "
    assert result.stderr.startswith(start)
    assert "pydantic" not in result.stderr
    assert "foo" not in result.stderr


def test_every_finding_about_the_settings_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_SESSION_HOURS", "never")
    result = CliRunner().invoke(app, ["serve", "--port", "0"])
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("remindfirst serve: settings") for line in lines)


def a_free_port() -> str:
    with take_port("127.0.0.1", 0) as taken:
        return str(taken.getsockname()[1])


@pytest.mark.parametrize(("storage_url", "code"), [("sqlite:///{}/file/state.db", 75), ("x", 2)])
def test_a_database_that_is_away_is_tried_again_and_an_impossible_one_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, storage_url: str, code: int
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", storage_url.format(tmp_path))
    result = CliRunner().invoke(app, ["serve", "--port", a_free_port()])
    assert result.exit_code == code
    assert result.stderr.count("remindfirst serve: ") == 1


def test_the_help_names_every_setting_that_is_read() -> None:
    told = CliRunner().invoke(app, ["serve", "--help"]).stdout
    named = set(re.findall(r"\b[A-Z][A-Z_]+[A-Z]\b", told))
    assert {name.upper() for name in ReviewSettings.model_fields} <= named
