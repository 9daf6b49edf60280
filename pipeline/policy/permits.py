"""Permits: vehicles that may stand where others may not, for a time and a place."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.errors import PermanentError
from pipeline.events.plate import PlateNumber

__all__ = ["NO_PERMITS", "Permits", "PermitsError", "load_permits"]

_COLUMNS = "plate, number, valid_from, valid_until and, for one camera only, camera_id"


_FIRST_ROW = 2
"""The file's first line names the columns."""


class PermitsError(PermanentError):
    """The file of permits cannot be used as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Permit:
    number: str
    valid_from: date
    valid_until: date
    camera_id: str | None


class Permits:
    """All permits by plate."""

    def __init__(self, permits: dict[str, list[_Permit]]) -> None:
        """Keep them; `load_permits` reads them."""
        self._permits = permits

    def find(self, plate_text: str, camera_id: str, day: date) -> str | None:
        """The permit that holds for a plate at a camera on a day at the site, as `permit N`."""
        for one in self._permits.get(plate_text, []):
            is_here = one.camera_id is None or one.camera_id == camera_id
            if is_here and one.valid_from <= day <= one.valid_until:
                return f"permit {one.number}"
        return None


NO_PERMITS = Permits({})


def load_permits(file: Path) -> Permits:
    """Read a CSV file of permits.

    Raises:
        PermitsError: not there, or a row is broken; names the row, never its content.
    """
    permits: dict[str, list[_Permit]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as rows:
            for number, row in enumerate(csv.DictReader(rows), start=_FIRST_ROW):
                plate, permit = _read(file, number, row)
                permits.setdefault(plate, []).append(permit)
    except OSError as exc:
        raise PermitsError(f"permits {file}: {exc.strerror}") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise PermitsError(f"permits {file}: no CSV table in UTF-8") from exc
    return Permits(permits)


def _read(file: Path, number: int, row: dict[str, str]) -> tuple[str, _Permit]:
    try:
        permit = _Permit(
            number=row["number"].strip(),
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_until=date.fromisoformat(row["valid_until"]),
            camera_id=(row.get("camera_id") or "").strip() or None,
        )
        plate = PlateNumber.parse(row["plate"]).text
    except (KeyError, ValueError, AttributeError, TypeError):
        # The cause may quote the row.
        raise PermitsError(f"permits {file}, line {number}: needs {_COLUMNS}") from None
    if not permit.number or permit.valid_until < permit.valid_from:
        raise PermitsError(f"permits {file}, line {number}: no number, or it ends before it begins")
    return plate, permit
