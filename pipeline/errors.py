"""Errors of the pipeline: whether trying again can help is part of the class."""

__all__ = ["PermanentError", "PipelineError", "RetryableError"]


class PipelineError(Exception):
    """Base of everything the pipeline raises on purpose."""


class RetryableError(PipelineError):
    """The surroundings failed (database, provider, disk); the same call may succeed later."""


class PermanentError(PipelineError):
    """The input is wrong; trying again changes nothing."""
