"""What a provider's silence, pages and statuses say of a message."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from pipeline.notify import ChannelUnavailableError, SendUncertainError
from pipeline.notify.provider import Provider
from tests.pipeline.notify.contract import PHONE
from tests.pipeline.notify.providers import PAGE

URL = f"https://provider.example/?PhoneNumbers={PHONE}"
CHANNEL = "channel sms+https provider.example"
SAID = re.escape(CHANNEL)


def _provider(answer: httpx.Response | Exception) -> Provider:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Provider(CHANNEL, transport=httpx.MockTransport(handle))


NOT_SENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")]
PERHAPS_SENT = [
    httpx.ReadTimeout("x"),
    httpx.WriteTimeout("x"),
    httpx.ReadError("x"),
    httpx.WriteError("x"),
    httpx.RemoteProtocolError("x"),
]


@pytest.mark.parametrize("failure", NOT_SENT, ids=repr)
def test_what_could_not_connect_was_not_taken(failure: Exception) -> None:
    with pytest.raises(ChannelUnavailableError, match=f"^{SAID}: cannot connect"):
        _provider(failure).hand_over(URL, headers={})


@pytest.mark.parametrize("failure", PERHAPS_SENT, ids=repr)
def test_what_went_out_without_an_answer_was_perhaps_taken(failure: Exception) -> None:
    with pytest.raises(SendUncertainError, match=f"^{SAID}: no answer") as uncertain:
        _provider(failure).hand_over(URL, headers={})

    assert PHONE not in str(uncertain.value)


@pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 502, 503])
def test_a_status_that_passes_means_later(status: int) -> None:
    with pytest.raises(ChannelUnavailableError, match=f"^{SAID}: HTTP {status}$"):
        _provider(httpx.Response(status, text=PAGE)).hand_over(URL, headers={})


def test_whoever_gave_up_waiting_for_the_provider_cannot_tell() -> None:
    answer = httpx.Response(504, text=PAGE)

    with pytest.raises(SendUncertainError, match=f"^{SAID}: HTTP 504$"):
        _provider(answer).hand_over(URL, headers={})


@pytest.mark.parametrize("failure", NOT_SENT + PERHAPS_SENT, ids=repr)
def test_a_question_without_an_answer_is_asked_later(failure: Exception) -> None:
    with pytest.raises(ChannelUnavailableError) as unavailable:
        _provider(failure).ask("GET", URL, headers={})

    assert PHONE not in str(unavailable.value)


def test_an_endless_answer_is_no_answer() -> None:
    answer = httpx.Response(200, text="[" * 300_000)

    assert _provider(answer).hand_over(URL, headers={}).text == ""


def test_an_answer_never_prints_its_body() -> None:
    answer = _provider(httpx.Response(200, text=PAGE)).hand_over(URL, headers={})

    assert PHONE not in repr(answer)


def test_the_time_outs_are_well_within_a_claim() -> None:
    timeouts = []

    def handle(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"])
        return httpx.Response(200)

    Provider(CHANNEL, transport=httpx.MockTransport(handle)).hand_over(URL, headers={})

    assert timeouts == [{"connect": 3.0, "read": 7.0, "write": 7.0, "pool": 7.0}]


def test_a_port_where_nobody_listens_was_given_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(ChannelUnavailableError, match="cannot connect"):
        Provider(CHANNEL).hand_over(f"http://127.0.0.1:{port}/", headers={})


def test_a_server_that_hangs_up_has_perhaps_taken_it() -> None:
    class HangUp(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))

        def log_message(self, *_: object) -> None:
            pass

    with _served(HangUp) as url, pytest.raises(SendUncertainError):
        Provider(CHANNEL).hand_over(url, body=b"{}", headers={})


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
