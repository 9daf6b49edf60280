"""A server of our own that outlives the command that started it; its process id is in a file."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Server", "ServerError", "ServerProcess", "answers", "command_line", "require_free"]

_POLL_S = 0.1
_FREE_WITHIN_S = 10.0


class ServerError(Exception):
    """A server of the tests does not do what it should; says what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """One process; `folder` holds its log and its process id."""

    name: str
    folder: Path

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "server.pid"

    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        try:
            pid = int(self._pid_file.read_text())
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return None if state == "Z" else pid

    def start(self, command: Sequence[str], *, user: str | None = None) -> None:
        """Start it, as another user where one is given."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
                user=user,
                group=user,
            )
        self._pid_file.write_text(str(process.pid))
        # It outlives this command; whoever stops it knows it by its id.
        process.returncode = 0

    def wait_until(self, is_ready: Callable[[], bool], *, within_s: float) -> None:
        """Wait until it answers.

        Raises:
            ServerError: it ended, or does not answer in time; quotes the end of its log.
        """
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s:
            if self.pid() is None:
                raise ServerError(f"{self.name} ended at once: {self._last_words()}")
            if is_ready():
                return
            time.sleep(_POLL_S)
        raise ServerError(
            f"{self.name} does not answer after {within_s:.0f} s: {self._last_words()}"
        )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within_s: float = 20) -> None:
        """Ask it to end; what is left after `within_s` is killed."""
        self.send(number)
        until_s = time.monotonic() + within_s
        while self.pid() is not None and time.monotonic() < until_s:
            self._reap()
            time.sleep(_POLL_S)
        self.send(signal.SIGKILL)
        self._reap()
        self._pid_file.unlink(missing_ok=True)

    def _reap(self) -> None:
        """A child of this very process stays a zombie until it is waited for."""
        try:
            os.waitpid(int(self._pid_file.read_text()), os.WNOHANG)
        except (OSError, ValueError):
            return

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        return " | ".join(lines[-5:]) + f" (all of it: {self.log_file})"


class Server(Protocol):
    """A server that may be started and stopped by hand."""

    @property
    def url(self) -> str:
        """As the product wants it."""
        ...

    def up(self) -> None:
        """Start it, unless it runs."""
        ...

    def down(self) -> None:
        """Stop it; its data stay."""
        ...


def command_line(name: str, server: Server) -> None:
    """`up` or `down`, as the command line says."""
    try:
        if sys.argv[1] == "up":
            server.up()
            print(f"{name} answers at {server.url}")
        else:
            server.down()
    except ServerError as exc:
        sys.exit(str(exc))


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0


def require_free(port: int) -> None:
    """Wait a moment for a port whose server was killed just now.

    Raises:
        ServerError: somebody else's server has it.
    """
    until_s = time.monotonic() + _FREE_WITHIN_S
    while answers(port):
        if time.monotonic() > until_s:
            raise ServerError(f"port {port} is taken by somebody else's server")
        time.sleep(_POLL_S)
