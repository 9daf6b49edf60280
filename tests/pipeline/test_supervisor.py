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
