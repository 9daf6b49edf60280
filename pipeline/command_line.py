"""What every command of the pipeline does: read the settings, end with words and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError

from pipeline.errors import (
    BAD_INPUT,
    TRY_AGAIN,
    PermanentError,
    PipelineError,
    RetryableError,
    findings,
)
from pipeline.settings import PipelineSettings

__all__ = ["read_settings", "telling"]


@contextmanager
def telling(command: str) -> Iterator[None]:
    """End with the sentence and the exit code of what goes wrong on purpose in the block."""
    try:
        yield
    except PipelineError as exc:
        typer.echo(f"remindfirst {command}: {exc}", err=True)
        raise typer.Exit(TRY_AGAIN if isinstance(exc, RetryableError) else BAD_INPUT) from exc


def read_settings() -> PipelineSettings:
    """The settings.

    Raises:
        PermanentError: one of them is impossible; names it.
    """
    try:
        return PipelineSettings()
    except ValidationError as exc:
        raise PermanentError(findings(exc, "settings (REMINDFIRST_...)")) from exc
