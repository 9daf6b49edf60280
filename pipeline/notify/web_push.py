"""Web Push to a driver's browser: encrypted, and signed with our own key (VAPID).

Source: RFC 8030 (Web Push), RFC 8291 (encryption), RFC 8292 (VAPID). The libraries pywebpush and
py_vapid encrypt and sign; they are imported nowhere else.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from py_vapid import Vapid02, VapidException
from pydantic import BaseModel, Field, SecretStr, TypeAdapter
from pywebpush import WebPusher, WebPushException

from pipeline.clock import Clock
from pipeline.errors import PermanentError
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.callbacks import read_body
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Message,
    SendResult,
    SendUncertainError,
    Sent,
    UnreadableCallbackError,
)
from pipeline.notify.codes import Codes, delivered, permanent, technical
from pipeline.notify.provider import Provider, Transport
from pipeline.reminder import Receipt

__all__ = ["CODES", "WebPush"]

_FORM = AddressForm(
    example="push+webpush:?vapid_key_file=FILE&contact=mailto:WHO@HOST",
    needed=frozenset({"contact", "vapid_key_file"}),
    known=frozenset({"callback_token_file", "hosts", "ttl_s"}),
    has_host=False,
)

# Source: RFC 8030, sections 5 and 7.3; RFC 8292, section 4.2.
CODES = {
    **permanent("HTTP-404", "HTTP-410", "no-subscription"),
    **technical("HTTP-400", "HTTP-401", "HTTP-403", "HTTP-405", "HTTP-413"),
}

# A subscription comes from a browser, so it must not make us call just any server.
_HOSTS = "fcm.googleapis.com,push.services.mozilla.com,notify.windows.com,web.push.apple.com"
_TTL_S = 600
_VALID = timedelta(hours=1)
_SHOWN = "shown"


class _Subscription(BaseModel):
    """What a browser gives to the page that asks for it: `PushSubscription.toJSON()`."""

    endpoint: str = Field(pattern=r"^https://[!-~]+$", max_length=2000)
    keys: dict[str, str]


class _Event(BaseModel):
    """What our service worker posts: `event` is `shown`, or what the driver chose."""

    key: str = Field(min_length=1, max_length=200)
    token: str
    event: str = Field(pattern=r"^[a-z_]{1,40}$")


_EVENT = TypeAdapter(_Event)


class WebPush:
    """Sends to the browser whose subscription a message brings, as `push` or for its phone."""

    name = "push"
    is_repeatable = False
    form = _FORM

    def __init__(
        self, address: ChannelAddress, *, clock: Clock, transport: Transport | None = None
    ) -> None:
        """Send as `address` says; `transport` stands in for the network, in tests.

        Raises:
            PermanentError: a file cannot be read, or is no key.
        """
        self._channel = str(address)
        self._clock = clock
        self._vapid = _vapid(address)
        self._contact = address.options["contact"]
        if not self._contact.startswith(("mailto:", "https://")):
            raise PermanentError(f"{address}: contact: use mailto:WHO@HOST or https://PAGE")
        self._ttl_s = address.number("ttl_s", _TTL_S)
        self._hosts = tuple(address.options.get("hosts", _HOSTS).split(","))
        self._secret = address.secret("callback_token_file")
        self._codes = Codes(channel=self._channel, table=CODES)
        self._provider = Provider(self._channel, transport=transport)

    def send(self, message: Message) -> SendResult:
        """POST it, encrypted, to the push service of the browser; see `Channel.send`."""
        subscription = self._subscription(message.push)
        if subscription is None:
            return self._codes.refused("no-subscription")
        parts = urlsplit(subscription.endpoint)
        body = self._encrypted(subscription, message)
        if body is None:
            return self._codes.refused("no-subscription")
        headers = {
            **self._signed(parts),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._ttl_s),
            # What was not shown yet is replaced by the same message, never shown beside it.
            "Topic": _topic(message.key),
            "Urgency": "high",
        }
        answer = self._provider.hand_over(subscription.endpoint, body=body, headers=headers)
        if not answer.is_good:
            return self._codes.refused(f"HTTP-{answer.status}")
        return Accepted(provider_ref=message.key)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """A push service answers no questions; see `Channel.look_up`."""
        raise SendUncertainError(f"{self._channel}: a push service answers no questions")

    def fetch_receipt(self, sent: Sent) -> Receipt | None:  # noqa: ARG002
        """A push service gives no receipts; see `Channel.fetch_receipt`."""
        return None

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """What our service worker posts from the browser; see `Channel.read_callback`."""
        event = read_body(callback, _EVENT, channel=self._channel)
        token = _token(self._secret, event.key)
        if token is None or not hmac.compare_digest(event.token.encode(), token.encode()):
            raise UnreadableCallbackError(f"{self._channel}: a call-back without our token")
        if event.event == _SHOWN:
            return [delivered(event.key, at=self._clock.now())]
        return [Answer(provider_ref=event.key, text=event.event)]

    def _subscription(self, text: str) -> _Subscription | None:
        try:
            subscription = _Subscription.model_validate_json(text)
            parts = urlsplit(subscription.endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return None
        is_known = any(host == one or host.endswith(f".{one}") for one in self._hosts)
        is_plain = port is None and parts.username is None
        return subscription if is_known and is_plain else None

    def _encrypted(self, subscription: _Subscription, message: Message) -> bytes | None:
        payload = {"key": message.key, "text": message.text}
        token = _token(self._secret, message.key)
        if token is not None:
            payload["token"] = token
        data = json.dumps(payload, ensure_ascii=False).encode()
        try:
            encoded = WebPusher(subscription.model_dump()).encode(data, "aes128gcm")
        except (WebPushException, ValueError, IndexError):
            return None
        return bytes(encoded["body"])

    def _signed(self, endpoint: SplitResult) -> dict[str, str]:
        claims = {
            "aud": f"{endpoint.scheme}://{endpoint.netloc}",
            "exp": int((self._clock.now() + _VALID).timestamp()),
            "sub": self._contact,
        }
        headers: dict[str, str] = self._vapid.sign(claims)
        return headers


def _vapid(address: ChannelAddress) -> Vapid02:
    secret = address.needed_secret("vapid_key_file").get_secret_value()
    file = address.options["vapid_key_file"]
    try:
        if "-----BEGIN" in secret:
            return Vapid02.from_pem(secret.encode())
        return Vapid02.from_string(secret)
    except (VapidException, ValueError, TypeError) as exc:
        raise PermanentError(f"{address}: vapid_key_file {file}: not a key of P-256") from exc


def _token(secret: SecretStr | None, key: str) -> str | None:
    """What only a browser that got the message knows."""
    if secret is None:
        return None
    signed = hmac.new(secret.get_secret_value().encode(), key.encode(), hashlib.sha256)
    return signed.hexdigest()


def _topic(key: str) -> str:
    """Our key as a `Topic`, which has 32 characters at most."""
    return urlsafe_b64encode(hashlib.sha256(key.encode()).digest()[:24]).decode()
