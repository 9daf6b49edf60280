"""Times each request up to the beginning of its answer, and says so to whoever counts."""

from collections.abc import Callable
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestTimes"]


class RequestTimes:
    """Tells of every answer, static files and refusals included.

    Where an answer begins and not where it ends: a live picture ends when somebody looks away.
    """

    def __init__(self, app: ASGIApp, tell: Callable[[int, float], None]) -> None:
        """Wrap `app`; `tell` gets the status and the seconds."""
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and tell of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_at_s = monotonic()
        has_begun = False

        async def send_and_tell(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                self._tell(message["status"], monotonic() - began_at_s)
            await send(message)

        try:
            await self._app(scope, receive, send_and_tell)
        except Exception:
            # The page of a fault is made outside of this.
            if not has_begun:
                self._tell(500, monotonic() - began_at_s)
            raise
