"""What a purge deletes, what it leaves, and that it may die at any point."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from pipeline import intake
from pipeline.audit import AuditNote, first_broken, reaches
from pipeline.bus import EventPublisher, open_subscriber
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.events import Event, EvidenceRef, ViolationSuspected
from pipeline.evidence import (
    ErasableEvidenceStore,
    EvidenceMissingError,
    EvidenceStoreUnavailableError,
    open_evidence_store,
)
from pipeline.policy.parameters import RulebookError, load_rulebook
from pipeline.purge import Counts, Purge
from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.storage import StaleCaseError, Storage, UnitOfWork, open_storage
from pipeline.storage.tables import metadata
from tests.builders import (
    NOON,
    PLATE,
    a_departure,
    a_sighting,
    a_site,
    a_suspicion,
    an_envelope,
    seconds,
)
from tests.fakes import Killed

HUBEI = load_rulebook("hubei")
KEPT = timedelta(days=9)


def days(n: float) -> timedelta:
    return timedelta(days=n)


@dataclass
class Town:
    """A storage and an evidence store, and hands to make cases of real events with real files."""

    storage: Storage
    store: ErasableEvidenceStore
    clock: ManualClock
    folder: Path
    _seq: int = 0
    told: list[Counts] = field(default_factory=list)

    def purge(self, *, is_rehearsal: bool = False, **changes: Any) -> Counts:
        given = {"storage": self.storage, "store": self.store, "rulebook": HUBEI, **changes}
        return Purge(
            events_kept=KEPT, is_rehearsal=is_rehearsal, told=self.told.append, **given
        ).run()

    def files(self) -> set[str]:
        return {one.name for one in self.folder.rglob("*") if one.is_file()}

    def picture(self, content: str) -> EvidenceRef:
        return self.store.put(content.encode(), media_type="image/jpeg", captured_at=NOON)

    def suspicion(self, name: str, *, panorama: str | None = None) -> ViolationSuspected:
        event = a_suspicion()
        pictures = {
            "panorama": self.picture(panorama or f"{name} panorama"),
            "crop": self.picture(f"{name} crop"),
            "drawn": self.picture(f"{name} drawn"),
        }
        return event.model_copy(update=pictures)

    def sighting(self, suspicion: ViolationSuspected, name: str) -> Event:
        self._seq += 1
        event = a_sighting(suspicion, NOON + seconds(self._seq))
        pictures = {"panorama": self.picture(f"{name} again"), "drawn": self.picture(f"{name} d")}
        return event.model_copy(update=pictures)

    def take(self, *events: Event) -> None:
        for event in events:
            self._seq += 1
            with self.storage.begin() as uow:
                intake.take(uow, an_envelope(event, self._seq))
                uow.commit()

    def case(self, suspicion: ViolationSuspected) -> Case:
        with self.storage.read() as uow:
            (case,) = [one for one in uow.cases.find() if one.episode_id == suspicion.episode_id]
        return case

    def close(self, suspicion: ViolationSuspected, disposition: Disposition) -> Case:
        case = self.case(suspicion)
        closed = replace(
            case, status=CaseStatus.CLOSED, disposition=disposition, closed_at=self.clock.now()
        )
        with self.storage.begin() as uow:
            saved = uow.cases.save(closed)
            uow.audit.append(
                AuditNote(
                    case_id=case.id,
                    at=uow.now(),
                    actor="pipeline",
                    action="closed",
                    from_status=case.status,
                    to_status=saved.status,
                    case_version=saved.version,
                    cause="test",
                )
            )
            uow.commit()
        return saved

    def ended(
        self, name: str, disposition: Disposition = Disposition.CLEARED, **changes: Any
    ) -> Case:
        suspicion = self.suspicion(name, **changes)
        self.take(suspicion)
        return self.close(suspicion, disposition)

    def remind(self, case: Case, **changes: Any) -> Reminder:
        reminder = Reminder(
            key=case.reminder_key,
            case_id=case.id,
            plate=PLATE,
            channel="sms",
            contact_masked="138******01",
            text=f"{PLATE}: please move",
            status=DeliveryStatus.DELIVERED,
            created_at=NOON,
            provider_ref=f"sms-{case.id}",
        )
        with self.storage.begin() as uow:
            uow.outbox.add(replace(reminder, **changes), due_at=NOON)
            uow.commit()
        return replace(reminder, **changes)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        with self.storage.read() as uow:
            connection: sa.Connection = uow._connection  # type: ignore[attr-defined]
            return {
                table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=str)
                for table in metadata.sorted_tables
                if table.name != "clock_mark"
            }

    def are_kept(self, case: Case) -> bool:
        try:
            return all(self.store.get(ref) for ref in case.evidence)
        except EvidenceMissingError:
            return False


@pytest.fixture
def town(storage: Storage, clock: ManualClock, tmp_path: Path) -> Town:
    folder = tmp_path / "evidence"
    store = open_evidence_store(f"file:{folder}")
    return Town(storage=storage, store=store, clock=clock, folder=folder)


def test_a_cleared_case_loses_its_pictures_at_once_and_its_person_after_a_month(
    town: Town, storage: Storage
) -> None:
    case = town.ended("one")
    town.remind(case)
    counts = town.purge()

    assert counts == Counts(pictures=1, files=3)
    assert town.files() == set()
    with storage.read() as uow:
        after = uow.cases.get(case.id)
        (message,) = uow.outbox.of_case(case.id)
    assert after == replace(case, version=case.version + 1, pictures_deleted_at=NOON)
    assert PLATE in message.text

    town.clock.advance(days(30))
    counts = town.purge()

    assert counts == Counts(person=1, messages=1, texts=1, events=1)
    assert PLATE not in str(town.rows())
    with storage.read() as uow:
        after = uow.cases.get(case.id)
        (message,) = uow.outbox.of_case(case.id)
        chain = uow.audit.of_case(case.id)
    assert after is not None
    assert after.disposition is Disposition.CLEARED
    assert after.person_deleted_at == NOON + days(30)
    assert (message.text, message.provider_ref) == ("", None)
    assert message.status is DeliveryStatus.DELIVERED
    assert first_broken(chain) is None
    assert reaches(chain, version=after.version, status=after.status)
    assert [entry.note.action for entry in chain] == [
        "opened",
        "closed",
        "pictures deleted",
        "personal data deleted",
    ]
    assert [entry.note.reasons[0].entry for entry in chain[2:]] == [
        "retention.cleared.pictures = 0 days from 2021-01-01",
        "retention.cleared.person = 30 days from 2021-01-01",
    ]
    assert town.purge() == Counts()


def test_open_cases_are_never_touched(town: Town, storage: Storage) -> None:
    suspicion = town.suspicion("open")
    town.take(suspicion)
    case, message = town.case(suspicion), town.remind(town.case(suspicion))
    town.clock.advance(days(8))
    before = town.rows()
    assert town.purge() == Counts()
    assert town.rows() == before

    town.clock.advance(days(9999))
    assert town.purge() == Counts(events=1)
    assert town.case(suspicion) == case
    assert town.are_kept(case)
    with storage.read() as uow:
        assert uow.outbox.of_case(case.id) == [message]


def test_a_file_that_two_cases_share_goes_with_the_last_of_them(town: Town) -> None:
    first = town.ended("first", panorama="the same frame")
    other = town.suspicion("other", panorama="the same frame")
    town.take(other)

    assert town.purge() == Counts(pictures=1, files=2)
    assert town.are_kept(town.case(other))
    assert not town.are_kept(first)

    town.close(other, Disposition.CLEARED)
    assert town.purge() == Counts(pictures=1, files=3)
    assert town.files() == set()


def test_pictures_that_came_too_late_for_their_case_go_with_it(town: Town) -> None:
    suspicion = town.suspicion("one")
    town.take(suspicion)
    town.close(suspicion, Disposition.EXEMPT)
    town.take(town.sighting(suspicion, "still there"))
    assert len(town.files()) == 5

    town.clock.advance(days(7))
    assert town.purge() == Counts(pictures=1, files=5)
    assert town.files() == set()


def test_pictures_that_came_after_those_of_their_case_went_go_with_their_event(
    town: Town,
) -> None:
    suspicion = town.suspicion("one")
    town.take(suspicion)
    town.close(suspicion, Disposition.CLEARED)
    town.purge()
    town.clock.advance(days(2))
    town.take(town.sighting(suspicion, "from a spool"))

    town.clock.advance(days(8))
    assert town.purge() == Counts(events=1)
    assert len(town.files()) == 2
    town.clock.advance(days(2))
    assert town.purge() == Counts(events=1, files=2)
    assert town.files() == set()


def test_pictures_that_came_late_go_with_the_person_at_the_latest(
    town: Town, storage: Storage
) -> None:
    suspicion = town.suspicion("one")
    town.take(suspicion)
    town.close(suspicion, Disposition.CLEARED)
    town.purge()
    town.clock.advance(days(29))
    town.take(town.sighting(suspicion, "from a spool"))
    town.clock.advance(days(1))

    assert town.purge() == Counts(person=1, texts=2, events=1, files=2)
    assert town.files() == set()
    assert PLATE not in str(town.rows())
    town.clock.advance(days(10))
    assert town.purge() == Counts(events=1)


def test_a_kept_case_keeps_the_pictures_that_it_shows_when_its_events_go(town: Town) -> None:
    suspicion = town.suspicion("one")
    town.take(suspicion, town.sighting(suspicion, "seen"))
    town.close(suspicion, Disposition.CONFIRMED)
    town.take(town.sighting(suspicion, "nobody looked"))
    assert len(town.files()) == 7

    town.clock.advance(days(10))
    assert town.purge() == Counts(events=3, files=2)
    assert town.are_kept(town.case(suspicion))
    assert len(town.files()) == 5


def test_what_waits_for_a_case_that_never_comes_goes_with_its_pictures(
    town: Town, storage: Storage
) -> None:
    suspicion = a_suspicion()
    town.take(town.sighting(suspicion, "parked"), a_departure(suspicion, NOON))
    town.clock.advance(days(10))

    assert town.purge() == Counts(events=2, files=2)
    assert town.rows()["parked_event"] == []
    assert PLATE not in str(town.rows())
    with storage.begin() as uow:
        assert uow.inbox.take_parked(suspicion.episode_id) == []


def test_events_are_known_for_nine_days_and_call_backs_wait_no_longer(
    town: Town, storage: Storage
) -> None:
    suspicion = town.suspicion("open")
    town.take(suspicion)
    with storage.begin() as uow:
        uow.registry.add_callback("sms", '{"phone": "13800000001"}')
        uow.commit()
    town.clock.advance(days(5))
    town.take(a_departure(suspicion, NOON))
    town.clock.advance(days(4))
    assert town.purge() == Counts()

    town.clock.advance(seconds(1))
    assert town.purge() == Counts(events=1, requests=1)
    with storage.begin() as uow:
        assert uow.registry.next_request() is None
    assert len(town.rows()["inbox"]) == 1


def test_the_bus_of_this_machine_keeps_what_was_read_for_a_week(
    town: Town, storage: Storage, bus_url: str, publisher: EventPublisher
) -> None:
    suspicion = a_suspicion()
    publisher.publish([suspicion, a_sighting(suspicion, NOON), a_sighting(suspicion, NOON)])
    reader = open_subscriber(bus_url)
    partition = next(one for one in range(4) if reader.fetch(one, 0, limit=9).messages)
    with storage.begin() as uow:
        uow.inbox.advance(reader.topic, partition, start=0, to=1)
        uow.commit()
    town.clock.advance(days(7))
    assert town.purge(bus_url=bus_url) == Counts()

    town.clock.advance(seconds(1))
    assert town.purge(bus_url=bus_url, is_rehearsal=True) == Counts(on_bus=1)
    assert town.purge(bus_url=bus_url) == Counts(on_bus=1)
    assert len(reader.fetch(partition, 1, limit=9).messages) == 2


def test_a_repeated_event_does_not_bring_anything_back(town: Town) -> None:
    suspicion = town.suspicion("one")
    town.take(suspicion)
    case = town.close(suspicion, Disposition.CLEARED)
    town.clock.advance(days(40))
    town.purge()
    before = town.case(suspicion)

    town.take(suspicion, town.sighting(suspicion, "again"), a_departure(suspicion, NOON))

    assert town.case(suspicion) == before
    assert before.id == case.id


def test_who_claimed_a_message_does_not_write_it_back(town: Town, storage: Storage) -> None:
    case = town.ended("one")
    reminder = town.remind(case, status=DeliveryStatus.SENDING)
    with storage.begin() as uow:
        (due,) = uow.outbox.claim_due(limit=9, lease=days(99))
        uow.commit()
    town.clock.advance(days(30))
    town.purge()

    with storage.begin() as uow:
        assert not uow.outbox.finish(due, reminder, due_at=None)
        assert uow.outbox.claim_due(limit=9, lease=days(99)) == []
        uow.commit()
    assert PLATE not in str(town.rows())


def test_a_case_of_a_day_without_a_rule_stops_the_purge(town: Town) -> None:
    town.ended("one")
    late = HUBEI.retention[0].model_copy(update={"valid_from": NOON.date() + days(1)})
    with pytest.raises(RulebookError, match="nothing in force on 2026-03-02"):
        town.purge(rulebook=HUBEI.model_copy(update={"retention": (late,)}))


def test_a_day_is_that_of_the_site(town: Town, storage: Storage) -> None:
    # Noon in Shanghai is the day before on Samoa's side of the date line.
    with storage.begin() as uow:
        uow.registry.save_site(replace(a_site(), time_zone="Pacific/Pago_Pago"))
        uow.commit()
    town.ended("one")
    late = HUBEI.retention[0].model_copy(update={"valid_from": NOON.date()})
    with pytest.raises(RulebookError, match="nothing in force on 2026-03-01"):
        town.purge(rulebook=HUBEI.model_copy(update={"retention": (late,)}))


def test_a_case_whose_site_is_not_registered_goes_by_utc(town: Town) -> None:
    suspicion = town.suspicion("one").model_copy(update={"camera_id": "unknown"})
    town.take(suspicion)
    town.close(suspicion, Disposition.CLEARED)

    assert town.purge() == Counts(pictures=1, files=3)


def a_crowd(town: Town) -> None:
    """Everything at once: shared files over several batches, late events, old rows, leftovers."""
    for n in range(5):
        town.remind(town.ended(f"cleared {n}", panorama="one frame for all"))
    shared = town.suspicion("kept", panorama="one frame for two")
    town.take(shared, town.sighting(shared, "kept"))
    town.close(shared, Disposition.CONFIRMED)
    town.ended("with the kept one", panorama="one frame for two")
    late = town.suspicion("late")
    town.take(late)
    town.close(late, Disposition.REJECTED)
    town.take(town.sighting(late, "late"))
    town.take(town.sighting(a_suspicion(), "parked"))
    opened = town.suspicion("open")
    town.take(opened)
    with town.storage.begin() as uow:
        uow.registry.add_callback("sms", "{}")
        uow.retention.mark_for_deletion({town.picture("left over").sha256})
        uow.commit()
    town.clock.advance(days(20))
    for n in range(3):
        town.ended(f"young {n}", panorama="one frame for the young")
    town.clock.advance(days(11))


EXPECTED = Counts(
    left_over=1, pictures=10, person=6, messages=5, texts=6, events=15, requests=1, files=27
)


@pytest.fixture
def crowd(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr("pipeline.purge.BATCH", 2)
    a_crowd(town)
    return town


def test_a_rehearsal_changes_nothing_and_counts_the_same(crowd: Town) -> None:
    rows, files = crowd.rows(), crowd.files()

    rehearsed = crowd.purge(is_rehearsal=True)

    assert crowd.rows() == rows
    assert crowd.files() == files
    assert crowd.purge() == rehearsed
    assert rehearsed == EXPECTED
    assert crowd.purge() == crowd.purge(is_rehearsal=True) == Counts()


def test_progress_is_told_after_each_batch(crowd: Town) -> None:
    counts = crowd.purge()

    assert len(crowd.told) > 10
    assert crowd.told[-1] == counts


class DyingStorage:
    """Begins units of work until one of them must not, or only just, be committed."""

    def __init__(self, inner: Storage, passing: Callable[[str], None]) -> None:
        self._inner, self._passing = inner, passing

    def begin(self) -> UnitOfWork:
        uow = self._inner.begin()
        commit = uow.commit

        def passing() -> None:
            self._passing("before commit")
            commit()
            self._passing("after commit")

        uow.commit = passing  # type: ignore[method-assign]
        return uow

    def read(self) -> UnitOfWork:
        return self._inner.read()

    def close(self) -> None:
        self._inner.close()


class DyingStore:
    """Deletes until it must not, or only just."""

    def __init__(self, inner: ErasableEvidenceStore, passing: Callable[[str], None]) -> None:
        self._inner, self._passing = inner, passing

    def delete(self, sha256: str) -> None:
        self._passing("before delete")
        self._inner.delete(sha256)
        self._passing("after delete")


class DeathAt:
    """Kills at the n-th point that is passed."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.at: str | None = None

    def __call__(self, point: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.at = point
            raise Killed(point)


def deaths(town: Town) -> Iterator[DeathAt]:
    """One run after the other, each killed a little further on, until one comes through."""
    n = 0
    while True:
        n += 1
        death = DeathAt(n)
        try:
            town.purge(
                storage=DyingStorage(town.storage, death), store=DyingStore(town.store, death)
            )
        except Killed:
            yield death
        else:
            return


def test_who_is_killed_at_any_point_leaves_no_case_without_a_picture_that_it_shows(
    crowd: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.purge._DELETERS", 1)
    points = set()
    for death in deaths(crowd):
        points.add(death.at)
        with crowd.storage.read() as uow:
            cases = uow.cases.find()
        for case in cases:
            assert case.pictures_deleted_at is not None or crowd.are_kept(case)

    assert points == {"before commit", "after commit", "before delete", "after delete"}
    with crowd.storage.read() as uow:
        kept = [case for case in uow.cases.find() if case.pictures_deleted_at is None]
        chains = [uow.audit.of_case(case.id) for case in uow.cases.find()]
    assert crowd.files() == {ref.sha256 for case in kept for ref in case.evidence}
    assert [first_broken(chain) for chain in chains] == [None] * len(chains)
    actions = [[entry.note.action for entry in chain] for chain in chains]
    assert max(one.count("pictures deleted") for one in actions) == 1
    assert crowd.purge() == Counts()


def test_a_store_that_is_away_leaves_the_files_to_the_next_run(town: Town) -> None:
    town.ended("one")

    def away(point: str) -> None:
        raise EvidenceStoreUnavailableError(f"{point}: no way to the other machine")

    with pytest.raises(EvidenceStoreUnavailableError):
        town.purge(store=DyingStore(town.store, away))
    assert len(town.files()) == 3

    assert town.purge() == Counts(left_over=3)
    assert town.files() == set()
    assert town.rows()["picture_to_delete"] == []


def test_a_file_that_a_new_case_shows_meanwhile_stays(town: Town) -> None:
    suspicion = town.suspicion("one")
    town.take(suspicion)
    with town.storage.begin() as uow:
        uow.retention.mark_for_deletion({suspicion.crop.sha256})
        uow.commit()

    town.purge()

    assert town.are_kept(town.case(suspicion))
    assert town.rows()["picture_to_delete"] == []


def test_a_case_that_somebody_looked_at_meanwhile_is_taken_again(town: Town) -> None:
    case = town.ended("one")
    failures = iter([StaleCaseError("changed meanwhile")])

    def fail_once(point: str) -> None:
        for failure in failures:
            raise failure

    storage = DyingStorage(town.storage, fail_once)
    assert town.purge(storage=storage) == Counts(pictures=1, files=3)
    with town.storage.read() as uow:
        assert first_broken(uow.audit.of_case(case.id)) is None


def test_a_case_that_always_changes_is_no_endless_loop(town: Town) -> None:
    town.ended("one")

    def fail(_: str) -> None:
        raise StaleCaseError("changed meanwhile")

    with pytest.raises(StaleCaseError):
        town.purge(storage=DyingStorage(town.storage, fail))


def test_two_purges_at_one_moment_leave_no_file_behind(
    town: Town, storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.purge.BATCH", 1)
    for n in range(6):
        town.ended(f"case {n}", panorama="one frame for all")
    other = open_storage(storage_url, clock=town.clock)

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda one: town.purge(storage=one), (town.storage, other)))
    other.close()

    assert sum(one.pictures for one in counts) == 6
    assert town.files() == set()


def test_the_ids_of_cases_and_events_that_are_purged_are_known(
    town: Town, storage: Storage
) -> None:
    case = town.ended("one")
    with storage.read() as uow:
        assert uow.retention.pictures_deleted_at([case.id, UUID(int=7)]) == {}
    town.purge()
    with storage.read() as uow:
        assert uow.retention.pictures_deleted_at([case.id]) == {case.id: NOON}
        assert uow.retention.users_of([]) == {}
