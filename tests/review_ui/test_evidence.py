"""Evidence bytes over the web."""

import hashlib
import logging
import re

import pytest

from pipeline.case import Case
from pipeline.telemetry import FieldFormatter
from tests.builders import seconds
from tests.review_ui.desk import Desk, text_of


def test_a_picture_of_the_case_comes_as_it_was_stored(desk: Desk) -> None:
    case = desk.case_in_review()
    ref = case.sightings[0].panorama
    answer = desk.browser().get(f"/evidence/{case.id}/{ref.sha256}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert hashlib.sha256(answer.content).hexdigest() == ref.sha256


def test_a_picture_of_another_case_is_not_found(desk: Desk) -> None:
    case, other = desk.case_in_review(), desk.case_in_review()
    answer = desk.browser().get(f"/evidence/{case.id}/{other.crop.sha256}")
    assert answer.status_code == 404


def test_no_path_leads_out_of_the_evidence_folder(desk: Desk) -> None:
    case = desk.case_in_review()
    for name in ("..", "%2e%2e%2fstate.db", "a" * 63):
        assert desk.browser().get(f"/evidence/{case.id}/{name}").status_code == 404


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "A picture was changed or is missing."), ("zh-CN", "有图片被改动或缺失。")],
)
def test_a_changed_picture_is_gone_and_its_page_says_why(
    desk: Desk, language: str, words: str
) -> None:
    case = desk.case_in_review()
    desk.spoil(case.crop)
    answer = desk.browser().get(f"/evidence/{case.id}/{case.crop.sha256}?lang={language}")
    assert answer.status_code == 410
    assert words in text_of(answer)


def test_a_refused_picture_is_one_error_line_without_a_traceback(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    case = desk.case_in_review()
    desk.spoil(case.crop)
    desk.browser().get(f"/evidence/{case.id}/{case.crop.sha256}")
    (line,) = [one for one in caplog.records if one.name == "review_ui.routes.evidence"]
    assert (line.levelno, line.exc_info) == (logging.ERROR, None)
    assert case.crop.sha256 in FieldFormatter().format(line)


def views(desk: Desk, case: Case) -> list[tuple[str, str]]:
    with desk.storage.read() as uow:
        notes = [entry.note for entry in uow.audit.of_case(case.id)]
    return [(note.actor, note.cause) for note in notes if note.action == "viewed"]


@pytest.mark.parametrize("claimed", ["image", "document", "empty"])
def test_a_picture_got_by_itself_is_recorded_whatever_the_browser_says(
    desk: Desk, claimed: str
) -> None:
    case = desk.case_in_review()
    path = f"/evidence/{case.id}/{case.crop.sha256}"
    desk.browser().http.get(path, headers={"Sec-Fetch-Dest": claimed})
    assert views(desk, case) == [("li", f"picture {case.crop.sha256[:8]}")]


def test_a_look_is_one_entry_for_each_person_and_five_minutes(desk: Desk) -> None:
    case = desk.case_in_review()
    path = f"/evidence/{case.id}/{case.crop.sha256}"
    browser = desk.browser()
    browser.get(path)
    browser.get(path)
    desk.clock.advance(seconds(299))
    browser.get(path)
    desk.browser("wang").get(path)
    assert [who for who, _ in views(desk, case)] == ["li", "wang"]
    desk.clock.advance(seconds(1))
    browser.get(path)
    assert [who for who, _ in views(desk, case)] == ["li", "wang", "li"]


@pytest.mark.parametrize(("page", "what"), [("review", "review_page"), ("cases", "case_file")])
def test_the_pictures_of_a_page_are_part_of_its_view_and_wait_for_no_writer(
    desk: Desk, page: str, what: str
) -> None:
    case = desk.case_in_review()
    browser = desk.browser()
    browser.get(f"/{page}/{case.id}")
    with desk.storage.begin() as uow:
        uow.registry.sites()
        for ref in case.evidence:
            assert browser.get(f"/evidence/{case.id}/{ref.sha256}").status_code == 200
    assert views(desk, case) == [("li", what)]


def test_who_sees_the_operators_pictures_on_the_queue_has_looked_at_the_case(desk: Desk) -> None:
    task, waiting = desk.case_for_operator(), desk.case_in_review()
    browser = desk.browser()
    pictures = re.findall(r'<img src="(/evidence/[^"]+)"', browser.get("/review").text)
    for path in [*pictures, *pictures]:
        assert browser.get(path).status_code == 200
    for case in (task, waiting):
        assert [who for who, _ in views(desk, case)] == ["li"]


def test_the_timeline_names_the_picture_in_words(desk: Desk) -> None:
    case = desk.case_in_review()
    browser = desk.browser()
    browser.get(f"/evidence/{case.id}/{case.crop.sha256}")
    text = text_of(browser.get(f"/cases/{case.id}?lang=zh-CN"))
    assert f"Li · 图片 {case.crop.sha256[:8]}" in text
