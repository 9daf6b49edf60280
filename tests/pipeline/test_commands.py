from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.case import open_case
from pipeline.clock import SystemClock
from pipeline.commands import app
from pipeline.errors import TRY_AGAIN
from pipeline.events import ViolationSuspected
from pipeline.evidence import open_evidence_store
from pipeline.notify.templates import SHIPPED
from pipeline.policy.milestones import Milestones
from pipeline.storage import check, open_storage, upgrade
from pipeline.storage.base import DeadLetter
from tests.builders import NOON, a_suspicion, by_hand
from tests.pipeline.storage.contract import a_note
from tests.servers.kafka import delete_topic


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("REMINDFIRST_EVIDENCE_URL", f"file:{tmp_path}/evidence")
    monkeypatch.setenv("REMINDFIRST_BUS_URL", f"sqlite:///{tmp_path}/bus.db")
    return tmp_path


def _stored_case(data: Path) -> tuple[str, ViolationSuspected]:
    store = open_evidence_store(f"file:{data}/evidence")
    event = a_suspicion().model_copy(
        update={
            name: store.put(name.encode(), media_type="image/jpeg", captured_at=NOON)
            for name in ("panorama", "crop", "drawn")
        }
    )
    case = open_case(event, opened_at=NOON)
    storage = open_storage(f"sqlite:///{data}/state.db")
    with storage.begin() as uow:
        uow.cases.add(case)
        uow.audit.append(a_note(case, "opened"))
        uow.commit()
    storage.close()
    return case.number, event


def test_whole_evidence_is_said_to_be_whole(data: Path) -> None:
    number, _ = _stored_case(data)
    result = CliRunner().invoke(app, ["verify-evidence", number])

    assert result.exit_code == 0
    assert result.output.count("ok  ") == 4


def test_one_changed_byte_is_named(data: Path) -> None:
    number, event = _stored_case(data)
    file = data / "evidence" / event.crop.sha256[:2] / event.crop.sha256
    file.chmod(0o644)
    file.write_bytes(b"crap")
    result = CliRunner().invoke(app, ["verify-evidence", number])

    assert result.exit_code == 1
    assert f"{event.crop.sha256}: the file was changed" in result.output
    assert result.output.count("ok  ") == 3


def test_a_chain_whose_end_was_cut_is_not_whole(data: Path) -> None:
    number, _ = _stored_case(data)
    storage = open_storage(f"sqlite:///{data}/state.db")
    with storage.begin() as uow:
        (case,) = uow.cases.find()
        uow.cases.save(case)
        uow.commit()
    storage.close()
    result = CliRunner().invoke(app, ["verify-evidence", number])

    assert result.exit_code == 1
    assert "its last entries are missing" in result.output


def test_a_mistyped_id_does_not_check_another_case(data: Path) -> None:
    number, _ = _stored_case(data)
    result = CliRunner().invoke(app, ["verify-evidence", f"{number}-0000"])

    assert "no case" in result.output


def test_an_unknown_case_is_said_to_be_unknown(data: Path) -> None:
    _stored_case(data)
    result = CliRunner().invoke(app, ["verify-evidence", "12345678"])

    assert result.exit_code == 2
    assert "no case with number '12345678'" in result.output


def test_who_only_looks_makes_no_database(data: Path) -> None:
    result = CliRunner().invoke(app, ["dead-letters"])

    assert result.exit_code == 2
    assert "there is none; say where it is" in result.output
    assert not (data / "state.db").exists()


def test_an_impossible_setting_is_named_in_one_line(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMINDFIRST_REMINDER_LANGUAGE", "fr")
    result = CliRunner().invoke(app, ["work"])

    assert result.exit_code == 2
    assert "reminder_language: String should match" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_dead_letters_are_listed_with_their_reasons(data: Path) -> None:
    storage = open_storage(f"sqlite:///{data}/state.db")
    letter = DeadLetter(topic="t", partition=1, offset=7, raw=b"?", reason="no JSON", at=NOON)
    with storage.begin() as uow:
        uow.inbox.add_dead_letter(letter)
        uow.commit()
    storage.close()
    result = CliRunner().invoke(app, ["dead-letters"])

    assert "t/1/7  no JSON" in result.output
    assert "1 dead letters" in result.output


def test_a_worker_without_contacts_says_which_setting_is_missing(data: Path) -> None:
    result = CliRunner().invoke(app, ["work"])

    assert result.exit_code == 2
    assert "REMINDFIRST_CONTACTS" in result.output


def test_the_database_is_checked_upgraded_and_checked(
    storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", storage_url)
    if storage_url.startswith("postgresql"):
        by_hand(storage_url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    checked = CliRunner().invoke(app, ["db", "check"])
    assert checked.exit_code == 2
    assert "there is none" in checked.output or "remindfirst db upgrade" in checked.output

    assert CliRunner().invoke(app, ["db", "upgrade"]).exit_code == 0
    assert "ok: tables of version" in CliRunner().invoke(app, ["db", "check"]).output


def test_a_clock_is_accepted_by_a_person(storage_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", storage_url)
    upgrade(storage_url)

    accepted = CliRunner().invoke(app, ["db", "accept-clock"])

    assert accepted.exit_code == 0
    assert accepted.output.startswith(f"accepted: it is {SystemClock().now():%Y-%m-%d}")


@pytest.mark.postgres
def test_processes_that_upgrade_at_one_moment_wait_for_one_another(postgres_url: str) -> None:
    by_hand(postgres_url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [postgres_url] * 4))
    assert check(postgres_url)


@pytest.mark.postgres
@pytest.mark.parametrize("password", ["", ":wrong"])
def test_a_wrong_password_is_for_a_person(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    by_hand(postgres_url, "DROP ROLE IF EXISTS with_password")
    by_hand(postgres_url, "CREATE ROLE with_password LOGIN PASSWORD 'right'")
    url = postgres_url.replace("postgres@", f"with_password{password}@")
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", url)

    for command in ("check", "upgrade"):
        refused = CliRunner().invoke(app, ["db", command])
        assert refused.exit_code == 2
        assert "check the user and the file that PGPASSFILE names" in refused.output


def test_a_server_that_does_not_answer_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", "postgresql+psycopg://x@127.0.0.1:1/x")
    checked = CliRunner().invoke(app, ["db", "check"])
    assert checked.exit_code == TRY_AGAIN
    assert "connection" in checked.output


@pytest.mark.kafka
def test_a_topic_is_made_once_and_checked(kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new = kafka_url.replace("test_", "new_")
    monkeypatch.setenv("REMINDFIRST_BUS_URL", new)

    missing = CliRunner().invoke(app, ["topics", "check"])
    made = [CliRunner().invoke(app, ["topics", "create", "--replicas", "1"]) for _ in range(2)]
    checked = CliRunner().invoke(app, ["topics", "check"])
    delete_topic(new)

    assert missing.exit_code == 2
    assert "no topic new_" in missing.output
    assert [one.stdout.partition(":")[0] for one in made] == ["made", "there already"]
    assert checked.stdout.startswith("ok: topic new_")


def test_a_bus_on_this_machine_has_no_topics(data: Path) -> None:
    result = CliRunner().invoke(app, ["topics", "create"])

    assert result.exit_code == 2
    assert "use kafka://" in result.output


def test_shipped_wordings_are_shown_with_what_they_cost() -> None:
    result = CliRunner().invoke(app, ["texts", "check"])

    assert result.exit_code == 0
    assert "reminder sms zh-CN: reminder-sms-zh version 1 by RemindFirst" in result.output
    assert "segments (117 units of UCS-2)" in result.output
    assert result.output.endswith("18 templates, 0 findings\n")


def test_a_wording_that_threatens_is_refused_with_its_place(tmp_path: Path) -> None:
    shipped = (SHIPPED / "reminder.zh-CN.toml").read_text(encoding="utf-8")
    ours = shipped.replace("谢谢配合。", "否则将予罚款。").replace("version = 1", "version = 2")
    (tmp_path / "ours.toml").write_text(ours, encoding="utf-8")
    result = CliRunner().invoke(app, ["texts", "check", str(tmp_path)])

    assert result.exit_code == 2
    assert "FINDING text, near" in result.output
    assert "tip sms zh-CN: the shipped one" in result.output
    assert "ours.toml: template reminder-sms-zh: text, near" in result.stderr
    assert '"罚款" must not be said' in result.stderr


def test_the_legal_clocks_of_a_case_are_printed_for_people(tmp_path: Path) -> None:
    given = ["deadlines", "--captured", "2026-09-24T23:30+08:00", "--now", "2026-10-10T00:00"]
    ours = tmp_path / "calendar.yaml"
    ours.write_text(
        "years: [{year: 2026, source: test, make_up_days: [],"
        " holidays: [{from: 2026-09-25, to: 2026-10-31}]}]"
    )
    shipped, entered, ours_too = (
        CliRunner().invoke(app, [*given, *more])
        for more in (
            [],
            ["--entered", "2026-10-09T23:59:59", "--at", "notified=2026-10-10", "--lang", "zh"],
            ["--holidays", str(ours), "--zone", "Europe/Berlin"],
        )
    )

    assert "2026-10-09  2026-10-09 00:00  overdue  P105 article 19" in shipped.output
    assert "The case can only be closed as expired" in shipped.output
    assert "已完成" in entered.output
    assert "接受处理" in entered.output
    assert "2026-09-24 17:30  2026-11-06" in ours_too.output


def test_a_milestone_that_does_not_exist_is_refused_and_the_help_lists_those_that_do() -> None:
    refused = CliRunner().invoke(app, ["deadlines", "--at", "entred=2026-10-09"])
    told = CliRunner().invoke(app, ["deadlines", "--help"]).output

    assert refused.exit_code == 2
    assert "'entred' is no milestone" in refused.stderr
    assert [
        one.name for one in fields(Milestones) if one.name.removesuffix("_at") not in told
    ] == []
