"""Plate to registered contact, and who does not want to be reminded."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from pipeline.errors import PermanentError
from pipeline.events.plate import PlateNumber

__all__ = ["Contact", "ContactBook", "ContactBookError", "CsvContactBook", "mask_phone"]


class ContactBookError(PermanentError):
    """The register's file cannot be used as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to remind; the number never prints itself."""

    phone: SecretStr
    is_opted_out: bool = False

    @property
    def masked(self) -> str:
        """The number as pages may show it."""
        return mask_phone(self.phone.get_secret_value())


class ContactBook(Protocol):
    """The register of vehicle contacts."""

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; None when the register knows none."""
        ...


def mask_phone(phone: str) -> str:
    """First three and last two digits: 138******01."""
    return f"{phone[:3]}{'*' * max(len(phone) - 5, 0)}{phone[-2:]}"


class CsvContactBook:
    """A file with the columns plate, phone and opted_out (yes or no)."""

    def __init__(self, file: Path) -> None:
        """Read the whole file.

        Raises:
            ContactBookError: not there, or a row is broken; names the row, never its content.
        """
        self._contacts: dict[str, Contact] = {}
        try:
            with file.open(encoding="utf-8", newline="") as rows:
                for number, row in enumerate(csv.DictReader(rows), start=2):
                    self._add(file, number, row)
        except OSError as exc:
            raise ContactBookError(f"contacts {file}: {exc.strerror}") from exc

    def _add(self, file: Path, number: int, row: dict[str, str]) -> None:
        try:
            plate = PlateNumber.parse(row["plate"])
            phone = row["phone"].strip()
            is_opted_out = {"yes": True, "no": False, "": False}[row.get("opted_out") or ""]
        except (KeyError, ValueError, AttributeError) as exc:
            raise ContactBookError(
                f"contacts {file}, line {number}: needs a plate, a phone and opted_out yes or no"
            ) from exc
        if not phone.lstrip("+").isdigit():
            raise ContactBookError(f"contacts {file}, line {number}: the phone is no number")
        self._contacts[plate.text] = Contact(phone=SecretStr(phone), is_opted_out=is_opted_out)

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        return self._contacts.get(plate_text)
