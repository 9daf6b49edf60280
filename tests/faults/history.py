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
        messages: What it says that is new of messages, as (key, status, kind of failure).
    """

    at: float
    role: str
    kind: Kind
    event_id: str = ""
    ranges: tuple[tuple[str, int, int, int], ...] = ()
    steps: tuple[tuple[str, str, str], ...] = ()
    messages: tuple[tuple[str, str, str], ...] = ()


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
                for name in ("ranges", "steps", "messages"):
                    fields[name] = tuple(map(tuple, fields[name]))
                lines.append(Line(**fields))
        return sorted(lines, key=lambda line: line.at)


class WitnessedStorage:
    """A storage whose transactions are told to the history; `passing` may kill at a named point."""

    def __init__(
        self, storage: Storage, history: History, passing: Callable[[str], None] = lambda _: None
    ) -> None:
        self._storage, self._history, self._passing = storage, history, passing
        self._known: dict[str, tuple[str, str, str]] = {}

    def read(self) -> Any:
        return self._storage.read()

    def close(self) -> None:
        self._storage.close()

    @contextmanager
    def begin(self) -> Iterator[Any]:
        with self._storage.begin() as uow:
            said, commit = _Said(), uow.commit

            def witnessed_commit() -> None:
                told = said.news(self._known)
                if any(told.values()):
                    self._history.write("about to commit", **told)
                self._passing("before commit")
                commit()
                if any(told.values()):
                    self._history.write("committed", **told)
                self._known |= said.messages
                self._passing("after commit")

            _watch(uow.inbox, "advance", said.advance)
            _watch(uow.audit, "append", said.append)
            _watch(uow.outbox, "add", said.save)
            _watch(uow.outbox, "save", said.save)
            _watch(uow.outbox, "finish", said.finish)
            _watch(uow.outbox, "put_back", said.finish)
            uow.commit = witnessed_commit  # type: ignore[method-assign]
            yield uow


class _Said:
    """What one transaction says; each method is told of a call of its name, with its answer."""

    def __init__(self) -> None:
        self.ranges: list[tuple[str, int, int, int]] = []
        self.steps: list[tuple[str, str, str]] = []
        self.messages: dict[str, tuple[str, str, str]] = {}

    def news(self, known: dict[str, tuple[str, str, str]]) -> dict[str, Any]:
        """The fields of a line, without what its role has said of a message before."""
        new = [one for key, one in self.messages.items() if known.get(key) != one]
        return {
            "ranges": tuple(self.ranges),
            "steps": tuple(self.steps),
            "messages": tuple(new),
        }

    def advance(self, is_ours: object, topic: str, partition: int, *, start: int, to: int) -> None:
        if is_ours:
            self.ranges.append((topic, partition, start, to))

    def append(self, _: object, note: Any) -> None:
        self.steps.append((str(note.case_id), note.action, note.to_status))

    def save(self, is_done: object, reminder: Any, **_: object) -> None:
        if is_done is not False:
            kind = str(reminder.failure_kind or "")
            self.messages[reminder.key] = (reminder.key, reminder.status.value, kind)

    def finish(self, is_done: object, _due: object, reminder: Any, **_: object) -> None:
        self.save(is_done, reminder)


def _watch(owner: object, name: str, told: Callable[..., None]) -> None:
    """Tell of each call of a method: its answer, and with what it was called."""
    method = getattr(owner, name)

    def watched(*args: Any, **options: Any) -> Any:
        answer = method(*args, **options)
        told(answer, *args, **options)
        return answer

    setattr(owner, name, watched)
