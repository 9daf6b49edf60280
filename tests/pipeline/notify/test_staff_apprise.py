"""Alerts by apprise, through its own `json://` to a server on this machine."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.commands import app
from pipeline.errors import TRY_AGAIN, PermanentError
from pipeline.notify import open_staff_alerts
from pipeline.notify.staff import AlertKind, Phase, StaffAlertError
from pipeline.notify.staff_words import alert_of
from tests.pipeline.notify.providers import a_file
from tests.pipeline.notify.test_staff import FACTS

pytest.importorskip("apprise", reason="needs the extra `alerts`: pip install 'remindfirst[alerts]'")

# It looks for imghdr, which Python 3.13 has no more.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "made-up-secret"


class Office(HTTPServer):
    """Takes what is posted to it; a path that ends in `closed` is answered with an error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.taken: list[tuple[str, dict[str, Any]]] = []

    def address(self, path: str = "desk") -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_port}/{path}"


class _Desk(BaseHTTPRequestHandler):
    server: Office

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path.strip("/"), json.loads(body)))
        self.send_response(500 if "closed" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def office() -> Iterator[Office]:
    server = Office()
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def test_an_alert_is_posted_with_its_title_both_sentences_and_what_to_do(
    office: Office, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "staff", f"# who is on call\n\n{office.address()}")
    for phase in Phase:
        open_staff_alerts(file).tell(alert_of(replace(FACTS, phase=phase)))

    began, lasts, over = (body for _, body in office.taken)
    assert began["title"] == "审核即将到期（解放路口） · Review nearly due (Jiefang junction)"
    assert "7 起待审核案件即将到期，最后一日为 2026-03-09" in began["message"]
    assert "near their deadline: 7" in began["message"]
    assert began["message"].endswith("before the end of that day.")
    assert [one["type"] for one in (began, lasts, over)] == ["failure", "warning", "success"]


def test_a_line_may_ask_for_some_kinds_alone(office: Office, tmp_path: Path) -> None:
    lines = f"lag, dead_letters={office.address('few')}\n{office.address('all')}"
    told = open_staff_alerts(a_file(tmp_path, "staff", lines))
    told.tell(alert_of(replace(FACTS, kind=AlertKind.LAG)))
    told.tell(alert_of(FACTS))

    assert [path for path, _ in office.taken] == ["few", "all", "all"]


def test_what_no_line_asks_for_is_told_to_the_log(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = open_staff_alerts(a_file(tmp_path, "staff", f"lag={office.address()}"))
    told.tell(alert_of(FACTS))

    assert office.taken == []
    assert "alert to staff" in caplog.text


def test_one_address_that_takes_it_is_enough_and_none_is_an_error(
    office: Office, tmp_path: Path
) -> None:
    broken = office.address("closed")
    open_staff_alerts(a_file(tmp_path, "one", f"{broken}\n{office.address()}")).tell(
        alert_of(FACTS)
    )
    with pytest.raises(StaffAlertError, match="none of 1 addresses took it"):
        open_staff_alerts(a_file(tmp_path, "none", broken)).tell(alert_of(FACTS))

    assert [path for path, _ in office.taken] == ["closed", "desk", "closed"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "no address"),
        ("# none yet", "no address"),
        (f"# one\n{SECRET}", "line 2: write KIND,KIND=ADDRESS"),
        (f"lag,tea=json://x/{SECRET}", "line 1: no kind 'tea'; known: clock_set_back, "),
        (f"json://x\nnonsense://{SECRET}", "line 2: apprise knows no such address"),
        (f"tgram://{SECRET}", "line 1: apprise knows no such address"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_and_no_secret_is_repeated(
    tmp_path: Path, lines: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PermanentError, match=said) as refused:
        open_staff_alerts(a_file(tmp_path, "staff", lines))

    assert SECRET not in str(refused.value) + caplog.text


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="none: No such file"):
        open_staff_alerts(tmp_path / "none")
    (tmp_path / "picture").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PermanentError, match="picture: not a text"):
        open_staff_alerts(tmp_path / "picture")


def test_no_address_reaches_a_log(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = a_file(tmp_path, "staff", f"{office.address('closed')}\n{office.address()}")
    open_staff_alerts(file).tell(alert_of(FACTS))

    lines = [f"{one.getMessage()} {vars(one)}" for one in caplog.records]
    assert any("an address took no alert" in one and "'line': 1" in one for one in lines)
    assert not any(private in one for one in lines for private in (SECRET, "127.0.0.1", "closed"))


def test_the_command_tries_every_address_and_names_it_by_its_line(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_file(tmp_path, "staff", f"lag={office.address()}\n\n{office.address('closed')}")
    monkeypatch.setenv("REMINDFIRST_STAFF_ALERTS_FILE", str(file))
    tried = CliRunner().invoke(app, ["alerts", "test"])

    assert tried.exit_code == TRY_AGAIN
    assert tried.output.splitlines()[:2] == ["line 1: taken", "line 3: not taken"]
    assert office.taken[0][1]["title"] == "测试 · Test"
    assert SECRET not in tried.output


def test_without_a_file_the_command_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_STAFF_ALERTS_FILE", "")
    tried = CliRunner().invoke(app, ["alerts", "test"])

    assert tried.exit_code == 2
    assert "set REMINDFIRST_STAFF_ALERTS_FILE" in tried.output
