"""Registers of vehicle contacts, opened by URL."""

from pathlib import Path

from pipeline.notify.contacts import ContactBook, ContactBookError
from pipeline.notify.registers.address import RegisterAddress, anchored, scheme_of
from pipeline.notify.registers.cache import CachedContactBook
from pipeline.notify.registers.csv_file import CsvContactBook, read_contacts
from pipeline.notify.registers.https_service import HttpsContactBook
from pipeline.notify.registers.sql_database import SqlContactBook

__all__ = ["CsvContactBook", "anchored", "open_contacts", "read_contacts", "scheme_of"]


def open_contacts(url: str, *, table: ContactBook | None = None) -> ContactBook:
    """Open a register; one on another machine need not answer yet.

    Args:
        url: A path or `csv:FILE`; `sql:SQLALCHEMY-URL?query_file=FILE`; `https://HOST/PATH?
            token_file=FILE`; or `table:`. The two in the middle also take `timeout_s`, `cache_s`,
            `cache_none_s` and `cache_size`, and `password_file` or `ca_file`.
        table: What `table:` means: the product's own register.

    Raises:
        ContactBookError: unknown URL, or a file it names cannot be used; says which.
    """
    scheme = scheme_of(url)
    if scheme == "csv":
        return CsvContactBook(Path(url.removeprefix("csv:")))
    if scheme == "table":
        if table is None:
            raise ContactBookError(
                "contacts table: needs the keys of its contacts: set REMINDFIRST_CONTACTS_KEY_FILE"
            )
        return table
    address = RegisterAddress.parse(url)
    book = SqlContactBook(address) if scheme == "sql" else HttpsContactBook(address)
    if address.cache_s == 0:
        return book
    return CachedContactBook(
        book,
        ttl_s=address.cache_s,
        none_ttl_s=address.cache_none_s,
        size=address.cache_size,
    )
