"""What Prometheus would see of a role, and where a process listens."""

import os
import socket
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["free_port", "listening", "samples", "scrape"]

_LISTENS = "0A"


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scrape(port: int) -> str:
    """The answer to a scrape, as it came."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


def samples(text: str) -> dict[str, float]:
    """Each sample by its name and labels, as in `name{label="value"}`."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}" if labels else one.name] = one.value
    return found


def listening(pid: int | None = None) -> set[int]:
    """The ports where a process of this machine listens; ours without a `pid`."""
    pid = pid or os.getpid()
    links = Path(f"/proc/{pid}/fd").iterdir()
    sockets = {str(one.readlink()) for one in links if one.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS and f"socket:[{inode}]" in sockets:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports
