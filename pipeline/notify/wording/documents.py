"""The two kinds of document, kept apart by type: a reminder asks, a statutory notice informs.

A reminder (and the tip that thanks a driver who left) knows no record and no penalty. A notice is
sent only after a person has entered a record, and cannot be written without that record's facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from pipeline.errors import PermanentError
from pipeline.policy.entries import ChannelKind

__all__ = [
    "PHONE_LENGTH",
    "Agency",
    "Facts",
    "FactsError",
    "Kind",
    "Language",
    "NoticeFacts",
    "NoticeText",
    "ReminderFacts",
    "ReminderText",
    "TipFacts",
    "WrongDocumentError",
    "notice_only",
    "reminder_only",
]


PHONE_LENGTH = 20
"""The longest number of an agency, with its extension."""


class FactsError(PermanentError):
    """A fact is missing or impossible, so that the text would be incomplete or wrong."""


class WrongDocumentError(PermanentError):
    """A notice came where a reminder belongs, or the reverse."""


class Kind(StrEnum):
    """What a template is for; `reminder` and `tip` make a ReminderText, `notice` a NoticeText."""

    REMINDER = "reminder"
    """Asks to move: no record, no penalty."""
    TIP = "tip"
    """Thanks a driver whose case was cleared, and explains."""
    NOTICE = "notice"
    """Tells of a record that a person has entered (P105 article 20)."""


class Language(StrEnum):
    """In which language a text is."""

    ZH_CN = "zh-CN"
    EN = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """Who reminds, as the driver reads it, and in which language.

    Raises:
        FactsError: one of them cannot stand in a text; found at the start, not at each reminder.
    """

    name: str
    phone: str
    language: str = "zh-CN"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise FactsError("the agency has no name")
        if not 1 <= len(self.phone.strip()) <= PHONE_LENGTH:
            raise FactsError(f"the agency's phone needs 1 to {PHONE_LENGTH} characters")
        if self.language not in tuple(Language):
            raise FactsError(f"no wordings in the language {self.language!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What every text tells; `now` is when it is written, `zone` the site's local time."""

    agency: Agency
    plate: str
    place: str
    reference: str
    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The local day on which the text is written."""
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderFacts(_Facts):
    """What a reminder tells: where the vehicle stands since when, and how long there is to move."""

    since: datetime
    grace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TipFacts(_Facts):
    """What a tip tells: when the vehicle left."""

    left_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFacts(_Facts):
    """What a record says.

    Attributes:
        act_code: The act's code in the rulebook.
        act_wording: The act in the law's own words; never shortened.
        recorded_at: When the equipment recorded it.
        unit: Where the matter is handled and objections go.
        deadline_days: Calendar days to handle it in (P105 article 20).
    """

    act_code: str
    act_wording: str
    recorded_at: datetime
    unit: str
    deadline_days: int


Facts = ReminderFacts | TipFacts | NoticeFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A rendered text, the template it comes from, and the values of its fields."""

    text: str
    kind: Kind
    template_id: str
    version: int
    channel: ChannelKind
    language: Language
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderText(_Text):
    """A text that may go out before anybody has decided anything."""

    def __post_init__(self) -> None:
        if self.kind is Kind.NOTICE:
            raise WrongDocumentError(f"template {self.template_id}: a notice is no reminder")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText(_Text):
    """A text that may go out only after a record was entered."""

    def __post_init__(self) -> None:
        if self.kind is not Kind.NOTICE:
            raise WrongDocumentError(f"template {self.template_id}: a {self.kind} is no notice")


def reminder_only(text: ReminderText) -> ReminderText:
    """The gate before a reminder is queued, for whatever slips past the type checker.

    Raises:
        WrongDocumentError: it is anything else, a notice above all.
    """
    if not isinstance(text, ReminderText):
        raise WrongDocumentError(f"a reminder is wanted, not a {type(text).__name__}")
    return text


def notice_only(text: NoticeText) -> NoticeText:
    """The gate before a notice is sent.

    Raises:
        WrongDocumentError: it is anything else.
    """
    if not isinstance(text, NoticeText):
        raise WrongDocumentError(f"a notice is wanted, not a {type(text).__name__}")
    return text
