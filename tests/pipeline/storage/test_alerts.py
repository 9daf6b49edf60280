"""Marks of alerts on both databases, by the fixture `storage_url`."""

from dataclasses import replace

import pytest

from pipeline.clock import ManualClock
from pipeline.storage import ClockSetBackError, Storage
from pipeline.storage.alerts import AlertMark
from tests.builders import NOON, seconds

MARK = AlertMark(kind="lag", about="", began_at=NOON, seen_at=NOON, count=3)


def test_a_mark_is_added_once_changed_and_forgotten(storage: Storage) -> None:
    other = replace(MARK, about="cam-1")
    seen = replace(MARK, seen_at=NOON + seconds(30), count=4, claimed_until=NOON + seconds(60))
    with storage.begin() as uow:
        assert uow.alerts.add(MARK)
        assert not uow.alerts.add(replace(MARK, count=9))
        assert uow.alerts.add(other)
        uow.commit()
    with storage.begin() as uow:
        assert uow.alerts.lock() == [MARK, other]
        uow.alerts.save(seen)
        uow.commit()
    with storage.begin() as uow:
        uow.alerts.told(MARK, NOON + seconds(31))
        uow.alerts.drop(other)
        uow.commit()
    with storage.read() as uow:
        told = replace(seen, told_at=NOON + seconds(31), claimed_until=None)
        assert uow.alerts.marks() == [told]


def test_what_staff_were_told_is_kept_even_by_a_clock_that_was_set_back(
    storage: Storage, clock: ManualClock
) -> None:
    with storage.begin() as uow:
        uow.now()
    clock.advance(-seconds(3600))
    with pytest.raises(ClockSetBackError), storage.begin() as uow:
        uow.now()

    with storage.begin_unguarded() as uow:
        uow.alerts.add(replace(MARK, began_at=uow.now()))
        uow.commit()
    with pytest.raises(ClockSetBackError), storage.begin() as uow:
        uow.now()
