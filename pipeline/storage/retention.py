"""What storage answers and does when data is deleted because it has been kept long enough."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pipeline.case import Case, Disposition
from pipeline.reminder import Reminder

__all__ = ["HandledEvent", "Retention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandledEvent:
    """An event that was handled, and what is kept of it.

    Attributes:
        id: The event's.
        handled_at: The database's time.
        episode_id: What it is about; None for the word of a camera.
        pictures: The files that it names, by hash; none once its text was deleted.
    """

    id: str
    handled_at: datetime
    episode_id: UUID | None
    pictures: frozenset[str]


class Retention(Protocol):
    """What has been kept long enough, and its deletion."""

    def hold(self) -> None:
        """Let nobody else delete anything until this transaction ends."""
        ...

    def ended_with_pictures(
        self, disposition: Disposition, *, by: datetime, after: Case | None, limit: int
    ) -> list[Case]:
        """Cases with this disposition that ended by then and have their pictures, in that order.

        Only those behind `after`, the last one of an earlier list.
        """
        ...

    def ended_with_person(
        self, disposition: Disposition, *, by: datetime, after: Case | None, limit: int
    ) -> list[Case]:
        """The same of cases that still tell of a person."""
        ...

    def users_of(self, pictures: Collection[str]) -> dict[str, frozenset[UUID]]:
        """The cases that refer to these files; a file that none refers to is left out."""
        ...

    def pictures_deleted_at(self, case_ids: Collection[UUID]) -> dict[UUID, datetime]:
        """Since when the pictures of these cases are gone; those that have theirs are left out."""
        ...

    def messages_of(self, case_ids: Collection[UUID]) -> list[Reminder]:
        """All messages of these cases."""
        ...

    def save_messages(self, reminders: Sequence[Reminder]) -> None:
        """Keep these messages as they are now; none of them is due any more, whoever claimed it."""
        ...

    def events_of(self, episode_ids: Collection[UUID]) -> list[HandledEvent]:
        """The events about these episodes whose text is still there, parked ones included."""
        ...

    def forget_events_of(self, episode_ids: Collection[UUID]) -> None:
        """Delete the text of these events; that they were handled stays known."""
        ...

    def events_before(
        self, before: datetime, *, after: HandledEvent | None, limit: int
    ) -> list[HandledEvent]:
        """Events handled before then, oldest first, behind `after`."""
        ...

    def drop_events(self, event_ids: Collection[str]) -> None:
        """Forget that these events were handled, and those of them that still wait for a case."""
        ...

    def count_requests(self, before: datetime) -> int:
        """How many call-backs that were left before then nobody has looked at."""
        ...

    def drop_requests(self, before: datetime) -> None:
        """Forget these call-backs."""
        ...

    def mark_for_deletion(self, pictures: Collection[str]) -> None:
        """Keep in mind that these files must be deleted, whatever happens to this process."""
        ...

    def marked_for_deletion(self, *, after: str, limit: int) -> list[str]:
        """Files that must be deleted, in the order of their hashes, behind `after`."""
        ...

    def unmark(self, pictures: Collection[str]) -> None:
        """These files are gone, or are used again."""
        ...
