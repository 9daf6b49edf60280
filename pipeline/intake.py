"""Event to case: each event id once, and the same case whatever the order they come in."""

from pipeline.audit import AuditNote
from pipeline.case import (
    AT_THE_DESK,
    Case,
    case_id_of,
    open_case,
    with_departure,
    with_sighting,
)
from pipeline.events.camera import CameraStatus
from pipeline.events.envelope import Envelope
from pipeline.events.violation import VehicleDeparted, ViolationOngoing, ViolationSuspected
from pipeline.policy.evidence_standard import has_panorama_pair
from pipeline.storage.base import UnitOfWork

__all__ = ["take"]


def take(uow: UnitOfWork, envelope: Envelope) -> Case | None:
    """Fold one event into its case; None when it changed no open case.

    The caller asks policy about the returned case in the same transaction.
    """
    if uow.inbox.contains(envelope.id):
        return None
    uow.inbox.add(envelope.id, envelope)
    event = envelope.data
    if isinstance(event, CameraStatus):
        uow.registry.save_camera_status(event)
        return None
    case = uow.cases.get(case_id_of(event.episode_id))
    if case is None:
        if not isinstance(event, ViolationSuspected):
            uow.inbox.park(event.episode_id, envelope)
            return None
        return _open(uow, event, envelope.id)
    return _fold(uow, case, event, envelope.id)


def _open(uow: UnitOfWork, event: ViolationSuspected, event_id: str) -> Case:
    case = open_case(event, opened_at=uow.now())
    uow.cases.add(case)
    _note(uow, case, "opened", event_id)
    for parked in uow.inbox.take_parked(event.episode_id):
        if not isinstance(parked.data, CameraStatus):
            case = _fold(uow, case, parked.data, parked.id) or case
    return case


def _fold(
    uow: UnitOfWork,
    case: Case,
    event: ViolationSuspected | ViolationOngoing | VehicleDeparted,
    event_id: str,
) -> Case | None:
    if not case.is_open:
        return None
    if isinstance(event, VehicleDeparted):
        folded, action = with_departure(case, event), "departure seen"
    elif case.status in AT_THE_DESK and has_panorama_pair(case):
        # What a person is looking at does not change under their eyes.
        return None
    else:
        folded, action = with_sighting(case, event), "sighting"
    if folded == case:
        return None
    saved = uow.cases.save(folded)
    _note(uow, saved, action, event_id)
    return saved


def _note(uow: UnitOfWork, case: Case, action: str, event_id: str) -> None:
    uow.audit.append(
        AuditNote(
            case_id=case.id,
            at=uow.now(),
            actor="camera",
            action=action,
            from_status=case.status,
            to_status=case.status,
            case_version=case.version,
            cause=event_id,
        )
    )
