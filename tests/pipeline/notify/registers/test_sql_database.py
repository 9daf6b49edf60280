import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.notify import Contact, ContactBook, ContactBookError, RegisterUnavailableError
from pipeline.notify.registers.address import RegisterAddress
from pipeline.notify.registers.sql_database import SqlContactBook
from tests.pipeline.notify.registers.contract import (
    PHONE,
    PLATE,
    BookOf,
    ContactBookContract,
    told_of,
)

QUERY = """
SELECT tel AS phone, optout AS opted_out, kind AS vehicle_class, colour, push
FROM vehicle WHERE hphm = :plate
"""
VEHICLE = (
    "CREATE TABLE vehicle (hphm VARCHAR(20), tel VARCHAR(20), optout BOOLEAN, kind VARCHAR(20), "
    "colour VARCHAR(20), push VARCHAR(500))"
)


class Registry:
    """A table of vehicles as some authority may have it, and the query of the place."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self.url = folder, url
        self._books: list[SqlContactBook] = []
        self.run(VEHICLE)

    def run(self, statement: str, **values: object) -> None:
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(sa.text(statement), values)
        engine.dispose()

    def add(self, plate: str, phone: str | None, **told: object) -> None:
        row = {"optout": False, "kind": None, "colour": None, "push": None, **told}
        self.run(
            "INSERT INTO vehicle VALUES (:plate, :phone, :optout, :kind, :colour, :push)",
            plate=plate,
            phone=phone,
            **row,
        )

    def book(self, query: str = QUERY, options: str = "") -> SqlContactBook:
        file = self._folder / "register.sql"
        file.write_text(query, encoding="utf-8")
        mark = "&" if "?" in self.url else "?"
        address = RegisterAddress.parse(f"sql:{self.url}{mark}query_file={file}{options}")
        self._books.append(SqlContactBook(address))
        return self._books[-1]

    def close(self) -> None:
        for book in self._books:
            book.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def register_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/register.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def registry(tmp_path: Path, register_url: str) -> Iterator[Registry]:
    registry = Registry(tmp_path, register_url)
    yield registry
    registry.close()


class TestSqlContactBook(ContactBookContract):
    @pytest.fixture
    def book_of(self, registry: Registry) -> BookOf:
        def filled(contacts: Mapping[str, Contact]) -> ContactBook:
            for plate, one in contacts.items():
                registry.add(
                    plate,
                    one.phone.get_secret_value(),
                    optout=one.is_opted_out,
                    kind=one.vehicle_class,
                    colour=one.colour,
                    push=one.push.get_secret_value() if one.push else None,
                )
            return registry.book()

        return filled


@pytest.mark.parametrize("phone", [None, "", " "])
def test_a_vehicle_without_a_phone_has_no_contact(registry: Registry, phone: str | None) -> None:
    registry.add(PLATE, phone)

    assert registry.book().find(PLATE) is None


def test_a_kind_of_vehicle_that_we_do_not_know_counts_as_not_said(registry: Registry) -> None:
    registry.add(PLATE, PHONE, kind="K33")
    contact = registry.book().find(PLATE)

    assert contact is not None
    assert contact.vehicle_class is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 'call 13800000001' AS phone, false AS opted_out, :plate AS x", "is no number"),
        (f"SELECT '{PHONE}' AS phone, 'rather not' AS opted_out, :plate AS x", "opted_out: "),
        (f"SELECT '{PHONE}' AS phone, :plate AS opted_in", "opted_out: Field required"),
        (
            "SELECT '1' AS phone, 0 AS opted_out WHERE :plate > '' UNION ALL SELECT '2', 1",
            "more than one row for one plate",
        ),
        ("SELECT phone FROM nowhere WHERE plate = :plate", "the query failed: "),
        (f"SELECT CAST(:plate AS JSONB) AS phone, '{PHONE}' AS opted_out", ": "),
    ],
)
def test_an_answer_that_nobody_can_read_is_no_missing_contact(
    registry: Registry, query: str, says: str
) -> None:
    with pytest.raises(RegisterUnavailableError, match=says) as refused:
        registry.book(query).find(PLATE)

    told = told_of(refused.value)
    for secret in ("12345", PHONE, "rather not"):
        assert secret not in told.replace(str(registry.url), "")


@pytest.mark.parametrize(
    "query", ["UPDATE vehicle SET tel = :plate", "DELETE FROM vehicle WHERE hphm = :plate"]
)
def test_a_register_is_only_read(registry: Registry, query: str) -> None:
    registry.add(PLATE, PHONE)
    with pytest.raises(RegisterUnavailableError):
        registry.book(query).find(PLATE)

    assert registry.book().find(PLATE) is not None


def test_a_register_that_is_away_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text(QUERY)
    url = f"sql:sqlite:///{tmp_path}/nowhere.db?query_file={tmp_path}/q.sql"
    book = SqlContactBook(RegisterAddress.parse(url))

    with pytest.raises(RegisterUnavailableError, match="away: unable to open database file"):
        book.find(PLATE)
    assert not (tmp_path / "nowhere.db").exists()


def test_a_server_that_is_away_is_said_with_its_address(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text(QUERY)
    url = f"sql:postgresql+psycopg://li@127.0.0.1:1/city?query_file={tmp_path}/q.sql"
    book = SqlContactBook(RegisterAddress.parse(url))

    with pytest.raises(RegisterUnavailableError, match=r"register postgresql\+psycopg://127") as no:
        book.find(PLATE)
    assert "12345" not in told_of(no.value)


def test_who_waits_for_a_lock_gives_up(tmp_path: Path) -> None:
    registry = Registry(tmp_path, f"sqlite:///{tmp_path}/register.db")
    book = registry.book(options="&timeout_s=0.05")
    with closing(sqlite3.connect(tmp_path / "register.db")) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RegisterUnavailableError, match="OperationalError"):
            book.find(PLATE)
    registry.close()


@pytest.mark.postgres
def test_a_slow_query_is_given_up(tmp_path: Path, postgres_url: str) -> None:
    registry = Registry(tmp_path, postgres_url)
    slow = "SELECT pg_sleep(30) AS phone, :plate AS opted_out"
    with pytest.raises(RegisterUnavailableError, match="the query failed: OperationalError 57014"):
        registry.book(slow, "&timeout_s=0.1").find(PLATE)
    registry.close()


@pytest.mark.postgres
def test_the_password_comes_from_a_file(tmp_path: Path, postgres_url: str) -> None:
    registry = Registry(tmp_path, postgres_url)
    (tmp_path / "password").write_text("not asked for here\n")

    assert registry.book(options=f"&password_file={tmp_path}/password").find(PLATE) is None
    registry.close()


@pytest.mark.parametrize(
    ("url", "query", "says"),
    [
        ("sql:sqlite:///x?query_file=FILE", "SELECT 1", "its one parameter must be :plate"),
        ("sql:sqlite:///x?query_file=FILE", "SELECT :plate, :other", "its one parameter must be"),
        ("sql:sqlite:///x?query_file=FILE.gone", QUERY, "query_file .* No such file"),
        ("sql:postgresql+psycopg://li:pw@h/x?query_file=FILE", QUERY, "no secret in a URL"),
        ("sql:sqlite:///x?query_file=FILE&password_file=FILE.gone", QUERY, "password_file .* No s"),
        ("sql:mango://x?query_file=FILE", QUERY, "no URL that SQLAlchemy knows"),
        ("sql:nonsense?query_file=FILE", QUERY, "no URL that SQLAlchemy knows"),
        ("sql:mssql+pymssql://h/x?query_file=FILE", QUERY, "the driver pymssql is not installed"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_start(
    tmp_path: Path, url: str, query: str, says: str
) -> None:
    (tmp_path / "q.sql").write_text(query)

    with pytest.raises(ContactBookError, match=says) as refused:
        SqlContactBook(RegisterAddress.parse(url.replace("FILE", str(tmp_path / "q.sql"))))
    assert "pw" not in str(refused.value)


def test_files_that_are_no_text_are_said(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text(QUERY)
    (tmp_path / "x").write_bytes(b"\xff")
    for options in (
        f"query_file={tmp_path}/x",
        f"query_file={tmp_path}/q.sql&password_file={tmp_path}/x",
    ):
        with pytest.raises(ContactBookError, match=r"_file .*: not UTF-8"):
            SqlContactBook(RegisterAddress.parse(f"sql:sqlite:///x?{options}"))
