"""The command of the web pages, mounted by remindfirst.py."""

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Web pages: sign-in, live wall, review desk, case files.")


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port; default from REMINDFIRST_PORT.")] = None,
) -> None:
    """Serve the web pages until interrupted."""
    from pydantic import ValidationError

    from pipeline.errors import PipelineError
    from pipeline.telemetry import configure_logging
    from review_ui.errors import PortInUseError
    from review_ui.server import serve as serve_pages
    from review_ui.server import take_port
    from review_ui.settings import ReviewSettings

    configure_logging()
    try:
        settings = ReviewSettings() if port is None else ReviewSettings(port=port)
        taken = take_port(settings.host, settings.port)
    except (ValidationError, PortInUseError) as exc:
        typer.echo(f"remindfirst serve: {exc}", err=True)
        raise typer.Exit(2) from exc
    try:
        serve_pages(settings, taken)
    except PipelineError as exc:
        typer.echo(f"remindfirst serve: {exc}", err=True)
        raise typer.Exit(1) from exc
