"""Web Push, against a push service and a browser that decrypts."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.clock import ManualClock
from pipeline.errors import PermanentError
from pipeline.notify import (
    Accepted,
    Answer,
    Callback,
    Channel,
    ChannelUnavailableError,
    Message,
    Refused,
    SendUncertainError,
    Sent,
    UnreadableCallbackError,
    open_channel,
)
from pipeline.notify.channel import SendResult
from pipeline.reminder import DeliveryStatus, Failure, Receipt
from tests.builders import NOON
from tests.pipeline.notify.contract import ChannelContract
from tests.pipeline.notify.providers import PAGE, FakeProvider, a_file, an_address

pytest.importorskip("pywebpush", reason="needs the extra `push`: pip install 'remindfirst[push]'")

import http_ece
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from pipeline.notify.web_push import CODES, WebPush

ENDPOINT = "https://fcm.googleapis.com/fcm/send/made-up"
KEY = "reminder:1:1"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


@dataclass
class Browser:
    """Holds the private half of its subscription."""

    key: ec.EllipticCurvePrivateKey
    auth: bytes = b"0123456789abcdef"

    def subscription(self, **changed: object) -> str:
        keys = {"p256dh": _base64(_point(self.key)), "auth": _base64(self.auth)}
        told = {"endpoint": ENDPOINT, "expirationTime": None, "keys": keys, **changed}
        return json.dumps(told)

    def read(self, body: bytes) -> dict[str, str]:
        data = http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
        told: dict[str, str] = json.loads(data)
        return told


class PushService(FakeProvider):
    def answer(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002
        return httpx.Response(201, headers={"Location": "https://fcm.googleapis.com/m/1"})


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def vapid() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def service() -> PushService:
    return PushService()


@pytest.fixture
def url(tmp_path: Path, vapid: ec.EllipticCurvePrivateKey) -> str:
    pem = vapid.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = a_file(tmp_path, "vapid.pem", pem.decode())
    return f"push+webpush:?vapid_key_file={file}&contact=mailto:it@traffic.example&{{token}}"


@pytest.fixture
def push(tmp_path: Path, url: str, clock: ManualClock, service: PushService) -> WebPush:
    address = an_address(tmp_path, url, WebPush.form)
    return WebPush(address, clock=clock, transport=service.transport)


@dataclass
class ToBrowser:
    """The channel, with a subscription where the contract's phone number stands."""

    push: WebPush
    subscription: str
    name: str = "push"
    is_repeatable: bool = False

    def send(self, message: Message) -> SendResult:
        return self.push.send(_to(self.subscription, message.key))

    def look_up(self, message: Message, *, since: Any) -> Accepted | None:
        return self.push.look_up(message, since=since)

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        return self.push.fetch_receipt(sent)

    def read_callback(self, callback: Callback) -> Any:
        return self.push.read_callback(callback)


def _to(subscription: str, key: str = KEY) -> Message:
    return Message(key=key, phone="13800000001", push=subscription, text="请立即驶离")


class TestWebPush(ChannelContract):
    @pytest.fixture
    def channel(self, push: WebPush, browser: Browser) -> Channel:
        return ToBrowser(push, browser.subscription())


def test_a_message_goes_out_encrypted_and_signed(
    push: WebPush, service: PushService, browser: Browser, vapid: ec.EllipticCurvePrivateKey
) -> None:
    """Source: RFC 8030, section 5; RFC 8291, section 4; RFC 8292, sections 2 and 3."""
    assert push.send(_to(browser.subscription())) == Accepted(provider_ref=KEY)

    request = service.request
    assert (request.method, str(request.url)) == ("POST", ENDPOINT)
    told = browser.read(request.content)
    assert {name: told[name] for name in ("key", "text")} == {"key": KEY, "text": "请立即驶离"}
    assert {
        name: request.headers[name]
        for name in ("content-encoding", "content-type", "ttl", "urgency")
    } == {
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": "600",
        "urgency": "high",
    }
    assert len(request.headers["topic"]) == 32
    claims = _verified(request.headers["authorization"], vapid)
    assert claims == {
        "aud": "https://fcm.googleapis.com",
        "exp": int(NOON.timestamp()) + 3600,
        "sub": "mailto:it@traffic.example",
    }


def _verified(authorization: str, vapid: ec.EllipticCurvePrivateKey) -> Mapping[str, object]:
    scheme, _, fields = authorization.partition(" ")
    told = dict(one.split("=", 1) for one in fields.split(","))
    signed, _, signature = told["t"].rpartition(".")
    raw = _unbase64(signature)
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    vapid.public_key().verify(
        utils.encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256())
    )
    assert scheme == "vapid"
    assert _unbase64(told["k"]) == _point(vapid)
    claims: Mapping[str, object] = json.loads(_unbase64(signed.partition(".")[2]))
    return claims


@pytest.mark.parametrize(
    ("code", "failure"), [one for one in CODES.items() if one[0].startswith("HTTP-")]
)
def test_a_refusal_comes_with_its_kind(
    push: WebPush, service: PushService, browser: Browser, code: str, failure: Failure
) -> None:
    service.scripted = [httpx.Response(int(code.removeprefix("HTTP-")), text=PAGE)]

    assert push.send(_to(browser.subscription())) == Refused(detail=code, failure=failure)


def test_an_unknown_status_is_technical(
    push: WebPush, service: PushService, browser: Browser
) -> None:
    service.scripted = [httpx.Response(418)]

    result = push.send(_to(browser.subscription()))

    assert result == Refused(detail="HTTP-418", failure=Failure.TECHNICAL)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_means_later(
    push: WebPush, service: PushService, browser: Browser, status: int
) -> None:
    service.scripted = [httpx.Response(status)]

    with pytest.raises(ChannelUnavailableError) as unavailable:
        push.send(_to(browser.subscription()))
    assert "made-up" not in str(unavailable.value)


def test_a_silent_service_is_uncertain(
    push: WebPush, service: PushService, browser: Browser
) -> None:
    service.scripted = [httpx.ReadTimeout("silent")]

    with pytest.raises(SendUncertainError) as uncertain:
        push.send(_to(browser.subscription()))
    assert "made-up" not in str(uncertain.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://localhost/x",
        "https://10.0.0.1/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilfcm.googleapis.com/x",
        "https://me@fcm.googleapis.com/x",
        "https://[/x",
        "https://fcm.googleapis.com:99999/x",
        "https://fcm.googleapis.com:22/x",
        "https://fcm.googleapis.com/\nx",
        "",
    ],
)
def test_a_subscription_makes_us_call_known_services_only(
    push: WebPush, service: PushService, browser: Browser, endpoint: str
) -> None:
    result = push.send(_to(browser.subscription(endpoint=endpoint)))

    assert result == Refused(detail="no-subscription", failure=Failure.PERMANENT)
    assert not service.requests


def test_other_services_may_be_named(
    tmp_path: Path, url: str, clock: ManualClock, service: PushService, browser: Browser
) -> None:
    address = an_address(tmp_path, f"{url}&hosts=push.city.example", WebPush.form)
    push = WebPush(address, clock=clock, transport=service.transport)

    result = push.send(_to(browser.subscription(endpoint="https://a.push.city.example/x")))

    assert result == Accepted(provider_ref=KEY)


@pytest.mark.parametrize("phone", ["", "13800000001", "{}", '{"endpoint": "x"}', "[]"])
def test_what_is_no_subscription_reaches_nobody(
    push: WebPush, service: PushService, phone: str
) -> None:
    assert push.send(_to(phone)) == Refused(detail="no-subscription", failure=Failure.PERMANENT)
    assert not service.requests


def test_a_subscription_beside_a_phone_is_the_one(push: WebPush, browser: Browser) -> None:
    message = Message(key=KEY, phone="13800000001", text="t", push=browser.subscription())

    assert push.send(message) == Accepted(provider_ref=KEY)


@pytest.mark.parametrize("keys", [{"p256dh": "", "auth": ""}, {"p256dh": "AAAA", "auth": "AAAA"}])
def test_a_subscription_with_broken_keys_reaches_nobody(
    push: WebPush, service: PushService, browser: Browser, keys: dict[str, str]
) -> None:
    result = push.send(_to(browser.subscription(keys=keys)))

    assert result == Refused(detail="no-subscription", failure=Failure.PERMANENT)


def test_the_browser_tells_that_it_showed_it_and_what_the_driver_chose(
    push: WebPush, service: PushService, browser: Browser
) -> None:
    push.send(_to(browser.subscription()))
    token = browser.read(service.request.content)["token"]

    def told(event: str) -> object:
        body = json.dumps({"key": KEY, "token": token, "event": event})
        (one,) = push.read_callback(Callback(body=body))
        return one

    assert told("shown") == Receipt(
        provider_ref=KEY, status=DeliveryStatus.DELIVERED, provider_at=NOON
    )
    assert told("moving") == Answer(provider_ref=KEY, text="moving")


@pytest.mark.parametrize(
    "changed", [{"token": "guessed"}, {"key": "reminder:1:2"}, {"event": "<b>"}, {"token": ""}]
)
def test_a_forged_call_back_is_refused(
    push: WebPush, service: PushService, browser: Browser, changed: dict[str, str]
) -> None:
    push.send(_to(browser.subscription()))
    token = browser.read(service.request.content)["token"]
    body = {"key": KEY, "token": token, "event": "shown", **changed}

    with pytest.raises(UnreadableCallbackError):
        push.read_callback(Callback(body=json.dumps(body)))


def test_without_a_secret_there_are_no_call_backs(
    tmp_path: Path, url: str, clock: ManualClock, service: PushService, browser: Browser
) -> None:
    address = an_address(tmp_path, url.replace("&{token}", ""), WebPush.form)
    push = WebPush(address, clock=clock, transport=service.transport)
    push.send(_to(browser.subscription()))

    assert "token" not in browser.read(service.request.content)
    body = json.dumps({"key": KEY, "token": "", "event": "shown"})
    with pytest.raises(UnreadableCallbackError):
        push.read_callback(Callback(body=body))


def test_it_is_opened_by_url(tmp_path: Path, url: str, clock: ManualClock) -> None:
    channel = open_channel(url.replace("&{token}", ""), clock=clock)

    assert (channel.name, channel.is_repeatable) == ("push", False)


@pytest.mark.parametrize(
    ("content", "contact", "said"),
    [
        ("no key", "mailto:a@b", "not a key of P-256"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "mailto:a@b", "P-256"),
        (_base64(b"\x07" * 32), "a@b", "contact: use mailto"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, clock: ManualClock, content: str, contact: str, said: str
) -> None:
    file = a_file(tmp_path, "vapid", content)

    with pytest.raises(PermanentError, match=said):
        open_channel(f"push+webpush:?vapid_key_file={file}&contact={contact}", clock=clock)


def test_a_missing_key_is_never_made(tmp_path: Path, clock: ManualClock) -> None:
    file = tmp_path / "nowhere.pem"

    with pytest.raises(PermanentError, match="No such file"):
        open_channel(f"push+webpush:?vapid_key_file={file}&contact=mailto:a@b", clock=clock)
    assert not file.exists()
