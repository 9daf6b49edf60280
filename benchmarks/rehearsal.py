"""How long a rehearsal of a month takes, and what share of that is reading.

Run from the repository's root: `python -m benchmarks.rehearsal`. A week of varied stories is lived
by the real worker; its cases, messages and audit chains are then copied, with other ids and plates,
into four weeks of an SQLite file that is thrown away.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from os import cpu_count, times
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import typer
import yaml
from rich.console import Console
from rich.progress import Progress, track

from benchmarks.tables import Table, print_table
from pipeline.case import Outcome
from pipeline.events import PlaceClass, PlateReading, PlateStatus, ViolationType
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import load_rulebook
from pipeline.rehearsal import (
    Count,
    DraftRulebook,
    Plan,
    Rehearsal,
    rehearse,
    rehearse_together,
)
from pipeline.storage import UnitOfWork, open_storage, tables
from tests.builders import a_site, a_suspicion
from tests.past import LOST, NOT_ANSWERED, Fate, Past, Story, confirm, enter, give_up

_MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
_WEEKS = 4
_CAMERAS = [f"cam-{n}" for n in range(20)]
_SIGHTING_EVERY_S = 20
_STRANGERS = [f"鄂S{n:05d}" for n in range(1000)]
_OPTED_OUT = [f"鄂T{n:05d}" for n in range(1000)]
_PLATE = re.compile("鄂[A-Z][0-9]{5}")
_DAY = re.compile(r"2026-11-(\d\d)(?=[T ])")
_PAGE = 1000
_UNREAD = PlateReading(status=PlateStatus.UNREADABLE)

T = TypeVar("T")


@dataclass(kw_only=True)
class _Week:
    """Draws stories; the shares are guesses at a city's."""

    random: Random
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def story(self) -> Story:
        kinds: dict[Callable[[], Story], int] = {
            self._leaves: 58,
            self._stays: 12,
            self._strict: 5,
            self._unread: 5,
            self._stranger: 4,
            self._opted_out: 4,
            self._badly_reached: 5,
            self._silent: 3,
            self._on_duty: 2,
            self._over: 2,
        }
        (kind,) = self.random.choices([*kinds], [*kinds.values()])
        return kind()

    def _tell(self, plate: PlateReading | None = None, *, stay_s: float = 0, **more: Any) -> Story:
        at = _MONDAY + timedelta(
            days=self.random.randrange(7), seconds=self.random.triangular(0, 86_000, 30_000)
        )
        changes = more.pop("changes", {})
        # Whatever comes to the desk is decided there.
        decided = (90_000, confirm(self.random.choice([Outcome.PENALTY, Outcome.WARNING])))
        acts = (*more.pop("acts", ()), decided)
        suspicion = a_suspicion(
            at=at,
            camera_id=self.random.choice(_CAMERAS),
            place_class=more.pop("place", PlaceClass.ORDINARY),
            plate=plate or _read(f"鄂A{next(self.numbers):05d}"),
        ).model_copy(update=changes)
        seen = range(_SIGHTING_EVERY_S, int(stay_s) + 1, _SIGHTING_EVERY_S)
        return Story(suspicion=suspicion, seen_s=seen, acts=acts, **more)

    def _leaves(self) -> Story:
        """Soon after the call, most of them."""
        left_s = min(40 + self.random.expovariate(1 / 260), 580)
        place = self.random.choice([PlaceClass.ORDINARY] * 4 + [PlaceClass.BUS_STOP])
        return self._tell(stay_s=left_s, left_s=left_s, place=place)

    def _stays(self) -> Story:
        stay_s = self.random.uniform(640, 2400)
        left_s = stay_s if self.random.random() < 0.5 else None
        return self._tell(stay_s=stay_s, left_s=left_s)

    def _strict(self) -> Story:
        stay_s = self.random.uniform(20, 600)
        return self._tell(stay_s=stay_s, left_s=stay_s, place=PlaceClass.STRICT)

    def _unread(self) -> Story:
        left_s = self.random.uniform(100, 900)
        plate = f"鄂A{next(self.numbers):05d}"
        acts = [(), ((60, enter(plate)),), ((90, give_up),)]
        return self._tell(_UNREAD, stay_s=left_s, left_s=left_s, acts=self.random.choice(acts))

    def _stranger(self) -> Story:
        left_s = self.random.uniform(60, 1200)
        return self._tell(_read(_STRANGERS[next(self.numbers)]), stay_s=left_s, left_s=left_s)

    def _opted_out(self) -> Story:
        stay_s = self.random.uniform(60, 1200)
        return self._tell(_read(_OPTED_OUT[next(self.numbers)]), stay_s=stay_s, left_s=stay_s)

    def _badly_reached(self) -> Story:
        stay_s = self.random.uniform(200, 1500)
        fates: list[tuple[Fate, ...]] = [
            (NOT_ANSWERED, Fate()),
            (NOT_ANSWERED, NOT_ANSWERED, Fate()),
            (NOT_ANSWERED,),
            (LOST,),
        ]
        return self._tell(stay_s=stay_s, left_s=stay_s, fates=self.random.choice(fates))

    def _silent(self) -> Story:
        return self._tell(stay_s=self.random.uniform(0, 300))

    def _on_duty(self) -> Story:
        return self._tell(_read(f"鄂A{next(self.numbers):04d}警"), stay_s=60, left_s=70)

    def _over(self) -> Story:
        return self._tell(changes={"violation_type": ViolationType.WRONG_WAY})


def _read(text: str) -> PlateReading:
    return PlateReading(status=PlateStatus.AGREED, text=text, agreeing=5, reads=6)


def _live(folder: Path, stories: int) -> str:
    """A week lived by the real worker; the address of its database."""
    week = _Week(random=Random(2026))  # noqa: S311 - no secret
    told = [week.story() for _ in range(stories)]
    if (folder / "state.db").exists():
        return f"sqlite:///{folder}/state.db"
    folder.mkdir()
    with Past(
        folder,
        begins_at=_MONDAY,
        sites=[a_site(one) for one in _CAMERAS],
        strangers=_STRANGERS,
        opted_out=_OPTED_OUT,
    ) as past:
        past.tell(*told)
        past.wait(timedelta(days=1, hours=2))
        return past.url


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """The rows of a lived week as those of another week, with other ids and plates."""

    number: int
    plates: dict[str, str]

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: self._value(value) for name, value in row.items()}

    def _value(self, value: Any) -> Any:
        match value:
            case UUID():
                return self._id(value)
            case datetime():
                return value + self._later
            case str():
                return _UUID.sub(lambda one: str(self._id(UUID(one[0]))), self._text(value))
            case _:
                return value

    def _text(self, text: str) -> str:
        moved = _DAY.sub(self._day, text)
        return _PLATE.sub(lambda one: self.plates.setdefault(one[0], _plate()), moved)

    @property
    def _later(self) -> timedelta:
        return timedelta(weeks=self.number % _WEEKS)

    def _day(self, found: re.Match[str]) -> str:
        return str((_MONDAY + timedelta(days=int(found[1]) - 2) + self._later).date())

    def _id(self, one: UUID) -> UUID:
        return uuid5(one, str(self.number))


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_made = count()


def _plate() -> str:
    letter, number = divmod(next(_made), 100_000)
    return f"鄂{'BCDEFGHJKLMNPQ'[letter]}{number:05d}"


def _fill(url: str, lived_url: str, cases: int) -> None:
    """Copy a lived week until there are so many cases."""
    lived = {}
    engine = sa.create_engine(lived_url)
    with engine.connect() as connection:
        for table in (tables.site, tables.case, tables.reminder, tables.audit):
            rows = connection.execute(sa.select(table)).mappings()
            lived[table.name] = [dict(row) for row in rows]
    engine.dispose()
    with closing(open_storage(url)):
        pass
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF"))
    per_copy = len(lived[tables.case.name])
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.site), lived[tables.site.name])
    for number in track(range(-(-cases // per_copy)), description=f"{cases} cases"):
        copy = _Copy(number=number, plates={})
        kept = lived[tables.case.name][: cases - number * per_copy]
        ids = {row["id"] for row in kept}
        with engine.begin() as connection:
            connection.execute(sa.insert(tables.case), [copy.row(row) for row in kept])
            for table in (tables.reminder, tables.audit):
                copied = [copy.row(row) for row in lived[table.name] if row["case_id"] in ids]
                if copied:
                    connection.execute(sa.insert(table), copied)
    engine.dispose()


class _Reading:
    """A history that measures how long one waits for what it reads."""

    def __init__(self, history: Any) -> None:
        self._history = history
        self.took_s = 0.0

    def __getattr__(self, name: str) -> Callable[..., Iterator[object]]:
        def read(*args: Any, **named: Any) -> Iterator[object]:
            return self._measured(getattr(self._history, name)(*args, **named))

        return read

    def _measured(self, rows: Iterator[T]) -> Iterator[T]:
        while True:
            begun_s = perf_counter()
            row = next(rows, None)
            self.took_s += perf_counter() - begun_s
            if row is None:
                return
            yield row


class _Measured:
    """A unit of work whose history is measured."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.history = _Reading(uow.history)
        self.registry, self.now = uow.registry, uow.now


def _draft(folder: Path) -> Path:
    day = date(2026, 11, 1)
    grace = [{"from": day, "value": 5, "unit": "min", "source": "a try"}]
    head = {"extends": "hubei", "region": "draft", "version": "1", "name": {"zh": "草", "en": "D"}}
    file = folder / "draft.yaml"
    file.write_text(yaml.safe_dump({**head, "grace_period": grace}), encoding="utf-8")
    return file


def _plan(draft: Path, until: date = date(2026, 11, 30)) -> Plan:
    return Plan(
        against=load_rulebook("hubei"),
        draft=DraftRulebook.of(load_rulebook(str(draft))),
        since=date(2026, 11, 1),
        until=until,
        zone=ZoneInfo("Asia/Shanghai"),
        site=None,
        calendar=load_calendar(),
        kinds=frozenset(ChannelKind),
        cases=50,
    )


def _share_of_reading(url: str, draft: Path) -> float:
    """Of the time that one process takes for a day; the rest is replaying and counting."""
    with closing(open_storage(url)) as storage, storage.read() as uow:
        measured = _Measured(uow)
        begun_s = perf_counter()
        plan = _plan(draft, until=date(2026, 11, 2))
        rehearse(cast("UnitOfWork", measured), plan, lambda _: None)
        return measured.history.took_s / (perf_counter() - begun_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Took:
    """Seconds by the wall clock, and of all processors: others may work on these cores too."""

    wall_s: float
    processor_s: float


def _processor_s() -> float:
    took = times()
    return took.user + took.system + took.children_user + took.children_system


def _measure(url: str, draft: Path, processes: int) -> tuple[Rehearsal, _Took]:
    """The result, and how long it took."""
    begun_s, used_s = perf_counter(), _processor_s()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("replayed", total=None)
        result = rehearse_together(
            url, _plan(draft), lambda n: progress.advance(task, n), processes=processes
        )
    return result, _Took(wall_s=perf_counter() - begun_s, processor_s=_processor_s() - used_s)


def main(
    cases: Annotated[int, typer.Option(min=1, help="So many cases are replayed.")] = 100_000,
    stories: Annotated[int, typer.Option(min=1, help="So many are lived, and copied.")] = 150,
    processes: Annotated[int, typer.Option(min=1, help="So many replay.")] = cpu_count() or 1,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the databases here, and use what is there.")
    ] = None,
) -> None:
    """Make a month of cases and rehearse half the grace period over it."""
    with TemporaryDirectory(prefix="rehearsal-") as thrown_away:
        place = folder or Path(thrown_away)
        place.mkdir(exist_ok=True)
        file = place / "state.db"
        if not file.exists():
            _fill(f"sqlite:///{file}", _live(place / "lived", stories), cases)
        url, draft = f"sqlite:///{file}", _draft(place)
        result, took = _measure(url, draft, processes)
        _print(result, took, _share_of_reading(url, draft), file.stat().st_size)


def _print(result: Rehearsal, took: _Took, reading: float, size: int) -> None:
    total = result.before[Count.CASES]
    print_table(
        Table(
            title="A rehearsal of grace 10 to 5 minutes",
            head=("", "measured"),
            lines=(
                ("cases", f"{total:,}"),
                ("seconds", f"{took.wall_s:.1f}"),
                ("processor seconds", f"{took.processor_s:.1f}"),
                ("cases a second", f"{total / took.wall_s:,.0f}"),
                ("share of reading and decoding", f"{reading:.0%}"),
                ("database in MiB", f"{size / 2**20:,.0f}"),
                ("replays that went another way than really", f"{result.check.differing:,}"),
                *_rows(result, [Count.CLEARED, Count.REFERRED, Count.OTHERWISE, Count.UNKNOWN]),
            ),
        )
    )


def _rows(result: Rehearsal, counts: Sequence[Count]) -> Iterator[tuple[str, str]]:
    for one in counts:
        yield one.value, f"{result.before[one]:,} -> {result.after[one]:,}"


if __name__ == "__main__":
    typer.run(main)
