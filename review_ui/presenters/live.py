"""The live wall: one tile per camera with its state and its open cases."""

from dataclasses import dataclass

from pipeline.case import FINAL, Case, CaseStatus
from pipeline.events.camera import CameraFault, CameraState, CameraStatus
from pipeline.sites import Site
from pipeline.storage.base import UnitOfWork
from review_ui.presenters.badges import Badge, Tone, case_badge
from review_ui.presenters.words import Words

__all__ = ["CaseChip", "Tile", "WallPage", "present_wall"]

OPEN = [status for status in CaseStatus if status not in FINAL]
MAX_CHIPS = 4

_STATE = {
    CameraState.ONLINE: (Tone.GOOD, "camera"),
    CameraState.LOST: (Tone.ALERT, "camera-off"),
    CameraState.IMPAIRED: (Tone.ALERT, "eye-off"),
    CameraState.ENDED: (Tone.CALM, "stop"),
    CameraState.HELD: (Tone.WAIT, "disk"),
}
_BLIND = frozenset({CameraState.LOST, CameraState.IMPAIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChip:
    """One open case on a tile."""

    number: str
    url: str
    badge: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One camera."""

    camera_id: str
    name: str
    road: str
    picture_url: str
    state: Badge
    faults: list[Badge]
    chips: list[CaseChip]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WallPage:
    """All of the page; `counts` are the few numbers above the tiles."""

    tiles: list[Tile]
    counts: list[tuple[str, int]]


def present_wall(uow: UnitOfWork, words: Words) -> WallPage:
    """The wall as it stands now."""
    statuses = uow.registry.camera_statuses()
    cases = uow.cases.find(OPEN, limit=500)
    sites = uow.registry.sites()
    tiles = [_tile(site, statuses.get(site.camera_id), cases, words) for site in sites]
    known = {site.camera_id for site in sites}
    counts = (
        ("live.count_open", len(cases)),
        ("live.count_grace", sum(case.status is CaseStatus.GRACE for case in cases)),
        ("live.count_review", sum(case.status is CaseStatus.IN_REVIEW for case in cases)),
        ("live.count_operator", sum(case.asks_operator for case in cases)),
        (
            "live.count_lost",
            sum(status.state in _BLIND and camera in known for camera, status in statuses.items()),
        ),
    )
    return WallPage(tiles=tiles, counts=[(words.t(key), count) for key, count in counts])


def _tile(site: Site, status: CameraStatus | None, cases: list[Case], words: Words) -> Tile:
    local = words.at_site(site.camera_id)
    here = [case for case in cases if case.camera_id == site.camera_id]
    here.sort(key=lambda case: case.opened_at, reverse=True)
    chips = [
        CaseChip(number=case.number, url=f"/cases/{case.id}", badge=case_badge(case, local))
        for case in here[:MAX_CHIPS]
    ]
    return Tile(
        camera_id=site.camera_id,
        name=words.name(site.name),
        road=words.name(site.road),
        picture_url=f"/live/{site.camera_id}/latest.jpg",
        state=_state_badge(status, local),
        faults=_faults(status, words),
        chips=chips,
        more=len(here) - len(chips),
    )


def _faults(status: CameraStatus | None, words: Words) -> list[Badge]:
    """What is wrong with the camera, the worst first."""
    if status is None:
        return []
    return [_fault(one, words) for one in CameraFault if one in status.faults]


def _fault(fault: CameraFault, words: Words) -> Badge:
    is_mild = fault is CameraFault.PLATE_TOO_SMALL
    tone, icon = (Tone.WAIT, "info") if is_mild else (Tone.ALERT, "alert")
    return Badge(tone=tone, icon=icon, word=words.t(f"fault.{fault}"))


def _state_badge(status: CameraStatus | None, words: Words) -> Badge:
    if status is None:
        return Badge(tone=Tone.CALM, icon="camera", word=words.t("camera.unknown"))
    tone, icon = _STATE[status.state]
    word = words.t(f"camera.{status.state}")
    if status.state is not CameraState.ONLINE:
        word = words.t("live.state_since", state=word, time=words.time(status.captured_at))
    return Badge(tone=tone, icon=icon, word=word)
