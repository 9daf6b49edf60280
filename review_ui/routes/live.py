"""The live wall and the latest picture of each camera."""

from fastapi import APIRouter
from fastapi.responses import Response

from review_ui.dependencies import SignedIn
from review_ui.detectors import Picture
from review_ui.presenters.live import present_wall
from review_ui.presenters.words import open_words

__all__ = ["router"]

router = APIRouter()


@router.get("/live")
def show_wall(visit: SignedIn) -> Response:
    """All cameras at once."""
    with visit.read() as uow:
        wall = present_wall(uow, open_words(uow, visit.texts))
    return visit.page("live.html", {"wall": wall})


@router.get("/live/{camera_id}/latest.jpg")
def latest_picture(camera_id: str, visit: SignedIn) -> Response:
    """The newest picture with its age in seconds; 204 with the cause when there is none."""
    with visit.read() as uow:
        is_known = uow.registry.site(camera_id) is not None
    if not is_known:
        return Response(status_code=404, headers={"X-No-Picture": "unknown_camera"})
    found = visit.services.detectors.latest(camera_id)
    if not isinstance(found, Picture):
        return Response(status_code=204, headers={"X-No-Picture": found.cause})
    headers = {}
    if found.captured_at is not None:
        age = visit.services.clock.now() - found.captured_at
        headers["X-Picture-Age-S"] = f"{max(0.0, age.total_seconds()):.1f}"
    return Response(found.content, media_type="image/jpeg", headers=headers)
