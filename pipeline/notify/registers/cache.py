"""Answers of a register that is far away, kept for a short while."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from pipeline.notify.contacts import Contact, ContactBook

__all__ = ["CachedContactBook"]


@dataclass(frozen=True, slots=True)
class _Kept:
    contact: Contact | None
    until_s: float


class CachedContactBook:
    """Asks a register again only when its answer is old; a failure is never kept.

    An answer that is too old is not given, also while the register is away.
    """

    def __init__(
        self,
        book: ContactBook,
        *,
        ttl_s: float,
        none_ttl_s: float,
        size: int,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        """Stand in front of `book`.

        Args:
            book: The register.
            ttl_s: Seconds for which a contact is kept.
            none_ttl_s: Seconds for which it is kept that there is none.
            size: The most answers that are kept.
            timer: Seconds from anywhere.
        """
        self._book = book
        self._ttl_s, self._none_ttl_s, self._size = ttl_s, none_ttl_s, size
        self._timer = timer
        self._lock = Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        asked_at_s = self._timer()
        with self._lock:
            kept = self._kept.get(plate_text)
            if kept is not None and asked_at_s < kept.until_s:
                self._kept.move_to_end(plate_text)
                return kept.contact
        # Not under the lock: one slow answer must not hold up all others.
        contact = self._book.find(plate_text)
        ttl_s = self._none_ttl_s if contact is None else self._ttl_s
        with self._lock:
            self._kept[plate_text] = _Kept(contact, asked_at_s + ttl_s)
            self._kept.move_to_end(plate_text)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return contact
