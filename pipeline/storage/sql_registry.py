"""Handled events, sites, cameras, people, sessions, leases and requests in SQL."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from pipeline.events.camera import CameraStatus
from pipeline.events.envelope import Envelope
from pipeline.sites import Site
from pipeline.staff import Reviewer, ReviewerId
from pipeline.storage import tables
from pipeline.storage.base import DeadLetter, Request, RequestKind, ReviewLease
from pipeline.storage.upsert import add_once, upsert

__all__ = ["SqlInbox", "SqlRegistry"]

_SITE = TypeAdapter(Site)
_PERSON = TypeAdapter(Reviewer)


class SqlInbox:
    """Handled events, positions and dead letters; see `Inbox`."""

    def __init__(self, connection: sa.Connection, now: Callable[[], datetime]) -> None:
        """Work inside the transaction of `connection`."""
        self._connection = connection
        self._now = now

    def contains(self, event_id: str) -> bool:
        """Whether this event was handled before."""
        query = sa.select(tables.inbox.c.event_id).where(tables.inbox.c.event_id == event_id)
        return self._connection.execute(query).first() is not None

    def add(self, event_id: str, envelope: Envelope) -> None:
        """Remember the event as handled."""
        row = {
            "event_id": event_id,
            "raw": envelope.model_dump_json(),
            "handled_at": self._now(),
        }
        self._connection.execute(sa.insert(tables.inbox).values(row))

    def park(self, episode_id: UUID, envelope: Envelope) -> None:
        """Keep an event whose case is not there yet."""
        row = {
            "event_id": envelope.id,
            "episode_id": episode_id,
            "raw": envelope.model_dump_json(),
        }
        self._connection.execute(sa.insert(tables.parked_event).values(row))

    def take_parked(self, episode_id: UUID) -> list[Envelope]:
        """The events kept for this episode; they are gone from here afterwards."""
        is_ours = tables.parked_event.c.episode_id == episode_id
        query = sa.select(tables.parked_event.c.raw).where(is_ours)
        raws = [*self._connection.execute(query).scalars()]
        self._connection.execute(sa.delete(tables.parked_event).where(is_ours))
        return [Envelope.model_validate_json(raw) for raw in raws]

    def next_offset(self, topic: str, partition: int) -> int:
        """Where this partition goes on; 0 at first."""
        found = self._connection.execute(
            sa.select(tables.position.c.next_offset).where(*_is_at(topic, partition))
        ).scalar_one_or_none()
        return found or 0

    def advance(self, topic: str, partition: int, *, start: int, to: int) -> bool:
        """Move the offset from `start` to `to`; see `Inbox.advance`."""
        update = (
            sa.update(tables.position)
            .where(*_is_at(topic, partition), tables.position.c.next_offset == start)
            .values(next_offset=to)
        )
        if self._connection.execute(update).rowcount == 1:
            return True
        if start != 0:
            return False
        row = {"topic": topic, "partition": partition, "next_offset": to}
        return add_once(self._connection, tables.position, row)

    def add_dead_letter(self, letter: DeadLetter) -> None:
        """Keep a message that cannot be handled, with its reason."""
        row = {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "raw": letter.raw,
            "reason": letter.reason,
            "at": letter.at,
        }
        self._connection.execute(sa.insert(tables.dead_letter).values(row))

    def dead_letters(self) -> list[DeadLetter]:
        """All of them, oldest first."""
        query = sa.select(tables.dead_letter).order_by(tables.dead_letter.c.at)
        return [DeadLetter(**row) for row in self._connection.execute(query).mappings()]


def _is_at(topic: str, partition: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (tables.position.c.topic == topic, tables.position.c.partition == partition)


class SqlRegistry:
    """Sites, cameras, people and what they hold open; see `Registry`."""

    def __init__(self, connection: sa.Connection, now: Callable[[], datetime]) -> None:
        """Work inside the transaction of `connection`."""
        self._connection = connection
        self._now = now

    def site(self, camera_id: str) -> Site | None:
        """The legal state of a camera's site."""
        query = sa.select(tables.site.c.document).where(tables.site.c.camera_id == camera_id)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else _SITE.validate_json(document)

    def sites(self) -> list[Site]:
        """All sites by camera id."""
        query = sa.select(tables.site.c.document).order_by(tables.site.c.camera_id)
        return [_SITE.validate_json(one) for one in self._connection.execute(query).scalars()]

    def save_site(self, site: Site) -> None:
        """Add or change a site."""
        row = {"camera_id": site.camera_id, "document": _SITE.dump_json(site).decode()}
        upsert(self._connection, tables.site, row)

    def camera_statuses(self) -> dict[str, CameraStatus]:
        """The newest word from each camera."""
        documents = self._connection.execute(sa.select(tables.camera_status.c.document)).scalars()
        statuses = [CameraStatus.model_validate_json(one) for one in documents]
        return {status.camera_id: status for status in statuses}

    def save_camera_status(self, status: CameraStatus) -> None:
        """Keep it if it is newer than what is known."""
        table = tables.camera_status
        row = {
            "camera_id": status.camera_id,
            "captured_at": status.captured_at,
            "document": status.model_dump_json(),
        }
        upsert(self._connection, table, row, where=table.c.captured_at <= status.captured_at)

    def person(self, person_id: str) -> Reviewer | None:
        """A member of staff."""
        query = sa.select(tables.person.c.document).where(tables.person.c.id == person_id)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else _PERSON.validate_json(document)

    def password_hash(self, person_id: str) -> str | None:
        """The Argon2 hash, or None for an unknown person."""
        query = sa.select(tables.person.c.password_hash).where(tables.person.c.id == person_id)
        return self._connection.execute(query).scalar_one_or_none()

    def save_person(self, person: Reviewer, password_hash: str) -> None:
        """Add or change a member of staff; another password ends all sessions."""
        if self.password_hash(person.id) not in {None, password_hash}:
            theirs = tables.session.c.person_id == person.id
            self._connection.execute(sa.delete(tables.session).where(theirs))
        row = {
            "id": person.id,
            "password_hash": password_hash,
            "document": _PERSON.dump_json(person).decode(),
        }
        upsert(self._connection, tables.person, row)

    def open_session(self, token_hash: str, person_id: str, until: datetime) -> None:
        """Remember a signed-in browser by the hash of its token."""
        ended = tables.session.c.until <= self._now()
        self._connection.execute(sa.delete(tables.session).where(ended))
        row = {"token_hash": token_hash, "person_id": person_id, "until": until}
        self._connection.execute(sa.insert(tables.session).values(row))

    def session_person(self, token_hash: str) -> Reviewer | None:
        """Who is signed in with this token; None when unknown or ended."""
        query = (
            sa.select(tables.person.c.document)
            .join(tables.session, tables.session.c.person_id == tables.person.c.id)
            .where(tables.session.c.token_hash == token_hash)
            .where(tables.session.c.until > self._now())
        )
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else _PERSON.validate_json(document)

    def close_session(self, token_hash: str) -> None:
        """Sign out."""
        is_this = tables.session.c.token_hash == token_hash
        self._connection.execute(sa.delete(tables.session).where(is_this))

    def lease(self, case_id: UUID) -> ReviewLease | None:
        """Who holds the case now; None when nobody does or the time is over."""
        return next((one for one in self.leases() if one.case_id == case_id), None)

    def leases(self) -> list[ReviewLease]:
        """All leases that still run."""
        table = tables.review_lease
        query = sa.select(table).where(table.c.until > self._now())
        return [_lease(row) for row in self._connection.execute(query)]

    def take_lease(self, case_id: UUID, reviewer_id: ReviewerId, until: datetime) -> ReviewLease:
        """Take or renew the lease; the answer names whoever holds it afterwards."""
        table = tables.review_lease
        row = {"case_id": case_id, "reviewer_id": reviewer_id, "until": until}
        is_free = (table.c.until <= self._now()) | (table.c.reviewer_id == reviewer_id)
        upsert(self._connection, table, row, where=is_free)
        held = self._connection.execute(sa.select(table).where(table.c.case_id == case_id)).one()
        return _lease(held)

    def drop_lease(self, case_id: UUID, reviewer_id: ReviewerId) -> None:
        """Give it back; nothing happens when it is not held by this person."""
        table = tables.review_lease
        self._connection.execute(
            sa.delete(table).where(table.c.case_id == case_id, table.c.reviewer_id == reviewer_id)
        )

    def add_request(self, kind: RequestKind, body: str) -> None:
        """Leave a request for the worker."""
        row = {"kind": kind.value, "body": body, "requested_at": self._now()}
        self._connection.execute(sa.insert(tables.request).values(row))

    def next_request(self) -> Request | None:
        """The oldest request that no other worker looks at."""
        table = tables.request
        query = sa.select(table).order_by(table.c.id).limit(1).with_for_update(skip_locked=True)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return Request(
            id=row.id,
            kind=RequestKind(row.kind),
            body=row.body,
            requested_at=row.requested_at,
        )

    def drop_request(self, request_id: int) -> None:
        """Forget a request that was answered, or never can be."""
        is_this = tables.request.c.id == request_id
        self._connection.execute(sa.delete(tables.request).where(is_this))


def _lease(row: sa.Row[Any]) -> ReviewLease:
    return ReviewLease(
        case_id=row.case_id, reviewer_id=ReviewerId(row.reviewer_id), until=row.until
    )
