"""What policy proposes to the person who decides: the three lists, with all that was looked at.

Source: APL articles 32 to 34 (2021); the three lists of the founding document.
"""

from datetime import datetime, timedelta

from pipeline.case import Factor, Outcome, Proposal, Reason
from pipeline.policy.entries import Act, ActList, ListRow, When
from pipeline.policy.situation import Situation

__all__ = ["propose", "renew", "row_of"]

_OUTCOMES = {
    ActList.STRICT: Outcome.PENALTY,
    ActList.FIRST_TIME_WARNING: Outcome.WARNING,
    ActList.NO_PENALTY: Outcome.EDUCATION,
}
_ORDINARY = "ordinary"


def row_of(situation: Situation) -> ListRow | None:
    """The first row of the three lists that fits; None when the act is an ordinary one."""
    rows = situation.in_force(situation.rulebook.three_lists).value
    return next((row for row in rows if _fits(situation, row)), None)


def _fits(situation: Situation, row: ListRow) -> bool:
    case, when = situation.case, row.when
    return (
        case.violation_type in row.acts
        and (when.places is None or case.place_class in when.places)
        and (when.vehicle_classes is None or case.vehicle_class in when.vehicle_classes)
        and _fits_history(situation, when)
    )


def _fits_history(situation: Situation, when: When) -> bool:
    known = (
        (when.is_first, situation.earlier_records == 0),
        (when.has_left, situation.case.left_at is not None),
        (when.is_reminded, situation.case.reminder_delivered_at is not None),
    )
    if any(wanted is not None and wanted != is_so for wanted, is_so in known):
        return False
    return when.stood_at_most_min is None or _stood_min(situation) <= when.stood_at_most_min


def _stood_min(situation: Situation) -> float:
    """How long it stood, as far as the camera saw."""
    case = situation.case
    until: datetime = case.left_at or case.last_seen_at
    return (until - case.stood_since_at) / timedelta(minutes=1)


def propose(situation: Situation, act: Act) -> Proposal:
    """The proposal for an act, by the first of the three lists' rows that fits.

    Where the site is not in everyday use yet, no penalty can be proposed.
    """
    row = row_of(situation)
    lists = situation.in_force(situation.rulebook.three_lists)
    acts = situation.in_force(situation.rulebook.acts)
    name = f"acts.{situation.case.violation_type}"
    reasons = [situation.reason("name_act", name, acts, detail=f" = {act.code}", source=act.source)]
    if row is None:
        reasons.append(situation.reason("stands_on_no_list", "three_lists", lists))
    else:
        reasons.append(
            situation.reason(
                "stands_on_a_list",
                f"three_lists.{row.id}",
                lists,
                detail=f" = {row.list}",
                source=row.source,
            )
        )
    outcome = Outcome.PENALTY if row is None else _OUTCOMES[row.list]
    site = situation.site
    if site is None or not site.may_penalise(situation.day):
        outcome = Outcome.EDUCATION
        reasons.append(
            Reason(
                rule="no_penalty_before_everyday_use",
                entry=f"site {site.state if site else 'unknown'}",
                source="P105 articles 15 and 16: a site in everyday use is checked and published",
                edition=situation.rulebook.edition,
            )
        )
    return Proposal(
        outcome=outcome,
        act_list=_ORDINARY if row is None else row.list.value,
        act_code=act.code,
        fine=act.fine,
        points=act.points,
        factors=_factors(situation),
        reasons=tuple(reasons),
    )


def renew(situation: Situation) -> Proposal | None:
    """Another proposal for a case at a desk that was heard to have left; None: nothing changes."""
    known, act = situation.case.proposal, situation.act
    if known is None or act is None or situation.case.left_at is None:
        return None
    renewed = propose(situation, act)
    is_new = (renewed.outcome, renewed.act_list) != (known.outcome, known.act_list)
    return renewed if is_new else None


def _factors(situation: Situation) -> tuple[Factor, ...]:
    case = situation.case
    is_reminded = case.reminder_delivered_at is not None
    has_left = case.left_at is not None
    earlier = situation.earlier_records
    return (
        Factor(name="earlier_records", value=str(earlier), is_lenient=earlier == 0),
        Factor(name="is_reminded", value=_word(is_reminded), is_lenient=not is_reminded),
        Factor(name="has_left", value=_word(has_left), is_lenient=has_left),
        Factor(name="stood_min", value=_minutes(_stood_min(situation)), is_lenient=False),
        Factor(name="place", value=case.place_class.value, is_lenient=False),
    )


def _minutes(minutes: float) -> str:
    return "<1" if minutes < 1 else f"{minutes:.0f}"


def _word(is_so: bool) -> str:  # noqa: FBT001
    return "yes" if is_so else "no"
