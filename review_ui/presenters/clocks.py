"""The legal clocks of one case: until when what must be done, and where each stands."""

from dataclasses import dataclass

from pipeline.case import Case, CaseStatus
from pipeline.policy.clocks import (
    ClockState,
    Milestones,
    RunningClock,
    running_clocks,
    what_follows,
)
from pipeline.policy.working_calendar import WorkingCalendar
from review_ui.presenters.badges import Badge, Tone
from review_ui.presenters.words import Words

__all__ = ["ClockView", "case_clocks", "present_clocks"]

_STATE = {
    ClockState.RUNNING: (Tone.CALM, "clock"),
    ClockState.NEAR: (Tone.WAIT, "bell"),
    ClockState.OVERDUE: (Tone.ALERT, "alert"),
    ClockState.MET: (Tone.GOOD, "check"),
    ClockState.MET_LATE: (Tone.WAIT, "check"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockView:
    """One clock; `follows` says what its being late means, `open_point` what is not settled."""

    id: str
    name: str
    last_day: str
    is_provisional: bool
    state: Badge
    source: str
    follows: str | None
    open_point: str | None


def case_clocks(case: Case, words: Words, calendar: WorkingCalendar) -> tuple[RunningClock, ...]:
    """The legal clocks that the case itself has started; `words` are those about it."""
    decided_at = case.decision.decided_at if case.decision else None
    is_record = case.status is CaseStatus.DECIDED
    milestones = Milestones(
        captured_at=case.suspected_at,
        closed_at=None if is_record else case.closed_at,
        entered_at=decided_at if is_record else None,
    )
    return running_clocks(milestones, words.now, words.zone, calendar)


def present_clocks(case: Case, words: Words, calendar: WorkingCalendar) -> list[ClockView]:
    """The same for a page, in the order of the law's table."""
    local = words.about(case)
    return [_view(one, local) for one in case_clocks(case, local, calendar)]


def _view(clock: RunningClock, words: Words) -> ClockView:
    tone, icon = _STATE[clock.state]
    follows, open_point = what_follows(clock), clock.entry.open_point
    return ClockView(
        id=clock.id,
        name=words.name(clock.clock.name),
        last_day=words.t("clock.last_day", date=words.on_day(clock.last_day)),
        is_provisional=clock.is_provisional,
        state=Badge(tone=tone, icon=icon, word=words.t(f"clock.{clock.state}")),
        source=clock.entry.source,
        follows=words.name(follows.text) if follows else None,
        open_point=words.name(open_point) if open_point else None,
    )
