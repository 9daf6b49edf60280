"""For how long a provider has not listed a message: what was just taken may be listed later."""

from datetime import datetime, timedelta

__all__ = ["Absence"]

_FORGOTTEN_AFTER = timedelta(hours=1)


class Absence:
    """Remembers when a message was first missed.

    Nobody who looks knows when a sender that died had sent, only that it was before the first look;
    so the time that a message had to be listed is counted from there.
    """

    def __init__(self) -> None:
        """Nothing is missed yet."""
        self._missed_at: dict[str, datetime] = {}

    def lasts(self, key: str, *, now: datetime) -> timedelta:
        """For how long a message has been missed, by one more look."""
        for old in [one for one, at in self._missed_at.items() if now - at > _FORGOTTEN_AFTER]:
            self._missed_at.pop(old, None)
        return now - self._missed_at.setdefault(key, now)

    def ends(self, key: str) -> None:
        """It was found, or is sent now."""
        self._missed_at.pop(key, None)
