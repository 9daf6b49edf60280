"""What holds for every page: sign-in, form tokens, headers, nothing inline or from outside."""

import asyncio
import logging
import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.types import Message

from pipeline.reminder import DeliveryStatus
from review_ui.auth import form_token
from review_ui.body_limit import MAX_BODY_BYTES
from review_ui.routes import ROUTERS
from tests.builders import PLATE
from tests.review_ui.desk import Desk, text_of

PUBLIC = {"/", "/sign-in", "/healthz"}
ANY_CASE = "0b7e0c5e-7f0e-5d1c-8f0e-000000000000"


def paths(method: str) -> Iterator[str]:
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and method in (route.methods or set()):
                path = route.path.replace("{case_id}", ANY_CASE).replace("{camera_id}", "cam-1")
                yield path.replace("{sha256}", "a" * 64)


@pytest.mark.parametrize("path", [path for path in paths("GET") if path not in PUBLIC])
def test_no_page_is_shown_without_sign_in(desk: Desk, path: str) -> None:
    answer = desk.browser(None).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


# No form: a provider proves itself to the worker.
CALLBACKS = "/callbacks/{channel}"


@pytest.mark.parametrize("path", [path for path in paths("POST") if path != CALLBACKS])
def test_every_form_is_refused_without_the_token_of_its_browser(desk: Desk, path: str) -> None:
    browser = desk.browser("li")
    assert browser.http.post(path, data={}).status_code == 403
    other = {"csrf_token": form_token("token of wang")}
    assert browser.http.post(path, data=other).status_code == 403


def test_a_form_of_another_site_is_refused(desk: Desk) -> None:
    browser = desk.browser("li")
    data = {"csrf_token": form_token(browser.token or "")}
    headers = {"Origin": "https://elsewhere.example"}
    assert browser.http.post("/review/next", data=data, headers=headers).status_code == 403
    headers = {"Origin": "http://testserver"}
    assert browser.http.post("/review/next", data=data, headers=headers).status_code == 303


def test_a_form_with_an_unknown_field_is_refused(desk: Desk) -> None:
    answer = desk.browser("li").post("/review/next", surprise="yes")
    assert answer.status_code == 422


@pytest.fixture
def pages(desk: Desk) -> dict[str, str]:
    """Every kind of page, with something on it."""
    case = desk.case_in_review()
    task = desk.case_for_operator()
    desk.reminder(case, DeliveryStatus.DELIVERED)
    browser = desk.browser("li")
    addresses = [
        "/live",
        "/review",
        f"/review/{case.id}",
        "/cases",
        f"/cases/{task.id}",
        "/phones",
        "/nothing",
    ]
    texts = {address: browser.get(address).text for address in addresses}
    texts["/sign-in"] = desk.browser(None).get("/sign-in").text
    return texts


def test_every_answer_carries_the_content_security_policy(desk: Desk) -> None:
    browser = desk.browser("li")
    for path in ("/live", "/nothing", "/static/style.css", "/sign-in", "/healthz", "/"):
        policy = browser.get(path).headers["content-security-policy"]
        assert "default-src 'self'; img-src 'self' blob:" in policy
        assert "unsafe" not in policy
        assert browser.get(path).headers["x-content-type-options"] == "nosniff"


def test_no_page_has_script_or_style_inside(pages: dict[str, str]) -> None:
    for address, html in pages.items():
        assert "<style" not in html, address
        assert not re.search(r"<script(?![^>]* src=)", html), address
        assert not re.search(r"<[^>]+\s(style|on\w+)=", html), address
        assert "javascript:" not in html, address


def test_no_page_names_another_host(pages: dict[str, str]) -> None:
    for address, html in pages.items():
        found = re.findall(r"(?:src|href|action)=\"((?:https?:)?//[^\"]+)", html)
        assert found == [], address


def test_pages_are_not_kept_in_caches(desk: Desk) -> None:
    assert desk.browser("li").get("/review").headers["cache-control"] == "no-store"


def test_lists_show_plates_masked_and_phones_masked(pages: dict[str, str]) -> None:
    for address in ("/live", "/review", "/cases"):
        assert PLATE not in pages[address], address
    assert "鄂A·1**45" in pages["/cases"]
    assert "138******01" in pages["/phones"]


def test_no_plate_reaches_a_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    task = desk.case_for_operator()
    browser = desk.browser("li")
    browser.post(f"/review/{task.id}/plate", plate="鄂A99999", step=task.reminder_step)
    browser.post(f"/review/{task.id}/plate", plate="鄂A99999", step="x")
    assert "99999" not in caplog.text


def test_a_body_that_is_too_long_is_refused_before_it_is_read(desk: Desk) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/sign-in",
        "query_string": b"lang=en",
        "headers": [
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", str(MAX_BODY_BYTES + 1).encode()),
        ],
    }
    asyncio.run(desk.app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert b"That was too long." in sent[1]["body"]


def test_a_body_that_does_not_say_its_length_is_refused(desk: Desk) -> None:
    answer = desk.browser(None).http.post("/sign-in?lang=en", content=iter([b"name=li"]))
    assert answer.status_code == 411
    assert "did not say how long it is" in text_of(answer)
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_longest_note_fits(desk: Desk) -> None:
    case = desk.case_in_review()
    answer = desk.browser().post(
        f"/review/{case.id}/decision",
        version=case.version,
        reject_reason="too_short",
        note="字" * 2000,
    )
    assert answer.status_code == 303
