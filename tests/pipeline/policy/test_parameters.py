from datetime import date
from pathlib import Path

import pytest
import yaml

from pipeline.policy.evidence_standard import Clause
from pipeline.policy.parameters import RulebookError, load_rulebook

SHIPPED = Path("pipeline/policy/rulebook/generic.yaml")


def _written(tmp_path: Path, **changes: object) -> str:
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) | changes
    file = tmp_path / "draft.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


def _grace(*starts: str) -> list[dict[str, object]]:
    return [
        {"from": date.fromisoformat(start), "value": n, "unit": "min", "source": "test"}
        for n, start in enumerate(starts, start=1)
    ]


@pytest.mark.parametrize("name", ["demo", "england", "generic", "hubei"])
def test_every_shipped_rulebook_loads(name: str) -> None:
    assert load_rulebook(name).region == name


def test_the_date_picks_the_entry_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    name = _written(tmp_path, grace_period=_grace("2026-06-01", "2026-01-01"))
    book = load_rulebook(name)

    assert book.in_force(book.grace_period, date(2026, 5, 31)).length.seconds == 120
    assert book.in_force(book.grace_period, date(2026, 6, 1)).length.seconds == 60


def test_a_date_before_the_first_entry_is_an_error(tmp_path: Path) -> None:
    book = load_rulebook(_written(tmp_path, grace_period=_grace("2026-06-01")))

    with pytest.raises(RulebookError, match="the first entry starts 2026-06-01"):
        book.in_force(book.grace_period, date(2026, 5, 31))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grace_period": _grace("2026-01-01", "2026-01-01")}, "start on the same day"),
        ({"grace_period": []}, "at least 1 item"),
        ({"grace_period": [{"from": date(2026, 1, 1), "value": 1, "unit": "s"}]}, "source"),
        ({"surprise": 1}, "surprise"),
        (
            {
                "without_reminder": [
                    {
                        "from": date(2026, 1, 1),
                        "value": {"no_contact": "close"},
                        "unit": "way per cause",
                        "source": "x",
                    }
                ]
            },
            "no way given for cap_reached",
        ),
        (
            {
                "evidence_clauses": [
                    {
                        "from": date(2026, 1, 1),
                        "value": {"clock": "must"},
                        "unit": "need per clause",
                        "source": "x",
                    }
                ]
            },
            "nothing said of colour",
        ),
    ],
)
def test_a_wrong_rulebook_is_refused_with_its_place(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RulebookError, match=message):
        load_rulebook(_written(tmp_path, **changes))


def test_hubei_confirms_nothing_smaller_than_the_standard_asks_for() -> None:
    book = load_rulebook("hubei")
    needed = book.in_force(book.evidence_clauses, date(2026, 1, 1)).needed

    assert Clause.SIZE in needed
    assert Clause.COLOUR not in needed


def test_a_rulebook_that_is_not_there_names_the_shipped_ones() -> None:
    with pytest.raises(RulebookError, match="demo, england, generic, hubei"):
        load_rulebook("atlantis")


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "draft.yaml"
    file.write_text("a: [", encoding="utf-8")

    with pytest.raises(RulebookError, match="no valid YAML"):
        load_rulebook(str(file))
