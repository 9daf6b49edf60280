"""A camera that knows its limits: which faults keep its pictures from being judged."""

from detector.health.camera import CameraHealth
from detector.health.limits import blinds, forbids_suspicion
from detector.health.reference import Reference

__all__ = ["CameraHealth", "Reference", "blinds", "forbids_suspicion"]
