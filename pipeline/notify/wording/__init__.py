"""Wordings: the two kinds of document, their fields, their rules, and what they cost to send."""

from pipeline.notify.wording.documents import (
    Agency,
    FactsError,
    Kind,
    Language,
    NoticeFacts,
    NoticeText,
    ReminderFacts,
    ReminderText,
    TipFacts,
    WrongDocumentError,
    notice_only,
    reminder_only,
)
from pipeline.notify.wording.rules import Fault, faults, is_renderable, spoken_s
from pipeline.notify.wording.samples import longest, typical
from pipeline.notify.wording.segments import Encoding, Segments, sms_segments
from pipeline.notify.wording.template import NoticeTemplate, ReminderTemplate, Template

__all__ = [
    "Agency",
    "Encoding",
    "FactsError",
    "Fault",
    "Kind",
    "Language",
    "NoticeFacts",
    "NoticeTemplate",
    "NoticeText",
    "ReminderFacts",
    "ReminderTemplate",
    "ReminderText",
    "Segments",
    "Template",
    "TipFacts",
    "WrongDocumentError",
    "faults",
    "is_renderable",
    "longest",
    "notice_only",
    "reminder_only",
    "sms_segments",
    "spoken_s",
    "typical",
]
