"""Errors of the pipeline: whether trying again can help is part of the class."""

from pydantic import ValidationError

__all__ = [
    "BAD_INPUT",
    "TRY_AGAIN",
    "PermanentError",
    "PipelineError",
    "RetryableError",
    "findings",
]

BAD_INPUT = 2
"""The exit code of a role that was told something impossible: starting again changes nothing."""
TRY_AGAIN = 75
"""The exit code of a role whose surroundings failed; EX_TEMPFAIL of sysexits.h."""

_FIXES = {
    "extra_forbidden": "remove it, or look for a slip in its spelling",
    "missing": "add it",
    "too_short": "add what is missing",
}
_NO_MAPPING = {"model_type", "model_attributes_type", "dict_type", "dataclass_type"}


class PipelineError(Exception):
    """Base of everything the pipeline raises on purpose."""


class RetryableError(PipelineError):
    """The surroundings failed (database, provider, disk); the same call may succeed later."""


class PermanentError(PipelineError):
    """The input is wrong; trying again changes nothing."""


def findings(exc: ValidationError, where: str) -> str:
    """What is wrong in a document, one line for each finding: `WHERE: PLACE: what; how to fix`.

    Values are never quoted. A list that seems empty only because its entries are wrong is left out.
    """
    errors = exc.errors(include_input=False, include_url=False, include_context=False)
    places = [error["loc"] for error in errors]
    lines = []
    for error in errors:
        place = error["loc"]
        if any(other[: len(place)] == place and other != place for other in places):
            continue
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] in _NO_MAPPING:
            message = "must be a set of names and values, one `name: value` to a line"
        fix = _FIXES.get(error["type"])
        parts = [where, ".".join(str(part) for part in place), message]
        lines.append(": ".join(part for part in parts if part) + (f"; {fix}" if fix else ""))
    return "\n".join(lines)
