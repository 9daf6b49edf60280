from pathlib import Path

import pytest

from pipeline.policy.parameters import RulebookError
from pipeline.policy.working_calendar import load_calendar


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"years: [", "no valid YAML"),
        (b"\xff\xfe\xff", "no valid YAML"),
        (b"day: 2026-02-30", "day is out of range for month"),
        (b"", "must be a set of names and values"),
        (b"holidays: []", "years: Field required; add it"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, text: bytes, why: str
) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_bytes(text)

    with pytest.raises(RulebookError) as raised:
        load_calendar(file)
    assert f"calendar {file}: " in str(raised.value)
    assert why in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulebookError, match=r"calendar .*none.yaml: No such file"):
        load_calendar(tmp_path / "none.yaml")
