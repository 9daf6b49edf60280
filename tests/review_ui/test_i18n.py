"""Texts: complete in both languages, and every key that is used exists."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path

import pytest

import review_ui
from pipeline.case import CaseStatus, Disposition, Outcome, RejectReason
from pipeline.events import (
    CameraFault,
    CameraState,
    NotWaiting,
    PlateStatus,
    UnseenReason,
    ViolationType,
)
from pipeline.policy.entries import Cause
from pipeline.policy.evidence_standard import Clause, Result
from pipeline.policy.picture_plan import Shows
from pipeline.policy.rules import RULES
from pipeline.reminder import DeliveryStatus
from pipeline.staff import Role
from review_ui.errors import MissingTextError
from review_ui.i18n import Language, load_texts
from tests.review_ui.desk import Desk, text_of

PACKAGE = Path(review_ui.__file__).parent


def read(language: Language) -> dict[str, str]:
    """The file's texts by dotted key."""
    entries: dict[str, str] = {}
    open_tables = [("", tomllib.loads((PACKAGE / f"texts/{language}.toml").read_text("utf-8")))]
    while open_tables:
        prefix, table = open_tables.pop()
        for name, value in table.items():
            if isinstance(value, dict):
                open_tables.append((f"{prefix}{name}.", value))
            else:
                entries[f"{prefix}{name}"] = value
    return entries


CHINESE = read(Language.ZH)
ENGLISH = read(Language.EN)


def fields(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_both_languages_have_the_same_keys() -> None:
    assert CHINESE.keys() == ENGLISH.keys()


def test_both_languages_fill_the_same_fields() -> None:
    differing = [key for key in ENGLISH if fields(ENGLISH[key]) != fields(CHINESE[key])]
    assert differing == []


def test_no_english_text_is_chinese_and_every_chinese_one_is() -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    exempt = {"header.language", "header.language_label", "queue.task_plate_hint"}
    exempt |= {"problem.task_invalid.advice"}
    assert [key for key, text in ENGLISH.items() if chinese.search(text)] == [
        key for key in ENGLISH if key in exempt
    ]
    plain = {key for key, text in CHINESE.items() if not chinese.search(text)}
    assert plain == {
        "case.picture_alt",
        "file.decided_by",
        "header.language",
        "header.language_label",
        "rule.with_numbers",
        "standard.join",
        "time.dated",
        "time.full",
        "timeline.with_cause",
        "why.end",
        "why.join",
    }


@pytest.mark.parametrize("pattern", ["templates/*.html", "**/*.py"])
def test_every_key_that_is_used_exists(pattern: str) -> None:
    used = {
        (path.name, key)
        for path in PACKAGE.glob(pattern)
        for key in re.findall(r"\bt\(\s*\"([a-z_.]+)\"", path.read_text(encoding="utf-8"))
    }
    assert used
    # A key that ends in the middle is put together from a choice; see the choices below.
    missing = {
        (name, key)
        for name, key in used
        if not (any(one.startswith(key) for one in ENGLISH) if key[-1] in "._" else key in ENGLISH)
    }
    assert missing == set()


def test_no_text_is_left_over() -> None:
    sources = [*PACKAGE.glob("templates/*.html"), *PACKAGE.glob("**/*.py")]
    written = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    made = set(re.findall(r"""f?"([a-z_]+(?:\.[a-z_]+)*[._])(?:"|\{)""", written))
    unused = {key for key in ENGLISH if f'"{key}"' not in written}
    assert {key for key in unused if not key.startswith(tuple(made))} == set()


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("status", CaseStatus),
        ("disposition", Disposition),
        ("outcome", Outcome),
        ("outcome_note", Outcome),
        ("reject", RejectReason),
        ("delivery", DeliveryStatus),
        ("camera", CameraState),
        ("fault", CameraFault),
        ("standing", NotWaiting),
        ("unseen", UnseenReason),
        ("clause", Clause),
        ("result", Result),
        ("shows", Shows),
        ("plate", PlateStatus),
        ("act", ViolationType),
        ("cause", Cause),
        ("role", Role),
    ],
)
def test_every_choice_has_words(prefix: str, values: type[StrEnum]) -> None:
    assert [one for one in values if f"{prefix}.{one}" not in ENGLISH] == []


def test_every_rule_of_the_policy_has_words() -> None:
    names = [rule.__name__ for rule in RULES]
    assert [name for name in names if f"rule.{name}" not in ENGLISH] == []


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(MissingTextError, match="no such key"):
        load_texts(Language.EN).t("no such key")
    with pytest.raises(MissingTextError, match="wants field"):
        load_texts(Language.EN).t("case.title")


def test_pages_speak_chinese_until_somebody_chooses_otherwise(desk: Desk) -> None:
    browser = desk.browser()
    assert "审核" in text_of(browser.get("/review"))
    answer = browser.post("/preferences", language="en", back="/review")
    assert answer.headers["location"] == "/review"
    assert "Only a person decides about these cases." in text_of(browser.get("/review"))


def test_the_address_can_choose_the_language_and_it_stays(desk: Desk) -> None:
    browser = desk.browser()
    assert 'lang="en"' in browser.get("/cases?lang=en").text
    assert "Every case from first sight" in text_of(browser.get("/cases"))
    assert browser.get("/cases?lang=klingon").status_code == 422
    assert 'lang="en"' in browser.get("/live?lang=klingon").text


def test_the_theme_is_kept(desk: Desk) -> None:
    browser = desk.browser()
    assert 'data-theme="auto"' in browser.get("/live").text
    browser.post("/preferences", theme="dark", back="//elsewhere")
    assert 'data-theme="dark"' in browser.get("/live").text
