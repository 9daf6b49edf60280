"""Whether the pages can reach their data."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from review_ui.dependencies import Visitor

__all__ = ["router"]

router = APIRouter()


@router.get("/healthz")
def healthz(visit: Visitor) -> PlainTextResponse:
    """Answer "ok" once the database has answered; 503 when it does not."""
    with visit.read() as uow:
        uow.now()
    return PlainTextResponse("ok")
