"""Keeps the roles of one machine running: starts them, restarts what dies, stops them cleanly."""

import logging
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic, sleep

from pipeline.errors import BAD_INPUT, PermanentError

__all__ = ["Supervisor", "end_with_supervisor"]

log = logging.getLogger(__name__)

STOP_WAIT_S = 15.0
SETTLED_S = 5.0
MAX_RESTARTS_IN_A_ROW = 5
LONGEST_PAUSE_S = 10.0
POLL_S = 0.2
POLL_PARENT_S = 1.0
SUPERVISED = "REMINDFIRST_SUPERVISED"


@dataclass(kw_only=True)
class _Role:
    name: str
    process: "subprocess.Popen[bytes]"
    started_at_s: float
    restarts: int = 0
    restart_at_s: float | None = None
    is_done: bool = False

    @property
    def has_settled(self) -> bool:
        return monotonic() - self.started_at_s > SETTLED_S


class Supervisor:
    """Runs one process per role, all with the same settings but for what is one role's own."""

    def __init__(
        self,
        roles: Mapping[str, Sequence[str]],
        environment: Mapping[str, str],
        *,
        own: Mapping[str, Mapping[str, str | None]] | None = None,
    ) -> None:
        """Remember the command line of each role and what to add to the environment.

        Args:
            roles: Command lines, by role.
            environment: Variables of all roles.
            own: Variables of single roles; None takes away what the caller's environment has.
        """
        self._commands = roles
        self._own = own or {}
        # The children need the caller's environment, and its PATH, as it is.
        self._environment = {**os.environ, **environment, SUPERVISED: "1"}  # noqa: TID251
        self._roles: list[_Role] = []

    def __enter__(self) -> "Supervisor":
        """Start every role."""
        for name in self._commands:
            self._roles.append(
                _Role(name=name, process=self._start(name), started_at_s=monotonic())
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Ask every role to stop, wait, then end what is left."""
        for role in self._roles:
            if role.process.poll() is None:
                role.process.send_signal(signal.SIGTERM)
        until_s = monotonic() + STOP_WAIT_S
        for role in self._roles:
            try:
                role.process.wait(timeout=max(until_s - monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                log.warning("role did not stop in time", extra={"role": role.name})
                role.process.kill()
                role.process.wait()

    def watch(self, stop: Event, *, until_s: float | None = None) -> None:
        """Look after the roles until `stop` is set or `until_s` seconds are over.

        Raises:
            PermanentError: a role cannot start, or dies again and again.
        """
        ends_at_s = None if until_s is None else monotonic() + until_s
        while not stop.wait(POLL_S):
            for role in self._roles:
                self._look_after(role)
            if ends_at_s is not None and monotonic() >= ends_at_s:
                return

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        settings = {**self._environment, **self._own.get(name, {})}
        environment = {name: value for name, value in settings.items() if value is not None}
        return subprocess.Popen(self._commands[name], env=environment)  # noqa: S603

    def _look_after(self, role: _Role) -> None:
        code = role.process.poll()
        if code is None or role.is_done:
            return
        if role.restart_at_s is not None:
            if monotonic() >= role.restart_at_s:
                role.process, role.started_at_s = self._start(role.name), monotonic()
                role.restart_at_s = None
            return
        if code == 0 or (code == BAD_INPUT and role.has_settled):
            role.is_done = True
            log.log(
                logging.INFO if code == 0 else logging.ERROR,
                "role is done",
                extra={"role": role.name, "code": code},
            )
            return
        role.restarts = 0 if role.has_settled else role.restarts + 1
        if code == BAD_INPUT or role.restarts > MAX_RESTARTS_IN_A_ROW:
            raise PermanentError(
                f"role {role.name} ended with exit code {code}; see its line above"
            )
        pause_s = min(0.5 * 2**role.restarts, LONGEST_PAUSE_S)
        role.restart_at_s = monotonic() + pause_s
        log.warning("role died and is started again", extra={"role": role.name, "code": code})


def end_with_supervisor() -> None:
    """Ask this process to stop when its supervisor is gone, so that nobody holds ports for ever."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            sleep(POLL_PARENT_S)
        os.kill(os.getpid(), signal.SIGTERM)

    # An environment variable is all that a supervised process gets from its supervisor.
    if os.environ.get(SUPERVISED):  # noqa: TID251
        Thread(target=watch, name="supervisor-watch", daemon=True).start()
