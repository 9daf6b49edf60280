import base64
from pathlib import Path

import pytest

from pipeline.notify import ContactBookError, RegisterUnavailableError
from pipeline.notify.contact_keys import ContactKeys, add_key
from tests.pipeline.notify.registers.contract import PHONE, PLATE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "contact-keys"


def _write(file: Path, text: str, mode: int = 0o600) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def test_a_new_file_of_keys_is_for_its_owner_alone(file: Path) -> None:
    assert add_key(file) == 1

    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    keys = ContactKeys.read(file)
    assert keys.unseal(keys.seal(PHONE)) == PHONE
    assert PHONE.encode() not in keys.seal(PHONE)


def test_a_new_key_seals_and_the_older_ones_still_open(file: Path) -> None:
    add_key(file)
    old = ContactKeys.read(file)
    sealed = old.seal(PHONE)
    assert add_key(file) == 2
    new = ContactKeys.read(file)

    assert new.ids == (new.newest_id, old.newest_id)
    assert new.newest_id != old.newest_id
    assert new.unseal(sealed) == PHONE
    with pytest.raises(RegisterUnavailableError, match="sealed by a key that is not in"):
        old.unseal(new.seal(PHONE))


def test_a_plate_s_hash_survives_a_change_of_keys_and_needs_the_file(file: Path) -> None:
    add_key(file)
    old = ContactKeys.read(file)
    add_key(file)
    new = ContactKeys.read(file)
    file.unlink()
    add_key(file)
    other = ContactKeys.read(file)

    assert new.hash_plate(PLATE) == old.hash_plate(PLATE)
    assert new.fingerprint == old.fingerprint
    assert other.hash_plate(PLATE) != old.hash_plate(PLATE)
    assert other.fingerprint != old.fingerprint
    assert len(old.hash_plate(PLATE)) == 32


def test_keys_never_print_themselves(file: Path) -> None:
    add_key(file)
    told = f"{ContactKeys.read(file)!r}"

    for line in file.read_text().splitlines():
        assert line.removeprefix("hash:") not in told


def test_remarks_and_empty_lines_are_kept_and_mean_nothing(file: Path) -> None:
    add_key(file)
    _write(file, f"\n# Of the city, since May\n{file.read_text()}\n")
    ids = ContactKeys.read(file).ids
    add_key(file)

    assert ContactKeys.read(file).ids[1:] == ids
    assert "# Of the city, since May" in file.read_text()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(file: Path, mode: int) -> None:
    add_key(file)
    file.chmod(mode)

    for use in (ContactKeys.read, add_key):
        with pytest.raises(ContactBookError, match=f"others .* may read it; chmod 600 {file}"):
            use(file)


KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no line hash:KEY; remindfirst contacts new-key makes one"),
        (KEY, "no line hash:KEY; remindfirst contacts new-key makes one"),
        (f"hash:{KEY}", "no Fernet key; remindfirst contacts new-key"),
        (f"hash:{KEY}\nhash:{KEY}\n{KEY}", "line 2: a second hash:KEY"),
        (f"hash:{KEY}\n{KEY}\nsecret", "line 3: no key"),
        (f"hash:secret\n{KEY}", "line 1: no key"),
        (f"hash:{KEY}\n{KEY[:-4]}", "line 2: no key"),
    ],
)
def test_a_line_that_is_no_key_is_named_by_its_number(file: Path, text: str, says: str) -> None:
    _write(file, text)

    with pytest.raises(ContactBookError, match=says) as refused:
        ContactKeys.read(file)
    assert "secret" not in str(refused.value).replace(str(file), "")
    assert KEY[:-4] not in str(refused.value)


def test_a_lost_hash_key_is_not_replaced_by_another(file: Path) -> None:
    _write(file, f"{KEY}\n")

    with pytest.raises(ContactBookError, match="no line hash:KEY; put it back"):
        add_key(file)
    assert file.read_text() == f"{KEY}\n"


def test_files_that_cannot_be_used_are_said(file: Path) -> None:
    with pytest.raises(ContactBookError, match=r"No such file.*; remindfirst contacts new-key"):
        ContactKeys.read(file)
    _write(file, "")
    file.write_bytes(b"\xff")
    with pytest.raises(ContactBookError, match="not a file of keys"):
        ContactKeys.read(file)
    with pytest.raises(ContactBookError, match="File exists"):
        add_key(file / "below")


def test_a_file_that_cannot_be_written_is_left_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(file)
    before = file.read_text()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(ContactBookError, match="No space left"):
        add_key(file)
    assert file.read_text() == before
    assert [one.name for one in file.parent.iterdir()] == [file.name]
