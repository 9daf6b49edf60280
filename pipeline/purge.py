"""Deletes what the rulebook keeps no longer, in an order in which it may die at any point.

First the database says that something is gone and which files must follow, in one transaction; only
then the files go. So nothing is ever left that refers to a file it believes is there, and what is
left to do after a death is known.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from pipeline.audit import AuditNote, Reason
from pipeline.bus import forget_read
from pipeline.case import Case, Disposition, case_id_of
from pipeline.evidence.retention import (
    Part,
    anonymous,
    due_reason,
    ended_by,
    unused,
    without,
)
from pipeline.evidence.store import ErasableEvidenceStore
from pipeline.policy.parameters import Rulebook
from pipeline.storage.base import HandledEvent, StaleCaseError, Storage, UnitOfWork

__all__ = ["Counts", "Purge"]

log = logging.getLogger(__name__)

BATCH = 200
BUS_KEEPS_LESS = timedelta(days=2)
_TRIES = 5
_DELETERS = 8

L = TypeVar("L")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a purge deleted, or would delete.

    Attributes:
        left_over: Files that an earlier purge, which was cut off, had left to delete.
        pictures: Cases that lost their pictures.
        person: Cases that lost what told of a person.
        messages: Reminders that lost their text and whom they were for.
        texts: Handled events that lost their text with their case's person.
        events: Handled events that were forgotten because of their age.
        on_bus: Events that were deleted from the bus of this machine because of theirs.
        requests: Call-backs that nobody has looked at in that time.
        files: Files that nothing refers to any more.
    """

    left_over: int = 0
    pictures: int = 0
    person: int = 0
    messages: int = 0
    texts: int = 0
    events: int = 0
    on_bus: int = 0
    requests: int = 0
    files: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        names = self.__dataclass_fields__
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan(Generic[L]):
    """What is to be done in one transaction; `last` is where the next one goes on."""

    last: L
    counts: Counts
    do: Callable[[UnitOfWork], None]
    without_pictures: frozenset[UUID] = frozenset()


@dataclass(kw_only=True)
class Purge:
    """One run over everything that is kept.

    With `is_rehearsal` it looks at the same things in the same order and changes none of them.
    `events_kept` is for how long handled events are known, longer than any bus keeps them.
    """

    storage: Storage
    store: ErasableEvidenceStore
    rulebook: Rulebook
    events_kept: timedelta
    bus_url: str | None = None
    is_rehearsal: bool = False
    told: Callable[[Counts], None] = lambda _: None
    _counts: Counts = field(default_factory=Counts)
    # The cases that a rehearsal would have taken the pictures from by now.
    _without_pictures: set[UUID] = field(default_factory=set)

    def run(self) -> Counts:
        """Delete all that is due; says how much.

        Raises:
            RulebookError: the rulebook has no entry for the day of a case.
            EvidenceStoreError: the store does not let us delete; what is left to do stays known.
            RetryableError: database or store is away; what is left is done by the next run.
        """
        with self.storage.read() as uow:
            now = uow.now()
        self._finish_earlier()
        for disposition in Disposition:
            self._repeat(partial(self._plan_pictures, disposition, now))
        for disposition in Disposition:
            self._repeat(partial(self._plan_person, disposition, now))
        self._repeat(partial(self._plan_events, now))
        self._repeat(partial(self._plan_requests, now))
        self._clear_bus(now - self.events_kept + BUS_KEEPS_LESS)
        log.info(
            "purged",
            extra={"cases": self._counts.pictures, "is_rehearsal": self.is_rehearsal},
        )
        return self._counts

    def _repeat(self, plan: Callable[[L | None, UnitOfWork], _Plan[L] | None]) -> None:
        """Plan and do a batch after the other, each in its own transaction, until none is left."""
        after: L | None = None
        while (done := self._together(partial(plan, after))) is not None:
            after = done.last
            self._add(done.counts)
            if self.is_rehearsal:
                self._without_pictures |= done.without_pictures
            else:
                self._delete_marked()

    def _together(self, plan: Callable[[UnitOfWork], _Plan[L] | None]) -> _Plan[L] | None:
        """Plan and do one batch; anew when somebody changed one of its cases meanwhile."""
        for _ in range(_TRIES - 1):
            with suppress(StaleCaseError):
                return self._at_once(plan)
        return self._at_once(plan)

    def _at_once(self, plan: Callable[[UnitOfWork], _Plan[L] | None]) -> _Plan[L] | None:
        if self.is_rehearsal:
            with self.storage.read() as uow:
                return plan(uow)
        with self.storage.begin() as uow:
            uow.retention.hold()
            planned = plan(uow)
            if planned is not None:
                planned.do(uow)
                uow.commit()
        return planned

    def _plan_pictures(
        self, disposition: Disposition, now: datetime, after: Case | None, uow: UnitOfWork
    ) -> _Plan[Case] | None:
        by = ended_by(Part.PICTURES, disposition, rulebook=self.rulebook, now=now)
        cases = uow.retention.ended_with_pictures(disposition, by=by, after=after, limit=BATCH)
        if not cases:
            return None
        due = self._due(uow, cases, Part.PICTURES, now)
        ids = frozenset(case.id for case, _ in due)
        named = {ref.sha256 for case, _ in due for ref in case.evidence}
        # Also those of sightings that came too late, or were left out of a very long stay.
        events = uow.retention.events_of({case.episode_id for case, _ in due})
        files = self._unused(uow, named.union(*(one.pictures for one in events)), ids)

        def do(uow: UnitOfWork) -> None:
            _change(uow, due, Part.PICTURES, now)
            uow.retention.mark_for_deletion(files)

        counts = Counts(pictures=len(due), files=len(files))
        return _Plan(last=cases[-1], counts=counts, do=do, without_pictures=ids)

    def _plan_person(
        self, disposition: Disposition, now: datetime, after: Case | None, uow: UnitOfWork
    ) -> _Plan[Case] | None:
        by = ended_by(Part.PERSON, disposition, rulebook=self.rulebook, now=now)
        cases = uow.retention.ended_with_person(disposition, by=by, after=after, limit=BATCH)
        if not cases:
            return None
        due = self._due(uow, cases, Part.PERSON, now)
        messages = uow.retention.messages_of({case.id for case, _ in due})
        changed = [anonymous(one) for one in messages if anonymous(one) != one]
        episodes = {case.episode_id for case, _ in due}
        events = uow.retention.events_of(episodes)
        files = self._unused(uow, self._left_behind(uow, events, now))

        def do(uow: UnitOfWork) -> None:
            _change(uow, due, Part.PERSON, now)
            uow.retention.save_messages(changed)
            uow.retention.forget_events_of(episodes)
            uow.retention.mark_for_deletion(files)

        counts = Counts(person=len(due), messages=len(changed), texts=len(events), files=len(files))
        return _Plan(last=cases[-1], counts=counts, do=do)

    def _plan_events(
        self, now: datetime, after: HandledEvent | None, uow: UnitOfWork
    ) -> _Plan[HandledEvent] | None:
        before = now - self.events_kept
        events = uow.retention.events_before(before, after=after, limit=BATCH)
        if not events:
            return None
        files = self._unused(uow, self._left_behind(uow, events, now))

        def do(uow: UnitOfWork) -> None:
            uow.retention.drop_events([one.id for one in events])
            uow.retention.mark_for_deletion(files)

        return _Plan(last=events[-1], counts=Counts(events=len(events), files=len(files)), do=do)

    def _plan_requests(
        self, now: datetime, after: int | None, uow: UnitOfWork
    ) -> _Plan[int] | None:
        before = now - self.events_kept
        count = 0 if after else uow.retention.count_requests(before)
        if not count:
            return None
        do = partial(_drop_requests, before)
        return _Plan(last=count, counts=Counts(requests=count), do=do)

    def _due(
        self, uow: UnitOfWork, cases: Iterable[Case], part: Part, now: datetime
    ) -> list[tuple[Case, Reason]]:
        due = []
        for case in cases:
            site = uow.registry.site(case.camera_id)
            seen_at = case.suspected_at
            day = site.day_of(seen_at) if site else seen_at.astimezone(UTC).date()
            reason = due_reason(case, part, day=day, rulebook=self.rulebook, now=now)
            if reason is not None:
                due.append((case, reason))
        return due

    def _left_behind(
        self, uow: UnitOfWork, events: Sequence[HandledEvent], now: datetime
    ) -> set[str]:
        """The pictures of events that came after those of their case were deleted, or to none."""
        case_of = {one.id: case_id_of(one.episode_id) for one in events if one.episode_id}
        deleted_at = uow.retention.pictures_deleted_at({*case_of.values()})
        deleted_at |= dict.fromkeys(self._without_pictures.intersection(case_of.values()), now)
        return {
            picture
            for one in events
            if one.id in case_of
            for picture in one.pictures
            if case_of[one.id] not in deleted_at or one.handled_at > deleted_at[case_of[one.id]]
        }

    def _unused(
        self, uow: UnitOfWork, pictures: set[str], also_gone: frozenset[UUID] = frozenset()
    ) -> frozenset[str]:
        users = uow.retention.users_of(pictures)
        return unused(pictures, users, gone=also_gone | self._without_pictures)

    def _clear_bus(self, before: datetime) -> None:
        if self.bus_url is None:
            return
        with self.storage.read() as uow:
            count = forget_read(
                self.bus_url,
                uow.inbox.next_offset,
                before=before,
                is_rehearsal=self.is_rehearsal,
            )
        self._add(Counts(on_bus=count))

    def _finish_earlier(self) -> None:
        """Delete what a purge that was cut off had left, and count it."""
        after = ""
        with self.storage.read() as uow:
            while marked := uow.retention.marked_for_deletion(after=after, limit=BATCH):
                after = marked[-1]
                self._add(Counts(left_over=len(marked)))
        if not self.is_rehearsal:
            self._delete_marked()

    def _delete_marked(self) -> None:
        """Delete the files that must follow; one that a new case refers to meanwhile stays."""
        while True:
            with self.storage.read() as uow:
                marked = uow.retention.marked_for_deletion(after="", limit=BATCH)
                used = uow.retention.users_of(marked)
            if not marked:
                return
            with ThreadPoolExecutor(_DELETERS) as pool:
                # Asks for all results, so that what could not be deleted is no secret.
                list(pool.map(self.store.delete, [one for one in marked if one not in used]))
            with self.storage.begin() as uow:
                uow.retention.unmark(marked)
                uow.commit()

    def _add(self, counts: Counts) -> None:
        self._counts = self._counts.plus(counts)
        self.told(self._counts)


def _change(uow: UnitOfWork, due: Sequence[tuple[Case, Reason]], part: Part, now: datetime) -> None:
    """Save the cases without the part, each with an entry in its chain."""
    uow.read_ahead_cases([case.id for case, _ in due])
    for case, reason in due:
        saved = uow.cases.save(without(part, case, at=now))
        uow.audit.append(
            AuditNote(
                case_id=saved.id,
                at=now,
                actor="pipeline",
                action="pictures deleted" if part is Part.PICTURES else "personal data deleted",
                from_status=case.status,
                to_status=saved.status,
                case_version=saved.version,
                cause=f"{reason.rule} ({reason.entry})"[:200],
                reasons=(reason,),
            )
        )


def _drop_requests(before: datetime, uow: UnitOfWork) -> None:
    uow.retention.drop_requests(before)
