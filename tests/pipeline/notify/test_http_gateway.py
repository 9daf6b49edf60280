"""A gateway of our own documented form."""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipeline.clock import ManualClock
from pipeline.notify import (
    Accepted,
    Answer,
    Callback,
    ChannelUnavailableError,
    Message,
    Refused,
    SendUncertainError,
    UnreadableCallbackError,
)
from pipeline.notify.http_gateway import CODES, HttpGateway
from pipeline.reminder import DeliveryStatus, Failure, Receipt, is_forward
from tests.builders import NOON
from tests.pipeline.notify.contract import (
    FIELDS,
    PHONE,
    ChannelContract,
    RepeatableContract,
    a_message,
    sent,
)
from tests.pipeline.notify.providers import PAGE, SECRET, FakeGateway, an_address

URL = "sms+https://gateway.example:8443/v1/messages?{secret}"

Open = Callable[[str], HttpGateway]


@pytest.fixture
def provider() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def open_gateway(tmp_path: Path, clock: ManualClock, provider: FakeGateway) -> Open:
    def opened(options: str) -> HttpGateway:
        address = an_address(tmp_path, URL + options, HttpGateway.form)
        return HttpGateway(address, clock=clock, transport=provider.transport)

    return opened


def _signed(at: datetime, body: str) -> Callback:
    timestamp = str(int(at.timestamp()))
    signature = hmac.new(SECRET.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256)
    headers = {
        "x-remindfirst-timestamp": timestamp,
        "x-remindfirst-signature": signature.hexdigest(),
    }
    return Callback(body=body, headers=headers)


class TestGatewayThatKnowsKeys(RepeatableContract):
    @pytest.fixture
    def channel(self, open_gateway: Open) -> HttpGateway:
        return open_gateway("&knows_keys=true")

    def test_after_silence_the_same_message_may_be_sent_again(
        self, channel: HttpGateway, provider: FakeGateway
    ) -> None:
        provider.scripted = [httpx.ReadTimeout("silent")]

        with pytest.raises(SendUncertainError):
            channel.send(a_message())
        assert channel.send(a_message()) == Accepted(provider_ref="gw-1")


class TestGatewayThatKnowsNoKeys(ChannelContract):
    @pytest.fixture
    def channel(self, open_gateway: Open) -> HttpGateway:
        return open_gateway("")

    def test_silence_after_sending_is_uncertain(
        self, channel: HttpGateway, provider: FakeGateway
    ) -> None:
        provider.scripted = [httpx.ReadTimeout("silent")]

        with pytest.raises(SendUncertainError):
            channel.send(a_message())


@pytest.fixture
def channel(open_gateway: Open) -> HttpGateway:
    return open_gateway("")


def test_a_message_goes_out_in_the_documented_form(
    channel: HttpGateway, provider: FakeGateway
) -> None:
    assert channel.send(a_message()) == Accepted(provider_ref="gw-1")

    request = provider.request
    assert (request.method, str(request.url)) == (
        "POST",
        "https://gateway.example:8443/v1/messages",
    )
    assert json.loads(request.content) == {
        "key": "reminder:1:1",
        "to": PHONE,
        "text": "please move",
        "template": "reminder",
        "fields": FIELDS,
    }
    timestamp = str(int(NOON.timestamp()))
    signed = timestamp.encode() + b"." + request.content
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["idempotency-key"] == "reminder:1:1"
    assert request.headers["x-remindfirst-timestamp"] == timestamp
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["x-remindfirst-signature"] == expected


def test_questions_are_signed_too(channel: HttpGateway, provider: FakeGateway) -> None:
    channel.look_up(a_message("a key/1"), since=NOON)
    assert str(provider.request.url).endswith("/v1/messages?key=a+key%2F1")
    assert provider.request.headers["x-remindfirst-signature"]

    channel.fetch_receipt(sent("id/1"))
    assert str(provider.request.url).endswith("/v1/messages/id%2F1")
    assert provider.request.headers["x-remindfirst-signature"]


def test_the_gateways_own_wordings_may_be_named(open_gateway: Open, provider: FakeGateway) -> None:
    channel = open_gateway("&template.reminder=T-17&fields.reminder=place,plate")

    channel.send(a_message())

    told = json.loads(provider.request.content)
    assert told["template"] == "T-17"
    assert list(told["fields"]) == ["place", "plate"]


def test_a_field_that_a_message_lacks_is_for_staff(
    open_gateway: Open, provider: FakeGateway
) -> None:
    channel = open_gateway("&fields.reminder=colour")

    result = channel.send(a_message())

    assert isinstance(result, Refused)
    assert result.failure is Failure.TECHNICAL
    assert not provider.requests


@pytest.mark.parametrize(("code", "failure"), [(code, failure) for code, failure in CODES.items()])
def test_a_refusal_comes_with_its_kind(
    channel: HttpGateway, provider: FakeGateway, code: str, failure: Failure
) -> None:
    provider.scripted = [httpx.Response(422, json={"code": code})]

    assert channel.send(a_message()) == Refused(detail=code, failure=failure)


@pytest.mark.parametrize("code", ["new_one", PHONE, "a b", "鄂A12345", ""])
def test_an_unknown_code_is_technical_and_told_to_staff(
    channel: HttpGateway, provider: FakeGateway, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.scripted = [httpx.Response(422, json={"code": code})]

    with caplog.at_level(logging.ERROR, logger="pipeline"):
        result = channel.send(a_message())

    shown = "new_one" if code == "new_one" else "unreadable code"
    assert result == Refused(detail=shown, failure=Failure.TECHNICAL)
    (record,) = caplog.records
    assert (record.message, vars(record)["code"]) == ("unknown code of a provider", shown)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_page_that_refuses_is_for_staff(
    channel: HttpGateway, provider: FakeGateway, status: int
) -> None:
    provider.scripted = [httpx.Response(status, text=PAGE)]

    result = channel.send(a_message())

    assert result == Refused(detail=f"HTTP {status}", failure=Failure.TECHNICAL)


@pytest.mark.parametrize("text", [PAGE, "", "{}", '{"id": ""}', '{"id": null}', "[]", "ok"])
def test_a_good_status_without_an_id_is_no_success(
    channel: HttpGateway, provider: FakeGateway, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text)]

    with pytest.raises(SendUncertainError, match="HTTP 200, unreadable answer") as uncertain:
        channel.send(a_message())
    assert PHONE not in str(uncertain.value)


@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_page_says_nothing_of_what_was_taken(
    channel: HttpGateway, provider: FakeGateway, status: int
) -> None:
    provider.scripted = [httpx.Response(status, text=PAGE), httpx.Response(status, text=PAGE)]

    with pytest.raises(ChannelUnavailableError):
        channel.look_up(a_message(), since=NOON)
    with pytest.raises(ChannelUnavailableError):
        channel.fetch_receipt(sent("gw-1"))


def test_a_receipt_tells_what_became_of_a_message(
    channel: HttpGateway, provider: FakeGateway
) -> None:
    at = NOON + timedelta(seconds=8)
    state = {"id": "gw-1", "status": "delivered", "at": at.isoformat()}
    provider.states = {"gw-1": state, "gw-2": {**state, "status": "failed", "code": "phone_off"}}

    assert channel.fetch_receipt(sent("gw-1")) == Receipt(
        provider_ref="gw-1", status=DeliveryStatus.DELIVERED, provider_at=at
    )
    assert channel.fetch_receipt(sent("gw-2")) == Receipt(
        provider_ref="gw-2",
        status=DeliveryStatus.FAILED,
        provider_at=at,
        failure=Failure.TEMPORARY,
        detail="phone_off",
    )


EVENTS = json.dumps(
    [
        {"id": "gw-1", "status": "accepted", "at": "2026-03-02T12:00:01+08:00"},
        {"id": "gw-1", "status": "delivered", "at": "2026-03-02T12:00:09+08:00"},
        {"id": "gw-2", "status": "failed", "at": "2026-03-02T12:00:09+08:00", "code": "blocked"},
        {"id": "gw-1", "answer": "moving", "at": "2026-03-02T12:01:00+08:00"},
    ]
)


def test_a_signed_call_back_brings_receipts_and_answers(channel: HttpGateway) -> None:
    at = datetime(2026, 3, 2, 4, 0, 9, tzinfo=UTC)

    told = channel.read_callback(_signed(NOON, EVENTS))

    assert told == [
        Receipt(provider_ref="gw-1", status=DeliveryStatus.DELIVERED, provider_at=at),
        Receipt(
            provider_ref="gw-2",
            status=DeliveryStatus.FAILED,
            provider_at=at,
            failure=Failure.PERMANENT,
            detail="blocked",
        ),
        Answer(provider_ref="gw-1", text="moving"),
    ]


def test_the_same_call_back_says_the_same_and_an_old_one_nothing(
    channel: HttpGateway, clock: ManualClock
) -> None:
    callback = _signed(NOON, EVENTS)
    first = channel.read_callback(callback)

    assert channel.read_callback(callback) == first
    assert not is_forward(DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED)
    clock.advance(timedelta(minutes=6))
    with pytest.raises(UnreadableCallbackError, match="another time"):
        channel.read_callback(callback)


def test_the_window_of_call_backs_may_be_wider(open_gateway: Open, clock: ManualClock) -> None:
    channel = open_gateway("&callback_window_s=3600")
    clock.advance(timedelta(minutes=59))

    assert channel.read_callback(_signed(NOON, "[]")) == []


@pytest.mark.parametrize(
    "body", [PAGE, "{}", '[{"id": "gw-1"}]', '[{"id": "gw-1", "status": "read", "at": 1}]']
)
def test_a_signed_call_back_of_another_form_is_refused(channel: HttpGateway, body: str) -> None:
    with pytest.raises(UnreadableCallbackError, match="not a call-back") as refused:
        channel.read_callback(_signed(NOON, body))
    assert PHONE not in str(refused.value)


def test_a_city_app_is_told_in_the_same_form(
    tmp_path: Path, clock: ManualClock, provider: FakeGateway
) -> None:
    address = an_address(tmp_path, "push+https://app.example/hook?{secret}", HttpGateway.form)
    channel = HttpGateway(address, clock=clock, transport=provider.transport)

    channel.send(Message(key="k", phone=PHONE, text="t"))

    assert channel.name == "push"
    assert str(provider.request.url) == "https://app.example/hook"
    assert json.loads(provider.request.content)["key"] == "k"
