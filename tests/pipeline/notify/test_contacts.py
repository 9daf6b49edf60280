from pathlib import Path

import pytest

from pipeline.notify import ContactBookError, CsvContactBook

HEAD = "plate,phone,opted_out\n"


def _book(tmp_path: Path, rows: str) -> CsvContactBook:
    file = tmp_path / "contacts.csv"
    file.write_text(HEAD + rows, encoding="utf-8")
    return CsvContactBook(file)


def test_a_plate_is_found_in_its_one_spelling(tmp_path: Path) -> None:
    book = _book(tmp_path, "鄂a·12345,13800000001,no\n鄂A54321,+8613800000002,yes\n")

    contact = book.find("鄂A12345")
    assert contact is not None
    assert contact.masked == "138******01"
    assert not contact.is_opted_out
    other = book.find("鄂A54321")
    assert other is not None
    assert other.is_opted_out
    assert book.find("鄂A99999") is None


def test_a_contact_never_prints_its_number(tmp_path: Path) -> None:
    contact = _book(tmp_path, "鄂A12345,13800000001,\n").find("鄂A12345")

    assert "13800000001" not in f"{contact!r} {contact}"


@pytest.mark.parametrize(
    "row",
    ["no plate at all!,13800000001,no", "鄂A12345,call me,no", "鄂A12345,138,maybe", "鄂A12345"],
)
def test_a_broken_row_is_named_by_its_line_and_not_by_its_content(tmp_path: Path, row: str) -> None:
    with pytest.raises(ContactBookError, match="line 3") as refused:
        _book(tmp_path, f"鄂A54321,13800000002,no\n{row}\n")

    assert "12345" not in str(refused.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ContactBookError, match="No such file"):
        CsvContactBook(tmp_path / "nowhere.csv")
