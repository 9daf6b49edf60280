"""The command `serve`."""

import logging
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from review_ui.commands import app
from review_ui.errors import PortInUseError
from review_ui.server import take_port
from review_ui.settings import ReviewSettings


@pytest.fixture(autouse=True)
def _root_handlers() -> Iterator[None]:
    """The command sets up logging for its process; the tests' own comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_port_in_use_is_one_clear_line_and_exit_2() -> None:
    with take_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["--port", str(port)])
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


def test_an_impossible_setting_stops_the_start_and_says_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REMINDFIRST_DETECTOR_ENDPOINTS", "detector:1")
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "detector_endpoints" in result.output
