"""The demo drivers' phones."""

import json
from dataclasses import replace

import pytest

from pipeline.case import CaseStatus, Disposition, move
from pipeline.reminder import DeliveryStatus
from pipeline.staff import Role
from pipeline.storage.base import RequestKind
from review_ui.settings import ReviewSettings
from tests.builders import NOON, seconds
from tests.review_ui.desk import Desk, text_of


def test_an_answer_goes_to_the_worker_as_a_request_with_the_raw_body(desk: Desk) -> None:
    reminder = desk.reminder(desk.case_in_review(), DeliveryStatus.DELIVERED)
    browser = desk.browser()
    assert "I am moving it" in text_of(browser.get("/phones?lang=en"))
    answer = browser.post("/phones", key=reminder.key, action="moving")
    assert answer.status_code == 303
    with desk.storage.begin() as uow:
        request = uow.registry.next_request()
    assert request is not None
    assert (request.kind, request.channel) == (RequestKind.CALLBACK, "phones")
    assert json.loads(request.body) == {"key": reminder.key, "action": "moving"}
    assert "Sent. Waiting for the pipeline." in text_of(browser.get(answer.headers["location"]))


def test_the_page_shows_the_answer_once_the_worker_took_it(desk: Desk) -> None:
    reminder = desk.reminder(desk.case_in_review(), DeliveryStatus.DELIVERED)
    with desk.storage.begin() as uow:
        uow.outbox.save(replace(reminder, answer="left", answered_at=NOON))
        uow.commit()
    page = desk.browser().get(f"/phones?lang=en&key={reminder.key}&action=left")
    assert "You answered: I have left" in text_of(page)
    assert "Waiting for the pipeline" not in text_of(page)
    assert 'name="action"' not in page.text


def test_a_message_on_its_way_can_be_delivered_or_fail_but_not_be_answered(desk: Desk) -> None:
    case = desk.store(move(desk.a_case(), CaseStatus.REMINDER_DUE))
    reminder = desk.reminder(case, DeliveryStatus.ACCEPTED)
    browser = desk.browser()
    page = browser.get("/phones?lang=en")
    assert "The phone has not got this message." in text_of(page)
    assert reminder.text not in page.text
    assert browser.post("/phones", key=reminder.key, action="moving").status_code == 404
    assert browser.post("/phones", key=reminder.key, action="delivered").status_code == 303


@pytest.mark.parametrize(
    ("key", "action", "status"), [("no such key", "moving", 404), ("k", "explode", 422)]
)
def test_a_press_on_nothing_leaves_no_request(
    desk: Desk, key: str, action: str, status: int
) -> None:
    assert desk.browser().post("/phones", key=key, action=action).status_code == status
    with desk.storage.begin() as uow:
        assert uow.registry.next_request() is None


def test_messages_of_real_channels_cannot_be_answered_here(desk: Desk) -> None:
    case = desk.case_in_review()
    reminder = desk.reminder(case, DeliveryStatus.DELIVERED)
    with desk.storage.begin() as uow:
        uow.outbox.save(replace(reminder, sent_by="sms"))
        uow.commit()
    browser = desk.browser()
    assert "No message yet" in text_of(browser.get("/phones?lang=en"))
    assert browser.post("/phones", key=reminder.key, action="left").status_code == 404


def test_the_driver_who_left_in_time_is_thanked(desk: Desk) -> None:
    waiting = replace(
        move(move(desk.a_case(), CaseStatus.REMINDER_DUE), CaseStatus.GRACE),
        grace_ends_at=NOON + seconds(600),
    )
    case = desk.store(
        replace(
            move(waiting, CaseStatus.CLOSED),
            disposition=Disposition.CLEARED,
            left_at=NOON + seconds(90),
            closed_at=NOON + seconds(92),
        )
    )
    desk.reminder(case, DeliveryStatus.DELIVERED)
    text = text_of(desk.browser().get("/phones?lang=en"))
    assert "seen leaving at 12:01:30. Nothing was recorded." in text


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMINISTRATOR, Role.AUDITOR])
def test_outside_the_demo_only_operators_see_the_phones_and_press_on_them(
    desk: Desk, role: Role
) -> None:
    reminder = desk.reminder(desk.case_in_review(), DeliveryStatus.ACCEPTED)
    desk.add_person("one", roles=frozenset({role}))
    browser = desk.browser("one")
    assert 'href="/phones"' not in browser.get("/live?lang=en").text
    page = browser.get("/phones")
    assert page.status_code == 403
    assert "only operators use the phones" in text_of(page)
    assert reminder.text not in page.text
    assert browser.post("/phones", key=reminder.key, action="delivered").status_code == 403
    with desk.storage.begin() as uow:
        assert uow.registry.next_request() is None
    desk.add_person("op", roles=frozenset({Role.OPERATOR}))
    operator = desk.browser("op")
    assert 'href="/phones"' in operator.get("/live").text
    assert operator.post("/phones", key=reminder.key, action="delivered").status_code == 303


def test_in_the_demo_everybody_plays_the_driver(desk: Desk) -> None:
    reminder = desk.reminder(desk.case_in_review(), DeliveryStatus.ACCEPTED)
    desk.add_person("one", roles=frozenset({Role.AUDITOR}))
    browser = desk.browser("one", app=desk.make_app(ReviewSettings(demo=True)))
    assert 'href="/phones"' in browser.get("/phones").text
    assert browser.post("/phones", key=reminder.key, action="delivered").status_code == 303
