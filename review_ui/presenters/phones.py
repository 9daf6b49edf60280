"""The demo drivers' phones: one per contact, with the reminders it got."""

from dataclasses import dataclass

from pipeline.case import Case, CaseStatus, Disposition
from pipeline.reminder import NOT_MINE, DeliveryStatus, Reminder
from pipeline.storage.base import UnitOfWork
from review_ui.presenters.badges import Badge, delivery_badge
from review_ui.presenters.story import answer_word
from review_ui.presenters.words import Words

__all__ = [
    "CHANNEL",
    "Message",
    "Phone",
    "PhoneAction",
    "Press",
    "offered_actions",
    "present_phones",
]

CHANNEL = "phones"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneAction:
    """One button under a message."""

    action: str
    word: str
    icon: str
    is_main: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One reminder on a phone."""

    key: str
    at: str
    text: str
    state: Badge
    is_on_screen: bool
    answer: str | None
    ending: str | None
    is_cleared: bool
    is_waiting: bool
    actions: list[PhoneAction]
    case_number: str
    case_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One driver's phone."""

    contact: str
    clock: str
    messages: list[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that was just pressed; the worker has yet to take it in."""

    key: str
    action: str

    def is_pending(self, reminder: Reminder, case: Case | None) -> bool:
        """Whether the message does not show the effect yet."""
        if reminder.key != self.key or case is None or not case.is_open:
            return False
        if self.action in {"delivered", "failed"}:
            return reminder.status is DeliveryStatus.ACCEPTED
        return reminder.answer != self.action


_ICONS = {
    "moving": "car",
    "left": "check",
    NOT_MINE: "cross",
    "delivered": "phone",
    "failed": "phone-off",
}


def offered_actions(reminder: Reminder, case: Case | None) -> tuple[str, ...]:
    """What this phone can do with the message now."""
    if reminder.sent_by != CHANNEL:
        return ()
    match reminder.status:
        case DeliveryStatus.ACCEPTED:
            return ("delivered", "failed")
        case DeliveryStatus.DELIVERED if case is not None and case.is_open:
            answers = {None: ("moving", "left", NOT_MINE), "moving": ("left", NOT_MINE)}
            return answers.get(reminder.answer, ())
        case _:
            return ()


def present_phones(uow: UnitOfWork, words: Words, *, press: Press | None = None) -> list[Phone]:
    """All phones, the one with the newest message first."""
    by_contact: dict[str, list[Message]] = {}
    clocks: dict[str, str] = {}
    for reminder in uow.outbox.recent(limit=60):
        if reminder.sent_by not in {None, CHANNEL}:
            continue
        case = uow.cases.get(reminder.case_id)
        local = words.at_site(case.camera_id) if case else words
        is_waiting = press is not None and press.is_pending(reminder, case)
        message = _message(reminder, case, local, is_waiting=is_waiting)
        by_contact.setdefault(reminder.contact_masked, []).append(message)
        clocks.setdefault(reminder.contact_masked, f"{local.now.astimezone(local.zone):%H:%M}")
    return [
        Phone(
            contact=contact,
            clock=clocks[contact],
            messages=messages,
        )
        for contact, messages in by_contact.items()
    ]


def _message(reminder: Reminder, case: Case | None, words: Words, *, is_waiting: bool) -> Message:
    return Message(
        key=reminder.key,
        at=words.time(reminder.delivered_at or reminder.accepted_at or reminder.created_at),
        text=reminder.text,
        state=delivery_badge(reminder.status, words),
        is_on_screen=reminder.status is DeliveryStatus.DELIVERED,
        answer=answer_word(reminder, words),
        ending=_ending(case, words),
        is_cleared=case is not None and case.disposition is Disposition.CLEARED,
        is_waiting=is_waiting,
        actions=[
            PhoneAction(
                action=action,
                word=words.t(f"phones.{action}"),
                icon=_ICONS[action],
                is_main=action in {"moving", "delivered"},
            )
            for action in offered_actions(reminder, case)
        ],
        case_number=case.number if case else "",
        case_url=f"/cases/{reminder.case_id}",
    )


def _ending(case: Case | None, words: Words) -> str | None:
    """What the driver is told in the end."""
    if case is None:
        return None
    if case.disposition is Disposition.CLEARED and case.left_at is not None:
        return words.t("phones.ended_cleared", time=words.time(case.left_at))
    if case.status is CaseStatus.CLOSED:
        return words.t("phones.ended")
    if case.status in {CaseStatus.IN_REVIEW, CaseStatus.SECOND_REVIEW}:
        return words.t("phones.in_review")
    return None
