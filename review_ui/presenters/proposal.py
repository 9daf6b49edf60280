"""What policy proposes to the person who decides, with all that was looked at."""

from dataclasses import dataclass

from pipeline.case import Case
from review_ui.presenters.story import ReasonView, case_reasons
from review_ui.presenters.words import Words

__all__ = ["FactorView", "ProposalView", "present_proposal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorView:
    """One thing that was looked at, in words."""

    sentence: str
    is_lenient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """The proposal; it binds nobody."""

    outcome: str
    word: str
    act_list: str
    act: str
    range: str | None
    factors: list[FactorView]
    reasons: list[ReasonView]


def present_proposal(case: Case, words: Words) -> ProposalView | None:
    """The proposal of a case; None while there is none."""
    proposal = case.proposal
    if proposal is None:
        return None
    return ProposalView(
        outcome=proposal.outcome,
        word=words.t(f"outcome.{proposal.outcome}"),
        act_list=words.t(f"act_list.{proposal.act_list}"),
        act=words.t(
            "proposal.act", code=proposal.act_code, act=words.t(f"act.{case.violation_type}")
        ),
        range=_range(proposal.fine, proposal.points, words),
        factors=[
            FactorView(
                sentence=words.t(f"factor.{one.name}", value=_value(one.value, words)),
                is_lenient=one.is_lenient,
            )
            for one in proposal.factors
        ],
        reasons=case_reasons(proposal.reasons, words),
    )


def _range(fine: tuple[int, int] | None, points: int | None, words: Words) -> str | None:
    parts = []
    if fine is not None:
        parts.append(words.t("proposal.fine", least=fine[0], most=fine[1]))
    if points is not None:
        parts.append(words.t("proposal.points", points=points))
    return words.t("why.join").join(parts) if parts else None


def _value(value: str, words: Words) -> str:
    return words.texts.find(f"factor_value.{value}") or value
