import os
import signal
import sys
from pathlib import Path
from threading import Event

import pytest

from pipeline.errors import PermanentError
from pipeline.supervisor import Supervisor

pytestmark = pytest.mark.slow

# Waits for the end of its life; says with a file that it began.
WAITS = """
import os, pathlib, signal, sys
pathlib.Path(sys.argv[1], str(os.getpid())).touch()
signal.pause()
"""

# Says in a file of its name which port it was given.
TELLS = """
import os, pathlib, sys
new = pathlib.Path(sys.argv[1], f".{sys.argv[2]}")
new.write_text(os.environ.get("REMINDFIRST_METRICS_PORT", "none"))
new.rename(new.with_name(sys.argv[2]))
"""


def _role(folder: Path) -> list[str]:
    return [sys.executable, "-c", WAITS, str(folder)]


def _pids(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.iterdir()}


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _wait_for(folder: Path, files: int, supervisor: Supervisor) -> None:
    while len(list(folder.iterdir())) < files:
        supervisor.watch(Event(), until_s=0.1)


def test_a_killed_role_is_started_again_and_all_stop_together(tmp_path: Path) -> None:
    with Supervisor({"one": _role(tmp_path)}, {}) as supervisor:
        _wait_for(tmp_path, 1, supervisor)
        (first,) = _pids(tmp_path)
        os.kill(first, signal.SIGKILL)
        _wait_for(tmp_path, 2, supervisor)

    (second,) = _pids(tmp_path) - {first}
    assert _is_gone(second)


def test_a_role_that_cannot_start_is_a_clear_error() -> None:
    broken = [sys.executable, "-c", "raise SystemExit(2)"]
    with (
        pytest.raises(PermanentError, match="role broken ended with exit code 2"),
        Supervisor({"broken": broken}, {}) as supervisor,
    ):
        supervisor.watch(Event(), until_s=30)


def test_a_role_that_is_done_stays_done(tmp_path: Path) -> None:
    says_so = "import os, pathlib, sys; pathlib.Path(sys.argv[1], str(os.getpid())).touch()"
    done = [sys.executable, "-c", says_so, str(tmp_path)]
    with Supervisor({"done": done}, {}) as supervisor:
        _wait_for(tmp_path, 1, supervisor)
        supervisor.watch(Event(), until_s=1)

        assert len(_pids(tmp_path)) == 1


def test_a_role_has_settings_of_its_own_and_not_what_it_must_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMINDFIRST_METRICS_PORT", "9100")
    roles = {name: [sys.executable, "-c", TELLS, str(tmp_path), name] for name in "abc"}
    ports = {"a": "9101", "b": None}
    own = {name: {"REMINDFIRST_METRICS_PORT": port} for name, port in ports.items()}

    with Supervisor(roles, {}, own=own) as supervisor:
        _wait_for(tmp_path, 3, supervisor)

    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        "a": "9101",
        "b": "none",
        "c": "9100",
    }
