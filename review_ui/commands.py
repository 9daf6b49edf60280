"""The command of the web pages, mounted by remindfirst.py."""

from typing import Annotated, NoReturn

import typer

__all__ = ["app"]

BAD_INPUT = 2
"""Told something impossible: starting again changes nothing."""
TRY_AGAIN = 75
"""The surroundings failed; EX_TEMPFAIL of sysexits.h."""

app = typer.Typer(help="Web pages: sign-in, live wall, review desk, case files.")


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port; default from REMINDFIRST_PORT.")] = None,
) -> None:
    """Serve the web pages until interrupted.

    Reads REMINDFIRST_ settings: STORAGE_URL, EVIDENCE_URL, HOST, PORT, SESSION_HOURS,
    DETECTOR_ENDPOINTS, ENDPOINT_TOKEN, DEFAULT_LANGUAGE, DEMO, DEMO_PERSON, DEMO_PASSWORD,
    METRICS_HOST, METRICS_PORT; see docs/operations.md.
    """
    from pydantic import ValidationError

    from pipeline.errors import PipelineError, RetryableError, findings
    from pipeline.telemetry import configure_logging
    from review_ui.errors import PortInUseError
    from review_ui.server import serve as serve_pages
    from review_ui.server import take_port
    from review_ui.settings import ReviewSettings

    configure_logging()
    try:
        settings = ReviewSettings() if port is None else ReviewSettings(port=port)
        with take_port(settings.host, settings.port) as taken:
            serve_pages(settings, taken)
    except ValidationError as exc:
        _fail(findings(exc, "settings (REMINDFIRST_...)"), BAD_INPUT)
    except RetryableError as exc:
        _fail(str(exc), TRY_AGAIN)
    except (PipelineError, PortInUseError) as exc:
        _fail(str(exc), BAD_INPUT)


def _fail(what: str, code: int) -> NoReturn:
    for line in what.splitlines():
        typer.echo(f"remindfirst serve: {line}", err=True)
    raise typer.Exit(code)
