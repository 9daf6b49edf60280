"""The keys of the contacts that the product keeps itself, from one file.

The file holds one line `hash:KEY` and then one Fernet key to a line, newest first. Phones and push
subscriptions are sealed with the newest key; all of them open what was sealed before. Plates are
kept as HMAC-SHA-256, so a leaked table lists none, and whoever has the table without the file
cannot try them all.

The hash has a key of its own, which a change of keys leaves alone: were it to follow the newest
key, every plate would have to be kept in a form that can be read again, and a program that had not
heard of the new key would find nobody and remind those who had opted out. So a hash key that
became known tells, with a leaked table, which plates are in it; phones stay as safe as the Fernet
keys, which are changed by `remindfirst contacts new-key` and `rotate-keys`. The database keeps a
fingerprint of the hash key, so that a wrong file is noticed and does not look like an empty table.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.notify.contacts import ContactBookError, RegisterUnavailableError

__all__ = ["ContactKeys", "add_key"]

_HASH = "hash:"
_KEY_BYTES = 32
_ID_BYTES = 8
_OTHERS = 0o077
_NEW_FILE = "# Keys of the contacts, for this program alone; without them nobody can be reminded.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactKeys:
    """What hides plates and seals phones.

    Attributes:
        file: Where the keys come from, for messages.
        fingerprint: Says which hash key this is without telling it.
        ids: The same of each Fernet key, newest first.
    """

    file: Path
    fingerprint: str
    ids: tuple[str, ...]
    _plate_key: bytes = field(repr=False)
    _fernet: MultiFernet = field(repr=False)

    @property
    def newest_id(self) -> str:
        """Which key seals."""
        return self.ids[0]

    def hash_plate(self, plate_text: str) -> bytes:
        """32 bytes that stand for a plate in its one spelling."""
        return hmac.digest(self._plate_key, plate_text.encode(), "sha256")

    def seal(self, text: str) -> bytes:
        """Hide a text from all who have no key."""
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        """The text again.

        Raises:
            RegisterUnavailableError: none of the keys has sealed it, or it was changed.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as exc:
            raise RegisterUnavailableError(
                f"contacts table: sealed by a key that is not in {self.file}, or changed; put the "
                "key back and start again"
            ) from exc

    @classmethod
    def read(cls, file: Path) -> "ContactKeys":
        """Read the file.

        Raises:
            ContactBookError: not there, open to others, or a line is no key; names the line.
        """
        hash_key, keys = _parsed(file, _lines(file))
        if hash_key is None or not keys:
            missing = "line hash:KEY" if hash_key is None else "Fernet key"
            raise ContactBookError(
                f"contacts key file {file}: no {missing}; remindfirst contacts new-key makes one"
            )
        return cls(
            file=file,
            fingerprint=_derived(hash_key, "fingerprint").hex()[: 2 * _ID_BYTES],
            ids=tuple(hashlib.sha256(key).hexdigest()[: 2 * _ID_BYTES] for key in keys),
            _plate_key=_derived(hash_key, "plates"),
            _fernet=MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys]),
        )


def add_key(file: Path) -> int:
    """Put a new key before all others, and make the file if there is none; returns how many.

    Raises:
        ContactBookError: the file cannot be used or written.
    """
    lines = _lines(file) if file.exists() else [_NEW_FILE]
    hash_key, keys = _parsed(file, lines)
    if keys and hash_key is None:
        # Somebody has lost it; another would find none of the contacts.
        raise ContactBookError(f"contacts key file {file}: no line hash:KEY; put it back")
    kept = [line.strip() for line in lines if line.strip()]
    head = [line for line in kept if line.startswith(("#", _HASH))]
    if hash_key is None:
        head.append(_HASH + base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
    new = [*head, Fernet.generate_key().decode(), *[line for line in kept if line not in head]]
    try:
        _replace(file, "\n".join([*new, ""]))
    except OSError as exc:
        raise ContactBookError(f"contacts key file {file}: {exc.strerror}") from exc
    return len(keys) + 1


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_mode & _OTHERS:
            raise ContactBookError(
                f"contacts key file {file}: others than its owner may read it; chmod 600 {file}"
            )
        return file.read_text(encoding="ascii").splitlines()
    except OSError as exc:
        raise ContactBookError(
            f"contacts key file {file}: {exc.strerror}; remindfirst contacts new-key makes one"
        ) from exc
    except UnicodeDecodeError as exc:
        raise ContactBookError(f"contacts key file {file}: not a file of keys") from exc


def _parsed(file: Path, lines: Sequence[str]) -> tuple[bytes | None, list[bytes]]:
    """The hash key and the Fernet keys of the lines."""
    hash_key: bytes | None = None
    keys: list[bytes] = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        key = _decoded(file, number, line.removeprefix(_HASH))
        if not line.startswith(_HASH):
            keys.append(key)
        elif hash_key is None:
            hash_key = key
        else:
            raise ContactBookError(f"contacts key file {file}, line {number}: a second hash:KEY")
    return hash_key, keys


def _decoded(file: Path, number: int, text: str) -> bytes:
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise ContactBookError(f"contacts key file {file}, line {number}: no key")
    return key


def _derived(key: bytes, purpose: str) -> bytes:
    info = f"remindfirst contacts {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)


def _replace(file: Path, text: str) -> None:
    """Write the file whole or not at all, for the same owner: a lost key opens nothing again."""
    file = file.resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=file.parent, prefix=".new-", delete=False) as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
            if file.exists():
                os.chown(new.fileno(), file.stat().st_uid, file.stat().st_gid)
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink()
            raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
