"""The desk in a real browser: keys, mouse, pictures, and nothing from another host."""

import shutil
from collections.abc import Iterator
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Page, Request, expect, sync_playwright

from pipeline.case import CaseStatus, Disposition, Outcome, RejectReason
from review_ui.server import take_port
from tests.review_ui.desk import PASSWORD, Desk

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1440, "height": 1000})
        browser.close()


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    """The desk on a port of its own."""
    taken = take_port("127.0.0.1", 0)
    config = uvicorn.Config(
        desk.app, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    taken.close()


@pytest.fixture
def page(browser_page: Page, address: str) -> Page:
    """Signed in as Li, in English, on the live wall."""
    browser_page.context.clear_cookies()
    browser_page.goto(f"{address}/sign-in?lang=en")
    browser_page.fill("#name", "li")
    browser_page.fill("#password", PASSWORD)
    browser_page.press("#password", "Enter")
    expect(browser_page.locator("h1")).to_have_text("Live wall")
    return browser_page


def press(page: Page, key: str) -> None:
    """Press a key once the page listens."""
    expect(page.locator("html")).to_have_class("has-scripts")
    page.keyboard.press(key)


def test_cases_are_decided_by_keys_alone(page: Page, address: str, desk: Desk) -> None:
    first, second = desk.case_in_review(due_in_s=1000), desk.case_in_review(due_in_s=2000)
    page.goto(f"{address}/review")
    press(page, "Enter")
    expect(page.locator("h1")).to_contain_text(first.number)
    press(page, "a")
    expect(page.locator("button[value=education]")).to_be_enabled()
    press(page, "1")
    expect(page.locator(".saved")).to_contain_text(f"Case {first.number} is decided: Education.")
    expect(page.locator("h1")).to_contain_text(second.number)
    press(page, "x")
    expect(page.locator("button[value=sign_unclear]")).to_be_enabled()
    press(page, "6")
    expect(page.locator(".empty")).to_contain_text("Nothing is due")
    assert desk.case(first).disposition is Disposition.EDUCATION
    decision = desk.case(second).decision
    assert decision is not None
    assert decision.reject_reason is RejectReason.SIGN_UNCLEAR


def test_a_case_is_decided_by_mouse(page: Page, address: str, desk: Desk) -> None:
    case = desk.case_in_review()
    page.goto(f"{address}/review")
    page.click(f"text={case.number}")
    page.click("label:has(#shown)")
    page.fill("#note", "seen by mouse")
    page.click("button[value=warning]")
    expect(page.locator(".saved")).to_contain_text("Propose a warning")
    decision = desk.case(case).decision
    assert decision is not None
    assert (decision.outcome, decision.note) == (Outcome.WARNING, "seen by mouse")


def test_keys_are_dead_in_a_text_field_and_escape_gives_the_case_back(
    page: Page, address: str, desk: Desk
) -> None:
    case = desk.case_in_review()
    page.goto(f"{address}/review/{case.id}")
    press(page, "t")
    page.keyboard.type("ax1 ")
    expect(page.locator("#note")).to_have_value("ax1 ")
    expect(page.locator("#shown")).not_to_be_checked()
    press(page, "Escape")
    press(page, "Escape")
    expect(page.locator("h1")).to_have_text("Review")
    with desk.storage.begin() as uow:
        assert uow.registry.leases() == []


def test_the_reason_other_asks_for_a_note_before_anything_is_sent(
    page: Page, address: str, desk: Desk
) -> None:
    case = desk.case_in_review()
    page.goto(f"{address}/review/{case.id}")
    press(page, "x")
    expect(page.locator("button[value=other]")).to_be_enabled()
    press(page, "0")
    expect(page.locator("#note-needed")).to_be_visible()
    expect(page.locator("#note")).to_be_focused()
    assert desk.case(case).status is CaseStatus.IN_REVIEW


def test_holding_r_shows_the_untouched_picture(page: Page, address: str, desk: Desk) -> None:
    case = desk.case_in_review()
    page.goto(f"{address}/review/{case.id}")
    drawn = page.locator("#before .drawn")
    expect(drawn).to_be_visible()
    expect(page.locator("html")).to_have_class("has-scripts")
    page.keyboard.down("r")
    expect(drawn).to_be_hidden()
    page.keyboard.up("r")
    expect(drawn).to_be_visible()
    press(page, "o")
    expect(drawn).to_be_hidden()


def test_the_strip_changes_the_picture_beside_the_first(
    page: Page, address: str, desk: Desk
) -> None:
    case = desk.case_in_review()
    page.goto(f"{address}/review/{case.id}")
    press(page, "[")
    shown = page.locator("#after .original")
    expect(shown).to_have_attribute(
        "src", f"/evidence/{case.id}/{case.sightings[2].panorama.sha256}"
    )


def test_help_lists_the_keys_of_the_page(page: Page, address: str, desk: Desk) -> None:
    case = desk.case_in_review()
    page.goto(f"{address}/review/{case.id}")
    press(page, "Shift+Slash")
    dialog = page.locator("#keys")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Sign or marking unclear")
    press(page, "a")
    expect(page.locator("#shown")).not_to_be_checked()
    press(page, "Escape")
    expect(dialog).to_be_hidden()


def test_no_request_leaves_the_host_and_no_page_breaks_its_own_policy(
    page: Page, address: str, desk: Desk
) -> None:
    case = desk.case_in_review()
    foreign: list[str] = []
    complaints: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((address, f"blob:{address}")):
            foreign.append(request.url)

    page.on("request", note)
    page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in (
        "/live",
        "/review",
        f"/review/{case.id}",
        "/cases",
        f"/cases/{case.id}",
        "/phones",
    ):
        page.goto(f"{address}{path}", wait_until="networkidle" if path != "/live" else "load")
    assert (foreign, complaints) == ([], [])


@pytest.mark.parametrize("width", [390, 1024, 2560])
def test_no_page_is_wider_than_its_window(page: Page, address: str, desk: Desk, width: int) -> None:
    case = desk.case_in_review()
    desk.case_for_operator()
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        "/live",
        "/review",
        f"/review/{case.id}",
        "/cases",
        f"/cases/{case.id}",
        "/phones",
    ):
        page.goto(f"{address}{path}")
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, path
    page.set_viewport_size({"width": 1440, "height": 1000})
