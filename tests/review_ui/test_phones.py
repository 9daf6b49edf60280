"""The demo drivers' phones."""

import json
from dataclasses import replace

import pytest

from pipeline.case import CaseStatus, Disposition, move
from pipeline.reminder import DeliveryStatus
from pipeline.storage.base import RequestKind
from tests.builders import NOON, seconds
from tests.review_ui.desk import Desk, text_of


def test_an_answer_goes_to_the_worker_as_a_request_with_the_raw_body(desk: Desk) -> None:
    reminder = desk.reminder(desk.case_in_review(), DeliveryStatus.DELIVERED)
    browser = desk.browser()
    assert "I am moving it" in text_of(browser.get("/phones?lang=en"))
    answer = browser.post("/phones", key=reminder.key, action="moving")
    assert answer.status_code == 303
    with desk.storage.begin() as uow:
        requests = uow.registry.take_requests()
    assert [one.kind for one in requests] == [RequestKind.PHONE_CALLBACK]
    assert json.loads(requests[0].body) == {"key": reminder.key, "action": "moving"}
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
        assert uow.registry.take_requests() == []


def test_messages_of_real_channels_cannot_be_answered_here(desk: Desk) -> None:
    case = desk.case_in_review()
    reminder = desk.reminder(case, DeliveryStatus.DELIVERED)
    with desk.storage.begin() as uow:
        uow.outbox.save(replace(reminder, channel="sms_gateway"))
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
