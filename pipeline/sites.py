"""A camera's legal state: what its cases may be used for."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pipeline.events.violation import LocalName

__all__ = ["Site", "SiteState"]


class SiteState(StrEnum):
    """From the first test picture to everyday use."""

    DRAFT = "draft"
    TRIAL = "trial"
    """Drivers are reminded, and no case goes further."""
    WARNING = "warning"
    """Cases are reviewed, and nobody can be penalised yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"


_REMINDS = frozenset({SiteState.TRIAL, SiteState.WARNING, SiteState.ACTIVE})
_REFERS = frozenset({SiteState.WARNING, SiteState.ACTIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A camera's place and legal state.

    Source: P105 articles 15 and 16 (equipment checked, fixed sites published).
    """

    camera_id: str
    name: LocalName
    road: LocalName
    time_zone: str
    region: str
    state: SiteState
    published_on: date | None = None
    calibrated_until: date | None = None

    def day_of(self, at: datetime) -> date:
        """The day at the site in which the instant `at` lies."""
        return at.astimezone(ZoneInfo(self.time_zone)).date()

    def may_remind(self) -> bool:
        """Whether drivers may be reminded of what this camera sees."""
        return self.state in _REMINDS

    def may_refer(self, day: date) -> bool:
        """Whether cases of `day` may go to review."""
        return (
            self.state in _REFERS
            and self.published_on is not None
            and self.published_on <= day
            and self.calibrated_until is not None
            and day <= self.calibrated_until
        )

    def may_penalise(self, day: date) -> bool:
        """Whether a case of `day` may end in a penalty."""
        return self.state is SiteState.ACTIVE and self.may_refer(day)
