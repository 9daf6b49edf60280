"""SMS through Alibaba Cloud, against a provider that answers as documented."""

import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipeline.clock import ManualClock
from pipeline.notify import (
    Accepted,
    Callback,
    ChannelUnavailableError,
    Message,
    Refused,
    SendUncertainError,
    UnreadableCallbackError,
)
from pipeline.notify.aliyun_sms import CODES, AliyunSms
from pipeline.reminder import DeliveryStatus, Failure, Receipt
from tests.builders import NOON
from tests.pipeline.notify.contract import FIELDS, PHONE, ChannelContract, a_message, sent
from tests.pipeline.notify.providers import (
    PAGE,
    SECRET,
    TOKEN,
    FakeAliyun,
    aliyun_error,
    an_address,
)

URL = (
    "sms+aliyun://LTAI5tExample@dysmsapi.aliyuncs.com?{secret}&{token}"
    "&sign_name=某某交警&template.reminder=SMS_154950909"
)
KEY = "reminder:1:1"


@pytest.fixture
def provider() -> FakeAliyun:
    return FakeAliyun()


@pytest.fixture
def channel(tmp_path: Path, clock: ManualClock, provider: FakeAliyun) -> AliyunSms:
    address = an_address(tmp_path, URL, AliyunSms.form)
    return AliyunSms(address, clock=clock, transport=provider.transport)


def _report(body: object, token: str = TOKEN) -> Callback:
    return Callback(body=json.dumps(body), query={"token": token})


class TestAliyunSms(ChannelContract):
    pass


def test_a_message_goes_out_in_the_documented_form(
    channel: AliyunSms, provider: FakeAliyun
) -> None:
    """Source: Alibaba Cloud, "SendSms" and "V3版本请求体&签名机制"."""
    assert channel.send(a_message(phone="+8613800000001")) == Accepted(provider_ref=KEY)

    request = provider.request
    assert (request.method, request.url.host, request.url.path) == (
        "POST",
        "dysmsapi.aliyuncs.com",
        "/",
    )
    asked = {name: value for name, (value,) in provider.asked(request).items()}
    assert json.loads(asked.pop("TemplateParam")) == FIELDS
    assert asked == {
        "OutId": KEY,
        "PhoneNumbers": PHONE,
        "SignName": "某某交警",
        "TemplateCode": "SMS_154950909",
    }
    assert request.content == b""
    headers = {name: request.headers[name] for name in request.headers if name.startswith("x-acs")}
    assert len(headers.pop("x-acs-signature-nonce")) == 32
    assert headers == {
        "x-acs-action": "SendSms",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2026-03-02T04:00:00Z",
        "x-acs-version": "2017-05-25",
    }
    assert request.headers["host"] == "dysmsapi.aliyuncs.com"
    assert request.headers["authorization"].startswith(
        "ACS3-HMAC-SHA256 Credential=LTAI5tExample,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature="
    )


def test_what_is_signed_is_what_goes_out(channel: AliyunSms, provider: FakeAliyun) -> None:
    message = Message(key="k~ *'()/?&=+%", phone=PHONE, text="", fields={"place": "路 8+9%~'*"})

    channel.send(message)

    # As RFC 3986 has it, in the order of names: the canonical query is the query.
    query = provider.request.url.query.decode()
    assert query.startswith("OutId=k~%20%2A%27%28%29%2F%3F%26%3D%2B%25&PhoneNumbers=13800000001&")
    assert "%2A" in query.rpartition("TemplateParam=")[2]
    headers = provider.request.headers
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    lines = "".join(f"{name}:{headers[name]}\n" for name in names.split(";"))
    nothing = hashlib.sha256(b"").hexdigest()
    canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{nothing}"
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(SECRET.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_every_request_has_a_nonce_of_its_own(channel: AliyunSms, provider: FakeAliyun) -> None:
    channel.send(a_message())
    channel.send(a_message("reminder:1:2"))

    assert len({one.headers["x-acs-signature-nonce"] for one in provider.requests}) == 2


@pytest.mark.parametrize(("code", "failure"), list(CODES.items()))
def test_a_refusal_comes_with_its_kind(
    channel: AliyunSms, provider: FakeAliyun, code: str, failure: Failure
) -> None:
    provider.scripted = [aliyun_error(code)]

    assert channel.send(a_message()) == Refused(detail=code, failure=failure)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_gateway_error_is_a_refusal_too(
    channel: AliyunSms, provider: FakeAliyun, status: int
) -> None:
    provider.scripted = [aliyun_error("SignatureDoesNotMatch", status)]

    result = channel.send(a_message())

    assert result == Refused(detail="SignatureDoesNotMatch", failure=Failure.TECHNICAL)


def test_an_unknown_code_is_technical_and_told_to_staff(
    channel: AliyunSms, provider: FakeAliyun, caplog: pytest.LogCaptureFixture
) -> None:
    provider.scripted = [aliyun_error("isv.NEW_ONE")]

    with caplog.at_level(logging.DEBUG, logger="pipeline"):
        assert channel.send(a_message()) == Refused(detail="isv.NEW_ONE", failure=Failure.TECHNICAL)
    assert [record.message for record in caplog.records] == ["unknown code of a provider"]
    assert PHONE not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("code", ["Throttling", "Throttling.User", "Throttling.Api"])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_throttled_was_not_taken(
    channel: AliyunSms, provider: FakeAliyun, code: str, status: int
) -> None:
    provider.scripted = [aliyun_error(code, status)]

    with pytest.raises(ChannelUnavailableError, match="throttled"):
        channel.send(a_message())


@pytest.mark.parametrize("text", [PAGE, "", "{}", '{"Code": "OK"}', '{"code": "OK"}'])
def test_an_unreadable_answer_is_no_success(
    channel: AliyunSms, provider: FakeAliyun, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text)]

    with pytest.raises(SendUncertainError, match="HTTP 200") as uncertain:
        channel.send(a_message())
    assert PHONE not in str(uncertain.value)


def test_a_page_that_refuses_is_for_staff(channel: AliyunSms, provider: FakeAliyun) -> None:
    provider.scripted = [httpx.Response(403, text=PAGE)]

    assert channel.send(a_message()) == Refused(detail="HTTP 403", failure=Failure.TECHNICAL)


def test_a_page_of_a_broken_server_means_later(channel: AliyunSms, provider: FakeAliyun) -> None:
    provider.scripted = [httpx.Response(503, text=PAGE)]

    with pytest.raises(ChannelUnavailableError):
        channel.send(a_message())


def test_silence_is_uncertain_until_it_is_looked_up(
    channel: AliyunSms, provider: FakeAliyun, clock: ManualClock
) -> None:
    provider.scripted = [httpx.ReadTimeout("silent")]
    with pytest.raises(SendUncertainError):
        channel.send(a_message())

    with pytest.raises(ChannelUnavailableError, match="not listed yet"):
        channel.look_up(a_message(), since=NOON)
    clock.advance(timedelta(minutes=2))
    assert channel.look_up(a_message(), since=NOON) is None
    provider.sent.append({"OutId": KEY, "PhoneNumbers": PHONE, "TemplateCode": "SMS_1"})
    assert channel.look_up(a_message(), since=NOON) == Accepted(provider_ref=KEY)


def test_a_message_had_its_time_to_be_listed_only_since_somebody_looked(
    channel: AliyunSms, provider: FakeAliyun, clock: ManualClock
) -> None:
    """It may have been written long before it was sent, after quiet hours or many tries."""
    long_ago = NOON - timedelta(hours=10)
    for _ in range(2):
        provider.scripted = [httpx.ReadTimeout("silent")]
        with pytest.raises(SendUncertainError):
            channel.send(a_message())
        for _ in range(2):
            with pytest.raises(ChannelUnavailableError, match="not listed yet"):
                channel.look_up(a_message(), since=long_ago)
            clock.advance(timedelta(seconds=60))
    assert channel.look_up(a_message(), since=long_ago) is None


def test_a_wording_without_a_name_there_is_for_staff(
    channel: AliyunSms, provider: FakeAliyun
) -> None:
    result = channel.send(Message(key="k", phone=PHONE, text="t", template="notice"))

    assert isinstance(result, Refused)
    assert result.failure is Failure.TECHNICAL
    assert "template.notice" in result.detail
    assert not provider.requests


@pytest.mark.parametrize(
    ("state", "status", "failure"),
    [
        ((3, "DELIVERED"), DeliveryStatus.DELIVERED, None),
        ((2, "MOBILE_NOT_ON_SERVICE"), DeliveryStatus.FAILED, Failure.TEMPORARY),
        ((2, "MOBILE_IN_BLACK"), DeliveryStatus.FAILED, Failure.PERMANENT),
        ((2, "CONTENT_KEYWORD"), DeliveryStatus.FAILED, Failure.TECHNICAL),
    ],
)
def test_a_receipt_is_asked_for_by_number_and_day(
    channel: AliyunSms,
    provider: FakeAliyun,
    state: tuple[int, str],
    status: DeliveryStatus,
    failure: Failure | None,
) -> None:
    channel.send(a_message())
    provider.states = {KEY: state}

    receipt = channel.fetch_receipt(sent(KEY))

    asked = {name: value for name, (value,) in provider.asked(provider.request).items()}
    assert asked == {
        "CurrentPage": "1",
        "PageSize": "50",
        "PhoneNumber": PHONE,
        "SendDate": "20260302",
    }
    assert provider.request.headers["x-acs-action"] == "QuerySendDetails"
    assert receipt == Receipt(
        provider_ref=KEY,
        status=status,
        provider_at=datetime(2026, 3, 2, 4, 0, 9, tzinfo=UTC),
        failure=failure,
        detail="" if failure is None else state[1],
    )


@pytest.mark.parametrize("state", [(1, ""), (0, ""), (4, "NEW")])
def test_a_state_that_is_no_end_gives_no_receipt(
    channel: AliyunSms, provider: FakeAliyun, state: tuple[int, str]
) -> None:
    channel.send(a_message())
    provider.states = {KEY: state}

    assert channel.fetch_receipt(sent(KEY)) is None


def test_all_pages_are_read_and_around_midnight_both_days(
    channel: AliyunSms, provider: FakeAliyun, clock: ManualClock
) -> None:
    for n in range(60):
        channel.send(a_message(f"reminder:1:{n}"))
    provider.requests.clear()
    midnight = datetime(2026, 3, 2, 16, 0, 10, tzinfo=UTC)
    clock.advance(midnight - NOON)

    found = channel.look_up(a_message("reminder:1:59"), since=midnight - timedelta(minutes=2))

    assert found == Accepted(provider_ref="reminder:1:59")
    pages = [provider.asked(one) for one in provider.requests]
    assert [(one["SendDate"], one["CurrentPage"]) for one in pages] == [
        (["20260302"], ["1"]),
        (["20260302"], ["2"]),
    ]
    with pytest.raises(ChannelUnavailableError):
        channel.look_up(a_message("unknown"), since=midnight - timedelta(minutes=2))
    assert provider.asked(provider.request)["SendDate"] == ["20260303"]


def test_what_is_counted_but_not_listed_cannot_be_told(
    channel: AliyunSms, provider: FakeAliyun
) -> None:
    listed = {"TotalCount": "2", "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}}
    provider.scripted = [httpx.Response(200, json={"Code": "OK", **listed})]

    with pytest.raises(ChannelUnavailableError, match="not all messages are listed"):
        channel.look_up(a_message(), since=NOON - timedelta(hours=1))


def test_a_refused_question_means_later_and_is_told(
    channel: AliyunSms, provider: FakeAliyun, caplog: pytest.LogCaptureFixture
) -> None:
    provider.scripted = [aliyun_error("isp.RAM_PERMISSION_DENY")]

    with pytest.raises(ChannelUnavailableError):
        channel.fetch_receipt(sent(KEY))
    assert [record.message for record in caplog.records] == ["provider refused a question"]


DELIVERED = {
    "phone_number": PHONE,
    "send_time": "2026-03-02 12:00:01",
    "report_time": "2026-03-02 12:00:09",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "900619546446464^0",
    "out_id": KEY,
}


def test_a_call_back_brings_receipts(channel: AliyunSms) -> None:
    """Source: Alibaba Cloud, "SmsReport"."""
    at = datetime(2026, 3, 2, 4, 0, 9, tzinfo=UTC)
    failed = {**DELIVERED, "success": False, "err_code": "USER_REJECT", "out_id": "reminder:1:2"}
    of_others = {**DELIVERED, "out_id": ""}

    assert channel.read_callback(_report([DELIVERED, failed, of_others])) == [
        Receipt(provider_ref=KEY, status=DeliveryStatus.DELIVERED, provider_at=at),
        Receipt(
            provider_ref="reminder:1:2",
            status=DeliveryStatus.FAILED,
            provider_at=at,
            failure=Failure.PERMANENT,
            detail="USER_REJECT",
        ),
    ]


def test_a_call_back_without_a_readable_time_is_worth_its_receipt(channel: AliyunSms) -> None:
    (receipt,) = channel.read_callback(_report([{**DELIVERED, "report_time": "yesterday"}]))

    assert receipt == Receipt(provider_ref=KEY, status=DeliveryStatus.DELIVERED, provider_at=NOON)


@pytest.mark.parametrize("token", ["", "guessed", TOKEN.upper(), TOKEN + "x", "令牌"])
def test_a_forged_call_back_is_refused(channel: AliyunSms, token: str) -> None:
    with pytest.raises(UnreadableCallbackError, match="without our token"):
        channel.read_callback(_report([DELIVERED], token))


@pytest.mark.parametrize("body", [{}, [{}], [1], "x", [{**DELIVERED, "success": "perhaps"}]])
def test_a_call_back_of_another_form_is_refused(channel: AliyunSms, body: object) -> None:
    with pytest.raises(UnreadableCallbackError, match="not a call-back") as refused:
        channel.read_callback(_report(body))
    assert PHONE not in str(refused.value)


def test_without_a_token_there_are_no_call_backs(
    tmp_path: Path, clock: ManualClock, provider: FakeAliyun
) -> None:
    address = an_address(tmp_path, URL.replace("&{token}", ""), AliyunSms.form)
    channel = AliyunSms(address, clock=clock, transport=provider.transport)

    with pytest.raises(UnreadableCallbackError, match="callback_token_file"):
        channel.read_callback(_report([DELIVERED], ""))
