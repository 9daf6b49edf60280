"""The case page and the decision."""

import re
from dataclasses import replace
from datetime import date

import pytest

from pipeline.case import Case, CaseStatus, Disposition, Outcome, RejectReason, move
from pipeline.events import EvidenceRef
from pipeline.evidence import EvidenceStore
from pipeline.sites import SiteState
from pipeline.staff import Role
from tests.builders import NOON, PLATE, a_site, seconds
from tests.review_ui.desk import Browser, Desk, text_of


def decide(browser: Browser, case: Case, **fields: object) -> tuple[int, str]:
    answer = browser.post(f"/review/{case.id}/decision", **{"version": case.version, **fields})
    return answer.status_code, answer.headers.get("location", "") or text_of(answer)


@pytest.mark.parametrize(
    ("outcome", "disposition"),
    [
        (Outcome.EDUCATION, Disposition.EDUCATION),
        (Outcome.WARNING, Disposition.CONFIRMED),
        (Outcome.PENALTY, Disposition.CONFIRMED),
    ],
)
def test_a_shown_case_is_decided_under_the_reviewers_name(
    desk: Desk, outcome: Outcome, disposition: Disposition
) -> None:
    case = desk.case_in_review()
    browser = desk.browser()
    browser.get(f"/review/{case.id}")
    assert decide(browser, case, outcome=outcome, note="clear")[0] == 303
    decided = desk.case(case)
    assert decided.status is CaseStatus.DECIDED
    assert decided.disposition is disposition
    assert decided.decision is not None
    assert (decided.decision.reviewer_id, decided.decision.note) == ("li", "clear")


def test_a_rejected_case_is_closed_with_its_coded_reason(desk: Desk) -> None:
    case = desk.case_in_review()
    assert decide(desk.browser(), case, reject_reason=RejectReason.SIGN_UNCLEAR)[0] == 303
    closed = desk.case(case)
    assert (closed.status, closed.disposition) == (CaseStatus.CLOSED, Disposition.REJECTED)


def test_after_a_decision_comes_the_next_case_already_held(desk: Desk) -> None:
    first = desk.case_in_review(due_in_s=1000)
    second = desk.case_in_review(due_in_s=2000)
    browser = desk.browser()
    status, location = decide(browser, first, outcome="warning")
    assert (status, location) == (303, f"/review/{second.id}?done={first.id}")
    assert "is decided: Propose a warning." in text_of(browser.get(f"{location}&lang=en"))
    with desk.storage.begin() as uow:
        lease = uow.registry.lease(second.id)
    assert lease is not None


def test_after_the_last_decision_comes_the_empty_list(desk: Desk) -> None:
    case = desk.case_in_review()
    assert decide(desk.browser(), case, outcome="education")[1] == f"/review?done={case.id}"


def test_the_page_gives_the_reason_in_one_sentence_with_numbers(desk: Desk) -> None:
    case = desk.case_in_review()
    text = text_of(desk.browser().get(f"/review/{case.id}?lang=en"))
    assert (
        "Seen standing for 16 min in these pictures: “Kerb” "
        "(stopping where it is not allowed), limit 5 s; "
        "reminder delivered 12:00:10; grace to 12:10:10; seen again 12:15:00; "
        "moved 3.4 % of its own length."
    ) in text


def test_the_reviewer_sees_the_whole_plate_in_single_characters(desk: Desk) -> None:
    case = desk.case_in_review()
    html = desk.browser().get(f"/review/{case.id}").text
    assert "".join(f"<span>{character}</span>" for character in PLATE) in html


def test_opening_a_case_is_recorded_with_the_case(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.browser().get(f"/review/{case.id}")
    with desk.storage.begin() as uow:
        last = uow.audit.of_case(case.id)[-1].note
    assert (last.actor, last.action, last.cause) == ("li", "viewed", "review_page")


def test_a_case_held_by_another_is_shown_but_cannot_be_decided(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.hold(case, "wang")
    browser = desk.browser()
    page = browser.get(f"/review/{case.id}?lang=en")
    assert "Wang has this case open until 12:05:00." in text_of(page)
    assert 'class="decision"' not in page.text
    status, text = decide(browser, case, outcome="warning", note="my words")
    assert status == 409
    assert "Wang has this case open until 12:05:00." in text
    assert "my words" in text
    assert desk.case(case).status is CaseStatus.IN_REVIEW


def test_a_decision_about_an_older_state_changes_nothing_and_keeps_the_note(desk: Desk) -> None:
    case = desk.case_in_review()
    with desk.storage.begin() as uow:
        uow.cases.save(replace(case, zone_version=2))
        uow.commit()
    status, text = decide(desk.browser(), case, outcome="penalty", note="my words")
    assert status == 409
    assert "my words" in text
    assert desk.case(case).decision is None


def test_a_case_that_somebody_decided_cannot_be_decided_again(desk: Desk) -> None:
    case = desk.case_in_review()
    decide(desk.browser("wang"), case, outcome="warning")
    status, text = decide(desk.browser(), case, reject_reason="too_short", note="my words")
    assert status == 409
    assert "my words" in text
    decision = desk.case(case).decision
    assert decision is not None
    assert decision.reviewer_id == "wang"


def test_the_page_of_a_case_out_of_review_leads_to_its_file(desk: Desk) -> None:
    case = desk.case_for_operator()
    answer = desk.browser().get(f"/review/{case.id}")
    assert answer.headers["location"] == f"/cases/{case.id}"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"outcome": "warning", "reject_reason": "exempt"},
        {"reject_reason": "other", "note": " "},
    ],
)
def test_an_incomplete_decision_comes_back_with_words(desk: Desk, fields: dict[str, str]) -> None:
    case = desk.case_in_review()
    assert decide(desk.browser(), case, **fields)[0] == 422
    assert desk.case(case).decision is None


def test_an_unknown_outcome_is_refused(desk: Desk) -> None:
    case = desk.case_in_review()
    assert decide(desk.browser(), case, outcome="prison")[0] == 422


@pytest.mark.parametrize("who", ["ended", "administrator"])
def test_who_may_not_decide_reads_the_reason_and_a_masked_plate(desk: Desk, who: str) -> None:
    case = desk.case_in_review()
    desk.add_person("ended", valid_until=date(2026, 3, 1))
    desk.add_person("administrator", roles=frozenset({Role.ADMINISTRATOR}))
    browser = desk.browser(who)
    page = browser.get(f"/review/{case.id}?lang=en")
    assert "You can look, but not decide." in text_of(page)
    assert 'class="decision"' not in page.text
    assert "".join(f"<span>{character}</span>" for character in PLATE) not in page.text
    assert decide(browser, case, outcome="warning")[0] == 403
    with desk.storage.begin() as uow:
        assert uow.registry.leases() == []


def test_a_qualification_that_ends_at_midnight_is_read_only_right_after(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.add_person("today", valid_until=date(2026, 3, 2))
    desk.clock.advance(seconds(12 * 3600 - 1))
    assert 'class="decision"' in desk.browser("today").get(f"/review/{case.id}").text
    desk.clock.advance(seconds(1))
    assert 'class="decision"' not in desk.browser("today").get(f"/review/{case.id}").text


def test_with_one_changed_byte_nothing_can_be_confirmed(desk: Desk) -> None:
    case = desk.case_in_review()
    desk.spoil(case.sightings[1].panorama)
    browser = desk.browser()
    page = browser.get(f"/review/{case.id}?lang=en")
    assert "A picture was changed or is missing." in text_of(page)
    assert case.sightings[1].panorama.sha256[:8] in page.text
    assert decide(browser, case, outcome="warning")[0] == 410
    assert decide(browser, case, reject_reason="too_short")[0] == 410
    assert desk.case(case).decision is None
    assert decide(browser, case, reject_reason="picture_missing")[0] == 303


def test_one_picture_alone_does_not_suffice_to_confirm(desk: Desk) -> None:
    case = desk.case_in_review(sightings=1)
    browser = desk.browser()
    assert "at least 10 s are needed" in text_of(browser.get(f"/review/{case.id}?lang=en"))
    assert decide(browser, case, outcome="warning")[0] == 409
    assert decide(browser, case, reject_reason="too_short")[0] == 303


@pytest.mark.parametrize(
    "path", ["/review/0b7e0c5e-7f0e-5d1c-8f0e-000000000000", "/review/no-uuid", "/cases/no-uuid"]
)
def test_a_case_that_does_not_exist_is_a_plain_404(desk: Desk, path: str) -> None:
    answer = desk.browser().get(f"{path}?lang=en")
    assert answer.status_code == 404
    assert "There is nothing here." in text_of(answer)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "The legal deadline of this case is over."), ("zh-CN", "此案的法定期限已过。")],
)
def test_after_the_deadline_nothing_is_confirmed_and_what_was_typed_stays(
    desk: Desk, language: str, words: str
) -> None:
    case = desk.case_in_review(due_in_s=60)
    desk.clock.advance(seconds(60))
    browser = desk.browser()
    browser.get(f"/review?lang={language}")
    status, text = decide(browser, case, outcome="warning", note="my words")
    assert status == 409
    assert words in text
    assert "my words" in text
    assert desk.case(case).decision is None


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "This camera may not be used for this case."), ("zh-CN", "此案不能使用该摄像机。")],
)
def test_a_case_of_a_suspended_site_is_not_confirmed_and_what_was_typed_stays(
    desk: Desk, language: str, words: str
) -> None:
    case = desk.case_in_review()
    with desk.storage.begin() as uow:
        uow.registry.save_site(a_site(state=SiteState.SUSPENDED))
        uow.commit()
    browser = desk.browser()
    browser.get(f"/review?lang={language}")
    status, text = decide(browser, case, outcome="warning", note="my words")
    assert status == 409
    assert words in text
    assert "my words" in text
    assert decide(browser, case, reject_reason="sign_unclear")[0] == 303


class CountingStore:
    """The desk's evidence store; counts what is read from it."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self.read: list[str] = []
        self.put = store.put

    def get(self, ref: EvidenceRef) -> bytes:
        self.read.append(ref.sha256)
        return self._store.get(ref)


def test_a_decision_rests_on_every_file_read_back_once(desk: Desk) -> None:
    case = desk.case_in_review()
    store = CountingStore(desk.evidence)
    object.__setattr__(desk.app.state.services, "evidence", store)
    assert decide(desk.browser(), case, outcome="warning")[0] == 303
    assert sorted(store.read) == sorted(ref.sha256 for ref in case.evidence)


def test_a_plate_that_later_pictures_contradict_is_shown_as_doubtful(desk: Desk) -> None:
    case = desk.case_in_review()
    with desk.storage.begin() as uow:
        uow.cases.save(replace(case, is_plate_contradicted=True))
        uow.commit()
    text = text_of(desk.browser().get(f"/review/{case.id}?lang=en"))
    assert "Doubtful" in text
    assert "Agreed" not in text


@pytest.mark.parametrize(
    ("language", "badge", "step", "never"),
    [
        (
            "en",
            "No reminder for this place or act",
            "Reminder none for this place or act",
            ("No reminder yet", "Sent not yet", "Seen again not yet", "not seen"),
        ),
        (
            "zh-CN",
            "此类地点或行为不提醒",
            "提醒 此类地点或行为不提醒",
            ("尚未提醒", "已发送 尚未", "再次看到 尚未", "未看到"),
        ),
    ],
)
def test_a_case_of_a_strict_place_says_that_no_reminder_is_due_there(
    desk: Desk, language: str, badge: str, step: str, never: tuple[str, ...]
) -> None:
    case = desk.strict_case()
    browser = desk.browser()
    browser.get(f"/review?lang={language}")
    for path in ("/review", "/cases", f"/review/{case.id}", f"/cases/{case.id}"):
        text = text_of(browser.get(path))
        assert not [words for words in never if words in text], path
        assert badge in text or step in text, path
    assert step in text_of(browser.get(f"/review/{case.id}"))


def test_a_strict_case_that_expired_still_says_that_no_reminder_was_due(desk: Desk) -> None:
    case = desk.strict_case()
    expired = replace(
        move(case, CaseStatus.CLOSED), disposition=Disposition.EXPIRED, reasons=(), closed_at=NOON
    )
    with desk.storage.begin() as uow:
        uow.cases.save(expired)
        uow.commit()
    assert "No reminder for this place or act" in text_of(desk.browser().get("/cases?lang=en"))


def test_a_closed_case_that_was_never_reminded_does_not_say_yet(desk: Desk) -> None:
    closed = replace(
        move(desk.a_case(), CaseStatus.CLOSED), disposition=Disposition.CLEARED, closed_at=NOON
    )
    desk.store(closed)
    text = text_of(desk.browser().get("/cases?lang=en"))
    assert "No reminder delivered" in text
    assert "No reminder yet" not in text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "it expires by itself."), ("zh-CN", "将自动作逾期处理。")],
)
def test_an_overdue_case_offers_no_decision_and_says_why(
    desk: Desk, language: str, words: str
) -> None:
    case = desk.case_in_review(due_in_s=60)
    browser = desk.browser()
    desk.clock.advance(seconds(59))
    assert 'class="decision"' in browser.get(f"/review/{case.id}").text
    desk.clock.advance(seconds(1))
    page = browser.get(f"/review/{case.id}?lang={language}")
    assert words in text_of(page)
    assert 'class="decision"' not in page.text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "This camera is not in use"), ("zh-CN", "该摄像机未投入使用")],
)
def test_a_case_of_a_suspended_site_offers_only_the_reasons_to_reject(
    desk: Desk, language: str, words: str
) -> None:
    case = desk.case_in_review()
    browser = desk.browser()
    assert " disabled" not in browser.get(f"/review/{case.id}").text
    with desk.storage.begin() as uow:
        uow.registry.save_site(a_site(state=SiteState.SUSPENDED))
        uow.commit()
    page = browser.get(f"/review/{case.id}?lang={language}")
    assert words in text_of(page)
    buttons = re.findall(r'<button class="choice" name="(\w+)"[^>]*? disabled', page.text)
    assert buttons == ["outcome"] * len(Outcome)
