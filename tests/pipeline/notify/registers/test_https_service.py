import json
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.notify import Contact, ContactBook, ContactBookError, RegisterUnavailableError
from pipeline.notify.registers.address import RegisterAddress
from pipeline.notify.registers.https_service import HttpsContactBook
from tests.pipeline.notify.registers.contract import (
    OTHER,
    PHONE,
    PLATE,
    BookOf,
    ContactBookContract,
    told_of,
)
from tests.servers.certificates import make_certificates

TOKEN = "right-token"
Answer = tuple[int, bytes]


class Service:
    """An authority's service on this machine, whose answers the test writes."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.otherwise: Answer = (200, b'{"contact": null}')
        self.asked: list[str] = []
        self._folder = folder
        self.token_file = folder / "token"
        self.token_file.write_text(f"{TOKEN}\n")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._books: list[HttpsContactBook] = []
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def book(self, options: str = "") -> HttpsContactBook:
        url = f"{self.origin}/contacts?region=42&token_file={self.token_file}{options}"
        self._books.append(HttpsContactBook(RegisterAddress.parse(url)))
        return self._books[-1]

    def close(self) -> None:
        for book in self._books:
            book.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = service._answer(self.path, self.headers["Authorization"])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler

    def _answer(self, path: str, authorization: str) -> Answer:
        query = parse_qs(urlsplit(path).query)
        if authorization != f"Bearer {TOKEN}":
            return 401, b"who are you?"
        assert urlsplit(path).path == "/contacts"
        assert query["region"] == ["42"]
        (plate,) = query["plate"]
        self.asked.append(plate)
        return self.answers.get(plate, self.otherwise)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


def as_json(contact: Contact) -> bytes:
    told = {"phone": contact.phone.get_secret_value(), "opted_out": contact.is_opted_out}
    more = {
        "vehicle_class": contact.vehicle_class,
        "colour": contact.colour,
        "push": json.loads(contact.push.get_secret_value()) if contact.push else None,
        "owner": "a field that we do not know",
    }
    return json.dumps({"contact": told | {name: one for name, one in more.items() if one}}).encode()


class TestHttpsContactBook(ContactBookContract):
    @pytest.fixture
    def book_of(self, service: Service) -> BookOf:
        def filled(contacts: Mapping[str, Contact]) -> ContactBook:
            service.answers = {plate: (200, as_json(one)) for plate, one in contacts.items()}
            return service.book()

        return filled


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((500, b"oops 13800000001"), "answered 500"),
        ((404, b"{}"), r"answered 404; is the path right\?"),
        ((403, b""), r"answered 403; is the token right\?"),
        ((302, b""), "answered 302"),
        ((204, b""), "answered 204"),
        ((200, b"<html>12345 13800000001</html>"), "not JSON with a field contact"),
        ((200, b""), "not JSON"),
        ((200, b"\xff\xfe"), "not JSON"),
        ((200, b"null"), "not JSON with a field contact"),
        ((200, b"[]"), "not JSON with a field contact"),
        ((200, b"{}"), "not JSON with a field contact"),
        ((200, b'{"contact": "13800000001"}'), "contact is no object"),
        ((200, b'{"contact": {}}'), "phone: Field required; opted_out: Field required"),
        ((200, b'{"contact": {"phone": "13800000001"}}'), "opted_out: Field required"),
        ((200, b'{"contact": {"phone": "ring 13800000001", "opted_out": 0}}'), "is no number"),
        ((200, b'{"contact": {"phone": {"a": "13800000001"}, "opted_out": 0}}'), "phone: Input"),
        (
            (200, b'{"contact": {"phone": "13800000001", "opted_out": "13800000001"}}'),
            "opted_out: Input should be a valid boolean",
        ),
        (
            (200, b'{"contact": {"phone": "13800000001", "opted_out": false, "push": [12345]}}'),
            "push: Input should be a valid string",
        ),
        (
            (200, b'{"contact": {"phone": "13800000001", "opted_out": false, "push": {"x": 1}}}'),
            "push is not the JSON",
        ),
        ((200, b" " * 70_000), "longer than 65536 bytes"),
    ],
)
def test_an_answer_that_nobody_can_read_is_no_missing_contact(
    service: Service, caplog: pytest.LogCaptureFixture, answer: Answer, says: str
) -> None:
    caplog.set_level(logging.DEBUG)
    service.otherwise = answer
    with pytest.raises(RegisterUnavailableError, match=says) as refused:
        service.book().find(PLATE)

    assert f"register {service.origin}/contacts: " in str(refused.value)
    for secret in ("12345", "%E9%84%82", PHONE, TOKEN):
        assert secret not in told_of(refused.value) + caplog.text


@pytest.mark.parametrize("phone", [b"null", b'""'])
def test_a_vehicle_without_a_phone_has_no_contact(service: Service, phone: bytes) -> None:
    service.otherwise = (200, b'{"contact": {"phone": %b, "opted_out": false}}' % phone)

    assert service.book().find(PLATE) is None


@pytest.mark.parametrize("kind", [b'"K33"', b'["car"]', b"7"])
def test_a_kind_of_vehicle_that_we_do_not_know_counts_as_not_said(
    service: Service, kind: bytes
) -> None:
    told = b'{"contact": {"phone": "%b", "opted_out": false, "vehicle_class": %b}}'
    service.otherwise = (200, told % (PHONE.encode(), kind))
    contact = service.book().find(PLATE)

    assert contact is not None
    assert contact.vehicle_class is None


def test_a_service_that_is_away_is_said_with_its_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text(TOKEN)
    url = f"http://127.0.0.1:1/contacts?token_file={tmp_path}/token"
    book = HttpsContactBook(RegisterAddress.parse(url))

    with pytest.raises(RegisterUnavailableError) as away:
        book.find(PLATE)
    assert str(away.value) == "register http://127.0.0.1:1/contacts: no answer (ConnectError)"
    assert "12345" not in told_of(away.value) + caplog.text
    book.close()


def test_who_does_not_answer_in_time_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/?token_file={tmp_path}/token"
        book = HttpsContactBook(RegisterAddress.parse(f"{url}&timeout_s=0.05"))
        with pytest.raises(RegisterUnavailableError, match=r"no answer \(ReadTimeout\)"):
            book.find(PLATE)
        book.close()


def test_who_answers_in_drops_is_given_up_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    is_over = Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not is_over.wait(0.02):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=drip, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/?token_file={tmp_path}/token"
        book = HttpsContactBook(RegisterAddress.parse(f"{url}&timeout_s=0.1"))
        with pytest.raises(RegisterUnavailableError, match=r"no answer \(ReadTimeout\)"):
            book.find(PLATE)
        is_over.set()
        book.close()
        thread.join()


def test_another_token_needs_no_new_start(service: Service) -> None:
    book = service.book()
    service.token_file.write_text("old-token")
    with pytest.raises(RegisterUnavailableError, match="answered 401; is the token right"):
        book.find(PLATE)

    service.token_file.unlink()
    with pytest.raises(RegisterUnavailableError, match="the token: No such file"):
        book.find(PLATE)

    service.token_file.write_text(TOKEN)
    assert book.find(PLATE) is None


def test_a_plate_is_asked_for_in_its_one_spelling(service: Service) -> None:
    service.book().find(OTHER)

    assert service.asked == [OTHER]


def test_whom_we_do_not_trust_learns_no_plate(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    service = Service(tmp_path, tls)
    try:
        with pytest.raises(RegisterUnavailableError, match=r"no answer \(ConnectError\)"):
            service.book().find(PLATE)
        assert service.asked == []
        assert service.book(f"&ca_file={tmp_path}/ca.pem").find(PLATE) is None
    finally:
        service.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://register.example/x?token_file=TOKEN", "http only on this machine"),
        ("https://li:pw@register.example/?token_file=TOKEN", "no secret in a URL"),
        ("https:///x?token_file=TOKEN", "use https://HOST/PATH"),
        ("https://register.example:x/?token_file=TOKEN", "no URL; use https://HOST/PATH"),
        ("https://register.example/?token_file=TOKEN.gone", "token_file .*No such file"),
        ("https://register.example/?token_file=EMPTY", "must hold one word"),
        ("https://register.example/?token_file=BYTES", "must hold one word"),
        ("https://register.example/?token_file=TOKEN&ca_file=TOKEN", "not a certificate in PEM"),
        ("https://register.example/?token_file=TOKEN&ca_file=TOKEN.gone", "ca_file .*No such file"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_start(tmp_path: Path, url: str, says: str) -> None:
    for name, content in (("TOKEN", TOKEN.encode()), ("EMPTY", b"\n"), ("BYTES", b"\xff")):
        (tmp_path / name).write_bytes(content)
        url = url.replace(name, str(tmp_path / name))

    with pytest.raises(ContactBookError, match=says) as refused:
        HttpsContactBook(RegisterAddress.parse(url))
    assert "pw" not in str(refused.value)
