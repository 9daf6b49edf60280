"""The list of cases, and the file of one case: its states, its timeline, its pictures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pipeline.audit import AuditEntry, first_broken
from pipeline.case import Case, CaseStatus
from pipeline.evidence.retention import Part, deletion_of
from pipeline.reminder import Reminder
from review_ui.presenters.badges import Badge, Tone, case_badge, reminder_badge
from review_ui.presenters.case import PlateView, plate_view
from review_ui.presenters.evidence import PictureView, picture_view
from review_ui.presenters.standard import StandardView, present_standard
from review_ui.presenters.story import (
    MessageView,
    ReasonView,
    Step,
    case_messages,
    case_reasons,
    reminder_steps,
    standing,
    steps,
    unseen,
    why,
)
from review_ui.presenters.words import Words

__all__ = [
    "PICTURE",
    "VIEWED",
    "CaseFilePage",
    "CaseRow",
    "TimelineLine",
    "action_key",
    "case_rows",
    "present_case_file",
    "timeline",
]

CLOSED_AS = "closed as "
VIEWED = "viewed"
"""The action of a recorded look."""
PICTURE = "picture "
"""Begins the cause of a look at one picture; the start of its hash follows."""

_MACHINES = {"pipeline": "timeline.machine", "camera": "timeline.camera"}
_RULE = re.compile(r"(?P<rule>\w+) \((?P<entry>.+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One case in the list."""

    number: str
    url: str
    act: str
    zone: str
    camera: str
    plate: str
    seen_at: str
    seen_ago: str
    state: Badge
    reminder: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """One entry of the audit chain in words."""

    at: str
    who: str
    icon: str
    is_machine: bool
    what: str
    change: str | None
    cause: str
    reasons: list[ReasonView]
    number: int
    digest_short: str
    is_broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilePage:
    """All of the page."""

    id: UUID
    number: str
    camera: str
    zone: str
    act: str
    state: Badge
    plate: PlateView
    plate_text: str
    why: str
    standing: str | None
    unseen: list[str]
    standard: StandardView
    steps: list[Step]
    pictures: list[PictureView]
    deleted: str | None
    broken_count: int
    file_count: int
    messages: list[MessageView]
    timeline: list[TimelineLine]
    chain: Badge
    reasons: list[ReasonView]
    decision: str | None
    decided_by: str | None
    decided_at: str | None
    note: str
    versions: str
    review_url: str | None
    watermark: str


def case_rows(cases: Sequence[Case], words: Words) -> list[CaseRow]:
    """One row for each case, in their order."""
    return [_row(case, words) for case in cases]


def _row(case: Case, words: Words) -> CaseRow:
    local = words.at_site(case.camera_id)
    return CaseRow(
        number=case.number,
        url=f"/cases/{case.id}",
        act=words.t(f"act.{case.violation_type}"),
        zone=words.name(case.zone_name),
        camera=words.camera(case.camera_id),
        plate=words.plate_masked(case),
        seen_at=local.time(case.suspected_at),
        seen_ago=words.relative(case.suspected_at),
        state=case_badge(case, local),
        reminder=reminder_badge(case, local),
    )


def present_case_file(
    case: Case,
    words: Words,
    *,
    reminders: list[Reminder],
    chain: list[AuditEntry],
    broken: frozenset[str],
    reader: str,
) -> CaseFilePage:
    """The file as it stands; everything in it is read-only."""
    local = words.about(case)
    decision = case.decision
    return CaseFilePage(
        id=case.id,
        number=case.number,
        camera=local.camera(case.camera_id),
        zone=local.name(case.zone_name),
        act=local.t(f"act.{case.violation_type}"),
        state=case_badge(case, local),
        plate=plate_view(case, local, is_masked=True),
        plate_text=local.plate_masked(case),
        why=why(case, local),
        standing=standing(case, local),
        unseen=unseen(case, local),
        standard=present_standard(case, local),
        steps=_steps(case, local),
        pictures=[]
        if case.pictures_deleted_at
        else [picture_view(case, one, local, broken) for one in case.sightings],
        deleted=_deleted(case, chain, local),
        broken_count=len(broken),
        file_count=len(case.evidence),
        messages=case_messages(reminders, local),
        timeline=timeline(chain, local),
        chain=_chain_badge(chain, local),
        reasons=case_reasons(case.reasons, local),
        decision=_decision(case, local),
        decided_by=local.person_name(decision.reviewer_id) if decision else None,
        decided_at=local.full(decision.decided_at) if decision else None,
        note=decision.note if decision else case.operator_note,
        versions=local.t(
            "case.versions",
            zone_version=case.zone_version,
            detector=case.detector_version,
            model=case.model_version,
        ),
        review_url=f"/review/{case.id}" if case.status is CaseStatus.IN_REVIEW else None,
        watermark=f"{reader} · {local.full(local.now)}",
    )


def _deleted(case: Case, chain: list[AuditEntry], words: Words) -> str | None:
    """Since when and by which rule the pictures are gone; None while they are there."""
    if case.pictures_deleted_at is None:
        return None
    entry = deletion_of(Part.PICTURES, chain)
    rule = entry.note.reasons[0] if entry and entry.note.reasons else None
    return words.t(
        "file.deleted",
        time=words.full(case.pictures_deleted_at),
        entry=rule.entry if rule else "",
        source=rule.source if rule else "",
    )


def _decision(case: Case, words: Words) -> str | None:
    if case.decision is None:
        return None
    if case.decision.outcome is not None:
        return words.t("file.shown", what=words.t(f"outcome.{case.decision.outcome}"))
    return words.t("file.not_shown", what=words.t(f"reject.{case.decision.reject_reason}"))


def _steps(case: Case, words: Words) -> list[Step]:
    decided_at = case.decision.decided_at if case.decision else None
    ending = (
        ("step.left", case.left_at),
        ("step.decided", decided_at),
        ("step.closed", case.closed_at),
    )
    return [
        *steps((("step.detected", case.suspected_at),), words),
        *reminder_steps(case, words),
        *steps(ending, words),
    ]


def timeline(chain: list[AuditEntry], words: Words) -> list[TimelineLine]:
    """The chain in words, oldest first."""
    broken = first_broken(chain)
    return [_line(entry, words, is_broken=entry is broken) for entry in chain]


def _line(entry: AuditEntry, words: Words, *, is_broken: bool) -> TimelineLine:
    note = entry.note
    machine = words.texts.find(_MACHINES.get(note.actor, ""))
    change = None
    if note.from_status != note.to_status:
        change = f"{_state(note.from_status, words)} → {_state(note.to_status, words)}"
    return TimelineLine(
        at=words.time(note.at),
        who=machine or words.person_name(note.actor),
        icon={"camera": "camera", "pipeline": "machine"}.get(note.actor, "user"),
        is_machine=machine is not None,
        what=_what(note.action, words),
        change=change,
        cause="" if note.cause == note.action else _cause(note.cause, words),
        reasons=case_reasons(note.reasons, words),
        number=entry.number,
        digest_short=entry.digest[:8],
        is_broken=is_broken,
    )


def _state(status: str, words: Words) -> str:
    return words.texts.find(f"status.{status}") or status


def action_key(action: str) -> str:
    """The text that names an action of the audit chain."""
    head = CLOSED_AS if action.startswith(CLOSED_AS) else action.partition(": ")[0]
    return "action." + head.strip().replace(",", "").replace(" ", "_")


def _what(action: str, words: Words) -> str:
    """What happened; `closed as X` and `action: cause` carry a second word."""
    if action.startswith(CLOSED_AS):
        ending = action.removeprefix(CLOSED_AS)
        known = words.texts.find(f"disposition.{ending}") or ending
        return words.t("action.closed_as", disposition=known)
    head, _, cause = action.partition(": ")
    what = words.texts.find(action_key(action)) or head
    return words.t("timeline.with_cause", what=what, cause=words.cause(cause)) if cause else what


def _cause(cause: str, words: Words) -> str:
    """Rules, outcomes and reasons in words; event ids and the like as they are."""
    rules = [_RULE.fullmatch(part) for part in cause.split("; ")]
    if all(rules):
        return " ".join(_rule(found, words) for found in rules if found)
    if cause.startswith(PICTURE):
        return words.t("view.picture", hash=cause.removeprefix(PICTURE))
    for group in ("outcome.", "reject.", "view.", "timeline."):
        word = words.texts.find(f"{group}{cause}") if cause.isidentifier() else None
        if word is not None:
            return word
    is_event = cause.count(".") == 2 and " " not in cause
    return words.t("timeline.event", id=cause) if is_event else cause


def _rule(found: re.Match[str], words: Words) -> str:
    sentence = words.texts.find(f"rule.{found['rule']}")
    return sentence or words.t("rule.unnamed", rule=found["rule"])


def _chain_badge(chain: list[AuditEntry], words: Words) -> Badge:
    broken = first_broken(chain)
    if broken is None:
        word = words.t("timeline.chain_whole", count=len(chain))
        return Badge(tone=Tone.GOOD, icon="link", word=word)
    word = words.t("timeline.chain_broken", number=broken.number)
    return Badge(tone=Tone.ALERT, icon="link-off", word=word)
