"""What went wrong, in words for the page: each problem has its own, and what was typed stays."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pipeline.case import IllegalTransitionError
from pipeline.evidence.store import EvidenceError, EvidenceStoreUnavailableError
from pipeline.review import (
    CaseNotFoundError,
    DeadlinePassedError,
    EvidenceIncompleteError,
    LeaseHeldError,
    NotOpenError,
    SiteNotInUseError,
)
from pipeline.staff import NotQualifiedError
from pipeline.storage.base import StaleCaseError, StorageUnavailableError
from review_ui.dependencies import SESSION_COOKIE, visit_of
from review_ui.errors import CsrfError, NotSignedInError
from review_ui.presenters.words import Words

__all__ = ["REFUSALS", "Problem", "add_problem_pages", "describe", "problem_page"]

log = logging.getLogger(__name__)

_REFUSED: dict[type[Exception], tuple[str, int]] = {
    LeaseHeldError: ("lease", 409),
    StaleCaseError: ("stale", 409),
    NotOpenError: ("not_open", 409),
    IllegalTransitionError: ("not_open", 409),
    NotQualifiedError: ("not_qualified", 403),
    EvidenceError: ("evidence", 410),
    EvidenceIncompleteError: ("incomplete", 409),
    SiteNotInUseError: ("site_not_in_use", 409),
    DeadlinePassedError: ("deadline_passed", 409),
}

REFUSALS: tuple[type[Exception], ...] = (*_REFUSED, ValueError)
"""What a form on a case page can meet; the page comes back with words and with what was typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A box at the top of the page."""

    title: str
    advice: str
    status: int
    typed: Mapping[str, str] = field(default_factory=dict)


def describe(
    error: Exception, words: Words, *, typed: Mapping[str, str] | None = None, invalid: str
) -> Problem:
    """Say what was refused and what to do; `invalid` names the text for an incomplete form."""
    fields: dict[str, str] = {}
    if isinstance(error, LeaseHeldError):
        holder, until = error.lease.reviewer_id, error.lease.until
        fields = {"name": words.person_name(holder), "time": words.time(until)}
    known = (found for kind, found in _REFUSED.items() if isinstance(error, kind))
    key, status = next(known, (invalid, 422))
    return Problem(
        title=words.t(f"problem.{key}.title", **fields),
        advice=words.t(f"problem.{key}.advice"),
        status=status,
        typed=typed or {},
    )


def problem_page(
    request: Request, key: str, status: int, *, reference: str = "", retry: bool = False
) -> Response:
    """The page that says what went wrong in the texts `problem.<key>`."""
    visit = visit_of(request)
    typed: dict[str, str] = getattr(request.state, "typed", {}) if retry else {}
    values = {
        "title": visit.texts.t(f"problem.{key}.title"),
        "advice": visit.texts.t(f"problem.{key}.advice"),
        "reference": reference,
        "typed": typed,
        "offers_retry": retry,
        "is_post": request.method == "POST",
    }
    return visit.page("problem.html", values, status=status)


def _to_sign_in(request: Request, _error: Exception) -> Response:
    is_page = request.method == "GET"
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = request.url.path + query if is_page else "/"
    ended = "&ended=1" if SESSION_COOKIE in request.cookies else ""
    return visit_of(request).redirect(f"/sign-in?next={quote(wanted, safe='')}{ended}")


def _refused_form(request: Request, _error: Exception) -> Response:
    return problem_page(request, "csrf", 403)


def _not_found(request: Request, _error: Exception) -> Response:
    return problem_page(request, "not_found", 404)


def _http_error(request: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    key = {403: "no_access", 404: "not_found", 405: "not_found", 410: "evidence"}.get(
        status, "invalid"
    )
    return problem_page(request, key, status)


def _invalid(request: Request, error: Exception) -> Response:
    places = {str(one["loc"][0]) for one in cast(RequestValidationError, error).errors()}
    if places == {"path"}:
        return problem_page(request, "not_found", 404)
    return problem_page(request, "invalid", 422)


def _away(request: Request, error: Exception) -> Response:
    reference = uuid4().hex[:8]
    log.warning("storage unavailable to a page", extra={"reference": reference}, exc_info=error)
    key = "pictures" if isinstance(error, EvidenceStoreUnavailableError) else "storage"
    return problem_page(request, key, 503, reference=reference, retry=True)


def _fault(request: Request, error: Exception) -> Response:
    reference = uuid4().hex[:8]
    log.error("page failed", extra={"reference": reference}, exc_info=error)
    return problem_page(request, "fault", 500, reference=reference)


def add_problem_pages(app: FastAPI) -> None:
    """Give every error its page."""
    app.add_exception_handler(NotSignedInError, _to_sign_in)
    app.add_exception_handler(CsrfError, _refused_form)
    app.add_exception_handler(CaseNotFoundError, _not_found)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    for away in (StorageUnavailableError, EvidenceStoreUnavailableError):
        app.add_exception_handler(away, _away)
    app.add_exception_handler(Exception, _fault)
