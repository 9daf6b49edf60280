"""The commands about what is kept: check a case's evidence and chain, delete what is due."""

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic
from typing import Annotated

import typer

from pipeline.audit import AuditEntry, first_broken, reaches
from pipeline.case import Case
from pipeline.command_line import read_settings, telling
from pipeline.events.evidence import EvidenceRef
from pipeline.evidence import EvidenceError, open_evidence_store
from pipeline.evidence.retention import Part, deletion_of
from pipeline.evidence.store import EvidenceMissingError, EvidenceStore
from pipeline.policy.parameters import load_rulebook
from pipeline.purge import Counts, Purge
from pipeline.review import case_by_number
from pipeline.settings import PipelineSettings
from pipeline.storage import UnitOfWork, open_storage

__all__ = ["evidence"]

TELL_EVERY_S = 5.0

evidence = typer.Typer()


@evidence.command("verify-evidence")
def verify_evidence(
    case: Annotated[str, typer.Argument(help="The case's id, or its number on the pages.")],
) -> None:
    """Check every stored picture of a case against its hash, and the case's audit chain.

    What was deleted because the rulebook keeps it no longer is said, with the rule; it is no fault.

    Reads REMINDFIRST_STORAGE_URL and REMINDFIRST_EVIDENCE_URL, by default those under ./var.
    """
    with telling("verify-evidence"):
        problems = _verify(read_settings(), case)
    if problems:
        sys.exit("\n".join(problems))


@evidence.command()
def purge(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, say what would be deleted.")
    ] = False,
) -> None:
    """Delete what the rulebook keeps no longer: pictures, then what tells of a person, then events.

    Open cases are never touched. May be cut off at any point and run again; run it once a day.
    Reads REMINDFIRST_STORAGE_URL, EVIDENCE_URL, BUS_URL, RULEBOOK and EVENTS_KEPT_DAYS.
    """
    with telling("purge"):
        settings = read_settings()
        storage = open_storage(settings.storage_url, must_exist=True)
        try:
            counts = Purge(
                storage=storage,
                store=open_evidence_store(settings.evidence_url),
                rulebook=load_rulebook(settings.rulebook),
                events_kept=timedelta(days=settings.events_kept_days),
                bus_url=settings.bus_url,
                is_rehearsal=dry_run,
                told=_Progress(),
            ).run()
        finally:
            storage.close()
    for line in _lines(counts, settings.events_kept_days, is_rehearsal=dry_run):
        typer.echo(line)


class _Progress:
    """Says now and then how far the purge is, beside the result."""

    def __init__(self) -> None:
        self._next_s = monotonic() + TELL_EVERY_S

    def __call__(self, counts: Counts) -> None:
        if monotonic() >= self._next_s:
            self._next_s = monotonic() + TELL_EVERY_S
            told = f"{counts.pictures} and {counts.person} cases, {counts.events} events"
            typer.echo(f"... {told}, {counts.files} files", err=True)


def _lines(counts: Counts, events_kept_days: int, *, is_rehearsal: bool) -> Iterator[str]:
    if is_rehearsal:
        yield "dry run: nothing was changed; a purge would delete"
    yield f"pictures of {counts.pictures} cases"
    yield (
        f"personal data of {counts.person} cases, with {counts.messages} reminders "
        f"and the texts of {counts.texts} events"
    )
    yield f"{counts.events} events handled more than {events_kept_days} days ago"
    yield f"{counts.on_bus} older events on the bus of this machine"
    yield f"{counts.requests} call-backs that nobody looked at in that time"
    yield f"{counts.files} files that no kept case refers to"
    if counts.left_over:
        yield f"{counts.left_over} files that an earlier purge, which was cut off, had left"


def _verify(settings: PipelineSettings, number: str) -> list[str]:
    store = open_evidence_store(settings.evidence_url)
    storage = open_storage(settings.storage_url, must_exist=True)
    with storage.read() as uow:
        case = case_by_number(uow, number)
        chain = uow.audit.of_case(case.id)
        shared = _shared(uow, case)
    storage.close()
    problems = _chain_problems(case, chain)
    if not problems:
        typer.echo(f"ok  audit chain of {len(chain)} entries")
    for part in Part:
        entry = deletion_of(part, chain)
        if entry is not None and not problems:
            typer.echo(_told(entry))
    if case.pictures_deleted_at is None or problems:
        # Without a whole chain nobody knows whether they were deleted on purpose.
        return problems + _whole_problems(store, case.evidence)
    return problems + _deleted_problems(store, case.evidence, shared)


def _shared(uow: UnitOfWork, case: Case) -> frozenset[str]:
    """The files that cases still refer to; this one does not, once its pictures were deleted."""
    return frozenset(uow.retention.users_of([ref.sha256 for ref in case.evidence]))


def _chain_problems(case: Case, chain: Sequence[AuditEntry]) -> list[str]:
    """What is wrong with the chain, and what the case says without an entry that says it, too."""
    where = f"audit chain of case {case.id}"
    broken = first_broken(chain)
    if broken is not None:
        return [f"{where}: entry {broken.number} was changed"]
    if not reaches(chain, version=case.version, status=case.status):
        return [f"{where}: its last entries are missing"]
    claimed = (
        (Part.PICTURES, case.pictures_deleted_at, "its pictures"),
        (Part.PERSON, case.person_deleted_at, "its personal data"),
    )
    return [
        f"{where}: no entry tells of the deletion of {what}, which the case claims"
        for part, at, what in claimed
        if at is not None and deletion_of(part, chain) is None
    ]


def _told(entry: AuditEntry) -> str:
    """When something was deleted, and by which rule, entry and source."""
    note = entry.note
    why = "; ".join(f"{one.rule} ({one.entry}): {one.source}" for one in note.reasons)
    return f"{note.action} on {note.at.isoformat(timespec='seconds')} by {why}"


def _whole_problems(store: EvidenceStore, refs: Sequence[EvidenceRef]) -> list[str]:
    problems = []
    for ref in refs:
        try:
            store.get(ref)
        except EvidenceError as exc:
            problems.append(str(exc))
            continue
        typer.echo(f"ok  {_line(ref)}")
    return problems


def _deleted_problems(
    store: EvidenceStore, refs: Sequence[EvidenceRef], shared: frozenset[str]
) -> list[str]:
    """Pictures that were deleted on purpose must be gone, unless another case shows them."""
    problems = []
    for ref in refs:
        try:
            store.get(ref)
        except EvidenceMissingError:
            typer.echo(f"deleted on purpose  {_line(ref)}")
        except EvidenceError as exc:
            problems.append(str(exc))
        else:
            if ref.sha256 in shared:
                typer.echo(f"kept for another case  {_line(ref)}")
            else:
                problems.append(f"evidence {ref.sha256}: is still there; run: remindfirst purge")
    return problems


def _line(ref: EvidenceRef) -> str:
    return f"{ref.sha256}  {ref.captured_at.isoformat()}  {ref.media_type}"
