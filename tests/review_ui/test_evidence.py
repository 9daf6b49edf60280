"""Evidence bytes over the web."""

import hashlib

from tests.review_ui.desk import Desk


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


def test_a_changed_picture_is_gone(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.spoil(case.crop)
    assert desk.browser().get(f"/evidence/{case.id}/{case.crop.sha256}").status_code == 410


def test_a_picture_opened_by_itself_is_recorded(desk: Desk) -> None:
    case = desk.case_in_review()
    path = f"/evidence/{case.id}/{case.crop.sha256}"
    browser = desk.browser()
    browser.http.get(path, headers={"Sec-Fetch-Dest": "image"})
    browser.http.get(path, headers={"Sec-Fetch-Dest": "document"})
    with desk.storage.begin() as uow:
        causes = [entry.note.cause for entry in uow.audit.of_case(case.id)]
    assert causes == [f"picture {case.crop.sha256[:8]}"]
