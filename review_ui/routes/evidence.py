"""The bytes of evidence: only a case's own files, and only while they are what was stored."""

import logging
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import HTTPException
from fastapi.responses import Response

from pipeline.evidence.store import EvidenceError
from pipeline.review import record_view
from review_ui.dependencies import SignedIn
from review_ui.presenters.evidence import evidence_ref

__all__ = ["router"]

log = logging.getLogger(__name__)

router = APIRouter()

SHOWN_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})


@router.get("/evidence/{case_id}/{sha256}")
def show_evidence(case_id: UUID, sha256: str, visit: SignedIn) -> Response:
    """One file after its hash was checked; 410 when it is missing or was changed."""
    # A picture inside a page is part of that page's recorded view; one opened by itself is its own.
    is_own_view = visit.request.headers.get("sec-fetch-dest") == "document"
    with visit.begin() as uow:
        case = uow.cases.get(case_id)
        ref = evidence_ref(case, sha256) if case else None
        if case is None or ref is None:
            raise HTTPException(404)
        if is_own_view:
            record_view(uow, case, visit.person.id, f"picture {sha256[:8]}")
            uow.commit()
    try:
        content = visit.services.evidence.get(ref)
    except EvidenceError:
        log.exception("evidence refused", extra={"case_id": str(case_id), "sha256": sha256})
        raise HTTPException(410) from None
    is_shown = ref.media_type in SHOWN_TYPES
    media_type = ref.media_type if is_shown else "application/octet-stream"
    return Response(content, media_type=media_type)
