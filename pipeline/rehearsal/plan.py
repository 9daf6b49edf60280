"""What is to be rehearsed."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.policy.deadlines import WorkingCalendar
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import Rulebook
from pipeline.rehearsal.draft import DraftRulebook

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be rehearsed.

    Attributes:
        against: The rulebook that was in force.
        draft: The draft as if in force.
        since: The first day on which the cases were opened.
        until: The last one.
        zone: Whose days these are.
        site: Only the cases of this camera.
        calendar: Which days are worked.
        kinds: By which ways drivers can be reached.
        cases: How many changed cases are named.
    """

    against: Rulebook
    draft: DraftRulebook
    since: date
    until: date
    zone: ZoneInfo
    site: str | None
    calendar: WorkingCalendar
    kinds: frozenset[ChannelKind]
    cases: int

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first instant, and the first one after it."""
        after = self.until + timedelta(days=1)
        return (
            datetime.combine(self.since, time(), tzinfo=self.zone),
            datetime.combine(after, time(), tzinfo=self.zone),
        )
