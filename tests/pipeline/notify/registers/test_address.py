from pathlib import Path

import pytest

from pipeline.notify import ContactBookError, CsvContactBook, open_contacts
from pipeline.notify.registers import anchored, scheme_of
from pipeline.notify.registers.address import RegisterAddress
from pipeline.notify.registers.cache import CachedContactBook
from pipeline.notify.registers.https_service import HttpsContactBook
from pipeline.notify.registers.sql_database import SqlContactBook
from tests.fakes import DictContactBook


def test_our_options_are_taken_and_the_register_keeps_its_own() -> None:
    address = RegisterAddress.parse(
        "sql:mssql+pyodbc://li@h:1433/city?driver=ODBC+Driver+18&query_file=/q.sql&timeout_s=0.5"
        "&cache_s=300&cache_size=7"
    )

    assert address == RegisterAddress(
        scheme="sql",
        target="mssql+pyodbc://li@h:1433/city?driver=ODBC+Driver+18",
        files={"query_file": Path("/q.sql")},
        timeout_s=0.5,
        cache_s=300,
        cache_none_s=10,
        cache_size=7,
    )
    assert str(address) == "register mssql+pyodbc://h:1433/city"


def test_what_is_not_said_has_its_default() -> None:
    address = RegisterAddress.parse("https://h/p?token_file=t")

    assert (address.timeout_s, address.cache_s, address.cache_none_s) == (2, 60, 10)
    assert RegisterAddress.parse("https://h/p?token_file=t&cache_s=5").cache_none_s == 5


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://li:pw@h/p", r"register https://h/p: needs \?token_file=FILE; use https://HOST"),
        ("sql:sqlite:///x", r"register sqlite:///x: needs \?query_file=FILE"),
        ("https://h/p?token_file=t&timeout_s=0", "timeout_s: give a number, 0.01 or more"),
        ("https://h/p?token_file=t&timeout_s=pw", "timeout_s: give a number"),
        ("https://h/p?token_file=t&cache_s=nan", "cache_s: give a number, 0 or more"),
        ("https://h/p?token_file=t&cache_none_s=-1", "cache_none_s: give a number, 0 or more"),
        ("https://h/p?token_file=t&cache_size=0", "cache_size: give a number, 1 or more"),
        ("ldap://li:pw@h", "contacts 'ldap': use csv:FILE, sql:SQLALCHEMY-URL"),
        ("", "contacts '': use csv:FILE"),
        ("table:", "contacts table: needs .* set REMINDFIRST_CONTACTS_KEY_FILE"),
    ],
)
def test_a_url_that_cannot_be_is_refused_without_its_secrets(url: str, says: str) -> None:
    with pytest.raises(ContactBookError, match=says) as refused:
        open_contacts(url)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("contacts.csv", "csv"),
        ("/site/a:b.csv", "csv"),
        ("csv:contacts.csv", "csv"),
        ("table:", "table"),
        ("sql:sqlite:///x", "sql"),
        ("https://h/p", "https"),
    ],
)
def test_a_plain_path_is_a_csv_file(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


@pytest.mark.parametrize(
    ("url", "anchored_url"),
    [
        ("contacts.csv", "/site/contacts.csv"),
        ("csv:contacts.csv", "/site/contacts.csv"),
        ("/other/contacts.csv", "/other/contacts.csv"),
        ("table:", "table:"),
        (
            "https://h/p?token_file=secrets/token&their_file=x&region=a%26b",
            "https://h/p?token_file=/site/secrets/token&their_file=x&region=a%26b",
        ),
        ("https://h/p?token_file=/t", "https://h/p?token_file=/t"),
        ("sql:sqlite:///x?query_file=q.sql", "sql:sqlite:///x?query_file=/site/q.sql"),
    ],
)
def test_files_of_a_register_lie_beside_the_configuration(url: str, anchored_url: str) -> None:
    assert anchored(url, Path("/site")) == anchored_url


def test_each_kind_of_register_is_opened_and_those_far_away_behind_a_cache(tmp_path: Path) -> None:
    for name, content in (("c.csv", "plate,phone\n"), ("q.sql", "SELECT :plate"), ("t", "token")):
        (tmp_path / name).write_text(content)
    sql = f"sql:sqlite:///{tmp_path}/x.db?query_file={tmp_path}/q.sql"
    https = f"https://register.example/?token_file={tmp_path}/t"
    table = DictContactBook()

    assert isinstance(open_contacts(f"{tmp_path}/c.csv"), CsvContactBook)
    assert isinstance(open_contacts(f"csv:{tmp_path}/c.csv"), CsvContactBook)
    assert open_contacts("table:", table=table) is table
    for url, kind in ((sql, SqlContactBook), (https, HttpsContactBook)):
        assert isinstance(open_contacts(url), CachedContactBook)
        assert isinstance(open_contacts(f"{url}&cache_s=0"), kind)
