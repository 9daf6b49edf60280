"""What a person sees of deletion: `purge`, and `verify-evidence` of what was purged."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.audit import AuditNote
from pipeline.case import Case, CaseStatus, Disposition, open_case
from pipeline.clock import SystemClock
from pipeline.commands import app
from pipeline.evidence import EvidenceStore, open_evidence_store
from pipeline.storage import open_storage
from tests.builders import NOON, a_suspicion, by_hand
from tests.pipeline.storage.contract import a_note

MONTH = timedelta(days=31)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("REMINDFIRST_EVIDENCE_URL", f"file:{tmp_path}/evidence")
    monkeypatch.setenv("REMINDFIRST_BUS_URL", f"sqlite:///{tmp_path}/bus.db")
    return tmp_path


def run(*command: str) -> Result:
    return CliRunner().invoke(app, [*command])


def a_stored_case(
    store: EvidenceStore, name: str, *, is_open: bool = False, ended_at: datetime = NOON
) -> Case:
    event = a_suspicion().model_copy(
        update={
            "panorama": store.put(b"panorama", media_type="image/jpeg", captured_at=NOON),
            "crop": store.put(f"{name} crop".encode(), media_type="image/jpeg", captured_at=NOON),
            "drawn": store.put(f"{name} drawn".encode(), media_type="image/png", captured_at=NOON),
        }
    )
    case = open_case(event, opened_at=NOON)
    if is_open:
        return case
    return replace(
        case, status=CaseStatus.CLOSED, disposition=Disposition.CLEARED, closed_at=ended_at
    )


def stored(data: Path, *cases: Case) -> None:
    storage = open_storage(f"sqlite:///{data}/state.db")
    with storage.begin() as uow:
        for case in cases:
            uow.cases.add(case)
            uow.audit.append(a_note(case, "opened"))
        uow.commit()
    storage.close()


@pytest.fixture
def store(data: Path) -> EvidenceStore:
    return open_evidence_store(f"file:{data}/evidence")


@pytest.fixture
def case(data: Path, store: EvidenceStore) -> Case:
    case = a_stored_case(store, "one", ended_at=SystemClock().now())
    stored(data, case)
    return case


def files(data: Path) -> int:
    return sum(one.is_file() for one in (data / "evidence").rglob("*"))


def test_a_dry_run_says_what_a_purge_then_does(data: Path, case: Case) -> None:
    rehearsed = run("purge", "--dry-run")

    assert rehearsed.exit_code == 0
    head, *lines = rehearsed.output.splitlines()
    assert head == "dry run: nothing was changed; a purge would delete"
    assert "pictures of 1 cases" in lines
    assert "3 files that no kept case refers to" in lines
    assert files(data) == 3

    purged = run("purge")
    assert purged.output.splitlines() == lines
    assert files(data) == 0
    assert "pictures of 0 cases" in run("purge").output


def test_a_purged_case_is_whole_and_says_what_was_deleted_by_which_rule(
    data: Path, case: Case
) -> None:
    run("purge")
    verified = run("verify-evidence", case.number)

    assert verified.exit_code == 0
    assert "ok  audit chain of 2 entries" in verified.output
    assert verified.output.count("deleted on purpose  ") == 3
    assert f"deleted on purpose  {case.crop.sha256}" in verified.output
    assert "pictures deleted on " in verified.output
    assert (
        "by delete_pictures (retention.cleared.pictures = 0 days from 2021-01-01): PIPL 19"
        in verified.output
    )


def test_a_case_without_its_person_is_whole_too(data: Path, store: EvidenceStore) -> None:
    case = a_stored_case(store, "old", ended_at=SystemClock().now() - MONTH)
    stored(data, case)
    purged = run("purge")
    verified = run("verify-evidence", case.number)

    assert "personal data of 1 cases, with 0 reminders" in purged.output
    assert verified.exit_code == 0
    assert "personal data deleted on " in verified.output
    assert "retention.cleared.person = 30 days" in verified.output


def test_a_picture_that_another_case_shows_is_said_to_be_kept_for_it(
    data: Path, store: EvidenceStore, case: Case
) -> None:
    other = a_stored_case(store, "other", is_open=True)
    stored(data, other)
    run("purge")

    verified = run("verify-evidence", case.number)
    assert verified.exit_code == 0
    assert verified.output.count("deleted on purpose  ") == 2
    assert f"kept for another case  {case.sightings[0].panorama.sha256}" in verified.output

    of_other = run("verify-evidence", other.number)
    assert of_other.exit_code == 0
    assert of_other.output.count("ok  ") == 4


def test_a_picture_that_should_be_gone_and_is_not_is_named(
    data: Path, store: EvidenceStore, case: Case
) -> None:
    run("purge")
    store.put(b"one crop", media_type="image/jpeg", captured_at=NOON)
    verified = run("verify-evidence", case.number)

    assert verified.exit_code == 1
    assert f"evidence {case.crop.sha256}: is still there; run: remindfirst purge" in verified.output


def test_a_kept_picture_that_was_changed_is_no_deletion(
    data: Path, store: EvidenceStore, case: Case
) -> None:
    stored(data, a_stored_case(store, "other", is_open=True))
    run("purge")
    panorama = case.sightings[0].panorama.sha256
    file = data / "evidence" / panorama[:2] / panorama
    file.chmod(0o644)
    file.write_bytes(b"Panorama")

    verified = run("verify-evidence", case.number)
    assert verified.exit_code == 1
    assert "the file was changed" in verified.output


def test_a_deletion_that_the_chain_does_not_tell_of_is_tampering(data: Path, case: Case) -> None:
    by_hand(
        f"sqlite:///{data}/state.db",
        "UPDATE case_file SET document = json_set(document, '$.pictures_deleted_at', "
        "'2026-03-02T04:00:00Z')",
    )
    for file in (data / "evidence").rglob("*"):
        if file.is_file():
            file.unlink()
    verified = run("verify-evidence", case.number)

    assert verified.exit_code == 1
    assert "no entry tells of the deletion of its pictures, which the case claims" in (
        verified.output
    )
    assert f"{case.crop.sha256}: No such file" in verified.output


def test_a_changed_chain_proves_no_deletion(data: Path, case: Case) -> None:
    run("purge")
    by_hand(f"sqlite:///{data}/state.db", "UPDATE audit SET cause = 'x' WHERE number = 2")
    verified = run("verify-evidence", case.number)

    assert verified.exit_code == 1
    assert "entry 2 was changed" in verified.output
    assert "pictures deleted on" not in verified.output
    assert "deleted on purpose" not in verified.output


def test_a_missing_picture_of_a_case_that_was_not_purged_is_missing(data: Path, case: Case) -> None:
    crop = case.crop.sha256
    (data / "evidence" / crop[:2] / crop).unlink()
    verified = run("verify-evidence", case.number)

    assert verified.exit_code == 1
    assert f"{crop}: No such file" in verified.output
    assert "deleted on purpose" not in verified.output


def test_a_purge_makes_no_database(data: Path) -> None:
    refused = run("purge")

    assert refused.exit_code == 2
    assert "there is none; say where it is" in refused.output


def test_events_are_not_forgotten_while_they_may_come_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMINDFIRST_EVENTS_KEPT_DAYS", "2")
    refused = run("purge")

    assert refused.exit_code == 2
    assert "events_kept_days" in refused.output


def test_progress_is_told_beside_the_result(
    data: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.evidence_commands.TELL_EVERY_S", -1.0)
    purged = run("purge")

    assert purged.stderr.startswith("... 1 and 0 cases, 0 events, 3 files\n")
    assert "..." not in purged.stdout


def test_a_purge_that_was_cut_off_says_what_was_left(data: Path, case: Case) -> None:
    run("purge")
    by_hand(f"sqlite:///{data}/state.db", "INSERT INTO picture_to_delete VALUES (zeroblob(32))")

    assert "1 files that an earlier purge, which was cut off, had left" in run("purge").output


def test_nothing_is_told_of_a_person(data: Path, case: Case) -> None:
    told = run("purge").output + run("verify-evidence", case.number).output

    assert case.plate.text is not None
    assert case.plate.text not in told


def test_a_note_of_a_purge_holds_no_plate(data: Path, case: Case) -> None:
    run("purge")
    storage = open_storage(f"sqlite:///{data}/state.db")
    with storage.read() as uow:
        notes: list[AuditNote] = [entry.note for entry in uow.audit.of_case(case.id)]
    storage.close()

    assert notes[-1].actor == "pipeline"
    assert str(case.plate.text) not in str(notes)
