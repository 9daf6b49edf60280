"""The columns and files that follow from a case, written with it or filled in later."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.case import (
    MAX_SIGHTINGS,
    Case,
    CaseStatus,
    Disposition,
    Outcome,
    ReviewDecision,
    with_sighting,
)
from pipeline.clock import ManualClock
from pipeline.events import Event, EvidenceRef, PlateStatus
from pipeline.evidence.retention import Part, without
from pipeline.staff import ReviewerId
from pipeline.storage import Storage, open_storage, upgrade
from pipeline.storage.tables import case_fact, inbox, picture_use
from tests.builders import (
    NOON,
    a_case,
    a_departure,
    a_plate,
    a_sighting,
    a_suspicion,
    an_envelope,
    by_hand,
    seconds,
)

Row = dict[str, Any]


def rows_of(storage_url: str, table: sa.Table) -> list[Row]:
    engine = sa.create_engine(storage_url)
    with engine.connect() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        found = [dict(row) for row in connection.execute(query).mappings()]
    engine.dispose()
    return found


def fact_of(storage_url: str, case: Case) -> Row:
    (found,) = [one for one in rows_of(storage_url, case_fact) if one["case_id"] == case.id]
    return found


def uses_of(storage_url: str, case: Case) -> set[str]:
    rows = rows_of(storage_url, picture_use)
    return {one["sha256"].hex() for one in rows if one["case_id"] == case.id}


def stored(storage: Storage, *cases: Case) -> None:
    with storage.begin() as uow:
        for case in cases:
            uow.cases.add(case)
        uow.commit()


def save(storage: Storage, case: Case) -> Case:
    with storage.begin() as uow:
        saved = uow.cases.save(case)
        uow.commit()
    return saved


def test_a_new_case_has_its_facts(storage: Storage, storage_url: str) -> None:
    case = a_case()
    stored(storage, case)

    assert fact_of(storage_url, case) == {
        "case_id": case.id,
        "camera_id": "cam-1",
        "suspected_at": NOON,
        "has_plate": True,
        "accepted_at": None,
        "delivered_at": None,
        "delivered_after_s": None,
        "grace_ends_at": None,
        "left_at": None,
        "is_referred": False,
        "decided_at": None,
        "disposition": None,
        "ended_at": None,
        "pictures_deleted_at": None,
        "person_deleted_at": None,
    }
    assert uses_of(storage_url, case) == {ref.sha256 for ref in case.evidence}


def test_facts_follow_the_case(storage: Storage, storage_url: str) -> None:
    case = a_case()
    stored(storage, case)
    case = save(
        storage,
        replace(
            case,
            status=CaseStatus.GRACE,
            reminder_accepted_at=NOON + seconds(2),
            reminder_delivered_at=NOON + seconds(3.26),
            grace_ends_at=NOON + seconds(600),
        ),
    )
    fact = fact_of(storage_url, case)
    assert (fact["accepted_at"], fact["delivered_at"]) == (
        NOON + seconds(2),
        NOON + seconds(3.26),
    )
    assert fact["delivered_after_s"] == 3.3

    case = save(
        storage,
        replace(
            case,
            status=CaseStatus.CLOSED,
            left_at=NOON + seconds(9),
            disposition=Disposition.CLEARED,
            closed_at=NOON + seconds(10),
        ),
    )
    fact = fact_of(storage_url, case)
    assert fact["left_at"] == NOON + seconds(9)
    assert (fact["disposition"], fact["ended_at"]) == ("cleared", NOON + seconds(10))


@pytest.mark.parametrize(
    ("plate", "changes"),
    [
        (a_plate(PlateStatus.DOUBTFUL), {}),
        (a_plate(PlateStatus.UNREADABLE), {}),
        (a_plate(), {"is_plate_contradicted": True}),
    ],
)
def test_a_plate_that_cannot_be_trusted_is_none(
    storage: Storage, storage_url: str, plate: Any, changes: dict[str, bool]
) -> None:
    case = replace(a_case(a_suspicion(plate=plate)), **changes)  # type: ignore[arg-type]
    stored(storage, case)

    assert fact_of(storage_url, case)["has_plate"] is False


def test_a_reminder_whose_grace_was_taken_back_has_reached_nobody(
    storage: Storage, storage_url: str
) -> None:
    case = a_case(reminder_delivered_at=NOON + seconds(3), grace_ends_at=None)
    stored(storage, case)

    assert fact_of(storage_url, case)["delivered_at"] is None
    assert fact_of(storage_url, case)["delivered_after_s"] is None


def test_a_camera_s_clock_that_is_ahead_makes_no_negative_time(
    storage: Storage, storage_url: str
) -> None:
    case = a_case(
        a_suspicion(at=NOON + seconds(5)),
        reminder_delivered_at=NOON,
        grace_ends_at=NOON + seconds(600),
    )
    stored(storage, case)

    assert fact_of(storage_url, case)["delivered_after_s"] == 0


def test_what_was_deleted_stays_counted_and_uses_no_file(
    storage: Storage, storage_url: str
) -> None:
    case = a_case(status=CaseStatus.CLOSED, disposition=Disposition.CLEARED, closed_at=NOON)
    other = a_case()
    stored(storage, case, other)
    case = save(storage, without(Part.PICTURES, case, at=NOON + seconds(7)))
    case = save(storage, without(Part.PERSON, case, at=NOON + seconds(8)))

    fact = fact_of(storage_url, case)
    assert fact["has_plate"] is True
    assert (fact["pictures_deleted_at"], fact["person_deleted_at"]) == (
        NOON + seconds(7),
        NOON + seconds(8),
    )
    assert uses_of(storage_url, case) == set()
    assert uses_of(storage_url, other) == {ref.sha256 for ref in other.evidence}


def a_picture(n: int, at: datetime) -> EvidenceRef:
    return EvidenceRef(sha256=f"{n:064x}", media_type="image/jpeg", size_bytes=1, captured_at=at)


def test_a_very_long_stay_uses_the_pictures_that_it_still_has(
    storage: Storage, storage_url: str
) -> None:
    suspicion = a_suspicion()
    case = a_case(suspicion)
    stored(storage, case)
    with storage.begin() as uow:
        for n in range(1, MAX_SIGHTINGS + 5):
            at = NOON + seconds(20 * n)
            pictures = {"panorama": a_picture(2 * n, at), "drawn": a_picture(2 * n + 1, at)}
            event = a_sighting(suspicion, at).model_copy(update=pictures)
            case = uow.cases.save(with_sighting(case, event))
        uow.commit()

    assert len(case.sightings) == MAX_SIGHTINGS
    assert uses_of(storage_url, case) == {ref.sha256 for ref in case.evidence}


def test_a_picture_that_was_dropped_and_named_again_is_used(
    storage: Storage, storage_url: str
) -> None:
    case, first = a_case(), a_picture(7, NOON)
    stored(storage, case)
    with storage.begin() as uow:
        for crop in (first, case.crop, first):
            # Every fold makes another tuple of sightings.
            sightings = (*case.sightings,)
            case = uow.cases.save(replace(case, crop=crop, sightings=sightings))
        uow.commit()

    assert uses_of(storage_url, case) == {ref.sha256 for ref in case.evidence}


def an_odd_lot() -> list[Case]:
    decision = ReviewDecision(
        reviewer_id=ReviewerId("li"),
        decided_at=NOON + seconds(900),
        case_version=1,
        outcome=Outcome.WARNING,
    )
    reminded: dict[str, Any] = {
        "reminder_accepted_at": NOON + seconds(1),
        "reminder_delivered_at": NOON + seconds(2.06),
        "grace_ends_at": NOON + seconds(602),
    }
    return [
        a_case(),
        a_case(a_suspicion(plate=a_plate(PlateStatus.UNREADABLE))),
        a_case(is_plate_contradicted=True, reminder_delivered_at=NOON),
        a_case(status=CaseStatus.GRACE, **reminded),
        a_case(
            status=CaseStatus.CLOSED,
            disposition=Disposition.CLEARED,
            left_at=NOON + seconds(30),
            closed_at=NOON + seconds(31),
            **reminded,
        ),
        a_case(status=CaseStatus.IN_REVIEW, review_due_at=NOON + seconds(9999), **reminded),
        a_case(
            status=CaseStatus.DECIDED,
            disposition=Disposition.CONFIRMED,
            review_due_at=NOON + seconds(9999),
            decision=decision,
        ),
        a_case(status=CaseStatus.CLOSED, closed_at=NOON),
    ]


BACK_TO_0006 = (
    "DROP TABLE alert_mark",
    "DROP TABLE case_fact",
    "DROP TABLE picture_use",
    "DROP TABLE picture_to_delete",
    "DROP INDEX ix_inbox_handled",
    "DROP INDEX ix_inbox_episode",
    "ALTER TABLE inbox DROP COLUMN episode_id",
    "UPDATE alembic_version SET version_num = '0006'",
)


def test_older_cases_are_filled_in_as_if_they_were_new(
    storage_url: str, clock: ManualClock
) -> None:
    storage = open_storage(storage_url, clock=clock)
    stored(storage, *an_odd_lot())
    suspicion = a_suspicion()
    with storage.begin() as uow:
        events: tuple[Event, ...] = (
            suspicion,
            a_sighting(suspicion, NOON),
            a_departure(suspicion, NOON),
        )
        for seq, event in enumerate(events):
            envelope = an_envelope(event, seq)
            uow.inbox.add(envelope.id, envelope)
        uow.commit()
    storage.close()
    tables = (case_fact, picture_use, inbox)
    written = [rows_of(storage_url, table) for table in tables]

    for statement in BACK_TO_0006:
        by_hand(storage_url, statement)
    upgrade(storage_url)

    assert [rows_of(storage_url, table) for table in tables] == written
    assert {one["episode_id"] for one in written[2]} == {suspicion.episode_id}
