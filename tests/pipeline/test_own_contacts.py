import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from pipeline.app import open_book
from pipeline.notify import (
    Contact,
    ContactBook,
    ContactBookError,
    CsvContactBook,
    RegisterUnavailableError,
)
from pipeline.notify.contact_keys import ContactKeys, add_key
from pipeline.own_contacts import OverlaidContactBook, OwnContacts
from pipeline.storage import Storage
from pipeline.telemetry import FieldFormatter
from tests.fakes import DictContactBook
from tests.pipeline.notify.registers.contract import (
    OTHER,
    PHONE,
    PLATE,
    BookOf,
    ContactBookContract,
    a_contact,
    told_of,
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "contact-keys"
    add_key(file)
    return file


@pytest.fixture
def own(storage: Storage, key_file: Path) -> OwnContacts:
    return OwnContacts(storage, ContactKeys.read(key_file))


def load(own: OwnContacts, contacts: Mapping[str, Contact]) -> int:
    return own.load(contacts.items(), lambda _: None)


def doubt(storage: Storage, own: OwnContacts, reason: str = "not mine") -> None:
    with storage.begin() as uow:
        own.doubt(uow, PLATE, reason=reason)
        uow.commit()


def opt_out(storage: Storage, own: OwnContacts) -> None:
    with storage.begin() as uow:
        own.opt_out(uow, PLATE)
        uow.commit()


def found(book: ContactBook) -> Contact:
    contact = book.find(PLATE)
    assert contact is not None
    return contact


class TestOwnContacts(ContactBookContract):
    @pytest.fixture
    def book_of(self, own: OwnContacts) -> BookOf:
        def loaded(contacts: Mapping[str, Contact]) -> ContactBook:
            assert load(own, contacts) == len(contacts)
            return own

        return loaded


class TestOverlaidContactBook(ContactBookContract):
    @pytest.fixture
    def book_of(self, own: OwnContacts) -> BookOf:
        def laid_over(contacts: Mapping[str, Contact]) -> ContactBook:
            book = DictContactBook()
            book._contacts = dict(contacts)
            return OverlaidContactBook(book, own)

        return laid_over


def test_nobody_reads_plates_or_phones_in_a_stolen_table(
    storage: Storage, own: OwnContacts, storage_url: str
) -> None:
    load(own, {PLATE: a_contact()})
    doubt(storage, own, "call me at 13912345678")
    engine = sa.create_engine(storage_url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM contact")).mappings().all()
    engine.dispose()

    shown = " ".join(
        bytes(cell).decode("latin-1") if isinstance(cell, bytes | memoryview) else str(cell)
        for row in rows
        for cell in row.values()
    )
    assert len(rows) == 1
    for secret in (PLATE, "12345", PHONE, "secret-endpoint", "13912345678"):
        assert secret not in shown
        assert secret.encode().decode("latin-1") not in shown


def test_a_doubt_has_its_reason_and_ends_when_somebody_trusts_again(
    storage: Storage, own: OwnContacts
) -> None:
    load(own, {PLATE: a_contact()})
    assert own.doubt_of(PLATE) is None
    doubt(storage, own, "sold in May")
    assert found(own).is_doubtful
    assert own.doubt_of(PLATE) == "sold in May"

    with storage.begin() as uow:
        own.trust(uow, PLATE)
        uow.commit()
    assert not found(own).is_doubtful
    assert own.doubt_of(PLATE) is None


def test_a_doubt_ends_when_the_register_names_another_phone(
    storage: Storage, own: OwnContacts
) -> None:
    load(own, {PLATE: a_contact()})
    doubt(storage, own)
    load(own, {PLATE: replace(a_contact(), colour="红")})
    assert found(own).is_doubtful

    load(own, {PLATE: a_contact("13900000009")})
    assert not found(own).is_doubtful


def test_a_doubt_about_somebody_else_s_register_is_not_ended_by_loading(
    storage: Storage, own: OwnContacts
) -> None:
    doubt(storage, own)
    load(own, {PLATE: a_contact()})

    assert found(own).is_doubtful


def test_opt_outs_stay_when_a_register_is_loaded(storage: Storage, own: OwnContacts) -> None:
    opt_out(storage, own)
    assert own.find(PLATE) is None
    load(own, {PLATE: a_contact()})
    assert found(own).is_opted_out

    with storage.begin() as uow:
        own.opt_in(uow, PLATE)
        uow.commit()
    assert not found(own).is_opted_out


def test_what_people_said_is_laid_over_any_register(storage: Storage, own: OwnContacts) -> None:
    book = OverlaidContactBook(DictContactBook(PLATE, OTHER), own)
    opt_out(storage, own)
    doubt(storage, own)

    assert found(book) == Contact(phone=SecretStr(PHONE), is_opted_out=True, is_doubtful=True)
    assert book.find(OTHER) == Contact(phone=SecretStr(PHONE))
    assert book.find("鄂A99999") is None


def test_an_opt_out_of_the_register_itself_is_not_taken_back_here(
    storage: Storage, own: OwnContacts
) -> None:
    book = OverlaidContactBook(DictContactBook(PLATE, opted_out=True), own)
    with storage.begin() as uow:
        own.opt_in(uow, PLATE)
        uow.commit()

    assert found(book).is_opted_out


def test_keys_are_changed_and_the_old_one_is_not_needed_any_more(
    storage: Storage, own: OwnContacts, key_file: Path
) -> None:
    load(own, {PLATE: a_contact(), OTHER: a_contact("13900000002")})
    doubt(storage, own)
    add_key(key_file)
    newer = OwnContacts(storage, ContactKeys.read(key_file))
    assert newer.count().sealed_by_others == 2
    before = newer.find(PLATE)

    assert newer.rotate_keys(lambda _: None) == 2
    assert newer.rotate_keys(lambda _: None) == 0

    hash_line, newest, _ = key_file.read_text().splitlines()[1:]
    key_file.write_text(f"{hash_line}\n{newest}\n")
    alone = OwnContacts(storage, ContactKeys.read(key_file))
    assert alone.find(PLATE) == before
    assert alone.doubt_of(PLATE) == "not mine"
    assert alone.count().sealed_by_others == 0


def test_a_change_of_keys_that_was_cut_off_goes_on_where_it_was(
    storage: Storage, own: OwnContacts, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.own_contacts._BATCH", 2)
    plates = [f"鄂A1234{n}" for n in range(5)]
    load(own, dict.fromkeys(plates, a_contact()))
    add_key(key_file)
    newer = OwnContacts(storage, ContactKeys.read(key_file))

    def cut_off(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        newer.rotate_keys(cut_off)
    assert newer.count().sealed_by_others == 3
    assert newer.find(plates[0]) == newer.find(plates[4]) == a_contact()

    batches: list[int] = []
    assert newer.rotate_keys(batches.append) == 3
    assert batches == [2, 1]
    assert newer.count().sealed_by_others == 0


def test_a_key_that_was_taken_out_too_early_is_said_and_nobody_counts_as_unknown(
    storage: Storage, own: OwnContacts, key_file: Path
) -> None:
    load(own, {PLATE: a_contact()})
    opt_out(storage, own)
    add_key(key_file)
    hash_line, newest, _ = key_file.read_text().splitlines()[1:]
    key_file.write_text(f"{hash_line}\n{newest}\n")
    alone = OwnContacts(storage, ContactKeys.read(key_file))

    with pytest.raises(RegisterUnavailableError, match="sealed by a key that is not in") as away:
        alone.find(PLATE)
    with pytest.raises(ContactBookError, match=r"has sealed contacts and is not in .* put it back"):
        alone.rotate_keys(lambda _: None)
    assert PLATE not in told_of(away.value)
    # Opt-outs need no key to be opened.
    assert found(OverlaidContactBook(DictContactBook(PLATE), alone)).is_opted_out


def test_a_program_that_has_not_heard_of_a_new_key_still_sees_opt_outs(
    storage: Storage, own: OwnContacts, key_file: Path
) -> None:
    add_key(key_file)
    newer = OwnContacts(storage, ContactKeys.read(key_file))
    opt_out(storage, newer)

    assert found(OverlaidContactBook(DictContactBook(PLATE), own)).is_opted_out


def test_another_hash_key_is_noticed_and_does_not_look_like_an_empty_table(
    storage: Storage, own: OwnContacts, tmp_path: Path
) -> None:
    add_key(tmp_path / "other-keys")
    # Opened while nothing was in the table yet.
    other = OwnContacts(storage, ContactKeys.read(tmp_path / "other-keys"))
    load(own, {PLATE: a_contact()})

    says = "hidden with another line hash:KEY"
    with pytest.raises(ContactBookError, match=says):
        OwnContacts(storage, ContactKeys.read(tmp_path / "other-keys"))
    with pytest.raises(RegisterUnavailableError, match=says):
        other.find(PLATE)
    with pytest.raises(ContactBookError, match=says):
        opt_out(storage, other)


def test_a_book_is_opened_with_what_people_said(
    storage: Storage, own: OwnContacts, key_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(f"plate,phone\n{PLATE},{PHONE}\n", encoding="utf-8")
    assert isinstance(open_book(str(file), key_file=None, storage=storage), CsvContactBook)
    with pytest.raises(ContactBookError, match="set REMINDFIRST_CONTACTS_KEY_FILE"):
        open_book("table:", key_file=None, storage=storage)
    with pytest.raises(ContactBookError, match="set REMINDFIRST_CONTACTS to"):
        open_book(None, key_file=None, storage=storage)

    opt_out(storage, own)
    assert found(open_book(f"csv:{file}", key_file=key_file, storage=storage)).is_opted_out
    load(own, {PLATE: a_contact()})
    assert found(open_book("table:", key_file=key_file, storage=storage)).is_opted_out
    with pytest.raises(ContactBookError, match="the database keeps opt-outs"):
        open_book(str(file), key_file=None, storage=storage)


def test_no_log_and_no_error_holds_a_plate_or_a_phone(
    storage: Storage,
    own: OwnContacts,
    key_file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    told: list[str] = []
    broken = tmp_path / "broken.csv"
    broken.write_text(f"plate,phone\n{PLATE},{PHONE}x\n{PHONE},{PLATE}\n", encoding="utf-8")
    try:
        load(own, {PLATE: a_contact()})
        opt_out(storage, own)
        doubt(storage, own, f"I am {PHONE}")
        told.append(repr(own.find(PLATE)))
        add_key(key_file)
        newer = OwnContacts(storage, ContactKeys.read(key_file))
        newer.rotate_keys(lambda _: None)
        with pytest.raises(RegisterUnavailableError) as away:
            own.find(PLATE)
        told.append(told_of(away.value))
        with pytest.raises(ContactBookError) as refused:
            CsvContactBook(broken)
        told.append(told_of(refused.value))
    finally:
        for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
            logging.getLogger(name).setLevel(logging.NOTSET)

    lines = "\n".join([FieldFormatter().format(one) for one in caplog.records] + told)
    assert "INSERT INTO contact" in lines
    for secret in ("12345", PHONE, "secret-endpoint"):
        assert secret not in lines
