"""The list of cases and the case file."""

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from pipeline.audit import AuditNote
from pipeline.case import CaseStatus, Disposition, Reason, move
from tests.builders import NOON, seconds
from tests.review_ui.desk import Desk, text_of


def test_the_list_filters_by_state_and_by_how_cases_ended(desk: Desk) -> None:
    waiting = desk.case_in_review()
    cleared = desk.store(
        replace(
            move(desk.a_case(), CaseStatus.CLOSED),
            disposition=Disposition.CLEARED,
            left_at=NOON + seconds(60),
            closed_at=NOON + seconds(62),
        )
    )
    browser = desk.browser()
    for query, wanted, other in (
        ("status=in_review", waiting, cleared),
        ("disposition=cleared&status=", cleared, waiting),
    ):
        html = browser.get(f"/cases?{query}").text
        assert wanted.number in html
        assert other.number not in html
    assert browser.get("/cases?status=nonsense").status_code == 422


def test_the_file_tells_the_story_with_its_rules_and_sources(desk: Desk) -> None:
    reason = Reason(rule="close_if_left", entry="grace_period from 2021-01-01", source="a source")
    case = desk.store(
        replace(
            move(desk.a_case(), CaseStatus.CLOSED),
            disposition=Disposition.CLEARED,
            left_at=NOON + seconds(60),
            closed_at=NOON + seconds(62),
            reasons=(reason,),
        )
    )
    text = text_of(desk.browser().get(f"/cases/{case.id}?lang=en"))
    for part in (
        "Left in time",
        "left 12:01:00",
        "The vehicle left, so nothing is recorded.",
        "a source",
        "All 3 files match their hash",
        "No person has decided this case.",
        "Decided not yet",
    ):
        assert part in text, part


def test_the_timeline_speaks_of_rules_and_states_in_words(desk: Desk) -> None:
    case = desk.case_in_review()
    with desk.storage.begin() as uow:
        note = AuditNote(
            case_id=case.id,
            at=NOON,
            actor="pipeline",
            action="referred to review",
            from_status="grace",
            to_status="in_review",
            case_version=3,
            cause="refer_if_seen_again (grace_period from 2021-01-01)",
        )
        uow.audit.append(note)
        uow.audit.append(replace(note, actor="camera", action="sighting", cause="cam.1.4"))
        uow.commit()
    text = text_of(desk.browser().get(f"/cases/{case.id}?lang=en"))
    assert "Referred to review Grace period → In review" in text
    assert "Pipeline · Seen again after the grace period, so a person decides." in text
    assert "Camera · event cam.1.4" in text
    assert "Chain whole, 3 entries" in text


def test_a_changed_entry_breaks_the_chain_visibly(desk: Desk, tmp_path: Path) -> None:
    case = desk.case_in_review()
    browser = desk.browser()
    for _ in range(3):
        browser.get(f"/cases/{case.id}")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/state.db")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE audit SET actor = 'wang' WHERE number = 2"))
    engine.dispose()
    assert "Chain broken at entry 2" in text_of(browser.get(f"/cases/{case.id}?lang=en"))


def test_the_file_names_how_many_pictures_were_changed(desk: Desk) -> None:
    case = desk.case_in_review(sightings=2)
    desk.spoil(case.crop)
    text = text_of(desk.browser().get(f"/cases/{case.id}?lang=en"))
    assert "1 of 5 files are missing or were changed" in text


def test_pictures_that_were_deleted_on_purpose_are_not_called_changed(desk: Desk) -> None:
    case = desk.case_in_review(sightings=2)
    reason = Reason(rule="delete_pictures", entry="retention.cleared", source="a law")
    deleted = replace(case, pictures_deleted_at=NOON)
    with desk.storage.begin() as uow:
        saved = uow.cases.save(deleted)
        uow.audit.append(
            AuditNote(
                case_id=case.id,
                at=NOON,
                actor="pipeline",
                action="pictures deleted",
                from_status=case.status,
                to_status=case.status,
                case_version=saved.version,
                cause="delete_pictures",
                reasons=(reason,),
            )
        )
        uow.commit()
    for ref in case.evidence:
        desk.spoil(ref)
    browser = desk.browser()
    text = text_of(browser.get(f"/cases/{case.id}?lang=en"))

    assert "as the rulebook says: retention.cleared (a law)" in text
    assert "missing or were changed" not in text
    assert browser.get(f"/evidence/{case.id}/{case.crop.sha256}").status_code == 404
