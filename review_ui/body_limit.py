"""Bounds what a request may bring along, before anything of it is read."""

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from review_ui.problems import problem_page

__all__ = ["MAX_BODY_BYTES", "BodyLimit"]

MAX_BODY_BYTES = 64 * 1024
"""The longest form, a decision with a full note, needs less than half of it."""


class BodyLimit:
    """Refuses bodies that are too long, and those that do not say how long they are."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 411 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        length = request.headers.get("content-length", "")
        is_open_ended = "transfer-encoding" in request.headers
        if is_open_ended or (request.method == "POST" and not length.isdecimal()):
            await problem_page(request, "no_length", 411)(scope, receive, send)
        elif length.isdecimal() and int(length) > MAX_BODY_BYTES:
            await problem_page(request, "too_long", 413)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
