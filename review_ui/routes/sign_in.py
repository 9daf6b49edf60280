"""Sign in and out."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import Field, SecretStr

from review_ui.dependencies import SESSION_COOKIE, PostForm, Visit, Visitor
from review_ui.errors import SignInBrakedError, SignInRefusedError
from review_ui.preferences import local_path
from review_ui.presenters.words import open_words

__all__ = ["router"]

router = APIRouter()


class SignInForm(PostForm):
    """Name and password; `next` is where to go on."""

    name: str = Field(default="", max_length=100)
    password: SecretStr = SecretStr("")
    next: str = Field(default="", max_length=500)


@router.get("/")
def start(visit: Visitor) -> RedirectResponse:
    """The start page is the live wall."""
    return visit.redirect("/live")


@router.get("/sign-in")
def show_sign_in(visit: Visitor, ended: bool = False) -> Response:  # noqa: FBT001, FBT002
    """The sign-in form."""
    wanted = local_path(visit.request.query_params.get("next", ""), default="/live")
    return _form(visit, wanted=wanted, notice=visit.texts.t("sign_in.ended") if ended else "")


@router.post("/sign-in")
def sign_in(visit: Visitor, form: Annotated[SignInForm, Form()]) -> Response:
    """Sign in; the browser gets a new token whatever it had before."""
    wanted = local_path(form.next, default="/live")
    name = form.name.strip()
    try:
        token = visit.services.gate.enter(
            name,
            form.password.get_secret_value(),
            old_token=visit.request.cookies.get(SESSION_COOKIE),
        )
    except SignInBrakedError as error:
        with visit.read() as uow:
            words = open_words(uow, visit.texts)
            wait = words.duration(error.until - words.now)
        problem = visit.texts.t("sign_in.braked", wait=wait)
        return _form(visit, wanted=wanted, name=name, problem=problem, status=429)
    except SignInRefusedError:
        problem = visit.texts.t("sign_in.refused")
        return _form(visit, wanted=wanted, name=name, problem=problem, status=401)
    answer = visit.redirect(quote(wanted, safe="/?=&%#"))
    visit.set_cookie(answer, SESSION_COOKIE, token)
    return answer


@router.post("/sign-out")
def sign_out(visit: Visitor, form: Annotated[PostForm, Form()]) -> RedirectResponse:  # noqa: ARG001
    """End the session here and on the server."""
    token = visit.request.cookies.get(SESSION_COOKIE)
    if token:
        visit.services.gate.leave(token)
    answer = visit.redirect("/sign-in")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def _form(
    visit: Visit,
    *,
    wanted: str,
    name: str = "",
    problem: str = "",
    notice: str = "",
    status: int = 200,
) -> Response:
    values = {"wanted": wanted, "name": name, "problem": problem, "notice": notice}
    return visit.page("sign_in.html", values, status=status)
