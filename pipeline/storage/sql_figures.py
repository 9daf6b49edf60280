"""Published queries, run as they are printed."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pipeline.storage.figure_queries import Span
from pipeline.storage.tables import UtcDateTime
from pipeline.storage.work import Work

__all__ = ["SqlFigures"]

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "since": UtcDateTime(),
    "until": UtcDateTime(),
    "now": UtcDateTime(),
    "site": sa.String(),
}


class SqlFigures:
    """Answers to published queries; see `Figures`."""

    def __init__(self, work: Work) -> None:
        """Ask inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection

    def ask(self, query: str, span: Span) -> Sequence[tuple[float, int]]:
        """Run one query as it stands; see `Figures.ask`."""
        self._work.write()
        values = [
            sa.bindparam(name, getattr(span, name), type_=type_)
            for name, type_ in _TYPES.items()
            if f":{name}" in query
        ]
        rows = self._connection.execute(sa.text(query).bindparams(*values))
        return [(first, second) for first, second in rows]
