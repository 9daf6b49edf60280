from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.policy.clock_table import ClockId, load_clocks
from pipeline.policy.parameters import RulebookError, load_rulebook

SHIPPED = Path("pipeline/policy/rulebook/clocks.yaml")
Clocks = list[dict[str, Any]]


def refused(tmp_path: Path, change: Callable[[Clocks], object]) -> str:
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    change(document["clocks"])
    file = tmp_path / "clocks.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    with pytest.raises(RulebookError) as raised:
        load_clocks(file)
    return str(raised.value).replace(str(file), "FILE")


def test_the_shipped_clocks_are_whole_and_their_alerts_say_that_they_are_no_law() -> None:
    table = load_clocks()

    assert [clock.id for clock in table.clocks] == list(ClockId)
    assert {clock.alert_before.source for clock in table.clocks} == {"design value"}


def test_the_rulebook_of_a_region_gives_as_long_for_review_as_the_law() -> None:
    book = load_rulebook("hubei")
    review = load_clocks().of(ClockId.T1)
    day = date(2026, 3, 2)

    assert book.in_force(book.review_deadline, day).value == review.in_force(day).length


def until(day: date) -> Callable[[Clocks], object]:
    return lambda clocks: clocks[0]["entries"][0].update(until=day)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            until(date(2020, 4, 29)),
            "clocks.0: entries.1: begins on 2020-05-01, and nothing is in force after 2020-04-29",
        ),
        (
            until(date(2020, 5, 1)),
            "entries.1: begins on 2020-05-01, while the one before holds until 2020-05-01",
        ),
        (
            lambda clocks: clocks[0]["entries"][0].pop("until"),
            "entries.1: begins on 2020-05-01, while the one before holds until further notice",
        ),
        (
            until(date(2009, 3, 31)),
            "clocks.0.entries.0: ends on 2009-03-31, before it begins on 2009-04-01",
        ),
        (
            lambda clocks: clocks[1]["entries"][0].pop("source"),
            "clocks.1.entries.0.source: Field required; add it",
        ),
        (
            lambda clocks: clocks[1]["entries"][0].update(unit="weeks"),
            "clocks.1.entries.0.unit: Input should be 'working days', 'days', 'months', 'years' or",
        ),
        (
            lambda clocks: clocks[2]["entries"][0].update(moves=True),
            "clocks.2.entries.0: moves: working days never end on a day that could move",
        ),
        (
            lambda clocks: clocks[2]["entries"][0].update(length=0),
            "clocks.2.entries.0: length: only days may be 0, for the same day",
        ),
        (
            lambda clocks: clocks[2]["alert_before"].update(unit="months"),
            "clocks.2.alert_before: unit: an alert is counted in hours, days or working days",
        ),
        (
            lambda clocks: clocks[2].update(starts="entred_at"),
            "clocks.2.starts: entred_at is no milestone of a case",
        ),
        (
            lambda clocks: clocks[2]["name"].pop("zh"),
            "clocks.2.name.zh: Field required; add it",
        ),
        (
            lambda clocks: clocks.append(clocks[2]),
            "clocks.19: T3 stands here a second time",
        ),
        (
            lambda clocks: clocks.insert(0, clocks.pop(4)),
            "clocks.0.after: T4 does not stand above",
        ),
        (
            lambda clocks: clocks.pop(),
            "clocks: nothing said of T17",
        ),
    ],
)
def test_clocks_that_contradict_themselves_are_refused_with_the_place(
    tmp_path: Path, change: Callable[[Clocks], object], said: str
) -> None:
    text = refused(tmp_path, change)

    assert text.startswith("clocks FILE: clocks")
    assert said in text
