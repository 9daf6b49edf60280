from dataclasses import fields
from datetime import datetime

import pytest

from pipeline.policy.clock_table import load_clocks
from pipeline.policy.milestones import Milestones


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"entered_at: 2026-03-02 10:00:00 has no time zone"):
        Milestones(entered_at=datetime(2026, 3, 2, 10))  # noqa: DTZ001 - that is the point


def test_every_milestone_is_one_that_a_clock_needs() -> None:
    clocks = load_clocks().clocks
    needed = {name for clock in clocks for name in (clock.starts, *clock.ends, *clock.not_with)}
    needed |= {clock.until for clock in clocks if clock.until}

    assert {field.name for field in fields(Milestones)} == needed
