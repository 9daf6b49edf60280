"""Serves the pages on one port, which is taken before anything else starts."""

import logging
import socket

import uvicorn

from pipeline.evidence import open_evidence_store
from pipeline.storage import open_storage
from review_ui.app import create_app, metrics_told
from review_ui.errors import PortInUseError
from review_ui.settings import ReviewSettings

__all__ = ["serve", "take_port"]

log = logging.getLogger(__name__)

STOP_WAIT_S = 5


def take_port(host: str, port: int) -> socket.socket:
    """The socket to listen on.

    Raises:
        PortInUseError: somebody else listens there, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        # Listening at once lets no second program take the port while this one still starts.
        taken.listen(128)
    except OSError as exc:
        taken.close()
        raise PortInUseError(
            f"cannot listen on {host}:{port}: {exc.strerror}; choose another port with --port "
            "or REMINDFIRST_PORT"
        ) from exc
    return taken


def serve(settings: ReviewSettings, taken: socket.socket) -> None:
    """Serve until interrupted."""
    storage = open_storage(settings.storage_url)
    try:
        app = create_app(
            settings, storage=storage, evidence=open_evidence_store(settings.evidence_url)
        )
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            log_level=logging.WARNING,
            server_header=False,
            timeout_graceful_shutdown=STOP_WAIT_S,
        )
        host, port = taken.getsockname()[:2]
        with metrics_told(app, settings):
            log.info("pages served", extra={"host": host, "port": port})
            uvicorn.Server(config).run(sockets=[taken])
    finally:
        storage.close()
