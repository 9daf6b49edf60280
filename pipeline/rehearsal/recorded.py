"""The history of a case as a pure timeline: how it opened, and each fact when it became known."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from pipeline.case import Case, CaseStatus, Sighting
from pipeline.events.plate import PlateReading, PlateStatus
from pipeline.policy.entries import Cause, ChannelKind
from pipeline.policy.situation import ContactState
from pipeline.rehearsal.facts import (
    ClosedByOperator,
    ContactKnown,
    Decided,
    Fact,
    Left,
    PlateEntered,
    PlateRead,
    Seen,
    SiteStopped,
    Try,
    TryKey,
)
from pipeline.rehearsal.site_story import site_story
from pipeline.reminder import NOT_MINE, DeliveryStatus, Reminder
from pipeline.sites import Site
from pipeline.storage.history import AuditLine, StoredCase

__all__ = ["Recorded", "recorded_of"]

_AT_ONCE = timedelta(seconds=1)
"""What follows so soon was written in the same transaction."""
_CAUSE = re.compile(r"without_reminder\.(\w+)")
_CAMERA = frozenset({"opened", "sighting", "departure seen"})
_SEEN, _LEFT, _ENTERED = "sighting", "departure seen", "plate entered"
_CAN_REMIND = frozenset({"reminder queued", "reminder possible again"})
_CLOSED, _DECIDED = "closed by operator", "decided"
_CONTACTS = {
    Cause.NO_CONTACT: ContactState.NONE,
    Cause.CONTACT_DOUBTFUL: ContactState.DOUBTFUL,
    Cause.OPTED_OUT: ContactState.OPTED_OUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is known of a case, and until when.

    Attributes:
        case: As it is stored.
        opening: As it was when policy was first asked.
        facts: What became known later, in the order in which it did.
        tries: What became of each message.
        site: The site at the opening; None when it was not registered.
        contact: What the register said then; None when it was not asked.
        is_other_vehicle: Whether the register knew another vehicle under this plate.
        causes: Why no reminder could go out, as policy said at some time.
        permit: What allowed the vehicle to stand there.
        asked_operator: Whether anything was asked of the operator.
        known_until: What happened later was not kept.
        seen_until: Sightings after that were not kept.
        path: The states it was in by policy alone; empty when there is no audit chain.
        was_guided: Whether an operator had a hand in it.
    """

    case: Case
    opening: Case
    facts: tuple[Fact, ...]
    tries: dict[TryKey, Try]
    site: Site | None
    contact: ContactState | None
    is_other_vehicle: bool
    causes: frozenset[Cause]
    permit: str | None
    asked_operator: bool
    known_until: datetime
    seen_until: datetime
    path: tuple[CaseStatus, ...]
    was_guided: bool

    @property
    def reached(self) -> list[Try]:
        """The messages that reached the driver."""
        return [one for one in self.tries.values() if one.has_reached]

    @property
    def is_erased(self) -> bool:
        """Whether the plate was deleted because its time was over."""
        return self.case.person_deleted_at is not None

    @property
    def edition(self) -> str:
        """The text of the rulebook by which it was last decided."""
        return self.case.reasons[0].edition if self.case.reasons else ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What policy's answers tell of the plate and of the contact from `at` on."""

    at: datetime
    plate: PlateReading
    is_contradicted: bool
    contact: ContactState | None
    cause: Cause | None


def recorded_of(stored: StoredCase, site: Site | None, now: datetime) -> Recorded:
    """The timeline of a stored case.

    Args:
        stored: The case with its messages and its audit chain.
        site: Its site as it is now.
        now: When it was read.
    """
    case, lines = stored.case, stored.lines
    told = site_story(case, site, lines, lambda number: _known_at(lines, number))
    known = [*_known_from(case, lines)]
    first = known[0] if known else _Known(case.opened_at, case.plate, False, None, None)  # noqa: FBT003
    seen = [*_seen(case.sightings[1:], lines, case.opened_at)]
    at_once = [one for one in seen if one.at <= case.opened_at]
    left = _left(case, lines)
    has_left_before = left is not None and left.at <= case.opened_at
    facts: list[Fact] = [one for one in seen if one.at > case.opened_at]
    facts += [left] if left is not None and not has_left_before else []
    entered = [one.at for one in lines if one.action == _ENTERED]
    facts += [*_turns(known, entered), *_of_people(case, lines, known)]
    if told.stopped_at is not None:
        facts.append(SiteStopped(at=told.stopped_at, site=told.stopped))
    referred_at = next((one.at for one in lines if one.to_status == CaseStatus.IN_REVIEW), None)
    known_until = _known_until(case, lines, now)
    last_seen_at = seen[-1].at if seen else case.opened_at
    return Recorded(
        case=case,
        opening=_as_opened(case, first, 1 + len(at_once), left if has_left_before else None),
        facts=tuple(sorted(facts, key=_in_order)),
        tries=_tries(stored, entered),
        site=told.site,
        contact=next((one.contact for one in known if one.contact), None),
        is_other_vehicle=any(one.cause is Cause.REGISTER_CONTRADICTS for one in known),
        causes=frozenset(one.cause for one in known if one.cause),
        permit=_permit(case),
        asked_operator=any(one.action == "operator asked" for one in lines),
        known_until=known_until,
        seen_until=known_until if referred_at is None else max(referred_at, last_seen_at),
        path=_path(lines),
        was_guided=any(one.action in {_ENTERED, _CLOSED} for one in lines),
    )


def _in_order(fact: Fact) -> tuple[datetime, bool]:
    """By time; what policy knew when it answered to a sighting comes before the sighting."""
    return fact.at, not isinstance(fact, PlateRead | ContactKnown | SiteStopped)


def _known_at(lines: Sequence[AuditLine], number: int) -> datetime:
    """When what policy said in a line was known: with the fact that made it answer."""
    at = lines[number].at
    for before in range(number - 1, -1, -1):
        line = lines[before]
        if at - line.at > _AT_ONCE:
            return at
        if line.action in _CAMERA or line.action == _ENTERED:
            return line.at
    return at


def _known_from(case: Case, lines: Sequence[AuditLine]) -> Iterator[_Known]:
    """What each answer of policy tells, the first one as known from the opening on."""
    told = [
        _told_by(case, line, _known_at(lines, number))
        for number, line in enumerate(lines)
        if line.action in _CAN_REMIND or _CAUSE.search(line.cause)
    ]
    is_asked_at_opening = bool(told) and told[0].at <= case.opened_at
    if not is_asked_at_opening and not _is_decided_at_once(case, lines):
        # Policy only waited: for that it needs a plate and a contact.
        yield _Known(case.opened_at, case.plate, False, ContactState.FOUND, None)  # noqa: FBT003
    yield from told


def _is_decided_at_once(case: Case, lines: Sequence[AuditLine]) -> bool:
    """Whether the first answer ended it or referred it, before anybody asked for a contact."""
    first = next((n for n, line in enumerate(lines) if line.actor == "pipeline"), None)
    return first is None or _known_at(lines, first) <= case.opened_at


def _told_by(case: Case, line: AuditLine, at: datetime) -> _Known:
    found = _CAUSE.search(line.cause)
    cause = Cause(found[1]) if found else None
    plate, contact, is_contradicted = _as_agreed(case.plate), None, False
    match cause:
        case Cause.PLATE_UNREADABLE:
            plate = PlateReading(status=PlateStatus.UNREADABLE)
        case Cause.PLATE_DOUBTFUL if case.is_plate_contradicted:
            is_contradicted = True
        case Cause.PLATE_DOUBTFUL:
            plate = case.plate.model_copy(update={"status": PlateStatus.DOUBTFUL})
        case Cause.PLATE_CLASS:
            pass
        case _:
            contact = _CONTACTS.get(cause, ContactState.FOUND) if cause else ContactState.FOUND
    return _Known(at, plate, is_contradicted, contact, cause)


def _as_agreed(plate: PlateReading) -> PlateReading:
    if plate.status is PlateStatus.AGREED:
        return plate
    return plate.model_copy(update={"status": PlateStatus.AGREED})


def _turns(known: Sequence[_Known], entered: Sequence[datetime]) -> Iterator[Fact]:
    """The changes of plate and contact after the opening, but those of an entered plate."""
    contact = next((one.contact for one in known if one.contact), None)
    for before, one in pairwise(known):
        is_other = (one.plate, one.is_contradicted) != (before.plate, before.is_contradicted)
        if is_other and one.at not in entered:
            yield PlateRead(at=one.at, plate=one.plate, is_contradicted=one.is_contradicted)
        if one.contact is not None and one.contact is not contact:
            contact = one.contact
            if one.at not in entered:
                yield ContactKnown(at=one.at, contact=contact)


def _seen(
    sightings: Sequence[Sighting], lines: Sequence[AuditLine], opened_at: datetime
) -> Iterator[Seen]:
    """When each sighting became known; of a long stay not all are kept."""
    told = [*_told_at(lines, _SEEN, opened_at)]
    if len(told) != len(sightings):
        told = [*_nearest(sightings, told)]
    for count, (at, _) in enumerate(zip(sorted(told), sightings, strict=True), start=2):
        yield Seen(at=at, count=count)


def _nearest(sightings: Sequence[Sighting], told: Sequence[datetime]) -> Iterator[datetime]:
    number = 0
    for one in sightings:
        while number < len(told) and told[number] < one.captured_at:
            number += 1
        yield told[number] if number < len(told) else one.captured_at
        number += 1


def _told_at(lines: Sequence[AuditLine], action: str, opened_at: datetime) -> Iterator[datetime]:
    """When such facts became known; what waited for its case was there when that opened."""
    is_early = True
    for line in lines:
        is_early = is_early and line.action in _CAMERA and line.at - opened_at <= _AT_ONCE
        if line.action == action:
            yield opened_at if is_early else line.at


def _left(case: Case, lines: Sequence[AuditLine]) -> Left | None:
    if case.left_at is None:
        return None
    told = _told_at(lines, _LEFT, case.opened_at)
    at = next(told, max(case.left_at, case.opened_at))
    return Left(at=at, left_at=case.left_at, departure=case.departure)


def _of_people(case: Case, lines: Sequence[AuditLine], known: Sequence[_Known]) -> Iterator[Fact]:
    for line in lines:
        if line.action == _ENTERED:
            contact = next((one.contact for one in known if one.at >= line.at), None)
            yield PlateEntered(at=line.at, plate=_as_agreed(case.plate), contact=contact)
        elif line.action == _CLOSED:
            yield ClosedByOperator(at=line.at)
        elif line.action == _DECIDED:
            yield Decided(at=line.at)


def _known_until(case: Case, lines: Sequence[AuditLine], now: datetime) -> datetime:
    if case.is_open:
        return now
    return case.ended_at or (lines[-1].at if lines else case.opened_at)


def _as_opened(case: Case, first: _Known, seen: int, left: Left | None) -> Case:
    return replace(
        case,
        status=CaseStatus.SUSPECTED,
        disposition=None,
        closed_at=None,
        sightings=case.sightings[:seen],
        left_at=left.left_at if left else None,
        departure=left.departure if left else None,
        plate=first.plate,
        plate_entered_by=None,
        is_plate_contradicted=first.is_contradicted,
        reminder_step=1,
        round_step=1,
        reminder_accepted_at=None,
        reminder_delivered_at=None,
        grace_ends_at=None,
        no_reminder_cause=None,
        no_reminder_at=None,
        asks_operator=False,
        review_due_at=None,
        reasons=(),
        proposal=None,
        decision=None,
    )


def _tries(stored: StoredCase, entered: Sequence[datetime]) -> dict[TryKey, Try]:
    is_erased = stored.case.person_deleted_at is not None
    tries = [_try(one, entered, is_erased=is_erased) for one in stored.reminders]
    return {one.key: one for one in tries}


def _try(one: Reminder, entered: Sequence[datetime], *, is_erased: bool) -> Try:
    since = one.created_at
    # What was answered is deleted with the person; that there was an answer is not.
    was_answered = is_erased and one.answered_at is not None
    is_disowned = was_answered and one.status is DeliveryStatus.FAILED
    return Try(
        key=(sum(at <= since for at in entered), ChannelKind(one.channel), one.position),
        status=one.status,
        accepted_at=one.accepted_at,
        accepted_after=one.accepted_at - since if one.accepted_at else None,
        delivered_after=one.delivered_at - since if one.delivered_at else None,
        ended_after=one.ended_at - since if one.ended_at else None,
        failure=one.failure_kind,
        is_disowned=is_disowned or one.answer == NOT_MINE,
    )


def _permit(case: Case) -> str | None:
    return next((one.source for one in case.reasons if one.entry.startswith("permit ")), None)


def _path(lines: Sequence[AuditLine]) -> tuple[CaseStatus, ...]:
    path: list[CaseStatus] = []
    for line in lines:
        if line.action in {_CLOSED, _DECIDED}:
            continue
        to = CaseStatus(line.to_status)
        if not path or path[-1] is not to:
            path.append(to)
    return tuple(path)
