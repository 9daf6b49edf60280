"""Rulebook files for tests: drafts of the plain profile, and regions that stand on others."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from pipeline.policy.parameters import Rulebook

FOLDER = Path("pipeline/policy/rulebook")
GENERIC = yaml.safe_load((FOLDER / "generic.yaml").read_text(encoding="utf-8"))


def written(folder: Path, name: str = "draft", /, **changes: object) -> str:
    """A rulebook file that says all that the plain profile says, but for the changes."""
    return on_its_own(folder, name, **GENERIC | changes)


def on_its_own(folder: Path, name: str, /, **fields: object) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(fields, allow_unicode=True), encoding="utf-8")
    return str(file)


def extending(folder: Path, name: str, above: str, /, **fields: object) -> str:
    head = {"region": name, "version": "1", "name": {"zh": name, "en": name}, "extends": above}
    return on_its_own(folder, name, **head | fields)


def graces(*spans: str) -> list[dict[str, object]]:
    """Entries of so many minutes as their place among these, `FROM` or `FROM UNTIL`."""
    entries = []
    for minutes, span in enumerate(spans, start=1):
        begins, *ends = map(date.fromisoformat, span.split())
        until = {"until": ends[0]} if ends else {}
        entries.append(entry(minutes, "min", **{"from": begins}, **until))
    return entries


def entry(value: object, unit: str, **fields: Any) -> dict[str, object]:
    return {"from": date(2026, 1, 1), "value": value, "unit": unit, "source": "test"} | fields


def minutes_on(book: Rulebook, day: str) -> float:
    grace = book.in_force(book.grace_period, date.fromisoformat(day))
    return grace.length / timedelta(minutes=1)
