import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.events import VehicleClass
from pipeline.notify import Contact, ContactBook, ContactBookError, CsvContactBook
from tests.pipeline.notify.registers.contract import (
    PHONE,
    PLATE,
    BookOf,
    ContactBookContract,
    told_of,
)

HEAD = "plate,phone,opted_out,vehicle_class,colour,plate_class,push\n"


def _book(tmp_path: Path, rows: str, head: str = HEAD) -> CsvContactBook:
    file = tmp_path / "contacts.csv"
    file.write_text(head + rows, encoding="utf-8")
    return CsvContactBook(file)


class TestCsvContactBook(ContactBookContract):
    @pytest.fixture
    def book_of(self, tmp_path: Path) -> BookOf:
        def written(contacts: Mapping[str, Contact]) -> ContactBook:
            with (tmp_path / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["plate", "phone", "opted_out", "vehicle_class", "colour", "push"])
                for plate, one in contacts.items():
                    rows.writerow(
                        [
                            plate,
                            one.phone.get_secret_value(),
                            "yes" if one.is_opted_out else "no",
                            one.vehicle_class,
                            one.colour,
                            one.push.get_secret_value() if one.push else "",
                        ]
                    )
            return CsvContactBook(tmp_path / "contacts.csv")

        return written


def test_a_plate_is_found_in_its_one_spelling(tmp_path: Path) -> None:
    book = _book(
        tmp_path,
        "鄂a·12345,138 0000-0001,no\n鄂A54321,+8613800000002,yes\n",
        "plate,phone,opted_out\n",
    )

    contact = book.find(PLATE)
    assert contact is not None
    assert contact.masked == "138******01"
    assert not contact.is_opted_out
    other = book.find("鄂A54321")
    assert other is not None
    assert other.is_opted_out
    assert book.find("鄂A99999") is None


def test_the_file_that_a_spreadsheet_saves_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(f"\ufeffplate,phone\r\n{PLATE},{PHONE}\r\n\r\n".encode())

    assert CsvContactBook(tmp_path / "c.csv").find(PLATE) is not None


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    contact = _book(tmp_path, f"truck,{PHONE},{PLATE}\n", "vehicle_class, phone, plate\n").find(
        PLATE
    )

    assert contact is not None
    assert contact.vehicle_class is VehicleClass.TRUCK


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"no plate at all!,{PHONE},no", "not a plate by any known pattern"),
        (f"{PLATE},call me,no", "the phone is no number"),
        (f"{PLATE},,no", "no phone"),
        (f"{PLATE}", "no phone"),
        (f"{PLATE},{PHONE},maybe", "opted_out is neither yes nor no"),
        (f"{PLATE},{PHONE},no,spaceship", "vehicle_class is none of car, bus"),
        (f"{PLATE},{PHONE},no,,{'x' * 41}", "the colour has more than 40 characters"),
        (f"{PLATE},{PHONE},no,,,nev_small", "the plate is not of its plate_class"),
        (f"{PLATE},{PHONE},no,,,12345", "plate_class is none of nev_small"),
        (f"{PLATE},{PHONE},no,,,,12345", "push is not the JSON of a browser's subscription"),
        (f"{PLATE},{PHONE},no,,,,,12345", "more cells than columns"),
        (f"鄂A54321,{PHONE},no", "the same plate as line 2"),
        ("x,y,z", "by any known pattern (1 characters); the phone is no number; opted_out is"),
    ],
)
def test_a_broken_row_is_named_by_its_line_and_not_by_its_content(
    tmp_path: Path, row: str, says: str
) -> None:
    with pytest.raises(ContactBookError) as refused:
        _book(tmp_path, f"鄂A54321,13800000002,no\n{row}\n")

    told = told_of(refused.value)
    assert "1 broken row, nothing was loaded\nline 3: " in told
    assert says in told
    for content in ("12345", "54321", PHONE, "call me", "maybe", "spaceship"):
        assert content not in told


def test_all_broken_rows_are_named_at_once_up_to_twenty(tmp_path: Path) -> None:
    with pytest.raises(ContactBookError) as refused:
        _book(tmp_path, f"{PLATE},{PHONE}\n" + "鄂A54321,\n" * 3)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()[1:]] == [
        "line 3",
        "line 4",
        "line 5",
    ]

    with pytest.raises(ContactBookError) as refused:
        _book(tmp_path, "?,\n" * 33)
    lines = str(refused.value).splitlines()
    assert lines[0].endswith("33 broken rows, nothing was loaded")
    assert len(lines) == 22
    assert lines[-1] == "and 13 more"


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (f"{PLATE},{PHONE},no\n", "line 1: no column plate"),
        ("plate,telephone\n", "line 1: no column phone"),
        ("plate,phone,opted-out\n", "the name of column 3 is not known"),
        ("plate,phone,phone\n", "column 3 is not known or stands twice"),
        ("", "line 1: no column plate"),
    ],
)
def test_a_head_with_a_slip_is_refused_and_not_repeated(
    tmp_path: Path, head: str, says: str
) -> None:
    with pytest.raises(ContactBookError, match=says) as refused:
        _book(tmp_path, "", head)

    assert PLATE not in str(refused.value)
    assert PHONE not in str(refused.value)


def test_a_file_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(f"plate,phone\n{PLATE},{PHONE}\n".encode("gbk"))

    with pytest.raises(ContactBookError, match="not UTF-8; save it as CSV in UTF-8"):
        CsvContactBook(tmp_path / "c.csv")


def test_a_file_that_is_no_csv_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("plate,phone\n" + "x" * 200_000)

    with pytest.raises(ContactBookError, match="behind line 1: not CSV"):
        CsvContactBook(tmp_path / "c.csv")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ContactBookError, match="No such file"):
        CsvContactBook(tmp_path / "nowhere.csv")
