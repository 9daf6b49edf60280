"""Call-backs of providers: kept as they came, by anybody's hand; the worker checks them."""

import pytest

from review_ui.routes import callbacks
from tests.review_ui.desk import Desk


def test_a_call_back_is_kept_as_it_came_without_anybody_being_signed_in(desk: Desk) -> None:
    browser = desk.browser(None)
    answer = browser.http.post(
        "/callbacks/sms?token=secret",
        content='[{"biz_id": "1"}]',
        headers={"X-RemindFirst-Signature": "s", "Cookie": "a=b", "Authorization": "c"},
    )

    assert (answer.status_code, answer.json()["code"], answer.json()["result"]) == (200, 0, 0)
    with desk.storage.begin() as uow:
        request = uow.registry.next_request()
    assert request is not None
    assert (request.channel, request.body) == ("sms", '[{"biz_id": "1"}]')
    assert request.query == {"token": "secret"}
    assert request.headers["x-remindfirst-signature"] == "s"
    assert {"cookie", "authorization"}.isdisjoint(request.headers)


@pytest.mark.parametrize("name", ["phones", "fax"])
def test_nobody_calls_back_for_the_demo_s_phones_or_a_kind_that_is_none(
    desk: Desk, name: str
) -> None:
    answer = desk.browser(None).http.post(f"/callbacks/{name}", content="{}")
    assert answer.status_code == 404
    with desk.storage.read() as uow:
        assert uow.registry.count_requests() == 0


def test_bytes_that_are_no_text_are_refused(desk: Desk) -> None:
    assert desk.browser(None).http.post("/callbacks/sms", content=b"\xff\xfe").status_code == 400


def test_a_flood_is_held_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "MAX_WAITING", 2)
    http = desk.browser(None).http
    answers = [http.post("/callbacks/sms", content="{}").status_code for _ in range(3)]
    assert answers == [200, 200, 503]
