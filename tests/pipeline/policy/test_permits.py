"""Permits: who may stand where others may not, and what is wrong in their file."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from pipeline.policy.permits import NO_PERMITS, PermitsError, load_permits
from tests.builders import PLATE

HEAD = "plate,number,valid_from,valid_until,camera_id\n"
DAY = date(2026, 3, 2)


def _file(folder: Path, text: str, head: str = HEAD) -> Path:
    file = folder / "permits.csv"
    file.write_text(head + text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("day", "permit"),
    [
        ("2026-02-28", None),
        ("2026-03-01", "permit 17"),
        ("2026-03-02", "permit 17"),
        ("2026-03-03", "permit 17"),
        ("2026-03-04", None),
    ],
    ids=["before its first day", "on its first", "in between", "on its last", "after its last"],
)
def test_a_permit_holds_from_its_first_day_to_its_last(
    tmp_path: Path, day: str, permit: str | None
) -> None:
    permits = load_permits(_file(tmp_path, f"{PLATE},17,2026-03-01,2026-03-03,\n"))

    assert permits.find(PLATE, "cam-1", date.fromisoformat(day)) == permit


def test_a_permit_without_a_camera_holds_at_all_of_them(tmp_path: Path) -> None:
    permits = load_permits(_file(tmp_path, f"{PLATE},17,2026-03-01,2026-03-03,\n"))

    assert permits.find(PLATE, "cam-1", DAY) == permits.find(PLATE, "cam-2", DAY) == "permit 17"


def test_a_permit_for_one_camera_holds_at_no_other(tmp_path: Path) -> None:
    permits = load_permits(_file(tmp_path, f"{PLATE},17,2026-03-01,2026-03-03, cam-1 \n"))

    assert permits.find(PLATE, "cam-1", DAY) == "permit 17"
    assert permits.find(PLATE, "cam-2", DAY) is None


def test_a_permit_is_for_one_plate_only(tmp_path: Path) -> None:
    permits = load_permits(_file(tmp_path, f"{PLATE},17,2026-03-01,2026-03-03,\n"))

    assert permits.find("鄂A54321", "cam-1", DAY) is None


def test_the_column_of_cameras_may_be_left_out(tmp_path: Path) -> None:
    text = f"{PLATE},17,2026-03-01,2026-03-03\n"
    permits = load_permits(_file(tmp_path, text, "plate,number,valid_from,valid_until\n"))

    assert permits.find(PLATE, "cam-1", DAY) == "permit 17"


def test_of_several_permits_the_one_that_holds_is_found(tmp_path: Path) -> None:
    text = (
        f"{PLATE},16,2026-02-01,2026-02-28,\n"
        f"{PLATE},17,2026-03-01,2026-03-31,cam-2\n"
        f"{PLATE},18,2026-03-01,2026-03-31,cam-1\n"
    )
    permits = load_permits(_file(tmp_path, text))

    assert permits.find(PLATE, "cam-1", DAY) == "permit 18"
    assert permits.find(PLATE, "cam-1", DAY - timedelta(days=10)) == "permit 16"


def test_a_plate_may_be_written_as_people_write_it(tmp_path: Path) -> None:
    permits = load_permits(_file(tmp_path, "鄂a·123 45,17,2026-03-01,2026-03-03,\n"))

    assert permits.find(PLATE, "cam-1", DAY) == "permit 17"


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    file = tmp_path / "permits.csv"
    text = (HEAD + f"{PLATE},17,2026-03-01,2026-03-03,\n").replace("\n", "\r\n")
    file.write_text(text, encoding="utf-8-sig", newline="")

    assert load_permits(file).find(PLATE, "cam-1", DAY) == "permit 17"


def test_a_file_without_rows_permits_nobody(tmp_path: Path) -> None:
    assert load_permits(_file(tmp_path, "")).find(PLATE, "cam-1", DAY) is None
    assert NO_PERMITS.find(PLATE, "cam-1", DAY) is None


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PermitsError, match=r"nowhere\.csv: No such file"):
        load_permits(tmp_path / "nowhere.csv")


GOOD_ROW = "鄂A11111,1,2026-03-01,2026-03-03,\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{PLATE},17,2026-02-30,2026-03-03,", "needs plate, number, valid_from"),
        (f"{PLATE},17,2026-03-01,soon,", "needs plate, number, valid_from"),
        ("!,17,2026-03-01,2026-03-03,", "needs plate, number, valid_from"),
        (f"{PLATE},17,2026-03-01", "needs plate, number, valid_from"),
        (PLATE, "needs plate, number, valid_from"),
        (f"{PLATE}, ,2026-03-01,2026-03-03,", "no number, or it ends before it begins"),
        (f"{PLATE},17,2026-03-03,2026-03-01,", "no number, or it ends before it begins"),
    ],
    ids=[
        "a day that is in no calendar",
        "a word for a day",
        "no plate by any pattern",
        "no last day",
        "only a plate",
        "no number",
        "a last day before the first",
    ],
)
def test_a_broken_row_is_refused_by_its_line_and_never_quoted(
    tmp_path: Path, row: str, message: str
) -> None:
    with pytest.raises(PermitsError) as told:
        load_permits(_file(tmp_path, GOOD_ROW + row + "\n"))

    assert f"permits.csv, line 3: {message}" in str(told.value)
    assert PLATE not in str(told.value)


def test_a_file_without_its_first_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermitsError, match="line 2: needs plate, number"):
        load_permits(_file(tmp_path, GOOD_ROW * 2, head=""))


@pytest.mark.parametrize(
    "content",
    [HEAD.encode() + "鄂A12345,17".encode("gbk"), HEAD.encode() + b'"' + b"x" * 200_000],
    ids=["in another encoding", "with a cell that never ends"],
)
def test_a_file_that_is_no_table_in_utf_8_is_refused_by_its_name(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "permits.csv"
    file.write_bytes(content)

    with pytest.raises(PermitsError, match=r"permits\.csv"):
        load_permits(file)


def test_not_even_the_cause_of_an_error_quotes_a_row(tmp_path: Path) -> None:
    with pytest.raises(PermitsError) as told:
        load_permits(_file(tmp_path, f"17,17,{PLATE},2026-03-03,\n"))

    assert PLATE not in str(told.value.__cause__)
