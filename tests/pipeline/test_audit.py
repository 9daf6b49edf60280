"""The chain covers why policy decided so."""

from dataclasses import replace
from uuid import uuid4

from pipeline.audit import AuditNote, Reason, first_broken, seal
from tests.builders import NOON

REASON = Reason(rule="remind_first", entry="contact_steps from 2026-01-01", source="a law")


def a_note(*reasons: Reason) -> AuditNote:
    return AuditNote(
        case_id=uuid4(),
        at=NOON,
        actor="pipeline",
        action="reminder queued",
        from_status="suspected",
        to_status="reminder_due",
        case_version=2,
        cause="remind_first",
        reasons=reasons,
    )


def test_a_changed_reason_breaks_the_chain() -> None:
    entry = seal(a_note(REASON), after=None)
    forged = replace(REASON, source="another law")

    assert first_broken([entry]) is None
    assert first_broken([replace(entry, note=replace(entry.note, reasons=(forged,)))]) is not None
    assert first_broken([replace(entry, note=replace(entry.note, reasons=()))]) is not None


def test_a_reason_cannot_be_added_later() -> None:
    entry = seal(a_note(), after=None)

    assert first_broken([replace(entry, note=replace(entry.note, reasons=(REASON,)))]) is not None
