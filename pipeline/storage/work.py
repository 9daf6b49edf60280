"""What the repositories of one transaction share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError

from pipeline.storage.base import StorageError

__all__ = ["Work", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One transaction, as its repositories see it.

    Attributes:
        connection: To the database.
        now: The database's time.
        write: Writes all that waits, of all repositories; before a query that could miss it.
        forget_reminded: Says that an earlier count of reminders is no longer true.
    """

    connection: sa.Connection
    now: Callable[[], datetime]
    write: Callable[[], None]
    forget_reminded: Callable[[], None]


def unreadable(what: str, exc: ValidationError) -> StorageError:
    """Names the field but never its value, which may be a plate."""
    places = [".".join(str(part) for part in error["loc"]) for error in exc.errors()]
    return StorageError(f"a stored {what} cannot be read: {', '.join(places)}")
