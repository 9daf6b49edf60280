"""What each fault of a camera makes impossible.

| fault           | the time counts as observed | a suspicion may be raised | a plate may be read |
|-----------------|-----------------------------|---------------------------|---------------------|
| view_moved      | no: the zones lie elsewhere | no                        | no                  |
| lens_dirty      | no                          | no                        | no                  |
| dazzled         | no                          | no                        | no                  |
| frozen          | no                          | no                        | no                  |
| too_dark        | no                          | no                        | no                  |
| clock_wrong     | yes                         | no: its time is no proof  | yes                 |
| plate_too_small | yes                         | yes, without a reminder   | hardly ever         |
"""

from collections.abc import Set as AbstractSet

from pipeline.events import CameraFault

__all__ = ["blinds", "forbids_suspicion"]

_BLINDING = frozenset(
    {
        CameraFault.VIEW_MOVED,
        CameraFault.LENS_DIRTY,
        CameraFault.DAZZLED,
        CameraFault.FROZEN,
        CameraFault.TOO_DARK,
    }
)


def blinds(faults: AbstractSet[CameraFault]) -> bool:
    """Whether nothing can be seen: the time is not observed, and what depends on it waits."""
    return not _BLINDING.isdisjoint(faults)


def forbids_suspicion(faults: AbstractSet[CameraFault]) -> bool:
    """Whether what is seen would not hold as evidence, so that no suspicion is raised."""
    return blinds(faults) or CameraFault.CLOCK_WRONG in faults
