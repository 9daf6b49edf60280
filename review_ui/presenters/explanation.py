"""Why a case went the way it went, in plain lines: each step with its rules, entries, sources."""

from collections.abc import Iterator, Sequence

from pipeline.audit import AuditEntry
from pipeline.case import Case
from pipeline.policy.clocks import RunningClock
from pipeline.policy.working_calendar import WorkingCalendar
from review_ui.presenters.badges import case_badge
from review_ui.presenters.case_file import timeline
from review_ui.presenters.clocks import case_clocks
from review_ui.presenters.proposal import present_proposal
from review_ui.presenters.story import ReasonView, why
from review_ui.presenters.words import Words

__all__ = ["explain"]


def explain(
    case: Case, chain: Sequence[AuditEntry], words: Words, calendar: WorkingCalendar
) -> Iterator[str]:
    """The explanation, line by line; it holds no plate and no phone."""
    local = words.about(case)
    yield local.t(
        "explain.head",
        number=case.number,
        camera=local.camera(case.camera_id),
        state=case_badge(case, local).word,
    )
    yield local.full(case.suspected_at)
    yield why(case, local)
    yield ""
    for line in timeline(list(chain), local):
        change = f"  [{line.change}]" if line.change else ""
        yield f"{line.at}  {line.who}: {line.what}{change}"
        for reason in line.reasons:
            yield from _reason(reason, local)
    yield from _proposal(case, local)
    yield from _clocks(case_clocks(case, local, calendar), local)


def _reason(reason: ReasonView, words: Words) -> Iterator[str]:
    yield f"    {reason.sentence}"
    yield "      " + words.t("explain.entry", entry=reason.entry, edition=reason.edition)
    yield "      " + words.t("explain.source", source=reason.source)


def _proposal(case: Case, words: Words) -> Iterator[str]:
    proposal = present_proposal(case, words)
    if proposal is None:
        return
    yield ""
    yield words.t("explain.proposal", outcome=proposal.word, act_list=proposal.act_list)
    yield f"    {proposal.act}" + (f"; {proposal.range}" if proposal.range else "")
    for factor in proposal.factors:
        mark = "+" if factor.is_lenient else "-"
        yield f"    {mark} {factor.sentence}"


def _clocks(clocks: Sequence[RunningClock], words: Words) -> Iterator[str]:
    if clocks:
        yield ""
        yield words.t("explain.clocks")
    for one in clocks:
        yield "    " + words.t(
            "explain.clock",
            id=one.id,
            name=words.name(one.clock.name),
            last_day=one.last_day.isoformat(),
            state=words.t(f"clock.{one.state}"),
            source=one.entry.source,
        )
