"""What every register of contacts must do, wherever it keeps them."""

import logging
import traceback
from collections.abc import Callable, Mapping

import pytest
from pydantic import SecretStr

from pipeline.events import VehicleClass
from pipeline.notify import Contact, ContactBook
from pipeline.telemetry import FieldFormatter

__all__ = ["OTHER", "PHONE", "PLATE", "BookOf", "ContactBookContract", "a_contact", "told_of"]

PLATE, OTHER = "鄂A12345", "鄂AD12345"
PHONE = "13800000001"
PUSH = '{"endpoint": "https://push.example/secret-endpoint", "keys": {"auth": "x"}}'
BookOf = Callable[[Mapping[str, Contact]], ContactBook]


def a_contact(phone: str = PHONE, *, is_opted_out: bool = False) -> Contact:
    return Contact(
        phone=SecretStr(phone),
        is_opted_out=is_opted_out,
        vehicle_class=VehicleClass.CAR,
        colour="白",
        push=SecretStr(PUSH),
    )


def told_of(exc: BaseException) -> str:
    """The words that a log would show of an error, with those of its causes."""
    shown: traceback.TracebackException | None = traceback.TracebackException.from_exception(exc)
    lines: list[str] = []
    while shown is not None:
        lines.extend(shown.format_exception_only())
        context = None if shown.__suppress_context__ else shown.__context__
        shown = shown.__cause__ or context
    return "".join(lines)


class ContactBookContract:
    """Subclass it with a fixture `book_of` that fills a register."""

    def test_a_contact_comes_back_as_it_is_registered(self, book_of: BookOf) -> None:
        book = book_of({PLATE: a_contact(), OTHER: a_contact("+8613900000002", is_opted_out=True)})

        assert book.find(PLATE) == a_contact()
        assert book.find(OTHER) == a_contact("+8613900000002", is_opted_out=True)

    def test_what_a_register_does_not_say_is_none(self, book_of: BookOf) -> None:
        contact = Contact(phone=SecretStr(PHONE))

        assert book_of({PLATE: contact}).find(PLATE) == contact

    def test_a_plate_that_nobody_registered_has_no_contact(self, book_of: BookOf) -> None:
        book = book_of({PLATE: a_contact()})

        assert book.find(OTHER) is None
        assert book.find(f"{PLATE}' OR '1'='1") is None

    def test_looking_tells_no_log_of_plate_or_phone(
        self, book_of: BookOf, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        book = book_of({PLATE: a_contact()})
        found = [book.find(PLATE), book.find(OTHER)]

        lines = "\n".join(FieldFormatter().format(one) for one in caplog.records)
        for secret in ("12345", "%E9%84%82", PHONE, "secret-endpoint"):
            assert secret not in f"{lines} {found!r}"
