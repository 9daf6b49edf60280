"""The pages' routes, one module per page."""

from review_ui.routes import (
    callbacks,
    case_files,
    cases,
    evidence,
    health,
    live,
    operator,
    phones,
    preferences,
    queue,
    sign_in,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    health.router,
    sign_in.router,
    preferences.router,
    live.router,
    queue.router,
    operator.router,
    cases.router,
    case_files.router,
    phones.router,
    callbacks.router,
    evidence.router,
)
