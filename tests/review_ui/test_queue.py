"""The review queue and the operator's tasks."""

from dataclasses import replace
from datetime import date

import pytest

from pipeline.case import CaseStatus, Disposition
from pipeline.events import PlateStatus
from pipeline.policy.entries import Cause
from pipeline.staff import Role
from tests.builders import seconds
from tests.review_ui.desk import Desk, text_of


def test_the_queue_lists_the_earliest_due_first(desk: Desk) -> None:
    later = desk.case_in_review(due_in_s=200_000)
    sooner = desk.case_in_review(due_in_s=100_000)
    html = desk.browser().get("/review").text
    assert html.index(sooner.number) < html.index(later.number)


def test_a_row_says_what_was_reminded_and_seen_again(desk: Desk) -> None:
    desk.case_in_review()
    text = text_of(desk.browser().get("/review?lang=en"))
    assert "Delivered" in text
    assert "12:15:00" in text
    assert "Kerb" in text
    assert "Jiefang junction" in text


def test_start_takes_the_earliest_case_that_nobody_holds(desk: Desk) -> None:
    held = desk.case_in_review(due_in_s=1000)
    free = desk.case_in_review(due_in_s=2000)
    desk.hold(held, "wang")
    answer = desk.browser().post("/review/next")
    assert answer.headers["location"] == f"/review/{free.id}"
    with desk.storage.begin() as uow:
        lease = uow.registry.lease(free.id)
    assert lease is not None
    assert lease.reviewer_id == "li"


def test_the_list_shows_who_holds_what(desk: Desk) -> None:
    desk.hold(desk.case_in_review(), "wang")
    assert "Wang until 12:05:00" in text_of(desk.browser().get("/review?lang=en"))


def test_with_nothing_due_start_comes_back_to_an_empty_list_that_says_why(desk: Desk) -> None:
    browser = desk.browser()
    assert browser.post("/review/next").headers["location"] == "/review"
    assert "Nothing is due" in text_of(browser.get("/review?lang=en"))


def test_giving_a_case_back_frees_it_for_others(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.hold(case, "li")
    assert desk.browser().post(f"/review/{case.id}/release").headers["location"] == "/review"
    with desk.storage.begin() as uow:
        assert uow.registry.leases() == []


def test_activity_renews_the_lease_and_says_when_it_is_lost(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.hold(case, "li")
    desk.clock.advance(seconds(200))
    assert desk.browser().post(f"/review/{case.id}/lease").status_code == 204
    desk.clock.advance(seconds(200))
    assert desk.browser("wang").post(f"/review/{case.id}/lease").status_code == 409
    desk.clock.advance(seconds(200))
    assert desk.browser("wang").post(f"/review/{case.id}/lease").status_code == 204


def test_without_a_valid_qualification_the_queue_is_read_only_and_says_why(desk: Desk) -> None:
    desk.case_in_review()
    desk.add_person("old", valid_until=date(2026, 3, 1))
    browser = desk.browser("old")
    answer = browser.get("/review?lang=en")
    assert "Your qualification Q-1 ended on 2026-03-01." in text_of(answer)
    assert 'action="/review/next"' not in answer.text
    refused = browser.post("/review/next")
    assert refused.status_code == 403


def test_the_operator_enters_the_plate_and_the_case_goes_on(desk: Desk) -> None:
    task = desk.case_for_operator()
    browser = desk.browser()
    assert "plate unreadable" in text_of(browser.get("/review?lang=en"))
    answer = browser.post(f"/review/{task.id}/plate", plate="鄂a 54321", step=task.reminder_step)
    assert answer.status_code == 303
    case = desk.case(task)
    assert (case.plate.text, case.plate.status) == ("鄂A54321", PlateStatus.AGREED)
    assert case.plate_entered_by == "li"
    assert not case.asks_operator


def test_a_plate_of_no_known_pattern_is_refused_and_stays_in_its_field(desk: Desk) -> None:
    task = desk.case_for_operator()
    answer = desk.browser().post(f"/review/{task.id}/plate", plate="鄂?1", step=task.reminder_step)
    assert answer.status_code == 422
    assert 'value="鄂?1"' in answer.text
    assert desk.case(task).asks_operator


def test_the_operator_closes_a_case_with_a_note_and_never_without(desk: Desk) -> None:
    task = desk.case_for_operator()
    browser = desk.browser()
    path = f"/review/{task.id}/close"
    assert browser.post(path, note="  ", step=task.reminder_step).status_code == 422
    answer = browser.post(path, note="plate covered by mud", step=task.reminder_step)
    assert answer.headers["location"] == f"/review?done={task.id}"
    case = desk.case(task)
    assert (case.status, case.disposition) == (CaseStatus.CLOSED, Disposition.REJECTED)
    assert "is closed without a record" in text_of(browser.get(f"/review?done={task.id}&lang=en"))


def test_a_task_that_another_operator_helped_on_is_not_touched(desk: Desk) -> None:
    task = desk.case_for_operator()
    browser = desk.browser()
    answer = browser.post(f"/review/{task.id}/plate", plate="鄂A54321", step=task.reminder_step + 1)
    assert answer.status_code == 409
    assert 'value="鄂A54321"' in answer.text


def test_who_is_no_operator_can_look_but_not_act(desk: Desk) -> None:
    task = desk.case_for_operator()
    desk.add_person("rev", roles=frozenset({Role.REVIEWER}))
    browser = desk.browser("rev")
    page = browser.get("/review?lang=en")
    assert "Only operators can help here" in text_of(page)
    assert f"/review/{task.id}/plate" not in page.text
    answer = browser.post(f"/review/{task.id}/plate", plate="鄂A54321", step=task.reminder_step)
    assert answer.status_code == 403


def test_a_sighting_meanwhile_does_not_make_the_operators_form_stale(desk: Desk) -> None:
    task = desk.case_for_operator()
    browser = desk.browser()
    assert f'name="step" value="{task.reminder_step}"' in browser.get("/review").text
    with desk.storage.begin() as uow:
        uow.cases.save(replace(task, zone_version=2))
        uow.commit()
    path = f"/review/{task.id}/plate"
    assert browser.post(path, plate="鄂A54321", step=task.reminder_step).status_code == 303
    assert desk.case(task).plate.text == "鄂A54321"


@pytest.mark.parametrize(
    ("cause", "asks_plate"),
    [
        (Cause.PLATE_UNREADABLE, True),
        (Cause.PLATE_DOUBTFUL, True),
        (Cause.NO_CONTACT, True),
        (Cause.NOT_DELIVERED, False),
        (None, False),
    ],
)
def test_only_where_a_plate_helps_is_one_asked_for(
    desk: Desk, cause: Cause | None, asks_plate: bool
) -> None:
    task = desk.store(
        replace(
            desk.a_case(),
            asks_operator=True,
            status=CaseStatus.SUSPECTED if cause else CaseStatus.REMINDER_UNCERTAIN,
            no_reminder_cause=cause,
        )
    )
    browser = desk.browser()
    html = browser.get("/review").text
    assert (f"/review/{task.id}/plate" in html) is asks_plate
    assert f"/review/{task.id}/close" in html
    answer = browser.post(f"/review/{task.id}/plate", plate="鄂A54321", step=task.reminder_step)
    assert answer.status_code == (303 if asks_plate else 409)
    closed = browser.post(
        f"/review/{task.id}/close", note="mud", step=task.reminder_step + asks_plate
    )
    assert closed.status_code == (409 if asks_plate else 303)
