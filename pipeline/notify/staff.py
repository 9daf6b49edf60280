"""Alerts to staff: that something needs a person, that it lasts, and that it is over.

No alert names a driver, a plate or a phone.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pipeline.errors import RetryableError
from pipeline.events.violation import LocalName

__all__ = ["Alert", "AlertKind", "LoggedAlerts", "Phase", "StaffAlertError", "StaffAlerts"]

log = logging.getLogger(__name__)


class AlertKind(StrEnum):
    """What staff are told about."""

    CLOCK_SET_BACK = "clock_set_back"
    """The database's clock was set back, so nothing is decided."""
    REVIEW_OVERDUE = "review_overdue"
    """Cases passed their review deadline undecided, at one site."""
    REVIEW_NEAR = "review_near"
    """Cases in review are near their deadline, at one site."""
    CHANNEL_FAILS = "channel_fails"
    """A channel fails again and again for technical reasons."""
    REGISTER_AWAY = "register_away"
    """The register of contacts does not answer."""
    EVIDENCE_HELD = "evidence_held"
    """Cameras hold their events, because nothing takes their pictures."""
    DEAD_LETTERS = "dead_letters"
    """Messages could not be handled."""
    LAG = "lag"
    """The worker is behind with its events."""
    OPERATOR_WAITS = "operator_waits"
    """Cases have asked the operator for long."""


class Phase(StrEnum):
    """Where a trouble stands."""

    BEGAN = "began"
    LASTS = "lasts"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that staff are told, in both languages.

    Attributes:
        kind: What kind of trouble.
        phase: Where it stands.
        about: The camera of the site, or the channel; empty where there is only one of its kind.
        since: Since when.
        count: How many.
        title: What it is, in a few words.
        sentence: What it is, with the numbers.
        advice: What to do.
    """

    kind: AlertKind
    phase: Phase
    about: str
    since: datetime
    count: int
    title: LocalName
    sentence: LocalName
    advice: LocalName


class StaffAlertError(RetryableError):
    """Nobody could be told; the same alert may be told again."""


class StaffAlerts(Protocol):
    """One way to tell staff; what it was told twice, it tells twice."""

    def tell(self, alert: Alert) -> None:
        """Tell staff.

        Raises:
            StaffAlertError: nobody was told.
        """
        ...

    def try_out(self) -> Iterable[tuple[int, bool]]:
        """Send a test to each address: the number of its line, and whether it was taken."""
        ...


class LoggedAlerts:
    """Tells whoever reads the log, and nobody else."""

    def tell(self, alert: Alert) -> None:
        """One line, which a person must act on unless it is over."""
        is_over = alert.phase is Phase.OVER
        log.log(
            logging.INFO if is_over else logging.ERROR,
            "alert to staff",
            extra={
                "kind": alert.kind,
                "phase": alert.phase,
                "about": alert.about,
                "since": alert.since.isoformat(timespec="seconds"),
                "count": alert.count,
                "sentence": alert.sentence.en,
            },
        )

    def try_out(self) -> Iterable[tuple[int, bool]]:
        """The log has no address."""
        return ()
