"""The commands of the web pages, mounted by remindfirst.py."""

from typing import Annotated, NoReturn

import typer

from pipeline.errors import BAD_INPUT, TRY_AGAIN

__all__ = ["app"]

app = typer.Typer(help="Web pages: sign-in, live wall, review desk, case files.")


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port; default from REMINDFIRST_PORT.")] = None,
) -> None:
    """Serve the web pages until interrupted.

    Reads REMINDFIRST_ settings: STORAGE_URL, EVIDENCE_URL, HOST, PORT, SESSION_HOURS,
    DETECTOR_ENDPOINTS, ENDPOINT_TOKEN, DEFAULT_LANGUAGE, CALENDAR, DEMO, DEMO_PERSON,
    DEMO_PASSWORD, METRICS_HOST, METRICS_PORT; see docs/operations.md.
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


@app.command()
def explain(
    case: Annotated[str, typer.Argument(help="The case's id, or its number on the pages.")],
    lang: Annotated[
        str | None, typer.Option(help="zh-CN or en; left out, first Chinese, then English.")
    ] = None,
) -> None:
    """Say in words why a case went the way it went: each rule, its entry, version and source.

    Reads REMINDFIRST_STORAGE_URL, by default under ./var, and REMINDFIRST_CALENDAR.
    """
    from pipeline.command_line import read_settings, telling
    from pipeline.policy.working_calendar import load_calendar
    from pipeline.review import case_by_number
    from pipeline.storage import open_storage
    from review_ui.i18n import Language, load_texts
    from review_ui.presenters.explanation import explain as explained
    from review_ui.presenters.words import open_words

    if lang not in {None, *Language}:
        _fail(f"--lang {lang}: use {' or '.join(Language)}", BAD_INPUT, command="explain")
    with telling("explain"):
        settings = read_settings()
        storage = open_storage(settings.storage_url, must_exist=True)
        calendar = load_calendar(settings.calendar)
        languages = [Language(lang)] if lang else list(Language)
        with storage.read() as uow:
            found = case_by_number(uow, case)
            chain = uow.audit.of_case(found.id)
            told = [
                "\n".join(explained(found, chain, open_words(uow, load_texts(one)), calendar))
                for one in languages
            ]
        typer.echo("\n\n".join(told))
        storage.close()


def _fail(what: str, code: int, *, command: str = "serve") -> NoReturn:
    for line in what.splitlines():
        typer.echo(f"remindfirst {command}: {line}", err=True)
    raise typer.Exit(code)
