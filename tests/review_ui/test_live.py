"""The live wall and its pictures."""

from dataclasses import replace

import httpx

from pipeline.case import CaseStatus, move
from pipeline.events import CameraState, CameraStatus
from tests.builders import NOON, seconds
from tests.review_ui.desk import Desk, text_of

JPEG = b"\xff\xd8 a picture"
PATH = "/live/cam-1/latest.jpg"


def detector(desk: Desk, picture: httpx.Response) -> None:
    desk.detector_answers["/cameras"] = httpx.Response(200, json=[{"camera_id": "cam-1", "x": 1}])
    desk.detector_answers["/cameras/cam-1/latest.jpg"] = picture


def test_a_tile_shows_the_camera_and_the_state_of_its_cases(desk: Desk) -> None:
    status = CameraStatus(camera_id="cam-1", captured_at=NOON, state=CameraState.LOST)
    desk.case_for_operator()
    desk.store(
        replace(
            move(move(desk.a_case(), CaseStatus.REMINDER_DUE), CaseStatus.GRACE),
            grace_ends_at=NOON + seconds(600),
        )
    )
    with desk.storage.begin() as uow:
        uow.registry.save_camera_status(status)
        uow.commit()
    text = text_of(desk.browser().get("/live?lang=en"))
    for part in (
        "Jiefang junction",
        "No signal since 12:00:00",
        "Grace until 12:10:00",
        "For the operator",
    ):
        assert part in text, part


def test_the_picture_comes_with_its_age(desk: Desk) -> None:
    captured_at = (NOON - seconds(2.5)).isoformat()
    detector(desk, httpx.Response(200, content=JPEG, headers={"X-Captured-At": captured_at}))
    answer = desk.browser().get(PATH)
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["x-picture-age-s"] == "2.5"


def test_a_silent_detector_is_a_state_and_not_an_error(desk: Desk) -> None:
    answer = desk.browser().get(PATH)
    assert (answer.status_code, answer.headers["x-no-picture"]) == (204, "unreachable")


def test_what_is_no_picture_is_not_passed_on(desk: Desk) -> None:
    detector(desk, httpx.Response(200, content=b"<script>", headers={"X-Captured-At": "soon"}))
    answer = desk.browser().get(PATH)
    assert (answer.status_code, answer.headers["x-no-picture"]) == (204, "not_yet")


def test_a_camera_that_no_detector_has_is_named_so(desk: Desk) -> None:
    desk.detector_answers["/cameras"] = httpx.Response(200, json=[])
    assert desk.browser().get(PATH).headers["x-no-picture"] == "unknown_camera"
    assert desk.browser().get("/live/cam-9/latest.jpg").status_code == 404


def test_a_detector_that_speaks_nonsense_is_a_state_too(desk: Desk) -> None:
    desk.detector_answers["/cameras"] = httpx.Response(200, content=b"not json")
    assert desk.browser().get(PATH).status_code == 204


def test_an_empty_wall_says_how_to_get_a_camera(desk: Desk) -> None:
    text = text_of(desk.browser().get("/live?lang=en"))
    assert "No open case" in text
