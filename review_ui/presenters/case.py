"""The case at the review desk: evidence, why, reminder, plate, and what can be decided."""

from dataclasses import dataclass
from uuid import UUID

from pipeline.case import Case, CaseStatus, Outcome, RejectReason
from pipeline.events.plate import PlateStatus
from pipeline.reminder import Reminder
from pipeline.staff import Reviewer
from pipeline.storage.base import ReviewLease
from review_ui.presenters.badges import Badge, Tone, case_badge, reminder_badge
from review_ui.presenters.evidence import PictureView, evidence_url, picture_view, seen_again
from review_ui.presenters.people import why_read_only
from review_ui.presenters.proposal import ProposalView, present_proposal
from review_ui.presenters.standard import StandardView, present_standard, why_not_confirmed
from review_ui.presenters.story import (
    MessageView,
    ReasonView,
    Step,
    case_messages,
    case_reasons,
    reminder_steps,
    standing,
    unseen,
    why,
)
from review_ui.presenters.words import Words

__all__ = ["CasePage", "Choice", "PlateView", "plate_view", "present_case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One button of the decision; `key` is the key that presses it."""

    value: str
    key: str
    word: str
    note: str = ""
    is_locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateView:
    """The plate as it may be shown; `characters` are empty when nothing was read."""

    characters: list[str]
    state: Badge
    agreement: str
    entered_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """All of the page; `read_only` says why nothing can be decided here, None when it can."""

    id: UUID
    number: str
    version: int
    camera: str
    zone: str
    act: str
    state: Badge
    why: str
    standing: str | None
    unseen: list[str]
    standard: StandardView
    before: PictureView
    after: PictureView | None
    between: str
    strip: list[PictureView]
    crop_url: str
    is_crop_whole: bool
    is_broken: bool
    reminder: Badge
    steps: list[Step]
    messages: list[MessageView]
    plate: PlateView
    reasons: list[ReasonView]
    versions: str
    due: str | None
    held_until: str | None
    watermark: str
    read_only: str | None
    proposal: ProposalView | None
    outcomes: list[Choice]
    why_locked: str | None
    reject_reasons: list[Choice]


def present_case(
    case: Case,
    words: Words,
    *,
    person: Reviewer,
    reminders: list[Reminder],
    lease: ReviewLease | None,
    broken: frozenset[str],
) -> CasePage:
    """The page as this person sees it; `lease` is whoever's lease runs."""
    local = words.about(case)
    again = seen_again(case) or (case.sightings[-1] if len(case.sightings) > 1 else None)
    read_only = (
        _not_in_review(case, local)
        or _overdue(case, local)
        or why_read_only(person, local)
        or _held_by_another(lease, person, local)
    )
    is_broken = bool(broken)
    why_locked = _why_locked(case, local)
    first = case.sightings[0]
    between = local.duration(again.captured_at - first.captured_at) if again else ""
    return CasePage(
        id=case.id,
        number=case.number,
        version=case.version,
        camera=local.camera(case.camera_id),
        zone=local.name(case.zone_name),
        act=local.t(f"act.{case.violation_type}"),
        state=case_badge(case, local),
        why=why(case, local),
        standing=standing(case, local),
        unseen=unseen(case, local),
        standard=present_standard(case, local),
        before=picture_view(case, first, local, broken),
        after=picture_view(case, again, local, broken) if again else None,
        between=between,
        strip=[picture_view(case, one, local, broken) for one in case.sightings],
        crop_url=evidence_url(case, case.crop),
        is_crop_whole=case.crop.sha256 not in broken,
        is_broken=is_broken,
        reminder=reminder_badge(case, local),
        steps=reminder_steps(case, local),
        messages=case_messages(reminders, local),
        plate=plate_view(case, local, is_masked=read_only is not None),
        reasons=case_reasons(case.reasons, local),
        versions=local.t(
            "case.versions",
            zone_version=case.zone_version,
            detector=case.detector_version,
            model=case.model_version,
        ),
        due=local.full(case.review_due_at) if case.review_due_at else None,
        held_until=local.time(lease.until) if lease else None,
        watermark=f"{person.name} · {local.full(local.now)}",
        read_only=read_only,
        proposal=present_proposal(case, local),
        outcomes=_outcomes(case, local, is_locked=is_broken or why_locked is not None),
        why_locked=why_locked,
        reject_reasons=_reject_reasons(local, is_broken=is_broken),
    )


def _not_in_review(case: Case, words: Words) -> str | None:
    if case.status is CaseStatus.IN_REVIEW:
        return None
    return words.t("read_only.not_in_review", state=case_badge(case, words).word)


def _overdue(case: Case, words: Words) -> str | None:
    is_due = case.review_due_at is not None and words.now < case.review_due_at
    return None if is_due else words.t("read_only.overdue")


def _held_by_another(lease: ReviewLease | None, person: Reviewer, words: Words) -> str | None:
    if lease is None or lease.reviewer_id == person.id:
        return None
    name = words.person_name(lease.reviewer_id)
    return words.t("read_only.held", name=name, time=words.time(lease.until))


def plate_view(case: Case, words: Words, *, is_masked: bool) -> PlateView:
    """The plate in single characters, masked unless the reader has to confirm it."""
    text = words.plate_masked(case) if is_masked else (case.plate.text or "")
    status = PlateStatus.DOUBTFUL if case.is_plate_contradicted else case.plate.status
    tones = {
        PlateStatus.AGREED: (Tone.GOOD, "check"),
        PlateStatus.DOUBTFUL: (Tone.WAIT, "help"),
        PlateStatus.UNREADABLE: (Tone.ALERT, "eye-off"),
    }
    tone, icon = tones[status]
    entered_by = case.plate_entered_by
    return PlateView(
        characters=list(text) if case.plate.text else [],
        state=Badge(tone=tone, icon=icon, word=words.t(f"plate.{status}")),
        agreement=words.plate_agreement(case),
        entered_by=words.t("plate.entered_by", name=words.person_name(entered_by))
        if entered_by
        else None,
    )


def _why_locked(case: Case, words: Words) -> str | None:
    """Why the case can only be rejected; None when it may be confirmed."""
    site = words.site_of(case.camera_id)
    if site is None or not site.may_refer(site.day_of(case.suspected_at)):
        return words.t("case.site_not_in_use")
    return why_not_confirmed(case, words)


def _outcomes(case: Case, words: Words, *, is_locked: bool) -> list[Choice]:
    site = words.site_of(case.camera_id)
    day = site.day_of(case.suspected_at) if site else None
    no_penalty_yet = site is not None and day is not None and not site.may_penalise(day)
    return [
        Choice(
            value=outcome,
            key=str(number),
            word=words.t(f"outcome.{outcome}"),
            note=words.t("outcome_note.not_yet" if is_early else f"outcome_note.{outcome}"),
            is_locked=is_locked or is_early,
        )
        for number, outcome in enumerate(Outcome, start=1)
        for is_early in [no_penalty_yet and outcome is Outcome.PENALTY]
    ]


def _reject_reasons(words: Words, *, is_broken: bool) -> list[Choice]:
    return [
        Choice(
            value=reason,
            key=str(number % 10),
            word=words.t(f"reject.{reason}"),
            is_locked=is_broken and reason is not RejectReason.PICTURE_MISSING,
        )
        for number, reason in enumerate(RejectReason, start=1)
    ]
