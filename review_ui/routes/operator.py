"""What the operator does for a case that cannot go on by itself."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import Field

from pipeline.review import close_without_reminder, enter_plate
from review_ui.dependencies import PostForm, SignedIn
from review_ui.problems import REFUSALS
from review_ui.routes.queue import show_queue

__all__ = ["router"]

router = APIRouter()


class PlateForm(PostForm):
    """The plate as read from the picture, for the step of reminding that was shown."""

    plate: str = Field(default="", max_length=40)
    step: int = Field(ge=1)


class CloseForm(PostForm):
    """Why the case ends here."""

    note: str = Field(default="", max_length=1000)
    step: int = Field(ge=1)


@router.post("/review/{case_id}/plate")
def save_plate(case_id: UUID, visit: SignedIn, form: Annotated[PlateForm, Form()]) -> Response:
    """Enter the plate; the case then goes the usual way, with a reminder first."""
    try:
        with visit.begin() as uow:
            enter_plate(uow, case_id, visit.person, form.plate, seen_step=form.step)
            uow.commit()
    except REFUSALS as error:
        typed = {"case": str(case_id), "plate": form.plate}
        return show_queue(visit, error=error, typed=typed)
    return visit.redirect("/review#operator")


@router.post("/review/{case_id}/close")
def close_case(case_id: UUID, visit: SignedIn, form: Annotated[CloseForm, Form()]) -> Response:
    """End the case without a record."""
    try:
        with visit.begin() as uow:
            close_without_reminder(uow, case_id, visit.person, form.note, seen_step=form.step)
            uow.commit()
    except REFUSALS as error:
        typed = {"case": str(case_id), "note": form.note}
        return show_queue(visit, error=error, typed=typed)
    return visit.redirect(f"/review?done={case_id}")
