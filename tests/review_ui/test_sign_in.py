"""Signing in and out."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from review_ui.auth import Brake, Gate
from review_ui.dependencies import SESSION_COOKIE
from review_ui.errors import SignInBrakedError, SignInRefusedError
from review_ui.settings import ReviewSettings
from tests.builders import NOON, seconds
from tests.review_ui.desk import PASSWORD, Browser, Desk, text_of


def sign_in(browser: Browser, name: str, password: str, **more: str) -> int:
    browser.get("/sign-in")
    return browser.post("/sign-in", name=name, password=password, **more).status_code


def test_the_right_password_opens_the_live_wall(desk: Desk) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in")
    answer = browser.post("/sign-in", name="li", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/live")
    assert browser.get("/live").status_code == 200


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(desk: Desk) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in")
    answer = browser.post("/sign-in", name="li", password=PASSWORD)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if SESSION_COOKIE in c)
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_a_wrong_password_and_an_unknown_name_get_the_same_words(desk: Desk) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in?lang=en")
    wrong = browser.post("/sign-in", name="li", password="wrong")
    unknown = browser.post("/sign-in", name="nobody", password="wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert "Name or password is wrong." in text_of(wrong)
    assert "Name or password is wrong." in text_of(unknown)
    assert 'value="li"' in wrong.text


def test_after_five_wrong_passwords_even_the_right_one_waits_its_turn(desk: Desk) -> None:
    browser = desk.browser(None)
    assert [sign_in(browser, "li", "wrong") for _ in range(5)] == [401] * 5
    assert sign_in(browser, "li", PASSWORD) == 429
    assert sign_in(browser, "wang", PASSWORD) == 303
    desk.clock.advance(seconds(31))
    assert sign_in(desk.browser(None), "li", PASSWORD) == 303


def test_a_planted_session_cookie_is_of_no_use_after_sign_in(desk: Desk) -> None:
    planted = Browser(desk.app, "planted by somebody else")
    answer = planted.post("/sign-in", name="li", password=PASSWORD)
    assert answer.status_code == 303
    assert desk.browser(None).http.cookies.get(SESSION_COOKIE) is None
    fresh = Browser(desk.app, "planted by somebody else")
    assert fresh.get("/live").status_code == 303


def test_signing_in_again_ends_the_session_before(desk: Desk) -> None:
    first = desk.browser("li")
    assert first.get("/live").status_code == 200
    old_token = first.token
    assert first.post("/sign-in", name="li", password=PASSWORD).status_code == 303
    assert Browser(desk.app, old_token).get("/live").status_code == 303


def test_signing_out_ends_the_session_on_the_server(desk: Desk) -> None:
    browser = desk.browser("li")
    assert browser.post("/sign-out").headers["location"] == "/sign-in"
    assert Browser(desk.app, browser.token).get("/live").status_code == 303


def test_a_session_ends_after_its_hours_and_says_so(desk: Desk) -> None:
    browser = desk.browser("li")
    desk.clock.advance(seconds(36001))
    answer = browser.get("/cases?status=grace")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fcases%3Fstatus%3Dgrace&ended=1"
    assert "session has ended" in text_of(browser.get(answer.headers["location"] + "&lang=en"))


def test_storage_keeps_only_the_hash_of_a_token(desk: Desk) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in")
    browser.post("/sign-in", name="li", password=PASSWORD)
    token = browser.http.cookies[SESSION_COOKIE]
    with desk.storage.begin() as uow:
        assert uow.registry.session_person(token) is None
        assert uow.registry.session_person(hashlib.sha256(token.encode()).hexdigest()) is not None


@pytest.mark.parametrize(
    "wanted", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "", "java"]
)
def test_sign_in_never_leads_to_another_host(desk: Desk, wanted: str) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in")
    answer = browser.post("/sign-in", name="li", password=PASSWORD, next=wanted)
    assert answer.headers["location"] == "/live"


def test_sign_in_goes_on_where_one_wanted_to_go(desk: Desk) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in")
    answer = browser.post("/sign-in", name="li", password=PASSWORD, next="/cases?status=grace")
    assert answer.headers["location"] == "/cases?status=grace"


def test_only_the_demonstration_shows_its_password(desk: Desk) -> None:
    assert "remind-first" not in desk.browser(None).get("/sign-in").text
    demo = desk.browser(
        None,
        app=desk.make_app(
            ReviewSettings(demo=True, demo_person="demo", demo_password="remind-first")
        ),
    )
    assert "remind-first" in demo.get("/sign-in").text


def test_of_forty_tries_at_once_after_a_pause_one_password_is_looked_at(desk: Desk) -> None:
    gate = Gate(desk.storage, session=seconds(60))

    def enter(_: int) -> type[Exception]:
        with pytest.raises((SignInRefusedError, SignInBrakedError)) as found:
            gate.enter("li", "wrong")
        return found.type

    assert [enter(i) for i in range(5)] == [SignInRefusedError] * 5
    desk.clock.advance(seconds(31))
    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(enter, range(40)))
    assert found.count(SignInRefusedError) == 1


def test_a_flood_of_other_names_does_not_release_the_brake() -> None:
    brake = Brake(max_names=10)
    for _ in range(5):
        brake.count("li", NOON)
    for i in range(50):
        brake.count(f"name {i}", NOON + seconds(1))
    with pytest.raises(SignInBrakedError):
        brake.count("li", NOON + seconds(2))


def test_each_try_after_a_pause_makes_the_next_one_longer() -> None:
    brake = Brake()
    now, pauses = NOON, []
    for _ in range(13):
        try:
            brake.count("li", now)
        except SignInBrakedError as braked:
            pauses.append((braked.until - now).total_seconds())
            now = braked.until
            brake.count("li", now)
    assert pauses == [30, 60, 120, 240, 480, 900, 900, 900]
