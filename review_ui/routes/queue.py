"""The review queue: list, take the next, renew and give back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from pipeline.case import Case
from pipeline.review import LeaseHeldError, NotOpenError, claim, next_case, release
from pipeline.staff import NotQualifiedError
from pipeline.storage.base import UnitOfWork
from review_ui.dependencies import PostForm, SignedIn, StaffVisit
from review_ui.presenters.queue import present_queue
from review_ui.presenters.words import open_words
from review_ui.problems import Problem, describe

__all__ = ["router", "show_queue", "take_next"]

router = APIRouter()


@router.get("/review")
def list_cases(visit: SignedIn, done: UUID | None = None) -> Response:
    """What waits for a decision, and what is open for the operator."""
    return show_queue(visit, just_decided=done)


@router.post("/review/next")
def start_next(visit: SignedIn, form: Annotated[PostForm, Form()]) -> Response:  # noqa: ARG001
    """Take the earliest due case that nobody holds."""
    try:
        with visit.begin() as uow:
            case = take_next(uow, visit)
            uow.commit()
    except NotQualifiedError as error:
        return show_queue(visit, error=error)
    return visit.redirect(f"/review/{case.id}" if case else "/review")


@router.post("/review/{case_id}/lease")
def renew(case_id: UUID, visit: SignedIn, form: Annotated[PostForm, Form()]) -> Response:  # noqa: ARG001
    """Hold on to a case; 409 when it is somebody else's or no longer in review."""
    try:
        with visit.begin() as uow:
            claim(uow, case_id, visit.person)
            uow.commit()
    except (LeaseHeldError, NotOpenError, NotQualifiedError):
        return Response(status_code=409)
    return Response(status_code=204)


@router.post("/review/{case_id}/release")
def give_back(
    case_id: UUID,
    visit: SignedIn,
    form: Annotated[PostForm, Form()],  # noqa: ARG001
) -> RedirectResponse:
    """Give the case back untouched and return to the list."""
    with visit.begin() as uow:
        release(uow, case_id, visit.person)
        uow.commit()
    return visit.redirect("/review")


def take_next(uow: UnitOfWork, visit: StaffVisit) -> Case | None:
    """The next case, held for this person; None when there is nothing to do.

    Raises:
        NotQualifiedError: this person may not decide it.
    """
    case = next_case(uow, visit.person)
    if case is not None:
        claim(uow, case.id, visit.person)
    return case


def show_queue(
    visit: StaffVisit,
    *,
    just_decided: UUID | None = None,
    error: Exception | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """The page; `error` is what a form on it met, `typed` what had been written there."""
    problem: Problem | None = None
    with visit.read() as uow:
        words = open_words(uow, visit.texts)
        page = present_queue(uow, words, visit.person, just_decided=just_decided)
        if error is not None:
            problem = describe(error, words, typed=typed, invalid="task_invalid")
    status = problem.status if problem else 200
    return visit.page("queue.html", {"page": page, "problem": problem}, status=status)
