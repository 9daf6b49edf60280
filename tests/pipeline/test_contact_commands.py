import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.commands import app
from pipeline.errors import TRY_AGAIN

PLATE, PHONE = "鄂A12345", "13800000001"
HEAD = "plate,phone,opted_out\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("REMINDFIRST_CONTACTS", f"{tmp_path}/contacts.csv")
    monkeypatch.setenv("REMINDFIRST_CONTACTS_KEY_FILE", f"{tmp_path}/contact-keys")
    (tmp_path / "contacts.csv").write_text(f"{HEAD}{PLATE},{PHONE},no\n", encoding="utf-8")
    return tmp_path


def contacts(*command: str) -> Result:
    return CliRunner().invoke(app, ["contacts", *command])


def test_from_a_new_key_to_contacts_in_the_database(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = contacts("new-key")
    assert made.exit_code == 0
    assert f"{data}/contact-keys: 1 key, the new one first" in made.output
    assert "Keep a copy" in made.output

    loaded = contacts("import", f"{data}/contacts.csv")
    assert loaded.exit_code == 0
    assert "1 contacts" in loaded.output
    assert "loaded 1: 1 contacts in the database, 0 opted out, 0 in doubt\n" in loaded.output

    monkeypatch.setenv("REMINDFIRST_CONTACTS", "table:")
    assert "phone: 138******01\nopted out: no\nin doubt: no\n" in contacts("check", PLATE).output
    assert contacts("check", "鄂A99999").output == "no contact\n"


def test_opt_outs_and_doubts_count_for_a_plain_file_of_contacts(data: Path) -> None:
    contacts("new-key")
    assert contacts("opt-out", "鄂a·12345").output == "opted out: 鄂A·1**45\n"
    assert contacts("doubt", PLATE, "--reason", "by phone, 3 May").output.startswith("in doubt: ")

    shown = contacts("check", PLATE).output
    assert "opted out: yes\nin doubt: yes\n" in shown
    assert "why in doubt: by phone, 3 May\n" in shown
    assert "0 contacts in the database, 1 opted out, 1 in doubt" in contacts("count").output

    contacts("opt-in", PLATE)
    contacts("trust", PLATE)
    assert "opted out: no\nin doubt: no\n" in contacts("check", PLATE).output


def test_keys_are_changed_step_by_step(data: Path) -> None:
    contacts("new-key")
    contacts("import", f"{data}/contacts.csv")
    assert "contact-keys: 2 keys, the new one first\nCopy it" in contacts("new-key").output
    assert "; 1 sealed by an older key" in contacts("count").output

    rotated = contacts("rotate-keys")
    assert "sealed 1 with the newest key\nThe older keys open nothing any more" in rotated.output
    assert "sealed 0" in contacts("rotate-keys").output
    assert "older" not in contacts("count").output


def test_a_file_with_broken_rows_is_refused_whole(data: Path) -> None:
    contacts("new-key")
    (data / "broken.csv").write_text(f"{HEAD}鄂A54321,{PHONE},no\n{PLATE},x,no\n,,\n")
    refused = contacts("import", f"{data}/broken.csv")

    assert refused.exit_code == 2
    assert "2 broken rows, nothing was loaded\nline 3: the phone is no number\nline 4: " in (
        refused.output
    )
    assert contacts("count").output.startswith("0 contacts")


@pytest.mark.parametrize(
    "command",
    [
        ("new-key",),
        ("import", "contacts.csv"),
        ("opt-out", PLATE),
        ("doubt", PLATE, "--reason", "x"),
        ("count",),
        ("rotate-keys",),
    ],
)
def test_without_a_file_of_keys_the_next_steps_are_said(
    data: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("REMINDFIRST_CONTACTS_KEY_FILE", "")
    refused = contacts(*command)

    assert refused.exit_code == 2
    assert "set REMINDFIRST_CONTACTS_KEY_FILE, and make the file with" in refused.output


def test_a_setting_that_names_no_file_yet_says_how_to_make_it(data: Path) -> None:
    assert "remindfirst contacts new-key makes one" in contacts("opt-out", PLATE).output


def test_who_forgets_the_keys_of_opt_outs_is_stopped(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts("new-key")
    contacts("opt-out", PLATE)
    monkeypatch.delenv("REMINDFIRST_CONTACTS_KEY_FILE")
    for command in (["contacts", "check", PLATE], ["work"]):
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2
        assert "the database keeps opt-outs, doubts or contacts: set " in refused.output


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("opt-out", "no plate!"), "not a plate by any known pattern"),
        (("doubt", PLATE, "--reason", " "), "the reason must have 1 to 500 characters"),
        (("doubt", PLATE, "--reason", "x" * 501), "the reason must have 1 to 500 characters"),
        (("import", "/nowhere.csv"), "contacts /nowhere.csv: No such file"),
    ],
)
def test_what_cannot_be_done_is_said(data: Path, command: tuple[str, ...], says: str) -> None:
    contacts("new-key")
    refused = contacts(*command)

    assert refused.exit_code == 2
    assert says in refused.output


def test_a_register_that_is_away_may_be_tried_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "token").write_text("token")
    monkeypatch.setenv("REMINDFIRST_CONTACTS", f"http://127.0.0.1:1/?token_file={data}/token")
    contacts("new-key")
    away = contacts("check", PLATE)

    assert away.exit_code == TRY_AGAIN
    assert "register http://127.0.0.1:1/: no answer (ConnectError)" in away.output


def test_a_large_file_is_loaded_in_batches_with_its_progress(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.own_contacts._BATCH", 10)
    rows = "".join(f"鄂A{n:05},{PHONE},no\n" for n in range(95))
    (data / "large.csv").write_text(HEAD + rows, encoding="utf-8")
    contacts("new-key")
    loaded = contacts("import", f"{data}/large.csv")

    assert "95 contacts" in loaded.output
    assert "loaded 95: 95 contacts in the database" in loaded.output


def test_commands_tell_no_log_of_plate_or_phone(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (data / "broken.csv").write_text(f"{HEAD}{PLATE},{PHONE}x,no\n", encoding="utf-8")
    done = [
        contacts(*command)
        for command in (
            ("new-key",),
            ("import", f"{data}/contacts.csv"),
            ("import", f"{data}/broken.csv"),
            ("opt-out", PLATE),
            ("opt-out", f"{PLATE}{PHONE}"),
            ("doubt", PLATE, "--reason", f"I am {PHONE}"),
            ("new-key",),
            ("rotate-keys",),
        )
    ]

    told = caplog.text + "".join(one.output for one in done)
    for secret in ("12345", PHONE):
        assert secret not in told
