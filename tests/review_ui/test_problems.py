"""Faults: a plain sentence, a reference number, and what was typed stays."""

import logging

import pytest

from pipeline.evidence import EvidenceStoreUnavailableError
from pipeline.storage import Storage, StorageUnavailableError, UnitOfWork
from tests.review_ui.desk import Desk, text_of


class FailingStorage:
    """Real storage that can be taken away."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.error: Exception | None = None
        self.works_for = 0

    def begin(self) -> UnitOfWork:
        self._fail_if_away()
        return self._storage.begin()

    def read(self) -> UnitOfWork:
        self._fail_if_away()
        return self._storage.read()

    def _fail_if_away(self) -> None:
        if self.error is not None:
            if self.works_for == 0:
                raise self.error
            self.works_for -= 1

    def close(self) -> None:
        self._storage.close()


@pytest.fixture
def failing(desk: Desk) -> FailingStorage:
    storage = FailingStorage(desk.storage)
    object.__setattr__(desk.app.state.services, "storage", storage)
    return storage


def test_while_the_database_is_away_the_form_can_be_sent_once_more(
    desk: Desk, failing: FailingStorage, caplog: pytest.LogCaptureFixture
) -> None:
    case = desk.case_in_review()
    browser = desk.browser()
    browser.get("/sign-in?lang=en")
    failing.error = StorageUnavailableError("disk full")
    with caplog.at_level(logging.WARNING):
        answer = browser.post(
            f"/review/{case.id}/decision", version=1, outcome="warning", note="my <words>"
        )
    assert answer.status_code == 503
    assert "The database cannot be reached just now." in text_of(answer)
    assert 'name="note" value="my &lt;words&gt;"' in answer.text
    assert 'name="outcome" value="warning"' in answer.text
    reference = text_of(answer).split("Reference number: ")[1][:8]
    assert reference in {getattr(record, "reference", None) for record in caplog.records}
    assert "words" not in caplog.text


def test_while_the_pictures_are_away_the_page_says_so(desk: Desk, failing: FailingStorage) -> None:
    browser = desk.browser()
    browser.get("/sign-in?lang=en")
    failing.error = EvidenceStoreUnavailableError("no answer")
    answer = browser.get("/review")
    assert answer.status_code == 503
    assert "The store of the pictures cannot be reached just now." in text_of(answer)


def test_a_password_is_never_put_into_a_page(desk: Desk, failing: FailingStorage) -> None:
    browser = desk.browser(None)
    browser.get("/sign-in")
    object.__setattr__(desk.app.state.services.gate, "_storage", failing)
    failing.error = StorageUnavailableError("away")
    answer = browser.post("/sign-in", name="li", password="secret horse")
    assert answer.status_code == 503
    assert "secret horse" not in answer.text


def test_a_fault_of_ours_is_a_plain_sentence_with_a_reference(
    desk: Desk, failing: FailingStorage
) -> None:
    failing.error = RuntimeError("an internal detail")
    browser = desk.browser()
    answer = browser.get("/cases?lang=en")
    assert answer.status_code == 500
    assert "Something went wrong on our side." in text_of(answer)
    assert "Reference number: " in text_of(answer)
    assert "internal detail" not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_health_says_ok_only_with_a_database(desk: Desk, failing: FailingStorage) -> None:
    browser = desk.browser(None)
    assert browser.get("/healthz").text == "ok"
    failing.error = StorageUnavailableError("away")
    assert browser.get("/healthz").status_code == 503
