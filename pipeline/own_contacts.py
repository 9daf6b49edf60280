"""The product's own register: sealed contacts, and what people have said about contacts.

Opt-outs and doubts are kept here for every vehicle, whichever register knows its contact:
`OverlaidContactBook` lays them over another register.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pydantic import SecretStr

from pipeline.notify.contact_keys import ContactKeys
from pipeline.notify.contacts import (
    Contact,
    ContactBook,
    ContactBookError,
    RegisterUnavailableError,
)
from pipeline.storage.base import Storage, UnitOfWork
from pipeline.storage.contacts import MIXED_KEYS, ContactCounts, SealedContact

__all__ = ["OverlaidContactBook", "OwnContacts"]

_BATCH = 500

Told = Callable[[int], None]
"""Hears how many contacts a finished batch had."""


class OwnContacts:
    """Contacts in the table `contact`; as a `ContactBook`, what the URL `table:` opens."""

    def __init__(self, storage: Storage, keys: ContactKeys) -> None:
        """Read and write the contacts of `storage`.

        Raises:
            ContactBookError: the contacts there were hidden with the keys of another file.
        """
        self._storage, self._keys = storage, keys
        self._is_ours = False
        self._look(ContactBookError)

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        kept = self._kept(plate_text)
        if kept is None or kept.phone is None:
            return None
        return Contact(
            phone=SecretStr(self._keys.unseal(kept.phone)),
            is_opted_out=kept.is_opted_out,
            is_doubtful=kept.doubtful_since is not None,
            vehicle_class=kept.vehicle_class,
            colour=kept.colour,
            push=SecretStr(self._keys.unseal(kept.push)) if kept.push else None,
        )

    def laid_over(self, contact: Contact, plate_text: str) -> Contact:
        """Another register's contact with the opt-out and the doubt that are kept here."""
        kept = self._kept(plate_text)
        if kept is None:
            return contact
        return replace(
            contact,
            is_opted_out=contact.is_opted_out or kept.is_opted_out,
            is_doubtful=contact.is_doubtful or kept.doubtful_since is not None,
        )

    def opt_out(self, uow: UnitOfWork, plate_text: str) -> None:
        """Never remind about this vehicle, within the transaction of `uow`."""
        self._begin_writing(uow)
        uow.contacts.set_opted_out(self._keys.hash_plate(plate_text), is_opted_out=True)

    def opt_in(self, uow: UnitOfWork, plate_text: str) -> None:
        """Take an opt-out back, within the transaction of `uow`."""
        self._begin_writing(uow)
        uow.contacts.set_opted_out(self._keys.hash_plate(plate_text), is_opted_out=False)

    def doubt(self, uow: UnitOfWork, plate_text: str, *, reason: str) -> None:
        """Keep that somebody said the vehicle is not theirs, within the transaction of `uow`.

        `find` sees it once that transaction is committed.
        """
        self._begin_writing(uow)
        uow.contacts.set_doubt(
            self._keys.hash_plate(plate_text),
            sealed_reason=self._keys.seal(reason),
            key_id=self._keys.newest_id,
        )

    def trust(self, uow: UnitOfWork, plate_text: str) -> None:
        """Take a doubt back, within the transaction of `uow`."""
        self._begin_writing(uow)
        uow.contacts.drop_doubt(self._keys.hash_plate(plate_text))

    def doubt_of(self, plate_text: str) -> str | None:
        """Why a contact is doubtful; None when it is not."""
        kept = self._kept(plate_text)
        if kept is None or kept.doubtful_since is None or kept.doubtful_reason is None:
            return None
        return self._keys.unseal(kept.doubtful_reason)

    def load(self, rows: Iterable[tuple[str, Contact]], told: Told) -> int:
        """Keep what another register says of many plates, a batch at a time; returns how many.

        Loading the same rows again changes nothing. Opt-outs that are kept here stay; a doubt ends
        when the phone is another one.
        """
        count, remaining = 0, iter(rows)
        while batch := list(islice(remaining, _BATCH)):
            with self._storage.begin() as uow:
                self._begin_writing(uow)
                self._put(uow, batch)
                uow.commit()
            count += len(batch)
            told(len(batch))
        return count

    def rotate_keys(self, told: Told) -> int:
        """Seal everything with the newest key, a batch at a time; returns how many contacts.

        Who is cut off runs it again: what is done stays done.

        Raises:
            ContactBookError: the key of some contact is gone.
        """
        count, after = 0, b""
        while True:
            with self._storage.begin() as uow:
                self._begin_writing(uow)
                batch = uow.contacts.sealed_by_others(
                    self._keys.newest_id, after=after, limit=_BATCH
                )
                if not batch:
                    return count
                uow.contacts.reseal_all([self._resealed(one) for one in batch])
                uow.commit()
            count, after = count + len(batch), batch[-1].plate_hash
            told(len(batch))

    def count(self) -> ContactCounts:
        """How many there are, and how many are not sealed by the newest key."""
        with self._storage.read() as uow:
            return uow.contacts.count(self._keys.newest_id)

    def _kept(self, plate_text: str) -> SealedContact | None:
        if not self._is_ours:
            self._look(RegisterUnavailableError)
        with self._storage.read() as uow:
            return uow.contacts.get(self._keys.hash_plate(plate_text))

    def _begin_writing(self, uow: UnitOfWork) -> None:
        standing = uow.contacts.keep_fingerprint(self._keys.fingerprint)
        self._require_ours(standing, ContactBookError)

    def _look(self, error: type[ContactBookError] | type[RegisterUnavailableError]) -> None:
        with self._storage.read() as uow:
            standing = uow.contacts.fingerprint()
        self._require_ours(standing, error)
        # What stands there once stands for ever, so it need not be asked again.
        self._is_ours = standing is not None

    def _require_ours(
        self,
        fingerprint: str | None,
        error: type[ContactBookError] | type[RegisterUnavailableError],
    ) -> None:
        if fingerprint not in {None, self._keys.fingerprint}:
            raise error(
                f"contacts table: its plates were hidden with another line hash:KEY than that of "
                f"{self._keys.file}; take the file that was used before"
            )

    def _put(self, uow: UnitOfWork, batch: Sequence[tuple[str, Contact]]) -> None:
        hashed = {self._keys.hash_plate(plate_text): contact for plate_text, contact in batch}
        known = uow.contacts.get_all(hashed)
        uow.contacts.put_all(
            [
                SealedContact(
                    plate_hash=plate_hash,
                    key_id=self._keys.newest_id,
                    phone=self._keys.seal(contact.phone.get_secret_value()),
                    push=self._sealed(contact.push),
                    vehicle_class=contact.vehicle_class,
                    colour=contact.colour,
                    is_opted_out=contact.is_opted_out,
                )
                for plate_hash, contact in hashed.items()
            ]
        )
        for kept in known.values():
            if kept.doubtful_since and self._has_moved(kept, hashed[kept.plate_hash]):
                uow.contacts.drop_doubt(kept.plate_hash)

    def _has_moved(self, kept: SealedContact, contact: Contact) -> bool:
        """Whether the doubt was about another phone than the contact has now."""
        if kept.phone is None:
            return False
        return self._keys.unseal(kept.phone) != contact.phone.get_secret_value()

    def _sealed(self, secret: SecretStr | None) -> bytes | None:
        return None if secret is None else self._keys.seal(secret.get_secret_value())

    def _resealed(self, contact: SealedContact) -> SealedContact:
        if contact.key_id not in {*self._keys.ids, MIXED_KEYS}:
            raise ContactBookError(
                f"contacts table: the key {contact.key_id} has sealed contacts and is not in "
                f"{self._keys.file}; put it back behind the newer ones"
            )
        return replace(
            contact,
            key_id=self._keys.newest_id,
            phone=self._again(contact.phone),
            push=self._again(contact.push),
            doubtful_reason=self._again(contact.doubtful_reason),
        )

    def _again(self, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else self._keys.seal(self._keys.unseal(sealed))


@dataclass(frozen=True, slots=True)
class OverlaidContactBook:
    """A register of others, with the opt-outs and doubts that the product keeps itself."""

    book: ContactBook
    own: OwnContacts

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        contact = self.book.find(plate_text)
        return None if contact is None else self.own.laid_over(contact, plate_text)
