"""Our own signature over a body: HMAC-SHA256 of an instant and the body, both in headers."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from pipeline.clock import Clock
from pipeline.notify.channel import Callback, UnreadableCallbackError

__all__ = ["BodySigner"]

_TIMESTAMP, _SIGNATURE = "X-RemindFirst-Timestamp", "X-RemindFirst-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySigner:
    """Signs what we send, and checks what is sent to us, with one secret.

    Attributes:
        channel: Its name in messages.
        secret: Known to the two of us.
        window: How far an instant may be from ours; what was recorded and sent again later is
            refused. Within it, the same call-back says the same again, which changes nothing.
    """

    channel: str
    secret: SecretStr
    clock: Clock
    window: timedelta

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers for a body that goes out now."""
        timestamp = str(int(self.clock.now().timestamp()))
        return {_TIMESTAMP: timestamp, _SIGNATURE: self._sign(timestamp, body)}

    def check(self, callback: Callback) -> None:
        """See that a call-back is signed, and new.

        Raises:
            UnreadableCallbackError: it is not.
        """
        timestamp = callback.headers.get(_TIMESTAMP.lower(), "")
        told = callback.headers.get(_SIGNATURE.lower(), "")
        expected = self._sign(timestamp, callback.body.encode())
        if not hmac.compare_digest(told.encode(), expected.encode()):
            raise UnreadableCallbackError(f"{self.channel}: a call-back without our signature")
        # Whole seconds, for some hundred years.
        is_instant = timestamp.isdecimal() and len(timestamp) <= 10
        at = datetime.fromtimestamp(int(timestamp), UTC) if is_instant else None
        received_at = callback.received_at or self.clock.now()
        if at is None or abs(received_at - at) > self.window:
            raise UnreadableCallbackError(f"{self.channel}: a call-back of another time")

    def _sign(self, timestamp: str, body: bytes) -> str:
        signed = timestamp.encode() + b"." + body
        return hmac.new(self.secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
