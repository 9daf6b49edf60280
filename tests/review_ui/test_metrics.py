"""What the pages count, and when they tell."""

from fastapi import FastAPI
from prometheus_client import generate_latest

from review_ui.app import metrics_told
from review_ui.settings import ReviewSettings
from tests.builders import PLATE
from tests.review_ui.desk import Desk
from tests.scrape import free_port, listening, samples, scrape


def told(app: FastAPI) -> dict[str, float]:
    return samples(generate_latest(app.state.metrics.registry).decode())


def requests(found: dict[str, float]) -> list[float]:
    return [found[f'remindfirst_requests_total{{status="{n}xx"}}'] for n in (2, 3, 4, 5)]


def test_requests_are_counted_by_what_they_were_answered(desk: Desk) -> None:
    @desk.app.get("/slip")
    def slip() -> None:
        raise RuntimeError("a slip in our own code")

    nobody, officer = desk.browser(None), desk.browser()
    for browser, path in ((nobody, "/"), (officer, "/review"), (officer, "/nowhere")):
        browser.get(path)
    officer.get("/static/icons.svg")
    assert officer.get("/slip").status_code == 500

    found = told(desk.app)
    assert requests(found) == [2, 1, 1, 1]
    assert found["remindfirst_request_duration_seconds_count"] == 5


def test_a_request_that_is_refused_at_the_door_is_counted_too(desk: Desk) -> None:
    desk.browser().http.post("/sign-in", content=b"x" * 70_000)

    assert requests(told(desk.app)) == [0, 0, 1, 0]


def test_the_cases_that_wait_for_a_reviewer_are_told_on_a_port_of_their_own(desk: Desk) -> None:
    desk.store(desk.a_case())
    for _ in range(2):
        desk.case_in_review()
    port = free_port()

    with metrics_told(desk.app, ReviewSettings(metrics_port=port)):
        text = scrape(port)
        assert desk.browser().get("/metrics").status_code == 404

    assert samples(text)["remindfirst_cases_in_review"] == 2
    assert PLATE not in text
    assert port not in listening()


def test_without_a_port_the_pages_tell_nobody(desk: Desk) -> None:
    before = listening()

    with metrics_told(desk.app, ReviewSettings()) as port:
        assert port is None
        assert listening() == before
