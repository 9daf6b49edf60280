"""A PostgreSQL server without Docker: `python -m tests.servers.postgres up`, or `down`.

Debian's packages, with data of its own beside the system's; it listens on this machine alone.
PostgreSQL refuses to run as root, so root starts it as the user `postgres`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import ServerError, ServerProcess, command_line, require_free

__all__ = ["PostgresServer"]

_READY_WITHIN_S = 30.0
_USER = "postgres"


# Everybody but one gets in without a password, so that tests can try a wrong one.
_ACCESS = """
host all with_password 127.0.0.1/32 scram-sha-256
local all all trust
host all all 127.0.0.1/32 trust
"""

# Its own user must reach it, wherever the checkout lies.
_FOLDER = Path(tempfile.gettempdir()) / f"remindfirst-postgres-{os.getuid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """One server with its data in `folder`."""

    folder: Path = _FOLDER
    port: int = 15432

    @property
    def url(self) -> str:
        """The database that every server has, as SQLAlchemy wants it."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """A database of this server."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{database}"

    @property
    def process(self) -> ServerProcess:
        """The server's first process."""
        return ServerProcess(name="PostgreSQL", folder=self.folder)

    def up(self) -> None:
        """Start it, unless it runs; data of an earlier run are kept.

        Raises:
            ServerError: the packages are missing, or the server does not answer.
        """
        if self.process.pid() is not None:
            return
        require_free(self.port)
        user = _USER if os.getuid() == 0 else None
        self.folder.mkdir(parents=True, exist_ok=True)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        data = self.folder / "data"
        if not (data / "PG_VERSION").exists():
            made = subprocess.run(
                [_program("initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8"],
                user=user,
                group=user,
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode != 0:
                raise ServerError(f"initdb: {made.stderr.strip()}")
        (data / "pg_hba.conf").write_text(_ACCESS)
        command = [_program("postgres"), "-D", str(data), "-p", str(self.port)]
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={self.folder}",
        ]
        self.process.start([*command, *options], user=user)
        self.process.wait_until(self._is_ready, within_s=_READY_WITHIN_S)

    def down(self) -> None:
        """Stop it at once but in order; its data stay."""
        self.process.stop(signal.SIGINT)

    def _is_ready(self) -> bool:
        command = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0


def _program(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise ServerError(f"PostgreSQL's {name} is missing; on Debian: apt-get install postgresql")
    return found


if __name__ == "__main__":
    command_line("PostgreSQL", PostgresServer())
