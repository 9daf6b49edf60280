"""What follows from a case and is kept in columns: its facts, and which files it refers to."""

from uuid import UUID

import sqlalchemy as sa

from pipeline.case import Case
from pipeline.events.plate import PlateStatus
from pipeline.storage import tables
from pipeline.storage.upsert import insert_into, upsert_all

__all__ = ["SqlCaseFacts"]

_USE = tables.picture_use
_DROP_USE = sa.delete(_USE).where(
    _USE.c.sha256 == sa.bindparam("no_sha256"), _USE.c.case_id == sa.bindparam("no_case_id")
)


class SqlCaseFacts:
    """Keeps the tables `case_fact` and `picture_use` true; writes only what a change changed."""

    def __init__(self, connection: sa.Connection) -> None:
        """Write to `connection`."""
        self._connection = connection
        self._facts: dict[UUID, dict[str, object]] = {}
        # Whether a case refers to a file, as it stands after the last change.
        self._uses: dict[tuple[str, UUID], bool] = {}

    def change(self, before: Case | None, after: Case) -> None:
        """A case is new, or is another than `before`."""
        row = _fact_row(after)
        if before is None or row != _fact_row(before):
            self._facts[after.id] = row
        is_same = before is not None and before.sightings is after.sightings
        if is_same and row["pictures_deleted_at"] is None:
            return
        had, has = _pictures(before), _pictures(after)
        self._uses |= {(sha256, after.id): sha256 in has for sha256 in had ^ has}

    def write(self) -> None:
        """Write what waits, behind the cases themselves, whose rows are locked by now."""
        upsert_all(self._connection, tables.case_fact, [*self._facts.values()])
        used = [_use(one) for one, is_used in self._uses.items() if is_used]
        if used:
            insert = insert_into(self._connection, _USE).on_conflict_do_nothing()
            self._connection.execute(insert, used)
        dropped = [_use(one, "no_") for one, is_used in self._uses.items() if not is_used]
        if dropped:
            self._connection.execute(_DROP_USE, dropped)
        self._facts, self._uses = {}, {}


def _use(of: tuple[str, UUID], prefix: str = "") -> dict[str, object]:
    sha256, case_id = of
    return {f"{prefix}sha256": bytes.fromhex(sha256), f"{prefix}case_id": case_id}


def _pictures(case: Case | None) -> set[str]:
    if case is None or case.pictures_deleted_at is not None:
        return set()
    return {ref.sha256 for ref in case.evidence}


def _fact_row(case: Case) -> dict[str, object]:
    # A reminder whose grace was taken back had reached nobody: another plate, another owner.
    delivered_at = case.reminder_delivered_at if case.grace_ends_at else None
    after_s = None
    if delivered_at is not None:
        # A camera's clock may be ahead of the database's.
        after_s = round(max((delivered_at - case.suspected_at).total_seconds(), 0.0), 1)
    return {
        "case_id": case.id,
        "camera_id": case.camera_id,
        "suspected_at": case.suspected_at,
        # By its status: the text may have been deleted.
        "has_plate": case.plate.status is PlateStatus.AGREED and not case.is_plate_contradicted,
        "accepted_at": case.reminder_accepted_at,
        "delivered_at": delivered_at,
        "delivered_after_s": after_s,
        "grace_ends_at": case.grace_ends_at,
        "left_at": case.left_at,
        "is_referred": case.review_due_at is not None,
        "decided_at": case.decision.decided_at if case.decision else None,
        "disposition": case.disposition.value if case.disposition else None,
        "ended_at": case.ended_at if case.disposition else None,
        "pictures_deleted_at": case.pictures_deleted_at,
        "person_deleted_at": case.person_deleted_at,
    }
