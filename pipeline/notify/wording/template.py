"""A wording with named fields; rendering it makes a text of its own kind, and of no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from string import Formatter

from pipeline.notify.wording.documents import (
    Facts,
    Kind,
    Language,
    NoticeFacts,
    NoticeText,
    ReminderFacts,
    ReminderText,
    TipFacts,
    WrongDocumentError,
)
from pipeline.notify.wording.fields import values_of
from pipeline.policy.entries import ChannelKind

__all__ = ["NoticeTemplate", "ReminderTemplate", "Template", "named_fields", "without_fields"]

_FACTS = {
    Kind.REMINDER: ReminderFacts,
    Kind.TIP: TipFacts,
    Kind.NOTICE: NoticeFacts,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """One wording in one version.

    Attributes:
        id: Its name, the same in all its versions.
        version: Grows with each change of the text.
        author: Who answers for the wording.
        valid_from: The first local day on which it is used.
        max_segments: For `sms`, how many messages the longest text may take.
        text: The wording, with fields in braces.
        file: Where it stands, as findings name it.
    """

    id: str
    kind: Kind
    channel: ChannelKind
    language: Language
    version: int
    author: str
    valid_from: date
    max_segments: int | None
    text: str
    file: str

    @property
    def slot(self) -> tuple[Kind, ChannelKind, Language]:
        """What it is for; on each day one template of a slot is in force."""
        return self.kind, self.channel, self.language


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderTemplate(_Template):
    """The wording of a reminder, or of the tip after a cleared case."""

    def __post_init__(self) -> None:
        if self.kind is Kind.NOTICE:
            raise WrongDocumentError(f"template {self.id}: a notice is no reminder")

    def render(self, facts: ReminderFacts | TipFacts) -> ReminderText:
        """The text about these facts.

        Raises:
            FactsError: a fact is missing, impossible or too long.
            WrongDocumentError: the facts are those of another kind of document.
        """
        _refuse_other_facts(self, facts)
        values = values_of(facts, language=self.language, channel=self.channel)
        return ReminderText(
            text=self.text.format_map(values),
            kind=self.kind,
            template_id=self.id,
            version=self.version,
            channel=self.channel,
            language=self.language,
            fields=values,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTemplate(_Template):
    """The wording of the statutory notice after a record was entered."""

    def __post_init__(self) -> None:
        if self.kind is not Kind.NOTICE:
            raise WrongDocumentError(f"template {self.id}: a {self.kind} is no notice")

    def render(self, facts: NoticeFacts) -> NoticeText:
        """The text about a record.

        Raises:
            FactsError: a fact is missing, impossible or too long.
            WrongDocumentError: the facts are not those of a record.
        """
        _refuse_other_facts(self, facts)
        values = values_of(facts, language=self.language, channel=self.channel)
        return NoticeText(
            text=self.text.format_map(values),
            kind=self.kind,
            template_id=self.id,
            version=self.version,
            channel=self.channel,
            language=self.language,
            fields=values,
        )


Template = ReminderTemplate | NoticeTemplate


def _refuse_other_facts(template: _Template, facts: Facts) -> None:
    wanted = _FACTS[template.kind]
    if not isinstance(facts, wanted):
        raise WrongDocumentError(
            f"template {template.id}: needs {wanted.__name__}, not {type(facts).__name__}"
        )


def named_fields(text: str) -> Iterator[str]:
    """Every field as it is written between its braces.

    Raises:
        ValueError: the braces do not pair.
    """
    for _, name, spec, conversion in Formatter().parse(text):
        if name is not None:
            yield name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")


def without_fields(text: str) -> str:
    """The wording with each field blanked out, for the look-up of words."""
    literals = (literal for literal, *_ in Formatter().parse(text))
    return "{}".join(literals)
