import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.audit import first_broken
from pipeline.case import CaseStatus
from pipeline.clock import ManualClock, SystemClock
from pipeline.storage import (
    ClockSetBackError,
    StaleCaseError,
    Storage,
    StorageError,
    StorageUnavailableError,
    accept_clock,
    open_storage,
    upgrade,
)
from pipeline.storage.tables import metadata
from tests.builders import NOON, a_case, by_hand, seconds
from tests.pipeline.storage.contract import StorageContract, a_note


class TestSqlStorage(StorageContract):
    """On both databases, by the fixture `storage_url`."""


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/state.db")

    with sqlite3.connect(tmp_path / "state.db") as connection:
        made = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        }
    connection.close()
    del made["alembic_version"]

    assert made == {
        table.name: [column.name for column in table.columns] for table in metadata.sorted_tables
    }


def test_a_changed_row_breaks_the_audit_chain_at_that_row(
    storage: Storage, storage_url: str
) -> None:
    case = a_case()
    with storage.begin() as uow:
        for action in ("opened", "sighting", "closed"):
            uow.audit.append(a_note(case, action))
        uow.commit()
    by_hand(storage_url, "UPDATE audit SET action = 'nothing' WHERE number = 2")

    with storage.begin() as uow:
        broken = first_broken(uow.audit.of_case(case.id))

    assert broken is not None
    assert broken.number == 2


def test_tables_of_a_newer_program_are_refused(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/state.db")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(StorageError, match="9999, which this program does not know"):
        open_storage(f"sqlite:///{tmp_path}/state.db")


def test_a_database_that_cannot_be_written_is_unavailable(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageUnavailableError):
        open_storage(f"sqlite:///{tmp_path}/file/state.db", clock=clock)


def test_an_unknown_database_is_refused() -> None:
    with pytest.raises(StorageError, match="use sqlite"):
        open_storage("mango://x")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_text("this is no database, however long it may be" * 100)

    with pytest.raises(StorageError, match="not a database file"):
        open_storage(f"sqlite:///{file}")


def test_a_clock_that_was_set_back_decides_nothing_and_stops_nobody_who_only_looks(
    storage: Storage, clock: ManualClock
) -> None:
    with storage.begin() as uow:
        uow.now()
    clock.advance(seconds(-3))

    with pytest.raises(ClockSetBackError, match="accept-clock"), storage.begin() as uow:
        uow.now()
    with storage.read() as uow:
        assert uow.now() == clock.now()

    clock.advance(seconds(3))
    with storage.begin() as uow:
        assert uow.now() == clock.now()


def test_what_a_time_server_corrects_each_day_is_no_reason_to_stop(
    storage: Storage, clock: ManualClock
) -> None:
    with storage.begin() as uow:
        uow.now()
    clock.advance(seconds(-2))

    with storage.begin() as uow:
        assert uow.now() == clock.now()


def test_a_clock_that_was_set_back_while_nobody_worked_is_noticed(
    storage: Storage, storage_url: str, clock: ManualClock
) -> None:
    clock.advance(seconds(60))
    with storage.begin() as uow:
        uow.now()
    with storage.begin():
        pass
    clock.advance(seconds(-60))

    later = open_storage(storage_url, clock=clock)
    with pytest.raises(ClockSetBackError), later.begin():
        pass
    later.close()


def test_others_hear_that_a_clock_was_accepted(
    storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.storage.clock_guard._KEEP_EVERY", seconds(0))
    ahead = ManualClock(SystemClock().now() + seconds(7200))
    wrong = open_storage(storage_url, clock=ahead)
    with wrong.begin():
        pass
    wrong.close()
    storage = open_storage(storage_url)
    with pytest.raises(ClockSetBackError), storage.begin():
        pass

    accept_clock(storage_url)

    with storage.begin() as uow:
        uow.now()
    storage.close()


def test_what_a_wrong_clock_put_off_is_looked_at_once_it_is_right(storage_url: str) -> None:
    wrong = open_storage(storage_url, clock=ManualClock(SystemClock().now() + seconds(7200)))
    with wrong.begin() as uow:
        uow.registry.add_callback("sms", "early")
        request = uow.registry.next_request()
        assert request is not None
        uow.registry.put_off_request(request.id, uow.now() + seconds(2))
        uow.commit()
    wrong.close()

    accept_clock(storage_url)

    storage = open_storage(storage_url)
    with storage.begin() as uow:
        found = uow.registry.next_request()
        assert found is not None
        assert found.requested_at <= uow.now()
    storage.close()


def test_a_claim_begins_where_the_last_one_was_and_at_the_beginning_once_a_minute(
    storage: Storage, clock: ManualClock
) -> None:
    first, late = a_case(), a_case()
    lease = seconds(10)
    with storage.begin() as uow:
        for case in (first, late):
            uow.cases.add(case)
        uow.cases.set_timer(first.id, NOON)
        uow.commit()
    with storage.begin() as uow:
        assert [*uow.cases.claim_due(limit=9, lease=lease)] == [first.id]
        uow.cases.set_timer(first.id, None)
        uow.cases.set_timer(late.id, NOON - seconds(21))
        uow.commit()

    clock.advance(seconds(59))
    with storage.begin() as uow:
        assert uow.cases.claim_due(limit=9, lease=lease) == {}
    clock.advance(seconds(1))
    with storage.begin() as uow:
        assert [*uow.cases.claim_due(limit=9, lease=lease)] == [late.id]


@pytest.mark.postgres
def test_a_timer_is_not_set_by_what_a_case_was_before(postgres_url: str) -> None:
    # SQLite has one writer at a time: nobody comes between.
    storage = open_storage(postgres_url)
    case = a_case()
    with storage.begin() as uow:
        uow.cases.add(case)
        uow.commit()
    with storage.begin() as late:
        late.cases.get(case.id)
        with storage.begin() as uow:
            uow.cases.save(replace(case, status=CaseStatus.CLOSED))
            uow.commit()
        late.cases.set_timer(case.id, NOON)
        with pytest.raises(StaleCaseError):
            late.commit()
    storage.close()
