"""A register in a CSV file."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pipeline.events.plate import PlateClass, PlateNumber
from pipeline.events.violation import VehicleClass
from pipeline.notify.contacts import (
    Contact,
    ContactBookError,
    parse_colour,
    parse_phone,
    parse_push,
)

__all__ = ["CsvContactBook", "read_contacts"]

_NEEDED = ("plate", "phone")
_COLUMNS = (*_NEEDED, "opted_out", "vehicle_class", "colour", "plate_class", "push")
_YES_OR_NO = {"yes": True, "no": False, "": False}
_NAMED = 20

T = TypeVar("T")


class CsvContactBook:
    """A file with the columns plate and phone, and any of the others that `read_contacts` knows."""

    def __init__(self, file: Path) -> None:
        """Read the whole file.

        Raises:
            ContactBookError: see `read_contacts`.
        """
        self._contacts = dict(read_contacts(file))

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        return self._contacts.get(plate_text)


def read_contacts(file: Path) -> Iterator[tuple[str, Contact]]:
    """The plates of a file, in their one spelling, with their contacts.

    The columns opted_out (yes or no), vehicle_class, colour, plate_class and push may be left out.
    plate_class is only held against the plate, as a check for slips.

    Raises:
        ContactBookError: not there, not CSV, or broken rows. Behind the last row, all of them are
            named by their lines and what is wrong, never by their content.
    """
    broken = _Broken()
    try:
        # Excel marks its UTF-8 with a byte order mark.
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            _check_head(file, rows.fieldnames or [])
            yield from _good_rows(rows, broken)
    except OSError as exc:
        raise ContactBookError(f"contacts {file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ContactBookError(f"contacts {file}: not UTF-8; save it as CSV in UTF-8") from exc
    except csv.Error as exc:
        raise ContactBookError(f"contacts {file}, behind line {rows.line_num}: not CSV") from exc
    broken.require_none(file)


@dataclass
class _Broken:
    """The rows that cannot be read, of which the first few are told."""

    count: int = 0
    told: list[str] = field(default_factory=list)

    def add(self, line: int, problems: list[str]) -> None:
        self.count += 1
        if self.count <= _NAMED:
            self.told.append(f"line {line}: {'; '.join(problems)}")

    def require_none(self, file: Path) -> None:
        if not self.count:
            return
        rows = "1 broken row" if self.count == 1 else f"{self.count} broken rows"
        more = [f"and {self.count - _NAMED} more"] if self.count > _NAMED else []
        head = f"contacts {file}: {rows}, nothing was loaded"
        raise ContactBookError("\n".join([head, *self.told, *more]))


def _check_head(file: Path, names: Sequence[str]) -> None:
    # Without a head the first line is somebody's plate, so no name is repeated.
    head = [name.strip() for name in names]
    missing = [name for name in _NEEDED if name not in head]
    if missing:
        raise ContactBookError(
            f"contacts {file}, line 1: no column {missing[0]}; known: {', '.join(_COLUMNS)}"
        )
    for number, name in enumerate(head, start=1):
        if name not in _COLUMNS or head.index(name) != number - 1:
            raise ContactBookError(
                f"contacts {file}, line 1: the name of column {number} is not known or stands "
                f"twice; known: {', '.join(_COLUMNS)}"
            )


def _good_rows(rows: "csv.DictReader[str]", broken: _Broken) -> Iterator[tuple[str, Contact]]:
    first_line: dict[str, int] = {}
    for row in rows:
        read = _Row(row)
        plate, contact = read.plate(), read.contact()
        if plate is not None and first_line.setdefault(plate, rows.line_num) != rows.line_num:
            read.problems.append(f"the same plate as line {first_line[plate]}")
        if plate is None or contact is None or read.problems:
            broken.add(rows.line_num, read.problems)
        else:
            yield plate, contact


class _Row:
    """One row, and what is wrong with it."""

    def __init__(self, row: Mapping[str | None, object]) -> None:
        self.problems: list[str] = []
        if None in row:
            self.problems.append("more cells than columns")
        self._cells = {str(name).strip(): str(cell or "").strip() for name, cell in row.items()}

    def plate(self) -> str | None:
        plate = self._read("plate", PlateNumber.parse)
        told = self._read("plate_class", _plate_class)
        if plate is None:
            return None
        if told is not None and told is not plate.plate_class:
            self.problems.append("the plate is not of its plate_class")
        return plate.text

    def contact(self) -> Contact | None:
        phone = self._read("phone", parse_phone)
        is_opted_out = self._read("opted_out", _yes_or_no)
        vehicle_class = self._read("vehicle_class", _vehicle_class)
        colour = self._read("colour", parse_colour)
        push = self._read("push", parse_push)
        if phone is None or is_opted_out is None:
            return None
        return Contact(
            phone=phone,
            is_opted_out=is_opted_out,
            vehicle_class=vehicle_class,
            colour=colour,
            push=push,
        )

    def _read(self, name: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(self._cells.get(name, ""))
        except ValueError as exc:
            self.problems.append(str(exc))
            return None


def _yes_or_no(raw: str) -> bool:
    if raw.lower() not in _YES_OR_NO:
        raise ValueError("opted_out is neither yes nor no")
    return _YES_OR_NO[raw.lower()]


def _vehicle_class(raw: str) -> VehicleClass | None:
    if raw and raw not in set(VehicleClass):
        raise ValueError(f"vehicle_class is none of {', '.join(VehicleClass)}")
    return VehicleClass(raw) if raw else None


def _plate_class(raw: str) -> PlateClass | None:
    if raw and raw not in set(PlateClass):
        raise ValueError(f"plate_class is none of {', '.join(PlateClass)}")
    return PlateClass(raw) if raw else None
