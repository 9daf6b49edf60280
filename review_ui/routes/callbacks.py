"""Where providers of messages call us back; the worker checks what they say, this keeps it raw."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse

from pipeline.policy.entries import ChannelKind
from review_ui.dependencies import Visitor

__all__ = ["router"]

MAX_WAITING = 20_000
_SECRETS = frozenset({"authorization", "cookie"})
# Each provider looks for its own word for "taken".
_TAKEN = {"code": 0, "msg": "OK", "result": 0, "errmsg": "OK"}

router = APIRouter()


async def _raw_body(request: Request) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as exc:
        raise HTTPException(400) from exc


@router.post("/callbacks/{channel}")
def take_callback(
    visit: Visitor, channel: ChannelKind, body: Annotated[str, Depends(_raw_body)]
) -> JSONResponse:
    """Keep a provider's call-back for the worker; a flood of them is held off."""
    request = visit.request
    headers = {name: value for name, value in request.headers.items() if name not in _SECRETS}
    with visit.begin() as uow:
        if uow.registry.count_requests() >= MAX_WAITING:
            raise HTTPException(503, headers={"Retry-After": "60"})
        uow.registry.add_callback(channel, body, headers=headers, query=dict(request.query_params))
        uow.commit()
    return JSONResponse(_TAKEN)
