"""What a role says of its own work, line by line, so that a checker can judge it afterwards.

Instants are true ones, whatever the clock of the role says. A line is written before the role goes
on, so that of a killed role at most the last step is unknown.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pipeline.storage import Storage

__all__ = ["History", "Line", "WitnessedStorage"]

Kind = Literal["published", "about to commit", "committed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that a role did at a true instant.

    Attributes:
        at: When, in seconds since 1970.
        role: Who says it.
        kind: What it did.
        event_id: The event that the bus took.
        ranges: Offsets that the transaction moved, as (topic, partition, from, to).
        steps: What the transaction says of cases, as (case id, action, state).
    """

    at: float
    role: str
    kind: Kind
    event_id: str = ""
    ranges: tuple[tuple[str, int, int, int], ...] = ()
    steps: tuple[tuple[str, str, str], ...] = ()


class History:
    """The lines of one role, at the end of its file."""

    def __init__(self, file: Path, *, role: str, true_now: Callable[[], datetime]) -> None:
        """Go on writing at the end of `file`."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._role = role
        self._true_now = true_now

    def write(self, kind: Kind, **fields: Any) -> None:
        """One line; it outlives the process, though not the machine."""
        line = Line(at=self._true_now().timestamp(), role=self._role, kind=kind, **fields)
        os.write(self._file, (json.dumps(asdict(line)) + "\n").encode())

    def close(self) -> None:
        os.close(self._file)

    @staticmethod
    def read(folder: Path) -> list[Line]:
        """All lines of all roles, by time; the last line of a killed role may be torn."""
        lines = []
        for file in sorted(folder.glob("*.history")):
            for raw in file.read_bytes().splitlines():
                try:
                    fields = json.loads(raw)
                except ValueError:
                    continue
                for name in ("ranges", "steps"):
                    fields[name] = tuple(map(tuple, fields[name]))
                lines.append(Line(**fields))
        return sorted(lines, key=lambda line: line.at)


class WitnessedStorage:
    """A storage whose transactions are told to the history; `passing` may kill at a named point."""

    def __init__(
        self, storage: Storage, history: History, passing: Callable[[str], None] = lambda _: None
    ) -> None:
        self._storage, self._history, self._passing = storage, history, passing

    def read(self) -> Any:
        return self._storage.read()

    def close(self) -> None:
        self._storage.close()

    @contextmanager
    def begin(self) -> Iterator[Any]:
        with self._storage.begin() as uow:
            ranges: list[tuple[str, int, int, int]] = []
            steps: list[tuple[str, str, str]] = []
            advance, append, commit = uow.inbox.advance, uow.audit.append, uow.commit

            def witnessed_advance(topic: str, partition: int, *, start: int, to: int) -> bool:
                is_ours = advance(topic, partition, start=start, to=to)
                if is_ours:
                    ranges.append((topic, partition, start, to))
                return is_ours

            def witnessed_append(note: Any) -> Any:
                steps.append((str(note.case_id), note.action, note.to_status))
                return append(note)

            def witnessed_commit() -> None:
                told: dict[str, Any] = {"ranges": tuple(ranges), "steps": tuple(steps)}
                if ranges or steps:
                    self._history.write("about to commit", **told)
                self._passing("before commit")
                commit()
                if ranges or steps:
                    self._history.write("committed", **told)
                self._passing("after commit")

            uow.inbox.advance = witnessed_advance  # type: ignore[method-assign]
            uow.audit.append = witnessed_append  # type: ignore[method-assign]
            uow.commit = witnessed_commit  # type: ignore[method-assign]
            yield uow
