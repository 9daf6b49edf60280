"""Who is signed in: passwords, sessions, the brake on guessing, and form tokens."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from pipeline.staff import Reviewer
from pipeline.storage.base import Storage
from review_ui.errors import SignInBrakedError, SignInRefusedError

__all__ = ["Brake", "Gate", "form_token", "hash_password", "is_form_token", "new_token"]

FREE_TRIES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
MAX_NAMES = 10_000

_HASHER = PasswordHasher()
# Each check takes 64 MiB; two at once keep a flood of sign-ins from eating the memory.
_CHECKS = BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """The Argon2id hash under which a person's password is stored."""
    return _HASHER.hash(password)


# An unknown name is checked against this one, so that it takes as long as a known one.
_NOBODY = hash_password(secrets.token_urlsafe(16))


def new_token() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(32)


def form_token(secret: str) -> str:
    """The token that goes into every form of the browser whose cookie is `secret`."""
    return hmac.new(secret.encode(), b"remindfirst form", hashlib.sha256).hexdigest()


def is_form_token(secret: str, token: str) -> bool:
    """Whether `token` belongs to the cookie `secret`."""
    return bool(secret) and hmac.compare_digest(form_token(secret).encode(), token.encode())


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _is_password(stored: str | None, password: str) -> bool:
    with _CHECKS:
        try:
            _HASHER.verify(stored or _NOBODY, password)
        except (Argon2Error, InvalidHashError):
            return False
    return stored is not None


class Brake:
    """Counts tries per name until one succeeds; after a few, each makes the next pause longer."""

    def __init__(self, *, max_names: int = MAX_NAMES) -> None:
        """Remember `max_names` names at most; those with the fewest tries are forgotten first."""
        self._max_names = max_names
        self._tries: dict[str, tuple[int, datetime]] = {}
        self._lock = Lock()

    def count(self, name: str, now: datetime) -> None:
        """Count one try for `name`, before its password is looked at.

        Counting only what failed would let everything through that waits for its check meanwhile.

        Raises:
            SignInBrakedError: the pause for this name is not over; the try does not count.
        """
        with self._lock:
            tries, last_at = self._tries.get(name, (0, now))
            if tries >= FREE_TRIES:
                pause = min(FIRST_PAUSE * 2 ** min(tries - FREE_TRIES, 10), LONGEST_PAUSE)
                if now < last_at + pause:
                    raise SignInBrakedError(last_at + pause)
            if name not in self._tries and len(self._tries) >= self._max_names:
                del self._tries[min(self._tries, key=self._tries.__getitem__)]
            self._tries[name] = (tries + 1, now)

    def passed(self, name: str) -> None:
        """Forget the tries for `name`."""
        with self._lock:
            self._tries.pop(name, None)


class Gate:
    """Lets people in, knows them by their token, and lets them out."""

    def __init__(self, storage: Storage, *, session: timedelta) -> None:
        """Sign-ins against `storage` that last for `session`."""
        self._storage = storage
        self._session = session
        self._brake = Brake()

    def enter(self, name: str, password: str, *, old_token: str | None = None) -> str:
        """Sign in and return a new token; `old_token` is of no use afterwards.

        Raises:
            SignInBrakedError: too many tries for this name lately.
            SignInRefusedError: unknown name or wrong password.
        """
        with self._storage.read() as uow:
            now = uow.now()
            stored = uow.registry.password_hash(name)
        self._brake.count(name, now)
        if not _is_password(stored, password):
            raise SignInRefusedError("unknown name or wrong password")
        self._brake.passed(name)
        token = new_token()
        with self._storage.begin() as uow:
            if old_token:
                uow.registry.close_session(_token_hash(old_token))
            uow.registry.open_session(_token_hash(token), name, uow.now() + self._session)
            uow.commit()
        return token

    def person(self, token: str | None) -> Reviewer | None:
        """Who is signed in with `token`; None when nobody is, or no longer."""
        if not token:
            return None
        with self._storage.read() as uow:
            return uow.registry.session_person(_token_hash(token))

    def leave(self, token: str) -> None:
        """Sign out; the token is of no use afterwards."""
        with self._storage.begin() as uow:
            uow.registry.close_session(_token_hash(token))
            uow.commit()
