"""Language, theme and the demo's guide; kept in cookies, so they work before sign-in too."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import Field

from review_ui.dependencies import PostForm, Visitor
from review_ui.i18n import Language
from review_ui.preferences import (
    GUIDE_COOKIE,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    Theme,
    local_path,
)

__all__ = ["router"]

router = APIRouter()


class PreferencesForm(PostForm):
    """One choice; `back` is the page to return to."""

    language: Language | None = None
    theme: Theme | None = None
    guide: Literal["hidden", "shown"] | None = None
    back: str = Field(default="/", max_length=500)


@router.post("/preferences")
def choose(visit: Visitor, form: Annotated[PreferencesForm, Form()]) -> RedirectResponse:
    """Keep the choice and go back."""
    answer = visit.redirect(local_path(form.back))
    chosen = (
        (LANGUAGE_COOKIE, form.language),
        (THEME_COOKIE, form.theme),
        (GUIDE_COOKIE, form.guide),
    )
    for cookie, value in chosen:
        if value is not None:
            visit.set_cookie(answer, cookie, value, kept=True)
    return answer
