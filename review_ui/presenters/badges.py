"""States as icon, word and colour: never colour alone."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.case import FINAL, Case, CaseStatus, Disposition
from pipeline.reminder import DeliveryStatus
from review_ui.presenters.words import Words

__all__ = ["Badge", "Tone", "case_badge", "delivery_badge", "reminder_badge", "skips_reminder"]


class Tone(StrEnum):
    """What a state asks of the reader."""

    CALM = "calm"
    GOOD = "good"
    WAIT = "wait"
    ALERT = "alert"
    ACCENT = "accent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """One state; `icon` names a picture of the sprite."""

    tone: Tone
    icon: str
    word: str


_STATUS = {
    CaseStatus.SUSPECTED: (Tone.CALM, "eye"),
    CaseStatus.REMINDER_DUE: (Tone.ACCENT, "send"),
    CaseStatus.REMINDER_UNCERTAIN: (Tone.WAIT, "help"),
    CaseStatus.GRACE: (Tone.WAIT, "clock"),
    CaseStatus.IN_REVIEW: (Tone.ALERT, "scale"),
    CaseStatus.SECOND_REVIEW: (Tone.ALERT, "people"),
    CaseStatus.DECIDED: (Tone.ACCENT, "stamp"),
    CaseStatus.CLOSED: (Tone.CALM, "archive"),
}

_DISPOSITION = {
    Disposition.CLEARED: (Tone.GOOD, "check"),
    Disposition.CONFIRMED: (Tone.ALERT, "stamp"),
    Disposition.REJECTED: (Tone.CALM, "cross"),
    Disposition.EXEMPT: (Tone.CALM, "shield"),
    Disposition.EDUCATION: (Tone.GOOD, "book"),
    Disposition.UNPROVEN: (Tone.CALM, "eye-off"),
    Disposition.EXPIRED: (Tone.WAIT, "clock"),
    Disposition.WITHDRAWN: (Tone.CALM, "undo"),
    Disposition.ELIMINATED: (Tone.CALM, "undo"),
}

_DELIVERY = {
    DeliveryStatus.CREATED: (Tone.ACCENT, "send"),
    DeliveryStatus.SENDING: (Tone.ACCENT, "send"),
    DeliveryStatus.CANCELLED: (Tone.CALM, "cross"),
    DeliveryStatus.UNCERTAIN: (Tone.WAIT, "help"),
    DeliveryStatus.ACCEPTED: (Tone.ACCENT, "send"),
    DeliveryStatus.DELIVERED: (Tone.GOOD, "phone"),
    DeliveryStatus.FAILED: (Tone.ALERT, "phone-off"),
}

_PAST_THE_REMINDER = frozenset({"refer_if_strict", "refer_if_serious", "refer_if_over"})


def case_badge(case: Case, words: Words) -> Badge:
    """Where the case stands, or how it ended."""
    if case.disposition is not None:
        tone, icon = _DISPOSITION[case.disposition]
        return Badge(tone=tone, icon=icon, word=words.t(f"disposition.{case.disposition}"))
    if case.asks_operator:
        return Badge(tone=Tone.ALERT, icon="hand", word=words.t("badge.asks_operator"))
    tone, icon = _STATUS[case.status]
    word = words.t(f"status.{case.status}")
    if case.status is CaseStatus.GRACE and case.grace_ends_at is not None:
        word = words.t("badge.grace_until", time=words.time(case.grace_ends_at))
        if case.grace_ends_at <= words.now:
            word = words.t("badge.grace_over", time=words.time(case.grace_ends_at))
    return Badge(tone=tone, icon=icon, word=word)


def delivery_badge(status: DeliveryStatus, words: Words) -> Badge:
    """What is known of one message."""
    tone, icon = _DELIVERY[status]
    return Badge(tone=tone, icon=icon, word=words.t(f"delivery.{status}"))


def skips_reminder(case: Case) -> bool:
    """Whether the case went past the reminder because of its place or act.

    Its last reasons may be later ones, as when it expired; then what became of it tells.
    """
    if case.grace_ends_at or case.reminder_accepted_at or case.no_reminder_cause:
        return False
    was_referred = case.review_due_at is not None
    return was_referred or any(reason.rule in _PAST_THE_REMINDER for reason in case.reasons)


def reminder_badge(case: Case, words: Words) -> Badge:
    """What became of the reminder, as the case knows it."""
    if case.reminder_delivered_at is not None:
        return delivery_badge(DeliveryStatus.DELIVERED, words)
    if case.reminder_accepted_at is not None:
        return delivery_badge(DeliveryStatus.ACCEPTED, words)
    if case.no_reminder_cause is not None:
        word = words.cause(case.no_reminder_cause)
        return Badge(tone=Tone.WAIT, icon="phone-off", word=word)
    if case.status is CaseStatus.REMINDER_UNCERTAIN:
        return delivery_badge(DeliveryStatus.UNCERTAIN, words)
    if skips_reminder(case):
        return Badge(tone=Tone.CALM, icon="phone-off", word=words.t("badge.skips_reminder"))
    key = "badge.no_reminder" if case.status in FINAL else "badge.no_reminder_yet"
    return Badge(tone=Tone.CALM, icon="phone", word=words.t(key))
