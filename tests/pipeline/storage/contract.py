"""What every storage must do, whichever database is behind it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import TypeVar
from uuid import uuid4

import pytest

from pipeline.audit import AuditNote, first_broken
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import ManualClock
from pipeline.events import CameraState, CameraStatus, VehicleClass
from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.staff import ReviewerId
from pipeline.storage import StaleCaseError, Storage
from pipeline.storage.base import DeadLetter
from pipeline.storage.contacts import MIXED_KEYS, ContactCounts, SealedContact
from pipeline.storage.history import PlateFact, Share
from tests.builders import (
    NOON,
    PLATE,
    a_case,
    a_reviewer,
    a_sighting,
    a_site,
    a_suspicion,
    an_envelope,
    seconds,
)

LEASE = timedelta(seconds=60)
T = TypeVar("T")


def a_reminder(case: Case, step: int = 1) -> Reminder:
    return Reminder(
        key=f"reminder:{case.id}:{step}",
        case_id=case.id,
        plate=PLATE,
        channel="test",
        contact_masked="138******01",
        text="please move",
        status=DeliveryStatus.CREATED,
        created_at=NOON,
    )


def a_note(case: Case, action: str) -> AuditNote:
    return AuditNote(
        case_id=case.id,
        at=NOON,
        actor="test",
        action=action,
        from_status=case.status,
        to_status=case.status,
        case_version=case.version,
        cause="test",
    )


def a_sealed_contact(digit: int, **changes: object) -> SealedContact:
    contact = SealedContact(
        plate_hash=bytes([digit]) * 32,
        key_id="k1",
        phone=b"phone",
        vehicle_class=VehicleClass.CAR,
    )
    return replace(contact, **changes)  # type: ignore[arg-type]


def counts(contacts: int, opted_out: int, doubtful: int, sealed_by_others: int) -> ContactCounts:
    return ContactCounts(
        contacts=contacts,
        opted_out=opted_out,
        doubtful=doubtful,
        sealed_by_others=sealed_by_others,
    )


class StorageContract:
    """Subclass it with a `storage` fixture whose clock is the fixture `clock`."""

    def test_a_case_comes_back_as_it_was(self, storage: Storage) -> None:
        case = a_case(grace_ends_at=NOON + seconds(0.123456))
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.commit()
        with storage.begin() as uow:
            assert uow.cases.get(case.id) == case
            assert uow.cases.by_number(case.number) == [case]
            assert uow.cases.get(uuid4()) is None

    def test_nothing_of_an_uncommitted_unit_stays(self, storage: Storage) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.cases.set_timer(case.id, NOON)
        with storage.begin() as uow:
            assert uow.cases.get(case.id) is None

    def test_who_only_looks_sees_what_is_committed_and_waits_for_nobody(
        self, storage: Storage
    ) -> None:
        case = a_case()
        with storage.begin() as writing:
            writing.cases.add(case)
            with storage.read() as reading:
                assert reading.cases.find() == []
            writing.commit()
        with storage.read() as reading:
            assert reading.cases.find() == [case]

    def test_an_old_version_is_not_saved_over_a_new_one(self, storage: Storage) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            saved = uow.cases.save(replace(case, status=CaseStatus.CLOSED))
            assert saved.version == case.version + 1
            with pytest.raises(StaleCaseError):
                uow.cases.save(case)

    def test_cases_are_listed_by_due_date_then_age(self, storage: Storage) -> None:
        late = a_case(review_due_at=NOON + seconds(9), status=CaseStatus.IN_REVIEW)
        soon = a_case(review_due_at=NOON + seconds(5), status=CaseStatus.IN_REVIEW)
        undated = a_case(asks_operator=True)
        with storage.begin() as uow:
            for case in (undated, late, soon):
                uow.cases.add(case)
            assert uow.cases.find() == [soon, late, undated]
            assert uow.cases.find([CaseStatus.IN_REVIEW], limit=1) == [soon]
            assert uow.cases.find(asks_operator=True) == [undated]
            assert uow.cases.find(disposition=Disposition.CLEARED) == []
            uow.cases.add(
                cleared := a_case(opened_at=NOON + seconds(1), disposition=Disposition.CLEARED)
            )
            assert uow.cases.find(disposition=Disposition.CLEARED) == [cleared]
            assert uow.cases.find(newest_first=True, limit=1) == [cleared]

    def test_a_due_timer_is_claimed_once_and_again_after_a_crash(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.cases.set_timer(case.id, NOON + seconds(10))
            assert uow.cases.claim_due(limit=9, lease=LEASE) == {}
            clock.advance(seconds(13))
            assert uow.cases.claim_due(limit=9, lease=LEASE) == {case.id: seconds(3)}
            assert uow.cases.claim_due(limit=9, lease=LEASE) == {}
            clock.advance(LEASE)
            assert uow.cases.claim_due(limit=9, lease=LEASE) == {case.id: seconds(0)}
            uow.cases.set_timer(case.id, None)
            clock.advance(LEASE)
            assert uow.cases.claim_due(limit=9, lease=LEASE) == {}

    def test_due_timers_are_counted_and_the_oldest_of_them_is_timed(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        cases = [a_case() for _ in range(3)]
        with storage.begin() as uow:
            assert uow.cases.due_timers() == (0, seconds(0))
            for n, case in enumerate(cases):
                uow.cases.add(case)
                uow.cases.set_timer(case.id, NOON + seconds(10 * n))
            uow.commit()
        clock.advance(seconds(12.5))
        with storage.read() as uow:
            assert uow.cases.due_timers() == (2, seconds(12.5))
        with storage.begin() as uow:
            assert [*uow.cases.claim_due(limit=9, lease=LEASE)] == [one.id for one in cases[:2]]
            assert uow.cases.due_timers() == (0, seconds(0))

    def test_cases_are_counted_by_their_states(self, storage: Storage) -> None:
        states = (CaseStatus.IN_REVIEW, CaseStatus.SECOND_REVIEW, CaseStatus.SUSPECTED)
        with storage.begin() as uow:
            for status in (*states, CaseStatus.IN_REVIEW):
                uow.cases.add(a_case(status=status))
            assert uow.cases.count(*states[:2]) == 3
            assert uow.cases.count(CaseStatus.GRACE) == 0

    def test_a_message_is_queued_once_per_key(self, storage: Storage) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            assert uow.outbox.add(a_reminder(case), due_at=NOON)
            assert not uow.outbox.add(replace(a_reminder(case), text="again"), due_at=NOON)
            assert uow.outbox.of_case(case.id) == uow.outbox.recent() == [a_reminder(case)]

    def test_a_claim_that_was_taken_over_records_nothing(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.outbox.add(a_reminder(case), due_at=NOON)
            (first,) = uow.outbox.claim_due(limit=9, lease=LEASE)
            clock.advance(LEASE)
            (second,) = uow.outbox.claim_due(limit=9, lease=LEASE)
            sent = replace(
                a_reminder(case),
                status=DeliveryStatus.ACCEPTED,
                accepted_at=NOON,
                provider_ref="p",
                sent_by="sms",
            )
            assert not uow.outbox.finish(first, sent, due_at=None)
            assert uow.outbox.finish(second, sent, due_at=None)
            assert (first.attempts, second.attempts) == (1, 2)
            assert uow.outbox.by_provider_ref("sms", "p") == sent
            assert uow.outbox.by_provider_ref("voice", "p") is None
            assert uow.outbox.count(DeliveryStatus.ACCEPTED) == 1
            assert uow.cases.reminded_since(PLATE, NOON) == 1
            assert uow.cases.reminded_since(PLATE, NOON + seconds(1)) == 0

    def test_an_offset_moves_only_from_where_the_batch_began(self, storage: Storage) -> None:
        with storage.begin() as uow:
            assert uow.inbox.next_offset("t", 0) == 0
            assert uow.inbox.advance("t", 0, start=0, to=5)
            assert not uow.inbox.advance("t", 0, start=0, to=5)
            assert not uow.inbox.advance("t", 1, start=3, to=5)
            assert uow.inbox.advance("t", 0, start=5, to=6)
            assert uow.inbox.next_offset("t", 0) == 6

    def test_handled_parked_and_dead_events_are_remembered(self, storage: Storage) -> None:
        suspicion = a_suspicion()
        envelope = an_envelope(a_sighting(suspicion, NOON))
        letter = DeadLetter(
            topic="t", partition=0, offset=3, raw=b"\x00", reason="no JSON", at=NOON
        )
        with storage.begin() as uow:
            uow.inbox.add(envelope.id, envelope)
            assert uow.inbox.contains(envelope.id)
            assert not uow.inbox.contains("other.1.1")
            uow.inbox.park(suspicion.episode_id, envelope)
            assert uow.inbox.take_parked(suspicion.episode_id) == [envelope]
            assert uow.inbox.take_parked(suspicion.episode_id) == []
            uow.inbox.add_dead_letter(letter)
            assert uow.inbox.dead_letters() == [letter]

    def test_the_audit_chain_of_a_case_is_whole(self, storage: Storage) -> None:
        case = a_case()
        with storage.begin() as uow:
            for action in ("opened", "sighting", "closed"):
                uow.audit.append(a_note(case, action))
            uow.commit()
        with storage.begin() as uow:
            chain = uow.audit.of_case(case.id)
        assert [entry.number for entry in chain] == [1, 2, 3]
        assert first_broken(chain) is None

    def test_a_review_lease_has_one_holder_and_ends(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        case, li, wang = a_case(), ReviewerId("li"), ReviewerId("wang")
        with storage.begin() as uow:
            uow.cases.add(case)
            until = uow.now() + LEASE
            assert uow.registry.take_lease(case.id, li, until).reviewer_id == li
            assert uow.registry.take_lease(case.id, wang, until).reviewer_id == li
            uow.registry.drop_lease(case.id, wang)
            assert uow.registry.lease(case.id) is not None
            clock.advance(LEASE)
            assert uow.registry.lease(case.id) is None
            assert uow.registry.take_lease(case.id, wang, until + LEASE).reviewer_id == wang
            uow.registry.drop_lease(case.id, wang)
            assert uow.registry.leases() == []

    def test_sites_people_and_sessions_come_back(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        person = a_reviewer("zhao")
        with storage.begin() as uow:
            uow.registry.save_site(a_site("cam-9"))
            uow.registry.save_person(person, "hash 1")
            uow.registry.open_session("token", "zhao", uow.now() + LEASE)
            uow.registry.save_person(person, "hash 2")
            assert uow.registry.site("cam-9") == a_site("cam-9")
            assert a_site("cam-9") in uow.registry.sites()
            assert uow.registry.password_hash("zhao") == "hash 2"
            assert uow.registry.password_hash("nobody") is None
            assert uow.registry.session_person("token") is None
            uow.registry.open_session("token", "zhao", uow.now() + LEASE)
            assert uow.registry.session_person("token") == uow.registry.person("zhao") == person
            clock.advance(LEASE)
            assert uow.registry.session_person("token") is None
            uow.registry.close_session("token")

    def test_an_older_word_of_a_camera_does_not_replace_a_newer_one(self, storage: Storage) -> None:
        def said(n: int, state: CameraState) -> CameraStatus:
            return CameraStatus(camera_id="cam-1", captured_at=NOON + seconds(n), state=state)

        with storage.begin() as uow:
            uow.registry.save_camera_status(said(5, CameraState.LOST))
            uow.registry.save_camera_status(said(1, CameraState.ONLINE))
            assert uow.registry.camera_statuses()["cam-1"].state is CameraState.LOST

    def test_a_request_that_is_put_off_lets_others_pass(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        with storage.begin() as uow:
            uow.registry.add_callback("sms", "early")
            uow.registry.add_callback("sms", "fine")
            early = uow.registry.next_request()
            assert early is not None
            uow.registry.put_off_request(early.id, uow.now() + LEASE)
            assert uow.registry.count_requests() == 2
            next_one = uow.registry.next_request()
            assert next_one is not None
            assert next_one.body == "fine"
            uow.registry.drop_request(next_one.id)
            assert uow.registry.next_request() is None
            clock.advance(LEASE)
            assert uow.registry.next_request() == early

    def test_a_plate_is_counted_once_for_each_case_that_reached_it(self, storage: Storage) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            for step, status in ((1, DeliveryStatus.FAILED), (2, DeliveryStatus.DELIVERED)):
                uow.outbox.add(
                    replace(
                        a_reminder(case),
                        key=f"reminder:{case.id}:{step}",
                        status=status,
                        accepted_at=NOON,
                        provider_ref=f"ref-{step}",
                    ),
                    due_at=NOON,
                )
            uow.commit()
        with storage.begin() as uow:
            assert uow.cases.reminded_since(PLATE, NOON) == 1
            assert uow.cases.reminded_since(PLATE, NOON + LEASE) == 0
            assert uow.cases.records_since(PLATE, NOON) == 0

    def test_confirmed_cases_are_a_plate_s_records(self, storage: Storage) -> None:
        with storage.begin() as uow:
            uow.cases.add(a_case(disposition=Disposition.CONFIRMED))
            uow.cases.add(a_case(disposition=Disposition.REJECTED))
            assert uow.cases.records_since(PLATE, NOON) == 1
            assert uow.cases.records_since(PLATE, NOON + LEASE) == 0

    def test_requests_are_taken_once(self, storage: Storage) -> None:
        with storage.begin() as uow:
            uow.registry.add_callback(
                "sms", "{}", headers={"x-signature": "s"}, query={"token": "t"}
            )
            uow.commit()
        with storage.begin() as uow:
            request = uow.registry.next_request()
            assert request is not None
            assert (request.channel, request.body) == ("sms", "{}")
            assert (request.headers, request.query) == ({"x-signature": "s"}, {"token": "t"})
            uow.registry.drop_request(request.id)
            uow.commit()
        with storage.begin() as uow:
            assert uow.registry.next_request() is None

    def test_a_sealed_contact_comes_back_as_it_was(self, storage: Storage) -> None:
        contact = a_sealed_contact(1, push=b"push", colour="白", is_opted_out=True)
        bare = a_sealed_contact(2, vehicle_class=None)
        with storage.begin() as uow:
            uow.contacts.put_all([contact, bare])
            uow.commit()
        with storage.read() as uow:
            assert uow.contacts.get(contact.plate_hash) == contact
            assert uow.contacts.get(b"?" * 32) is None
            hashes = [contact.plate_hash, bare.plate_hash, b"?" * 32]
            assert uow.contacts.get_all(hashes) == dict(zip(hashes, [contact, bare], strict=False))
            assert uow.contacts.get_all([]) == {}

    def test_what_people_said_stays_when_a_register_is_loaded_again(self, storage: Storage) -> None:
        contact = a_sealed_contact(1)
        newer = replace(contact, phone=b"newer", colour="红")
        with storage.begin() as uow:
            uow.contacts.set_opted_out(contact.plate_hash, is_opted_out=True)
            uow.contacts.set_doubt(contact.plate_hash, sealed_reason=b"not mine", key_id="k1")
            uow.contacts.put_all([contact])
            uow.contacts.put_all([newer])
            assert uow.contacts.get(contact.plate_hash) == replace(
                newer, is_opted_out=True, doubtful_since=NOON, doubtful_reason=b"not mine"
            )
            uow.contacts.set_opted_out(contact.plate_hash, is_opted_out=False)
            uow.contacts.drop_doubt(contact.plate_hash)
            assert uow.contacts.get(contact.plate_hash) == newer

    def test_a_register_s_own_opt_out_is_kept(self, storage: Storage) -> None:
        contact = a_sealed_contact(1)
        with storage.begin() as uow:
            uow.contacts.put_all([replace(contact, is_opted_out=True)])
            uow.contacts.put_all([contact])
            kept = uow.contacts.get(contact.plate_hash)
        assert kept is not None
        assert kept.is_opted_out

    def test_a_doubt_counts_from_the_first_time_with_the_last_reason(
        self, storage: Storage, clock: ManualClock
    ) -> None:
        plate_hash = b"1" * 32
        with storage.begin() as uow:
            uow.contacts.set_doubt(plate_hash, sealed_reason=b"first", key_id="k1")
            clock.advance(seconds(5))
            uow.contacts.set_doubt(plate_hash, sealed_reason=b"last", key_id="k1")
            assert uow.contacts.get(plate_hash) == SealedContact(
                plate_hash=plate_hash,
                key_id="k1",
                doubtful_since=NOON,
                doubtful_reason=b"last",
            )

    def test_what_two_keys_have_sealed_is_known_to_be(self, storage: Storage) -> None:
        phone_first, doubt_first = a_sealed_contact(1), a_sealed_contact(2)
        with storage.begin() as uow:
            uow.contacts.put_all([phone_first])
            uow.contacts.set_doubt(phone_first.plate_hash, sealed_reason=b"x", key_id="k2")
            uow.contacts.set_doubt(doubt_first.plate_hash, sealed_reason=b"x", key_id="k2")
            uow.contacts.put_all([doubt_first])
            for one in (phone_first, doubt_first):
                kept = uow.contacts.get(one.plate_hash)
                assert kept is not None
                assert kept.key_id == MIXED_KEYS
            assert uow.contacts.count("k2").sealed_by_others == 2

    def test_contacts_of_older_keys_are_sealed_again_in_order(self, storage: Storage) -> None:
        contacts = [a_sealed_contact(n) for n in (3, 1, 2)]
        newest = a_sealed_contact(4, key_id="k2")
        with storage.begin() as uow:
            uow.contacts.put_all([*contacts, newest])
            uow.contacts.set_opted_out(b"\x05" * 32, is_opted_out=True)
            uow.commit()
        with storage.begin() as uow:
            found = uow.contacts.sealed_by_others("k2", after=b"", limit=2)
            assert [one.plate_hash[0] for one in found] == [1, 2]
            uow.contacts.reseal_all([replace(one, phone=b"again", key_id="k2") for one in found])
            uow.contacts.reseal_all([])
            uow.commit()
        with storage.begin() as uow:
            (left,) = uow.contacts.sealed_by_others("k2", after=found[-1].plate_hash, limit=2)
            assert left == contacts[0]
            again = uow.contacts.get(found[0].plate_hash)
            assert again == replace(found[0], phone=b"again", key_id="k2")

    def test_contacts_opt_outs_and_doubts_are_counted(self, storage: Storage) -> None:
        with storage.begin() as uow:
            assert uow.contacts.count("k1") == counts(0, 0, 0, 0)
            uow.contacts.put_all([])
            uow.contacts.put_all([a_sealed_contact(n) for n in range(3)])
            uow.contacts.set_opted_out(b"\x00" * 32, is_opted_out=True)
            uow.contacts.set_opted_out(b"\x09" * 32, is_opted_out=True)
            uow.contacts.set_doubt(b"\x01" * 32, sealed_reason=b"x", key_id="k1")
            assert uow.contacts.count("k1") == counts(3, 2, 1, 0)
            assert uow.contacts.count("k2") == counts(3, 2, 1, 3)

    def test_the_first_fingerprint_stands(self, storage: Storage) -> None:
        with storage.begin() as uow:
            assert uow.contacts.fingerprint() is None
            assert uow.contacts.keep_fingerprint("first") == "first"
            assert uow.contacts.keep_fingerprint("second") == "first"
            uow.commit()
        with storage.read() as uow:
            assert uow.contacts.fingerprint() == "first"

    def test_an_opt_out_is_not_lost_when_a_register_is_loaded_at_that_moment(
        self, storage: Storage
    ) -> None:
        contact = a_sealed_contact(1)

        def write(n: int) -> None:
            with storage.begin() as uow:
                if n:
                    uow.contacts.put_all([contact])
                else:
                    uow.contacts.set_opted_out(contact.plate_hash, is_opted_out=True)
                uow.commit()

        at_once(write)
        with storage.read() as uow:
            kept = uow.contacts.get(contact.plate_hash)
        assert kept == replace(contact, is_opted_out=True)

    def test_of_two_who_begin_a_partition_at_one_moment_one_is_first(
        self, storage: Storage
    ) -> None:
        def advance(_: int) -> bool:
            with storage.begin() as uow:
                moved = uow.inbox.advance("obs", 0, start=0, to=5)
                uow.commit()
            return moved

        assert sorted(at_once(advance)) == [False, True]

    def test_of_two_who_take_a_case_at_one_moment_one_has_it(self, storage: Storage) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.commit()

        def take(n: int) -> str:
            with storage.begin() as uow:
                lease = uow.registry.take_lease(
                    case.id, ReviewerId(("li", "wang")[n]), uow.now() + LEASE
                )
                uow.commit()
            return lease.reviewer_id

        assert len(set(at_once(take))) == 1

    def test_a_message_that_is_put_back_has_not_been_tried(self, storage: Storage) -> None:
        case = a_case()
        reminder = a_reminder(case)
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.outbox.add(reminder, due_at=NOON)
            (due,) = uow.outbox.claim_due(limit=9, lease=LEASE)
            uow.outbox.put_back(due, reminder)
            (again,) = uow.outbox.claim_due(limit=9, lease=LEASE)
            uow.outbox.put_back(due, replace(reminder, text="from an older claim"))
            uow.commit()

        assert (due.attempts, again.attempts) == (1, 1)
        assert again.epoch == due.epoch + 1
        with storage.begin() as uow:
            assert uow.outbox.lock(reminder.key) == reminder

    def test_who_writes_what_another_wrote_at_the_same_moment_may_try_again(
        self, storage: Storage
    ) -> None:
        case = a_case()
        with storage.begin() as uow:
            uow.cases.add(case)
            uow.commit()
        with storage.begin() as uow:
            uow.cases.add(case)
            with pytest.raises(StaleCaseError) as refused:
                uow.commit()
        assert PLATE not in str(refused.value)

    def test_who_looks_back_sees_the_cases_of_a_span_with_their_stories_oldest_first(
        self, storage: Storage
    ) -> None:
        cases = [
            a_case(a_suspicion(camera_id=f"cam-{n % 2}"), opened_at=NOON + seconds(n // 2))
            for n in range(1202)
        ]
        told = cases[7]
        with storage.begin() as uow:
            for case in cases:
                uow.cases.add(case)
            uow.outbox.add(a_reminder(told, step=2), due_at=NOON)
            uow.outbox.add(a_reminder(told), due_at=NOON)
            uow.audit.append(a_note(told, "opened"))
            uow.audit.append(a_note(told, "sighting"))
            uow.commit()
        until = NOON + seconds(600)
        halves = [Share(number=n, of=2) for n in range(2)]
        with storage.read() as uow:
            found = [*uow.history.cases(NOON, until)]
            at_one = [*uow.history.cases(NOON, until, camera_id="cam-1")]
            shared = [[*uow.history.cases(NOON, until, share=half)] for half in halves]
            count = uow.history.count(NOON, until)
            assert uow.history.count(NOON, until, camera_id="cam-1") == len(at_one)

        keys = [(one.case.opened_at, one.case.id) for one in found]
        assert keys == sorted(keys)
        assert {one.case.id for one in found} == {case.id for case in cases[:1200]}
        assert count == len(found)
        assert {one.case.camera_id for one in at_one} == {"cam-1"}
        # All of these cases are one vehicle's.
        assert sorted(map(len, shared)) == [0, len(found)]
        (story,) = [one for one in found if one.case.id == told.id]
        assert {one.key for one in story.reminders} == {a_reminder(told, n).key for n in (1, 2)}
        assert [line.action for line in story.lines] == ["opened", "sighting"]

    def test_who_looks_back_sees_reminders_that_arrived_and_confirmed_cases(
        self, storage: Storage
    ) -> None:
        confirmed = a_case(disposition=Disposition.CONFIRMED)
        reminded, failed, older = a_case(), a_case(), a_case(opened_at=NOON - seconds(1))
        with storage.begin() as uow:
            for case in (confirmed, reminded, failed, older):
                uow.cases.add(case)
            for case in (reminded, older):
                uow.outbox.add(
                    replace(a_reminder(case), accepted_at=NOON, status=DeliveryStatus.ACCEPTED),
                    due_at=NOON,
                )
            undone = replace(a_reminder(failed), accepted_at=NOON, status=DeliveryStatus.FAILED)
            uow.outbox.add(undone, due_at=NOON)
            uow.audit.append(a_note(confirmed, "decided"))
            uow.commit()
        with storage.read() as uow:
            told = [*uow.history.reminded(NOON, NOON + seconds(9))]
            records = [*uow.history.confirmed(NOON, NOON + seconds(9))]

        fact = PlateFact(plate=PLATE, case_id=reminded.id, opened_at=NOON, at=NOON)
        assert told == [fact]
        assert records == [replace(fact, case_id=confirmed.id)]


def at_once(do: Callable[[int], T]) -> list[T]:
    """Let two threads begin something at one moment."""
    barrier = Barrier(2)

    def run(n: int) -> T:
        barrier.wait()
        return do(n)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))
