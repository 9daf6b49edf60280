"""Errors of the detector: each says what, where and how to fix it."""

__all__ = [
    "CameraFileError",
    "DetectorError",
    "EndpointError",
    "ModelFileError",
    "OutputError",
    "SourceError",
    "SourceLostError",
    "StateFileError",
    "TruthFileError",
]


class DetectorError(Exception):
    """Base of everything the detector raises on purpose."""


class CameraFileError(DetectorError):
    """A camera file cannot be used as it is written."""


class EndpointError(DetectorError):
    """The endpoint cannot listen where it was told to."""


class ModelFileError(DetectorError):
    """Weights are missing, of the wrong kind, or not the file their hash says."""


class OutputError(DetectorError):
    """A result cannot be written where it was asked for."""


class SourceError(DetectorError):
    """A source of pictures cannot be opened or read; trying again changes nothing."""


class SourceLostError(SourceError):
    """A stream that was running stopped giving pictures; it may come back."""


class StateFileError(DetectorError):
    """The file of open stays cannot be read or written."""


class TruthFileError(DetectorError):
    """A truth file cannot be used as it is written."""
