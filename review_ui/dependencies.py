"""What one request brings along: who asks, in which language, and the way to the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict

from pipeline.clock import Clock
from pipeline.evidence.store import EvidenceStore
from pipeline.policy.working_calendar import WorkingCalendar
from pipeline.staff import Reviewer, Role
from pipeline.storage.base import Storage, UnitOfWork
from review_ui.auth import Gate, form_token, is_form_token, new_token
from review_ui.detectors import Detectors
from review_ui.errors import CsrfError, NotSignedInError
from review_ui.headers import SECURITY_HEADERS
from review_ui.i18n import Texts, load_texts
from review_ui.preferences import LANGUAGE_COOKIE, Preferences, language_of, read_preferences
from review_ui.settings import ReviewSettings

__all__ = [
    "COOKIE_YEAR_S",
    "FORM_COOKIE",
    "SESSION_COOKIE",
    "PostForm",
    "Services",
    "SignedIn",
    "StaffVisit",
    "Visit",
    "Visitor",
    "may_use_phones",
    "require_form_token",
    "template_environment",
    "visit_of",
]

SESSION_COOKIE = "rf_session"
FORM_COOKIE = "rf_form"
COOKIE_YEAR_S = 365 * 24 * 3600


class PostForm(BaseModel):
    """Fields of every form; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    csrf_token: str = ""


_CALLBACKS = "/callbacks/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the pages work with; made once by `create_app`."""

    settings: ReviewSettings
    storage: Storage
    evidence: EvidenceStore
    detectors: Detectors
    gate: Gate
    clock: Clock
    calendar: WorkingCalendar
    templates: Environment


def template_environment() -> Environment:
    """The Jinja2 environment: escapes everything, and a missing value is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["icon"] = _icon
    return environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request by anybody; `secret` is the cookie that form tokens are made from."""

    request: Request
    services: Services
    preferences: Preferences
    secret: str

    @property
    def texts(self) -> Texts:
        """The texts in this browser's language."""
        return load_texts(self.preferences.language)

    def begin(self) -> UnitOfWork:
        """A new transaction."""
        return self.services.storage.begin()

    def read(self) -> UnitOfWork:
        """A transaction that only looks."""
        return self.services.storage.read()

    def page(
        self, template: str, values: Mapping[str, object] | None = None, *, status: int = 200
    ) -> HTMLResponse:
        """Render a page."""
        person: Reviewer | None = getattr(self.request.state, "person", None)
        token = form_token(self.secret)
        frame = {
            "t": self.texts.t,
            "csrf": Markup('<input type="hidden" name="csrf_token" value="{}">').format(token),
            "csrf_token": token,
            "path": self.request.url.path,
            "here": self._here(),
            "person": person,
            "preferences": self.preferences,
            "settings": self.services.settings,
            "sees_phones": person is not None and may_use_phones(person, self.services.settings),
        }
        html = self.services.templates.get_template(template).render({**frame, **(values or {})})
        answer = HTMLResponse(html, status_code=status, headers=SECURITY_HEADERS)
        return self._with_cookies(answer)

    def redirect(self, path: str) -> RedirectResponse:
        """Go on at `path` with GET."""
        return RedirectResponse(path, status_code=303)

    def set_cookie(
        self, answer: HTMLResponse | RedirectResponse, name: str, value: str, *, kept: bool = False
    ) -> None:
        """Set a cookie that no script and no other site sees; `kept` ones outlive the browser."""
        answer.set_cookie(
            name,
            value,
            max_age=COOKIE_YEAR_S if kept else None,
            httponly=True,
            samesite="strict",
            secure=self.request.url.scheme == "https",
        )

    def _with_cookies(self, answer: HTMLResponse) -> HTMLResponse:
        cookies = self.request.cookies
        if SESSION_COOKIE not in cookies and FORM_COOKIE not in cookies:
            self.set_cookie(answer, FORM_COOKIE, self.secret)
        asked = language_of(self.request.query_params.get("lang"))
        if asked is not None:
            self.set_cookie(answer, LANGUAGE_COOKIE, asked, kept=True)
        return answer

    def _here(self) -> str:
        """The address to come back to; the page of a failed form is the page the form stood on."""
        if self.request.method == "GET":
            query = self.request.query_params.multi_items()
            kept = "&".join(f"{quote(k)}={quote(v)}" for k, v in query if k != "lang")
            return self.request.url.path + (f"?{kept}" if kept else "")
        return urlsplit(self.request.headers.get("referer", "")).path or "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffVisit(Visit):
    """One request by a person who is signed in."""

    person: Reviewer


def _icon(name: str, label: str = "") -> Markup:
    """A picture from the sprite; with `label` it speaks, without it is decoration."""
    how = (
        Markup('role="img" aria-label="{}"').format(label)
        if label
        else Markup('aria-hidden="true"')
    )
    return Markup('<svg class="icon" {}><use href="/static/icons.svg#{}"/></svg>').format(
        how, escape(name)
    )


def may_use_phones(person: Reviewer, settings: ReviewSettings) -> bool:
    """Whether the phones are this person's: everybody's in the demo, else the operators'.

    What is pressed there starts or spares a grace period.
    """
    return settings.demo or Role.OPERATOR in person.roles


def visit_of(request: Request) -> Visit:
    """The visit behind a request, whoever it is."""
    services = cast(Services, request.app.state.services)
    if not hasattr(request.state, "secret"):
        cookies = request.cookies
        request.state.secret = (
            cookies.get(SESSION_COOKIE) or cookies.get(FORM_COOKIE) or new_token()
        )
    preferences = read_preferences(
        request.query_params, request.cookies, default=services.settings.default_language
    )
    return Visit(
        request=request,
        services=services,
        preferences=preferences,
        secret=request.state.secret,
    )


def _signed_in(request: Request) -> StaffVisit:
    visit = visit_of(request)
    person = visit.services.gate.person(request.cookies.get(SESSION_COOKIE))
    if person is None:
        raise NotSignedInError(request.url.path)
    request.state.person = person
    return StaffVisit(
        request=request,
        services=visit.services,
        preferences=visit.preferences,
        secret=visit.secret,
        person=person,
    )


async def require_form_token(request: Request) -> None:
    """Refuse a POST whose form was not made for this browser; holds for the whole application.

    A provider's call-back is no form: it comes from no browser, and the worker asks for its token.

    Raises:
        CsrfError: the token is missing or another browser's, or the form stood on another site.
    """
    if request.method in {"GET", "HEAD"} or request.url.path.startswith(_CALLBACKS):
        return
    form = await request.form()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise CsrfError("the form stood on another site")
    cookies = request.cookies
    secret = cookies.get(SESSION_COOKIE) or cookies.get(FORM_COOKIE) or ""
    if not is_form_token(secret, fields.get("csrf_token", "")):
        raise CsrfError("the form's token is not this browser's")
    # Kept for the page that offers to send it once more when storage was away; never a password.
    request.state.typed = {
        name: value for name, value in fields.items() if name not in {"csrf_token", "password"}
    }


Visitor = Annotated[Visit, Depends(visit_of)]
SignedIn = Annotated[StaffVisit, Depends(_signed_in)]
