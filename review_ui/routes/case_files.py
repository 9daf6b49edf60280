"""The list of all cases and the file of one case, both read-only."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, field_validator

from pipeline.case import CaseStatus, Disposition
from pipeline.review import CaseNotFoundError, record_view
from review_ui.dependencies import SignedIn
from review_ui.i18n import Language
from review_ui.presenters.case_file import case_rows, present_case_file
from review_ui.presenters.clocks import present_clocks
from review_ui.presenters.evidence import broken_hashes
from review_ui.presenters.words import open_words

__all__ = ["router"]

router = APIRouter()

MAX_CASES = 200


class CaseFilter(BaseModel):
    """Which cases to list; empty means all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: CaseStatus | None = None
    disposition: Disposition | None = None
    lang: Language | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None


@router.get("/cases")
def list_files(visit: SignedIn, chosen: Annotated[CaseFilter, Query()]) -> Response:
    """All cases that pass the filter, newest first."""
    with visit.read() as uow:
        statuses = [chosen.status] if chosen.status else None
        cases = uow.cases.find(
            statuses, disposition=chosen.disposition, newest_first=True, limit=MAX_CASES
        )
        rows = case_rows(cases, open_words(uow, visit.texts))
    values = {
        "rows": rows,
        "chosen": chosen,
        "statuses": list(CaseStatus),
        "dispositions": list(Disposition),
        "is_cut": len(cases) == MAX_CASES,
        "limit": MAX_CASES,
    }
    return visit.page("case_files.html", values)


@router.get("/cases/{case_id}")
def show_file(case_id: UUID, visit: SignedIn) -> Response:
    """One case with all that happened to it; its view is recorded."""
    with visit.read() as uow:
        case = uow.cases.get(case_id)
    if case is None:
        raise CaseNotFoundError(f"no case {case_id}")
    broken = broken_hashes(visit.services.evidence, case)
    with visit.begin() as uow:
        record_view(uow, case, visit.person.id, "case_file")
        words = open_words(uow, visit.texts)
        clocks = present_clocks(case, words, visit.services.calendar)
        page = present_case_file(
            case,
            words,
            reminders=uow.outbox.of_case(case_id),
            chain=uow.audit.of_case(case_id),
            broken=broken,
            reader=visit.person.name,
        )
        uow.commit()
    return visit.page("case_file.html", {"page": page, "clocks": clocks})
