"""Why a case is here: one sentence with its numbers, and the rules behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.case import Case, Reason
from pipeline.reminder import Reminder
from review_ui.presenters.badges import Badge, delivery_badge, skips_reminder
from review_ui.presenters.evidence import seen_again
from review_ui.presenters.words import Words

__all__ = [
    "MessageView",
    "ReasonView",
    "Step",
    "case_messages",
    "case_reasons",
    "reminder_steps",
    "standing",
    "steps",
    "unseen",
    "why",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One moment of a story; `at` is None when it has not come, `note` says why it never will."""

    name: str
    at: str | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """One rule that spoke: in words, with the rulebook's entry and its source."""

    sentence: str
    entry: str
    source: str
    edition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message to the contact, its receipt and its answer."""

    contact: str
    channel: str
    text: str
    state: Badge
    created: str
    accepted: str | None
    delivered: str | None
    failure: str
    answer: str | None
    answered: str | None


def why(case: Case, words: Words) -> str:
    """One sentence with the numbers that matter."""
    last = case.sightings[-1]
    parts = [
        words.t(
            "why.stood",
            duration=words.duration(last.observed_s),
            zone=words.name(case.zone_name),
            act=words.t(f"act.{case.violation_type}"),
            limit=words.duration(case.dwell_limit_s),
        )
    ]
    parts.extend(_reminded(case, words))
    parts.append(words.t("why.moved", percent=words.percent(last.moved_ratio)))
    if case.left_at is not None:
        parts.append(words.t("why.left", time=words.time(case.left_at)))
    return words.t("why.join").join(parts) + words.t("why.end")


def standing(case: Case, words: Words) -> str | None:
    """Why it is held not to wait in traffic, with the vehicles counted; None: nothing was said."""
    evidence = case.standing
    if evidence is None:
        return None
    parts = [words.t(f"standing.{evidence.basis}")]
    if evidence.passed_by:
        parts.append(words.t("standing.passed_by", count=evidence.passed_by))
    if evidence.drove_over:
        parts.append(words.t("standing.drove_over", count=evidence.drove_over))
    is_seen = evidence.is_arrival_seen
    parts.append(words.t("standing.arrival_seen" if is_seen else "standing.arrival_unseen"))
    return words.t("why.join").join(parts) + words.t("why.end")


def unseen(case: Case, words: Words) -> list[str]:
    """The times in which it was not seen, as the latest sighting knows them."""
    return [
        words.t(
            "unseen.span",
            since=words.time(one.since),
            until=words.time(one.until),
            length=words.duration(one.until - one.since),
            reason=words.t(f"unseen.{one.reason}"),
        )
        for one in case.sightings[-1].unseen
    ]


def _reminded(case: Case, words: Words) -> list[str]:
    if case.grace_ends_at is None:
        if case.no_reminder_cause is not None:
            return [words.t("why.no_reminder", cause=words.cause(case.no_reminder_cause))]
        return [words.t("why.skips_reminder")] if skips_reminder(case) else []
    told_at = case.reminder_delivered_at or case.reminder_accepted_at
    key = "why.delivered" if case.reminder_delivered_at else "why.accepted"
    parts = [words.t(key, time=words.time(told_at))] if told_at else []
    parts.append(words.t("why.grace", time=words.time(case.grace_ends_at)))
    again = seen_again(case)
    if again is not None:
        parts.append(words.t("why.seen_again", time=words.time(again.captured_at)))
    return parts


def reminder_steps(case: Case, words: Words) -> list[Step]:
    """Sent, delivered, grace to, seen again: each with its time or None; or that none was due."""
    if skips_reminder(case):
        return [Step(name=words.t("step.reminder"), at=None, note=words.t("step.skips_reminder"))]
    again = seen_again(case)
    moments = (
        ("step.sent", case.reminder_accepted_at),
        ("step.delivered", case.reminder_delivered_at),
        ("step.grace", case.grace_ends_at),
        ("step.seen_again", again.captured_at if again else None),
    )
    return steps(moments, words)


def steps(moments: Sequence[tuple[str, datetime | None]], words: Words) -> list[Step]:
    """Each moment under its name."""
    return [Step(name=words.t(key), at=words.time(at) if at else None) for key, at in moments]


def case_reasons(reasons: tuple[Reason, ...], words: Words) -> list[ReasonView]:
    """The rules in words; a rule this version has no words for is named as it is."""
    return [
        ReasonView(
            sentence=_reason_sentence(one, words),
            entry=one.entry,
            source=one.source,
            edition=one.edition,
        )
        for one in reasons
    ]


def _reason_sentence(reason: Reason, words: Words) -> str:
    sentence = words.texts.find(f"rule.{reason.rule}") or words.t("rule.unnamed", rule=reason.rule)
    numbers = ", ".join(f"{name} {value}" for name, value in reason.params)
    return words.t("rule.with_numbers", sentence=sentence, numbers=numbers) if numbers else sentence


def case_messages(reminders: list[Reminder], words: Words) -> list[MessageView]:
    """The messages of a case, oldest first."""
    return [
        MessageView(
            contact=one.contact_masked,
            channel=words.texts.find(f"channel.{one.channel}") or one.channel,
            text=one.text,
            state=delivery_badge(one.status, words),
            created=words.time(one.created_at),
            accepted=words.time(one.accepted_at) if one.accepted_at else None,
            delivered=words.time(one.delivered_at) if one.delivered_at else None,
            failure=one.failure,
            answer=answer_word(one, words),
            answered=words.time(one.answered_at) if one.answered_at else None,
        )
        for one in reminders
    ]


def answer_word(reminder: Reminder, words: Words) -> str | None:
    """What the driver answered, in words."""
    if reminder.answer is None:
        return None
    return words.texts.find(f"answer.{reminder.answer}") or reminder.answer
