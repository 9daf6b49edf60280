"""The bytes of evidence: only a case's own files, and only while they are what was stored.

Whoever gets a picture has looked at its case, whatever page it stands on, so the look is recorded
here: with the first picture, then again after five minutes. A page of one case records its own.
"""

import logging
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import HTTPException
from fastapi.responses import Response

from pipeline.case import Case
from pipeline.evidence.store import EvidenceError
from pipeline.review import record_view
from pipeline.staff import ReviewerId
from pipeline.storage.base import UnitOfWork
from review_ui.dependencies import SignedIn, StaffVisit
from review_ui.presenters.case_file import PICTURE, VIEWED
from review_ui.presenters.evidence import evidence_ref

__all__ = ["router"]

log = logging.getLogger(__name__)

router = APIRouter()

SHOWN_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
LOOK = timedelta(minutes=5)


@router.get("/evidence/{case_id}/{sha256}")
def show_evidence(case_id: UUID, sha256: str, visit: SignedIn) -> Response:
    """One file after its hash was checked; 410 when it is missing or was changed."""
    with visit.read() as uow:
        case = uow.cases.get(case_id)
        ref = evidence_ref(case, sha256) if case else None
        if case is None or ref is None or case.pictures_deleted_at:
            raise HTTPException(404)
        has_looked = _has_looked(uow, visit.person.id, case_id)
    if not has_looked:
        _record_look(visit, case, f"{PICTURE}{sha256[:8]}")
    try:
        content = visit.services.evidence.get(ref)
    except EvidenceError as error:
        # The reason says it all; a traceback for each picture of a page would bury it.
        log.error(  # noqa: TRY400
            "evidence refused", extra={"case_id": str(case_id), "reason": str(error)}
        )
        raise HTTPException(410) from None
    is_shown = ref.media_type in SHOWN_TYPES
    media_type = ref.media_type if is_shown else "application/octet-stream"
    return Response(content, media_type=media_type)


def _has_looked(uow: UnitOfWork, person_id: ReviewerId, case_id: UUID) -> bool:
    """Whether the chain has a look of this person that the present one is part of."""
    since = uow.now() - LOOK
    return any(
        entry.note.action == VIEWED and entry.note.actor == person_id and entry.note.at > since
        for entry in uow.audit.of_case(case_id)
    )


def _record_look(visit: StaffVisit, case: Case, what: str) -> None:
    with visit.begin() as uow:
        # The pictures of one page come at once; the first of them records the look.
        if not _has_looked(uow, visit.person.id, case.id):
            record_view(uow, case, visit.person.id, what)
            uow.commit()
