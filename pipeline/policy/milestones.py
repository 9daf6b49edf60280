"""What happens in a case's life and starts or ends a legal clock."""

from dataclasses import dataclass, fields
from datetime import datetime

__all__ = ["Milestones"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestones:
    """When what happened in a case's life; None for what has not.

    Attributes:
        captured_at: The camera saw the act.
        closed_at: The case ended without a record.
        entered_at: Reviewed and entered as a record.
        opened_at: The record could be looked up by the public.
        notified_at: The notice reached the owner or driver.
        dealt_at: The person came and the record was dealt with.
        extended_until: The first instant after a granted extension.
        ground_verified_at: A ground to eliminate the record was verified.
        eliminated_at: The record was eliminated.
        objected_at: An objection came in.
        objection_passed_on_at: The office of the place got it; the same where it came in there.
        objection_decided_at: It was decided and the person told.
        intention_sent_at: With five or more unhandled records: the intended decision was sent.
        intention_announced_at: It was announced publicly.
        decision_announced_at: A decision that could not be served was announced publicly.
        decision_served_at: A decision was served, or counts as served.
        simple_decision_at: It was decided by the simple procedure.
        decision_filed_at: That decision was filed with the unit.
        came_at: The person came for a fine by the general procedure.
        general_decision_at: That fine was decided.
        fine_served_at: A decision with a fine was received.
        paid_at: The fine was paid.
        reconsideration_requested_at: Administrative reconsideration was asked for.
        reconsideration_served_at: Its decision was served.
        court_filed_at: A court was asked.
        hearing_offered_at: The person was told of the right to a hearing.
        hearing_requested_at: A hearing was asked for.
    """

    captured_at: datetime | None = None
    closed_at: datetime | None = None
    entered_at: datetime | None = None
    opened_at: datetime | None = None
    notified_at: datetime | None = None
    dealt_at: datetime | None = None
    extended_until: datetime | None = None
    ground_verified_at: datetime | None = None
    eliminated_at: datetime | None = None
    objected_at: datetime | None = None
    objection_passed_on_at: datetime | None = None
    objection_decided_at: datetime | None = None
    intention_sent_at: datetime | None = None
    intention_announced_at: datetime | None = None
    decision_announced_at: datetime | None = None
    decision_served_at: datetime | None = None
    simple_decision_at: datetime | None = None
    decision_filed_at: datetime | None = None
    came_at: datetime | None = None
    general_decision_at: datetime | None = None
    fine_served_at: datetime | None = None
    paid_at: datetime | None = None
    reconsideration_requested_at: datetime | None = None
    reconsideration_served_at: datetime | None = None
    court_filed_at: datetime | None = None
    hearing_offered_at: datetime | None = None
    hearing_requested_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check that every instant names its offset.

        Raises:
            ValueError: one does not, so nobody knows its day at the site.
        """
        for field in fields(self):
            at = self.at(field.name)
            if at is not None and at.utcoffset() is None:
                raise ValueError(f"{field.name}: {at} has no time zone")

    def at(self, name: str) -> datetime | None:
        """The instant of the milestone called `name`."""
        at: datetime | None = getattr(self, name)
        return at
