"""Call-backs of providers: that they are theirs, and what is in them."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

from pydantic import SecretStr, TypeAdapter, ValidationError

from pipeline.notify.channel import Callback, UnreadableCallbackError

__all__ = ["BEIJING", "CallbackToken", "beijing_time", "read_body"]

Body = TypeVar("Body")

BEIJING = timezone(timedelta(hours=8))
"""The time of providers in China; it has no summer time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackToken:
    """The secret in the URL of call-backs that carry no signature; without one, there are none."""

    channel: str
    secret: SecretStr | None

    def check(self, callback: Callback) -> None:
        """See that a call-back knows the secret.

        Raises:
            UnreadableCallbackError: it does not.
        """
        if self.secret is None:
            raise UnreadableCallbackError(f"{self.channel}: call-backs need ?callback_token_file")
        told = callback.query.get("token", "").encode()
        if not hmac.compare_digest(told, self.secret.get_secret_value().encode()):
            raise UnreadableCallbackError(f"{self.channel}: a call-back without our token")


def read_body(callback: Callback, form: TypeAdapter[Body], *, channel: str) -> Body:
    """The body of a call-back, as JSON of a form.

    Raises:
        UnreadableCallbackError: it has another form; nothing of it is repeated.
    """
    try:
        return form.validate_json(callback.body)
    except ValidationError as exc:
        raise UnreadableCallbackError(f"{channel}: not a call-back of this provider") from exc


def beijing_time(told: str | None) -> datetime | None:
    """An instant as providers in China write it, `2026-03-02 12:00:00`; None: it has another form.

    A receipt is worth more than its time, which is kept as evidence only.
    """
    try:
        at = datetime.strptime(told or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None
    return at.astimezone(UTC)
