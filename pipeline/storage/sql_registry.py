"""Handled events, sites, cameras, people, sessions, leases and requests in SQL."""

import json
from collections.abc import Collection, Mapping
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
from pipeline.storage.work import Work

__all__ = ["SqlInbox", "SqlRegistry"]

_SITE = TypeAdapter(Site)
_PERSON = TypeAdapter(Reviewer)


class SqlInbox:
    """Handled events, positions and dead letters; see `Inbox`. New events wait for `write`."""

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._connection = work.connection
        self._now = work.now
        self._handled: dict[str, bool] = {}
        self._has_parked: dict[UUID, bool] = {}
        self._new: list[dict[str, object]] = []

    def read_ahead(self, event_ids: Collection[str], episode_ids: Collection[UUID]) -> None:
        """Read which of these events were handled, and for which episodes others wait."""
        handled = tables.inbox.c.event_id
        found = self._connection.execute(sa.select(handled).where(handled.in_(event_ids)))
        self._handled |= {**dict.fromkeys(event_ids, False), **dict.fromkeys(found.scalars(), True)}
        episode = tables.parked_event.c.episode_id
        waiting = self._connection.execute(sa.select(episode).where(episode.in_(episode_ids)))
        self._has_parked |= {
            **dict.fromkeys(episode_ids, False),
            **dict.fromkeys(waiting.scalars(), True),
        }

    def write(self) -> None:
        """Write the events that were handled."""
        if self._new:
            self._connection.execute(sa.insert(tables.inbox), self._new)
            self._new = []

    def contains(self, event_id: str) -> bool:
        """Whether this event was handled before."""
        if event_id not in self._handled:
            query = sa.select(tables.inbox.c.event_id).where(tables.inbox.c.event_id == event_id)
            self._handled[event_id] = self._connection.execute(query).first() is not None
        return self._handled[event_id]

    def add(self, event_id: str, envelope: Envelope) -> None:
        """Remember the event as handled."""
        self._handled[event_id] = True
        self._new.append(
            {
                "event_id": event_id,
                "raw": envelope.model_dump_json(),
                "handled_at": self._now(),
                "episode_id": getattr(envelope.data, "episode_id", None),
            }
        )

    def park(self, episode_id: UUID, envelope: Envelope) -> None:
        """Keep an event whose case is not there yet."""
        self._has_parked[episode_id] = True
        row = {
            "event_id": envelope.id,
            "episode_id": episode_id,
            "raw": envelope.model_dump_json(),
        }
        self._connection.execute(sa.insert(tables.parked_event).values(row))

    def take_parked(self, episode_id: UUID) -> list[Envelope]:
        """The events kept for this episode; they are gone from here afterwards."""
        if not self._has_parked.get(episode_id, True):
            return []
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

    def __init__(self, work: Work) -> None:
        """Work inside the transaction of `work`."""
        self._work = work
        self._connection = work.connection
        self._now = work.now
        self._sites: dict[str, Site | None] = {}

    def read_ahead(self, camera_ids: Collection[str]) -> None:
        """Read the sites that will be asked for."""
        query = sa.select(tables.site.c.document).where(tables.site.c.camera_id.in_(camera_ids))
        found = [_SITE.validate_json(one) for one in self._connection.execute(query).scalars()]
        self._sites |= {**dict.fromkeys(camera_ids), **{one.camera_id: one for one in found}}

    def site(self, camera_id: str) -> Site | None:
        """The legal state of a camera's site."""
        if camera_id not in self._sites:
            self.read_ahead([camera_id])
        return self._sites[camera_id]

    def sites(self) -> list[Site]:
        """All sites by camera id."""
        query = sa.select(tables.site.c.document).order_by(tables.site.c.camera_id)
        return [_SITE.validate_json(one) for one in self._connection.execute(query).scalars()]

    def save_site(self, site: Site) -> None:
        """Add or change a site."""
        self._sites.pop(site.camera_id, None)
        row = {"camera_id": site.camera_id, "document": _SITE.dump_json(site).decode()}
        upsert(self._connection, tables.site, row)

    def camera_statuses(self) -> dict[str, CameraStatus]:
        """The newest word from each camera."""
        documents = self._connection.execute(sa.select(tables.camera_status.c.document)).scalars()
        statuses = [CameraStatus.model_validate_json(one) for one in documents]
        return {status.camera_id: status for status in statuses}

    def camera_status(self, camera_id: str) -> CameraStatus | None:
        """The newest word from one camera."""
        query = sa.select(tables.camera_status.c.document).where(
            tables.camera_status.c.camera_id == camera_id
        )
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else CameraStatus.model_validate_json(document)

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
        self._work.write()
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

    def add_callback(
        self,
        channel: str,
        body: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """Leave a provider's call-back for the worker; see `Registry.add_callback`."""
        raw = {"channel": channel, "body": body, "headers": headers or {}, "query": query or {}}
        row = {
            "kind": RequestKind.CALLBACK.value,
            "body": json.dumps(raw),
            "requested_at": self._now(),
        }
        self._connection.execute(sa.insert(tables.request).values(row))

    def count_requests(self) -> int:
        """How many requests wait for a worker."""
        query = sa.select(sa.func.count()).select_from(tables.request)
        return int(self._connection.execute(query).scalar_one())

    def next_request(self) -> Request | None:
        """The oldest request that may be looked at now and that no other worker looks at."""
        table = tables.request
        is_due = table.c.due_at.is_(None) | (table.c.due_at <= self._now())
        query = sa.select(table).where(is_due).order_by(table.c.id).limit(1)
        query = query.with_for_update(skip_locked=True)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return Request(
            id=row.id,
            kind=RequestKind(row.kind),
            requested_at=row.requested_at,
            **json.loads(row.body),
        )

    def put_off_request(self, request_id: int, until: datetime) -> None:
        """Look at a request again at `until`; see `Registry.put_off_request`."""
        is_this = tables.request.c.id == request_id
        self._connection.execute(sa.update(tables.request).where(is_this).values(due_at=until))

    def drop_request(self, request_id: int) -> None:
        """Forget a request that was answered, or never can be."""
        is_this = tables.request.c.id == request_id
        self._connection.execute(sa.delete(tables.request).where(is_this))


def _lease(row: sa.Row[Any]) -> ReviewLease:
    return ReviewLease(
        case_id=row.case_id, reviewer_id=ReviewerId(row.reviewer_id), until=row.until
    )
