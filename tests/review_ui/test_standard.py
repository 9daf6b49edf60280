"""The evidence standard, why a vehicle is held to stand, and what a camera cannot see."""

from dataclasses import replace

import pytest

from pipeline.case import Case
from pipeline.events import (
    CameraFault,
    CameraState,
    CameraStatus,
    NotWaiting,
    StandingEvidence,
    UnseenReason,
    UnseenSpan,
)
from tests.builders import NOON, seconds
from tests.review_ui.desk import Desk, text_of


def changed(desk: Desk, case: Case, **changes: object) -> Case:
    with desk.storage.begin() as uow:
        saved = uow.cases.save(replace(case, **changes))  # type: ignore[arg-type]
        uow.commit()
    return saved


def with_size(case: Case, width_px: int, height_px: int) -> dict[str, object]:
    size = {"width_px": width_px, "height_px": height_px}
    sightings = tuple(
        replace(one, panorama=one.panorama.model_copy(update=size)) for one in case.sightings
    )
    return {"sightings": sightings}


def test_the_page_says_of_every_clause_what_was_found(desk: Desk) -> None:
    case = desk.case_in_review()
    case = changed(desk, case, **with_size(case, 1280, 720))
    for path in (f"/review/{case.id}", f"/cases/{case.id}"):
        text = text_of(desk.browser().get(f"{path}?lang=en"))
        assert "Picture size Met 1280x720 pixels; at least 1280x720 are needed." in text
        assert "GA/T 832-2014, 3.4" in text
        assert "Colour Please look" in text
        assert "the same vehicle in the same place, at least 10 s later" in text


def test_a_clause_that_is_necessary_locks_confirming_and_says_what_is_missing(desk: Desk) -> None:
    case = desk.case_in_review()
    small = with_size(case, 640, 360)
    case = changed(desk, case, evidence_needed=("size",), **small)
    browser = desk.browser()
    page = browser.get(f"/review/{case.id}?lang=en")
    assert (
        "It cannot be confirmed, only rejected: 640x360 pixels; at least 1280x720 are needed."
        in text_of(page)
    )
    assert "Evidence standard Not met: 1" in text_of(page)
    form = {"version": case.version, "outcome": "warning"}
    answer = browser.post(f"/review/{case.id}/decision", **form)
    assert answer.status_code == 409
    assert "A clause of the evidence standard is not met" in text_of(answer)
    form = {"version": case.version, "reject_reason": "plate_unreadable"}
    assert browser.post(f"/review/{case.id}/decision", **form).status_code == 303


def test_a_clause_that_is_not_necessary_is_a_weak_point_only(desk: Desk) -> None:
    case = desk.case_in_review()
    case = changed(desk, case, **with_size(case, 640, 360))
    browser = desk.browser()
    text = text_of(browser.get(f"/review/{case.id}?lang=en"))
    assert "Weak points:" in text
    assert "It cannot be confirmed" not in text
    form = {"version": case.version, "outcome": "warning"}
    assert browser.post(f"/review/{case.id}/decision", **form).status_code == 303


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "en",
            (
                (
                    "Not waiting in traffic: vehicles of its own direction drove around it; "
                    "vehicles that drove past meanwhile: 3; "
                    "vehicles that drove over its place before: 2; it was seen to arrive."
                ),
                "Times in which it was not seen: 1",
                "12:00:05 to 12:00:20 (15 s): something stood before it",
            ),
        ),
        (
            "zh-CN",
            (
                (
                    "不是在车流中等待： 同方向车辆绕过它行驶；停留期间驶过的车辆：3；"
                    "此前驶过其位置的车辆：2；看到其驶来停下。"
                ),
                "12:00:05 至 12:00:20（15 秒）：被其他物体遮挡",
            ),
        ),
    ],
)
def test_the_page_says_why_it_is_not_waiting_and_when_it_was_not_seen(
    desk: Desk, language: str, parts: tuple[str, ...]
) -> None:
    case = desk.case_in_review()
    gap = UnseenSpan(since=NOON + seconds(5), until=NOON + seconds(20), reason=UnseenReason.HIDDEN)
    last = replace(case.sightings[-1], unseen=(gap,))
    evidence = StandingEvidence(
        basis=NotWaiting.PASSED, passed_by=3, drove_over=2, is_arrival_seen=True
    )
    changed(desk, case, standing=evidence, sightings=(*case.sightings[:-1], last))
    for path in (f"/review/{case.id}", f"/cases/{case.id}"):
        text = text_of(desk.browser().get(f"{path}?lang={language}"))
        for part in parts:
            assert part in text, part


def test_counts_of_nothing_and_an_arrival_nobody_saw_are_told_as_such(desk: Desk) -> None:
    case = desk.case_in_review()
    changed(desk, case, standing=StandingEvidence(basis=NotWaiting.OUTLASTED))
    text = text_of(desk.browser().get(f"/review/{case.id}?lang=en"))
    assert (
        "Not waiting in traffic: it stood longer than traffic is held anywhere; "
        "it stood there when the camera first looked." in text
    )


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "en",
            (
                "Cannot see since 12:00:00",
                "View moved: somebody has to look at the camera and its zones",
                "Lens dirty or covered",
                "Cameras blind 1",
            ),
        ),
        ("zh-CN", ("无法看清", "画面已移位：须有人检查摄像机和区域", "镜头脏污或被遮挡")),
    ],
)
def test_a_tile_says_why_its_camera_cannot_see(
    desk: Desk, language: str, parts: tuple[str, ...]
) -> None:
    status = CameraStatus(
        camera_id="cam-1",
        captured_at=NOON,
        state=CameraState.IMPAIRED,
        faults=(CameraFault.LENS_DIRTY, CameraFault.VIEW_MOVED),
    )
    with desk.storage.begin() as uow:
        uow.registry.save_camera_status(status)
        uow.commit()
    text = text_of(desk.browser().get(f"/live?lang={language}"))
    for part in parts:
        assert part in text, part


def test_a_camera_that_sees_may_still_have_plates_too_small_to_read(desk: Desk) -> None:
    status = CameraStatus(
        camera_id="cam-1",
        captured_at=NOON,
        state=CameraState.ONLINE,
        faults=(CameraFault.PLATE_TOO_SMALL,),
    )
    with desk.storage.begin() as uow:
        uow.registry.save_camera_status(status)
        uow.commit()
    text = text_of(desk.browser().get("/live?lang=en"))
    assert "Plates too small to be read well" in text
    assert "Cameras blind 0" in text
