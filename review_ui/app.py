"""Wiring: one application from settings, storage and evidence store, and what it counts."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from pipeline.case import AT_THE_DESK
from pipeline.clock import Clock, SystemClock
from pipeline.evidence.store import EvidenceStore
from pipeline.metrics import WebMetrics
from pipeline.policy.working_calendar import load_calendar
from pipeline.storage.base import Storage
from review_ui.auth import Gate
from review_ui.body_limit import BodyLimit
from review_ui.dependencies import Services, require_form_token, template_environment
from review_ui.detectors import Detectors
from review_ui.headers import SecurityHeaders
from review_ui.problems import add_problem_pages
from review_ui.request_times import RequestTimes
from review_ui.routes import ROUTERS
from review_ui.settings import ReviewSettings

__all__ = ["create_app", "metrics_told"]

_STATIC = Path(__file__).parent / "static"


def create_app(
    settings: ReviewSettings,
    *,
    storage: Storage,
    evidence: EvidenceStore,
    detectors: Detectors | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """The web application; it closes `detectors` when it stops, the rest is the caller's.

    Raises:
        RulebookError: the calendar of the settings cannot be used; says why.
    """
    asked = detectors or Detectors.open(
        settings.detector_endpoints, settings.endpoint_token.get_secret_value()
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        asked.close()

    app = FastAPI(
        title="RemindFirst",
        # The generated API pages would fetch scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(require_form_token)],
        lifespan=lifespan,
    )
    app.state.services = Services(
        settings=settings,
        storage=storage,
        evidence=evidence,
        detectors=asked,
        gate=Gate(storage, session=timedelta(hours=settings.session_hours)),
        clock=clock or SystemClock(),
        calendar=load_calendar(settings.calendar),
        templates=template_environment(),
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.state.metrics = _metrics(storage)
    app.add_middleware(RequestTimes, tell=app.state.metrics.count_request)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    for router in ROUTERS:
        app.include_router(router)
    add_problem_pages(app)
    return app


def metrics_told(app: FastAPI, settings: ReviewSettings) -> AbstractContextManager[int | None]:
    """Tell Prometheus what `app` counts while the block runs, if the settings name a port."""
    metrics: WebMetrics = app.state.metrics
    return metrics.served(host=settings.metrics_host, port=settings.metrics_port)


def _metrics(storage: Storage) -> WebMetrics:
    def count_in_review() -> int:
        with storage.read() as uow:
            return uow.cases.count(*AT_THE_DESK)

    return WebMetrics(count_in_review)
