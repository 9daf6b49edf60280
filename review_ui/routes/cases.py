"""The case page at the review desk, and its decision form."""

from contextlib import suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import Field, field_validator

from pipeline.case import Case, CaseStatus, Outcome, RejectReason
from pipeline.evidence.store import EvidenceError
from pipeline.review import (
    CaseNotFoundError,
    LeaseHeldError,
    NotOpenError,
    Verdict,
    claim,
    decide,
    record_view,
)
from pipeline.staff import NotQualifiedError
from review_ui.dependencies import PostForm, SignedIn, StaffVisit
from review_ui.presenters.case import present_case
from review_ui.presenters.clocks import present_clocks
from review_ui.presenters.evidence import broken_hashes
from review_ui.presenters.queue import saved_sentence
from review_ui.presenters.words import open_words
from review_ui.problems import REFUSALS, describe
from review_ui.routes.queue import take_next

__all__ = ["router"]

router = APIRouter()


class DecisionForm(PostForm):
    """A verdict on the version that was shown: an outcome, or a reason why it is not shown."""

    version: int = Field(ge=1)
    outcome: Outcome | None = None
    reject_reason: RejectReason | None = None
    note: str = Field(default="", max_length=2000)

    @field_validator("outcome", "reject_reason", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @property
    def verdict(self) -> Verdict:
        """What was chosen."""
        return Verdict(outcome=self.outcome, reject_reason=self.reject_reason, note=self.note)


@router.get("/review/{case_id}")
def show_case(case_id: UUID, visit: SignedIn, done: UUID | None = None) -> Response:
    """The case, held for this person if it is free; its view is recorded."""
    case = _find(visit, case_id)
    if case.status is not CaseStatus.IN_REVIEW:
        return visit.redirect(f"/cases/{case_id}")
    return _page(visit, case, just_decided=done)


@router.post("/review/{case_id}/decision")
def save_decision(
    case_id: UUID, visit: SignedIn, form: Annotated[DecisionForm, Form()]
) -> Response:
    """Decide, and go on with the next case."""
    case = _find(visit, case_id)
    # Hashing reads every picture, so it stays outside the transaction.
    broken = broken_hashes(visit.services.evidence, case)
    verified = {ref.sha256 for ref in case.evidence} - broken
    try:
        _require_evidence(case, form.verdict, broken)
        with visit.begin() as uow:
            decide(
                uow,
                case_id,
                visit.person,
                form.verdict,
                seen_version=form.version,
                verified=verified,
            )
            uow.commit()
    except REFUSALS as error:
        return _page(visit, _find(visit, case_id), error=error, note=form.note)
    with visit.begin() as uow:
        following = take_next(uow, visit)
        uow.commit()
    path = f"/review/{following.id}" if following else "/review"
    return visit.redirect(f"{path}?done={case_id}")


def _find(visit: StaffVisit, case_id: UUID) -> Case:
    with visit.read() as uow:
        case = uow.cases.get(case_id)
    if case is None:
        raise CaseNotFoundError(f"no case {case_id}")
    return case


def _require_evidence(case: Case, verdict: Verdict, broken: frozenset[str]) -> None:
    """With a picture missing or changed, that is the only thing that can be decided."""
    if broken and verdict.reject_reason is not RejectReason.PICTURE_MISSING:
        raise EvidenceError(f"case {case.id}: {len(broken)} files are missing or were changed")


def _page(
    visit: StaffVisit,
    case: Case,
    *,
    just_decided: UUID | None = None,
    error: Exception | None = None,
    note: str = "",
) -> Response:
    # Hashing reads every picture, so it stays outside the transaction.
    broken = broken_hashes(visit.services.evidence, case)
    with visit.begin() as uow:
        with suppress(LeaseHeldError, NotOpenError, NotQualifiedError):
            claim(uow, case.id, visit.person)
        record_view(uow, case, visit.person.id, "review_page")
        words = open_words(uow, visit.texts)
        page = present_case(
            case,
            words,
            person=visit.person,
            reminders=uow.outbox.of_case(case.id),
            lease=uow.registry.lease(case.id),
            broken=broken,
        )
        clocks = present_clocks(case, words, visit.services.calendar)
        problem = describe(error, words, invalid="decision_invalid") if error else None
        saved = saved_sentence(uow, words, just_decided)
        uow.commit()
    values = {"page": page, "clocks": clocks, "problem": problem, "note": note, "saved": saved}
    return visit.page("case.html", values, status=problem.status if problem else 200)
