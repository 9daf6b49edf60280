"""The demo drivers' phones; what is pressed there goes to the worker as a request."""

import json
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.exceptions import HTTPException
from fastapi.responses import Response
from pydantic import Field

from review_ui.dependencies import PostForm, SignedIn, StaffVisit, may_use_phones
from review_ui.presenters.phones import Press, offered_actions, present_phones
from review_ui.presenters.words import open_words

__all__ = ["router"]

router = APIRouter()


class PressForm(PostForm):
    """One button under one message."""

    key: str = Field(min_length=1, max_length=200)
    action: Literal["moving", "left", "not_mine", "delivered", "failed"]


def _at_the_phones(visit: SignedIn) -> StaffVisit:
    if not may_use_phones(visit.person, visit.services.settings):
        raise HTTPException(403)
    return visit


AtThePhones = Annotated[StaffVisit, Depends(_at_the_phones)]


@router.get("/phones")
def show_phones(visit: AtThePhones, key: str = "", action: str = "") -> Response:
    """All phones; `key` and `action` name the button that was just pressed."""
    with visit.read() as uow:
        words = open_words(uow, visit.texts)
        phones = present_phones(uow, words, press=Press(key=key, action=action))
    return visit.page("phones.html", {"phones": phones})


@router.post("/phones")
def press(visit: AtThePhones, form: Annotated[PressForm, Form()]) -> Response:
    """Hand the press to the worker, as a provider's call-back would come in."""
    with visit.begin() as uow:
        reminder = uow.outbox.get(form.key)
        case = uow.cases.get(reminder.case_id) if reminder else None
        if reminder is None or form.action not in offered_actions(reminder, case):
            raise HTTPException(404)
        body = json.dumps({"key": form.key, "action": form.action})
        uow.registry.add_callback("phones", body)
        uow.commit()
    return visit.redirect("/phones?" + urlencode({"key": form.key, "action": form.action}))
