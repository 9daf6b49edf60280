"""Sealed contacts in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from pipeline.events.violation import VehicleClass
from pipeline.storage import tables
from pipeline.storage.contacts import MIXED_KEYS, ContactCounts, SealedContact
from pipeline.storage.upsert import add_once, insert_into
from pipeline.storage.work import Work

__all__ = ["SqlContacts"]

_ROW = 1
_TABLE = tables.contact


class SqlContacts:
    """Contacts, opt-outs and doubts; see `Contacts`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._connection = work.connection
        self._now = work.now

    def get(self, plate_hash: bytes) -> SealedContact | None:
        """What is known of one plate."""
        return self.get_all([plate_hash]).get(plate_hash)

    def get_all(self, plate_hashes: Collection[bytes]) -> dict[bytes, SealedContact]:
        """What is known of some plates; see `Contacts.get_all`."""
        query = sa.select(_TABLE).where(_TABLE.c.plate_hash.in_(plate_hashes))
        found = [_contact(row) for row in self._connection.execute(query)]
        return {one.plate_hash: one for one in found}

    def put_all(self, contacts: Collection[SealedContact]) -> None:
        """Keep what a register says; see `Contacts.put_all`."""
        if not contacts:
            return
        insert = insert_into(self._connection, _TABLE)
        new = insert.excluded
        register = ("phone", "push", "vehicle_class", "colour", "updated_at")
        statement = insert.on_conflict_do_update(
            index_elements=["plate_hash"],
            set_={
                **{name: new[name] for name in register},
                "opted_out": sa.or_(_TABLE.c.opted_out, new.opted_out),
                "key_id": sa.case(
                    (_TABLE.c.doubtful_reason.is_(None), new.key_id),
                    (_TABLE.c.key_id == new.key_id, new.key_id),
                    else_=MIXED_KEYS,
                ),
            },
        )
        # In one order, so that no two who do this wait for one another.
        in_order = sorted(contacts, key=lambda one: one.plate_hash)
        rows = [{**_row(one), "updated_at": self._now()} for one in in_order]
        self._connection.execute(statement, rows)

    def set_opted_out(self, plate_hash: bytes, *, is_opted_out: bool) -> None:
        """Keep whether this one wants no reminders; see `Contacts.set_opted_out`."""
        row = {"plate_hash": plate_hash, "opted_out": is_opted_out, "updated_at": self._now()}
        self._change(row, {})

    def set_doubt(self, plate_hash: bytes, *, sealed_reason: bytes, key_id: str) -> None:
        """Keep since when the contact is doubtful and why; see `Contacts.set_doubt`."""
        now = self._now()
        row = {
            "plate_hash": plate_hash,
            "opted_out": False,
            "doubtful_since": now,
            "doubtful_reason": sealed_reason,
            "key_id": key_id,
            "updated_at": now,
        }
        kept = {
            "opted_out": _TABLE.c.opted_out,
            "doubtful_since": sa.func.coalesce(_TABLE.c.doubtful_since, now),
            "key_id": sa.case(
                (sa.func.coalesce(_TABLE.c.key_id, key_id) == key_id, key_id), else_=MIXED_KEYS
            ),
        }
        self._change(row, kept)

    def drop_doubt(self, plate_hash: bytes) -> None:
        """Trust the contact again."""
        statement = (
            sa.update(_TABLE)
            .where(_TABLE.c.plate_hash == plate_hash)
            .values(doubtful_since=None, doubtful_reason=None, updated_at=self._now())
        )
        self._connection.execute(statement)

    def sealed_by_others(self, key_id: str, *, after: bytes, limit: int) -> list[SealedContact]:
        """Contacts that another key has sealed; see `Contacts.sealed_by_others`."""
        query = (
            sa.select(_TABLE)
            .where(_TABLE.c.plate_hash > after, _is_of_another(key_id))
            .order_by(_TABLE.c.plate_hash)
            .limit(limit)
            .with_for_update()
        )
        return [_contact(row) for row in self._connection.execute(query)]

    def reseal_all(self, contacts: Sequence[SealedContact]) -> None:
        """Keep the same contacts sealed by another key."""
        if not contacts:
            return
        sealed = ("phone", "push", "doubtful_reason", "key_id")
        statement = (
            sa.update(_TABLE)
            .where(_TABLE.c.plate_hash == sa.bindparam("of"))
            .values({name: sa.bindparam(f"new_{name}") for name in sealed})
        )
        rows = [
            {"of": one.plate_hash, **{f"new_{name}": getattr(one, name) for name in sealed}}
            for one in contacts
        ]
        self._connection.execute(statement, rows)

    def count(self, key_id: str) -> ContactCounts:
        """How many there are; see `Contacts.count`."""
        conditions = (
            _TABLE.c.phone.is_not(None),
            _TABLE.c.opted_out,
            _TABLE.c.doubtful_since.is_not(None),
            _is_of_another(key_id),
        )
        counts = [sa.func.count(sa.case((is_one, 1))) for is_one in conditions]
        found = self._connection.execute(sa.select(*counts)).one()
        return ContactCounts(
            contacts=found[0], opted_out=found[1], doubtful=found[2], sealed_by_others=found[3]
        )

    def fingerprint(self) -> str | None:
        """That of the key that made the hashes."""
        query = sa.select(tables.contact_key.c.fingerprint)
        found: str | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def keep_fingerprint(self, fingerprint: str) -> str:
        """Keep it if there is none yet; see `Contacts.keep_fingerprint`."""
        row = {"id": _ROW, "fingerprint": fingerprint}
        add_once(self._connection, tables.contact_key, row)
        return self.fingerprint() or fingerprint

    def _change(self, row: dict[str, object], kept: dict[str, Any]) -> None:
        """Add a row, or change these columns of the one that is there."""
        changed = {name: value for name, value in row.items() if name != "plate_hash"}
        insert = insert_into(self._connection, _TABLE).values(row)
        statement = insert.on_conflict_do_update(
            index_elements=["plate_hash"], set_={**changed, **kept}
        )
        self._connection.execute(statement)


def _is_of_another(key_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(_TABLE.c.key_id.is_not(None), _TABLE.c.key_id != key_id)


def _row(contact: SealedContact) -> dict[str, Any]:
    row = asdict(contact)
    row["opted_out"] = row.pop("is_opted_out")
    return row


def _contact(row: sa.Row[Any]) -> SealedContact:
    told = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's name for a row as a mapping
    del told["updated_at"]
    is_opted_out, vehicle_class = told.pop("opted_out"), told.pop("vehicle_class")
    return SealedContact(
        **told,
        is_opted_out=is_opted_out,
        vehicle_class=VehicleClass(vehicle_class) if vehicle_class else None,
    )
