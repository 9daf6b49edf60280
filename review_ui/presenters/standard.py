"""The evidence standard of one case: each clause with what was found."""

from dataclasses import dataclass

from pipeline.case import Case
from pipeline.policy.evidence_standard import Finding, Result, check_evidence, missing
from pipeline.policy.picture_plan import picture_plan
from review_ui.presenters.badges import Badge, Tone
from review_ui.presenters.words import Words

__all__ = ["FindingView", "StandardView", "present_standard", "why_not_confirmed"]

_RESULT = {
    Result.PASSED: (Tone.GOOD, "check"),
    Result.FAILED: (Tone.WAIT, "cross"),
    Result.NOT_CHECKABLE: (Tone.CALM, "eye"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One clause: its name, what was found, and the text it stands in."""

    name: str
    found: str
    source: str
    state: Badge
    is_in_the_way: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardView:
    """All clauses; `shows` is what the pictures of this act have to show."""

    state: Badge
    findings: list[FindingView]
    shows: list[str]


def present_standard(case: Case, words: Words) -> StandardView:
    """The clauses in the order of the standard."""
    in_the_way = missing(case)
    findings = check_evidence(case)
    return StandardView(
        state=_state(findings, in_the_way, words),
        findings=[_view(one, words, is_in_the_way=one in in_the_way) for one in findings],
        shows=[words.t(f"shows.{one}") for one in picture_plan(case.violation_type).shows],
    )


def why_not_confirmed(case: Case, words: Words) -> str | None:
    """What is missing to confirm the case; None when nothing is."""
    sentences = [_found(one, words) for one in missing(case)]
    if not sentences:
        return None
    return words.t("standard.locked", missing=words.t("standard.join").join(sentences))


def _state(findings: tuple[Finding, ...], in_the_way: tuple[Finding, ...], words: Words) -> Badge:
    failed = sum(one.result is Result.FAILED for one in findings)
    if in_the_way:
        word = words.t("standard.not_met", count=len(in_the_way))
        return Badge(tone=Tone.ALERT, icon="lock", word=word)
    if failed:
        return Badge(tone=Tone.WAIT, icon="info", word=words.t("standard.lacks", count=failed))
    return Badge(tone=Tone.GOOD, icon="check", word=words.t("standard.met"))


def _view(finding: Finding, words: Words, *, is_in_the_way: bool) -> FindingView:
    tone, icon = _RESULT[finding.result]
    if is_in_the_way:
        tone, icon = Tone.ALERT, "lock"
    return FindingView(
        name=words.t(f"clause.{finding.clause}"),
        found=_found(finding, words),
        source=finding.source,
        state=Badge(tone=tone, icon=icon, word=words.t(f"result.{finding.result}")),
        is_in_the_way=is_in_the_way,
    )


def _found(finding: Finding, words: Words) -> str:
    return words.t(f"finding.{finding.clause}.{finding.result}", **dict(finding.numbers))
