"""The demo as a newcomer runs it: real processes, real time, sudden deaths."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remindfirst import DEMO_EXPECTED

pytestmark = pytest.mark.realtime

RUNS_S = 90


def _two_free_ports() -> int:
    """A port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@contextmanager
def _demo(data: Path, seed: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "remindfirst", "demo", "--for", str(RUNS_S)]
    options = ["--port", str(_two_free_ports()), "--data", str(data), "--seed", str(seed)]
    process = subprocess.Popen(  # noqa: S603
        [*command, *options], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def _roles(process: "subprocess.Popen[str]") -> dict[str, int]:
    """The process ids of the demo's children by role."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {
        int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0") for pid in children
    }
    return {
        role: pid
        for pid, command in commands.items()
        for role in ("detect", "work", "serve")
        if role in command
    }


def _report(process: "subprocess.Popen[str]") -> dict[str, int]:
    out, _ = process.communicate(timeout=RUNS_S + 60)
    report: dict[str, int] = json.loads(out.strip().splitlines()[-1])
    return report


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_demo_ends_as_promised(seed: int, tmp_path: Path) -> None:
    with _demo(tmp_path / "demo", seed) as process:
        assert _report(process) == DEMO_EXPECTED
        assert process.returncode == 0


def test_killing_every_role_loses_no_case_and_reminds_nobody_twice(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with _demo(data, 4) as process:
        # Before the cars stand, while they stand, around the reminders, and in grace.
        for pause_s, role in (
            (12, "work"),
            (3, "detect"),
            (6, "work"),
            (1, "serve"),
            (3, "detect"),
            (8, "work"),
        ):
            time.sleep(pause_s)
            os.kill(_roles(process)[role], signal.SIGKILL)
        report = _report(process)

    assert report == DEMO_EXPECTED
    assert len(list((data / "phones").glob("*.json"))) == 3
