"""What the repositories of one transaction share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

__all__ = ["Work"]


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
