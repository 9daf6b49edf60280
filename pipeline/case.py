"""The pipeline's file on one episode: its facts, its states, and the only ways between them.

Facts are folded from events so that order and repetition do not matter (`with_*` functions);
states move only along `TRANSITIONS`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from pipeline.audit import Reason
from pipeline.errors import PermanentError
from pipeline.events.evidence import EvidenceRef
from pipeline.events.plate import PlateReading, PlateStatus
from pipeline.events.violation import (
    BoxRatio,
    DepartureKind,
    LocalName,
    PlaceClass,
    StandingEvidence,
    UnseenSpan,
    VehicleClass,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
    ViolationType,
)
from pipeline.staff import ReviewerId

__all__ = [
    "AT_THE_DESK",
    "FINAL",
    "TRANSITIONS",
    "Case",
    "CaseStatus",
    "Disposition",
    "Factor",
    "IllegalTransitionError",
    "Outcome",
    "Proposal",
    "Reason",
    "RejectReason",
    "ReviewDecision",
    "Sighting",
    "case_id_of",
    "move",
    "open_case",
    "reminder_key_of",
    "with_departure",
    "with_entered_plate",
    "with_sighting",
]

MAX_SIGHTINGS = 48

_CASE_NAMESPACE = UUID("6f1d6a1e-58c5-5c0b-9f0e-3a0c7e1b2d4f")


class CaseStatus(StrEnum):
    """Where a case stands."""

    SUSPECTED = "suspected"
    REMINDER_DUE = "reminder_due"
    REMINDER_UNCERTAIN = "reminder_uncertain"
    GRACE = "grace"
    IN_REVIEW = "in_review"
    SECOND_REVIEW = "second_review"
    DECIDED = "decided"
    CLOSED = "closed"


class Disposition(StrEnum):
    """How a case ended."""

    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    EXEMPT = "exempt"
    EDUCATION = "education"
    UNPROVEN = "unproven"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ELIMINATED = "eliminated"


class Outcome(StrEnum):
    """What a reviewer proposes once the violation is shown."""

    EDUCATION = "education"
    WARNING = "warning"
    PENALTY = "penalty"


class RejectReason(StrEnum):
    """Why a case is not shown; in the order of the keys 1 to 9 and 0."""

    OTHER_VEHICLE = "other_vehicle"
    PLATE_UNREADABLE = "plate_unreadable"
    NOT_IN_ZONE = "not_in_zone"
    TOO_SHORT = "too_short"
    EXEMPT = "exempt"
    SIGN_UNCLEAR = "sign_unclear"
    ORDERED = "ordered"
    PICTURE_MISSING = "picture_missing"
    ALREADY_HANDLED = "already_handled"
    OTHER = "other"


class IllegalTransitionError(PermanentError):
    """No arrow leads from the case's state to the wanted one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One thing that was looked at for a proposal, and whether it speaks for the driver."""

    name: str
    value: str
    is_lenient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What policy proposes to the person who decides, and why; it binds nobody.

    Attributes:
        outcome: What is proposed, should the violation be shown.
        act_list: On which of the three lists the act stands, or `ordinary`.
        act_code: The act, by its code.
        fine: The least and the most that the law allows; None where unknown.
        points: On the licence; None where unknown.
        factors: All that was looked at.
        reasons: Rules, entries and sources.
    """

    outcome: Outcome
    act_list: str
    act_code: str
    fine: tuple[int, int] | None = None
    points: int | None = None
    factors: tuple[Factor, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """What a named person decided about a case as it stood at `case_version`.

    Either `outcome` (shown) or `reject_reason` (not shown) is set, never both.
    """

    reviewer_id: ReviewerId
    decided_at: datetime
    case_version: int
    outcome: Outcome | None = None
    reject_reason: RejectReason | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Check that exactly one of the two ways was taken.

        Raises:
            ValueError: both or none are set, or the reason "other" comes without a note.
        """
        if (self.outcome is None) == (self.reject_reason is None):
            raise ValueError("a decision names either an outcome or a reason to reject")
        if self.reject_reason is RejectReason.OTHER and not self.note.strip():
            raise ValueError("the reason 'other' needs a note")

    @property
    def disposition(self) -> Disposition:
        """How the case ends by this decision."""
        match self.outcome, self.reject_reason:
            case Outcome.EDUCATION, _:
                return Disposition.EDUCATION
            case Outcome.WARNING | Outcome.PENALTY, _:
                return Disposition.CONFIRMED
            case _, RejectReason.EXEMPT:
                return Disposition.EXEMPT
            case _:
                return Disposition.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Fresh evidence of the vehicle in the zone, with its panorama and the drawn copy of it."""

    captured_at: datetime
    observed_s: float
    moved_ratio: float
    box: BoxRatio
    panorama: EvidenceRef
    drawn: EvidenceRef
    unseen: tuple[UnseenSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that is known and decided about one episode.

    `sightings` are in the order of capture, the suspicion's first; `grace_ends_at` is set by the
    delivery; `round_step` is the step with which the present tries to reach a driver began;
    `no_reminder_cause` says why no reminder went out and `no_reminder_at` since when;
    `evidence_needed` are the clauses of the evidence standard without which it is not confirmed,
    as policy set them when it referred the case. `pictures_deleted_at` and `person_deleted_at` say
    since when its pictures, and everything about a person, are gone because the rulebook keeps them
    no longer.
    """

    id: UUID
    episode_id: UUID
    camera_id: str
    version: int
    status: CaseStatus
    opened_at: datetime
    disposition: Disposition | None = None
    closed_at: datetime | None = None

    violation_type: ViolationType
    place_class: PlaceClass
    zone_id: str
    zone_name: LocalName
    zone_version: int
    vehicle_class: VehicleClass
    dwell_limit_s: float
    stood_since_at: datetime
    standing: StandingEvidence | None = None
    sightings: tuple[Sighting, ...]
    crop: EvidenceRef
    left_at: datetime | None = None
    departure: DepartureKind | None = None
    plate: PlateReading
    plate_entered_by: ReviewerId | None = None
    is_plate_contradicted: bool = False
    detector_version: str
    model_version: str

    reminder_step: int = 1
    round_step: int = 1
    reminder_accepted_at: datetime | None = None
    reminder_delivered_at: datetime | None = None
    grace_ends_at: datetime | None = None
    no_reminder_cause: str | None = None
    no_reminder_at: datetime | None = None
    asks_operator: bool = False
    operator_note: str = ""
    review_due_at: datetime | None = None
    evidence_needed: tuple[str, ...] = ("panoramas", "spacing")
    reasons: tuple[Reason, ...] = ()
    proposal: Proposal | None = None
    decision: ReviewDecision | None = None
    pictures_deleted_at: datetime | None = None
    person_deleted_at: datetime | None = None

    @property
    def number(self) -> str:
        """The short number that people use for it."""
        return str(self.id)[:8]

    @property
    def evidence(self) -> tuple[EvidenceRef, ...]:
        """Every stored file of the case: crop, panoramas and their drawn copies."""
        pictures = [ref for one in self.sightings for ref in (one.panorama, one.drawn)]
        return (self.crop, *pictures)

    @property
    def suspected_at(self) -> datetime:
        """When the camera's rule fired, by the camera's time."""
        return self.sightings[0].captured_at

    @property
    def last_seen_at(self) -> datetime:
        """The latest sighting, by the camera's time."""
        return self.sightings[-1].captured_at

    @property
    def has_agreed_plate(self) -> bool:
        """Whether the plate may be trusted enough to reach a driver."""
        is_agreed = self.plate.status is PlateStatus.AGREED and self.plate.text is not None
        return is_agreed and not self.is_plate_contradicted

    @property
    def reminder_key(self) -> str:
        """The name of the reminder that is the case's present step; the provider knows it too."""
        return reminder_key_of(self.id, self.reminder_step)

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it by itself."""
        return self.status not in FINAL

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, or a person decided it; None while it is open."""
        decided_at = self.decision.decided_at if self.decision else None
        return None if self.is_open else self.closed_at or decided_at


FINAL = frozenset({CaseStatus.DECIDED, CaseStatus.CLOSED})
AT_THE_DESK = frozenset({CaseStatus.IN_REVIEW, CaseStatus.SECOND_REVIEW})

TRANSITIONS: dict[CaseStatus, frozenset[CaseStatus]] = {
    CaseStatus.SUSPECTED: frozenset(
        {CaseStatus.REMINDER_DUE, CaseStatus.GRACE, CaseStatus.IN_REVIEW, CaseStatus.CLOSED}
    ),
    CaseStatus.REMINDER_DUE: frozenset(
        {
            CaseStatus.SUSPECTED,
            CaseStatus.REMINDER_UNCERTAIN,
            CaseStatus.GRACE,
            CaseStatus.CLOSED,
        }
    ),
    CaseStatus.REMINDER_UNCERTAIN: frozenset(
        {CaseStatus.SUSPECTED, CaseStatus.GRACE, CaseStatus.CLOSED}
    ),
    # A try that failed after all in the grace period is followed by the next one.
    CaseStatus.GRACE: frozenset(
        {
            CaseStatus.SUSPECTED,
            CaseStatus.REMINDER_DUE,
            CaseStatus.IN_REVIEW,
            CaseStatus.CLOSED,
        }
    ),
    CaseStatus.IN_REVIEW: frozenset(
        {CaseStatus.SECOND_REVIEW, CaseStatus.DECIDED, CaseStatus.CLOSED}
    ),
    CaseStatus.SECOND_REVIEW: frozenset({CaseStatus.DECIDED, CaseStatus.CLOSED}),
    CaseStatus.DECIDED: frozenset({CaseStatus.CLOSED}),
    CaseStatus.CLOSED: frozenset(),
}


def case_id_of(episode_id: UUID) -> UUID:
    """The one case id an episode can have."""
    return uuid5(_CASE_NAMESPACE, str(episode_id))


def reminder_key_of(case_id: UUID, step: int) -> str:
    """The name of one step's reminder; the provider knows it too."""
    return f"reminder:{case_id}:{step}"


def _sighting_of(event: ViolationSuspected | ViolationOngoing) -> Sighting:
    return Sighting(
        captured_at=event.captured_at,
        observed_s=event.observed_s,
        moved_ratio=event.moved_ratio,
        box=event.box,
        panorama=event.panorama,
        drawn=event.drawn,
        unseen=event.unseen,
    )


def open_case(event: ViolationSuspected, *, opened_at: datetime) -> Case:
    """The case of a fresh suspicion; `opened_at` is the database's time."""
    return Case(
        id=case_id_of(event.episode_id),
        episode_id=event.episode_id,
        camera_id=event.camera_id,
        version=1,
        status=CaseStatus.SUSPECTED,
        opened_at=opened_at,
        violation_type=event.violation_type,
        place_class=event.place_class,
        zone_id=event.zone_id,
        zone_name=event.zone_name,
        zone_version=event.zone_version,
        vehicle_class=event.vehicle_class,
        dwell_limit_s=event.dwell_limit_s,
        stood_since_at=event.stood_since_at,
        standing=event.standing,
        sightings=(_sighting_of(event),),
        crop=event.crop,
        plate=event.plate,
        detector_version=event.detector_version,
        model_version=event.model_version,
    )


def with_sighting(case: Case, event: ViolationSuspected | ViolationOngoing) -> Case:
    """Fold one sighting in: a union by time of capture, so order and repeats do not matter."""
    if any(known.captured_at == event.captured_at for known in case.sightings):
        return case
    sightings = (*case.sightings, _sighting_of(event))
    ordered = _thinned(sorted(sightings, key=lambda one: one.captured_at), case.grace_ends_at)
    read, known = event.plate, case.plate
    return replace(
        case,
        sightings=ordered,
        # An agreed reading wins, then the one of more frames; what a person entered stays.
        plate=known if case.plate_entered_by else max(known, read, key=_weight),
        is_plate_contradicted=case.is_plate_contradicted or _contradict(known, read),
    )


def _contradict(known: PlateReading, read: PlateReading) -> bool:
    """Whether two agreed readings differ: then neither may reach a driver."""
    are_agreed = known.status is read.status is PlateStatus.AGREED
    return are_agreed and known.text != read.text


def _weight(read: PlateReading) -> tuple[bool, int, str]:
    return read.status is PlateStatus.AGREED, read.reads, read.text or ""


def _thinned(sightings: list[Sighting], grace_ends_at: datetime | None) -> tuple[Sighting, ...]:
    """At most `MAX_SIGHTINGS`: a long stay loses those closest to their neighbours.

    The first, the last and the first after grace always stay.
    """
    kept = list(sightings)
    while len(kept) > MAX_SIGHTINGS:
        after_grace = next(
            (one for one in kept if grace_ends_at and one.captured_at >= grace_ends_at), None
        )
        spare = [i for i in range(1, len(kept) - 1) if kept[i] is not after_grace]
        closest = min(spare, key=lambda i: kept[i + 1].captured_at - kept[i - 1].captured_at)
        del kept[closest]
    return tuple(kept)


def with_entered_plate(case: Case, plate: PlateReading, person_id: ReviewerId) -> Case:
    """Take what a person read from the picture for the plate; the tries begin anew."""
    return replace(
        case,
        plate=plate,
        plate_entered_by=person_id,
        is_plate_contradicted=False,
        reminder_step=case.reminder_step + 1,
        round_step=case.reminder_step + 1,
        asks_operator=False,
        no_reminder_cause=None,
        no_reminder_at=None,
    )


def with_departure(case: Case, event: VehicleDeparted) -> Case:
    """Fold a departure in; the earliest one known counts."""
    if case.left_at is not None and case.left_at <= event.left_at:
        return case
    return replace(case, left_at=event.left_at, departure=event.kind)


def move(case: Case, to: CaseStatus) -> Case:
    """The same case in state `to`.

    Raises:
        IllegalTransitionError: no arrow leads there; the message names case and states.
    """
    if to not in TRANSITIONS[case.status]:
        raise IllegalTransitionError(f"case {case.id}: no way from {case.status} to {to}")
    return replace(case, status=to)
