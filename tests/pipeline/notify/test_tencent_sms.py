"""SMS through Tencent Cloud, against a provider that answers as documented."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipeline.clock import ManualClock
from pipeline.notify import (
    Accepted,
    Callback,
    ChannelUnavailableError,
    Refused,
    SendUncertainError,
    UnreadableCallbackError,
)
from pipeline.notify.tencent_sms import CODES, TencentSms
from pipeline.reminder import DeliveryStatus, Failure, Receipt, is_forward
from tests.builders import NOON
from tests.pipeline.notify.contract import FIELDS, PHONE, ChannelContract, a_message, sent
from tests.pipeline.notify.providers import (
    PAGE,
    TOKEN,
    FakeTencent,
    an_address,
    tencent,
    tencent_error,
)

URL = (
    "sms+tencent://AKIDz8Example@sms.tencentcloudapi.com?{secret}&{token}&app_id=1400006666"
    "&sign_name=某某交警&template.reminder=1110&fields.reminder=minutes,plate"
)
KEY = "reminder:1:1"


@pytest.fixture
def provider() -> FakeTencent:
    return FakeTencent()


@pytest.fixture
def channel(tmp_path: Path, clock: ManualClock, provider: FakeTencent) -> TencentSms:
    address = an_address(tmp_path, URL, TencentSms.form)
    return TencentSms(address, clock=clock, transport=provider.transport)


def _report(body: object, token: str = TOKEN) -> Callback:
    return Callback(body=json.dumps(body), query={"token": token})


class TestTencentSms(ChannelContract):
    pass


@pytest.mark.parametrize("phone", [PHONE, "+8613800000001", "008613800000001"])
def test_a_message_goes_out_in_the_documented_form(
    channel: TencentSms, provider: FakeTencent, phone: str
) -> None:
    """Source: Tencent Cloud, "发送短信" and "公共参数"."""
    assert channel.send(a_message(phone=phone)) == Accepted(provider_ref="5000:1")

    request = provider.request
    assert (request.method, str(request.url)) == ("POST", "https://sms.tencentcloudapi.com/")
    assert json.loads(request.content) == {
        "PhoneNumberSet": ["+8613800000001"],
        "SmsSdkAppId": "1400006666",
        "SignName": "某某交警",
        "TemplateId": "1110",
        "TemplateParamSet": [FIELDS["minutes"], FIELDS["plate"]],
        "SessionContext": KEY,
    }
    headers = {name: request.headers[name] for name in request.headers if name.startswith("x-tc")}
    assert headers == {
        "x-tc-action": "SendSms",
        "x-tc-region": "ap-guangzhou",
        "x-tc-timestamp": str(int(NOON.timestamp())),
        "x-tc-version": "2021-01-11",
    }
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["host"] == "sms.tencentcloudapi.com"
    assert request.headers["authorization"].startswith(
        "TC3-HMAC-SHA256 Credential=AKIDz8Example/2026-03-02/sms/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, Signature="
    )


@pytest.mark.parametrize(("code", "failure"), list(CODES.items()))
def test_a_refusal_comes_with_its_kind(
    channel: TencentSms, provider: FakeTencent, code: str, failure: Failure
) -> None:
    status = {"SerialNo": "", "Code": code, "Message": PHONE, "SessionContext": KEY}
    provider.scripted = [tencent_error(code), tencent({"SendStatusSet": [status]})]

    assert channel.send(a_message()) == Refused(detail=code, failure=failure)
    assert channel.send(a_message()) == Refused(detail=code, failure=failure)


def test_an_unknown_code_is_technical(channel: TencentSms, provider: FakeTencent) -> None:
    provider.scripted = [tencent_error("FailedOperation.New")]

    assert channel.send(a_message()) == Refused(
        detail="FailedOperation.New", failure=Failure.TECHNICAL
    )


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded"])
def test_what_is_throttled_was_not_taken(
    channel: TencentSms, provider: FakeTencent, code: str
) -> None:
    provider.scripted = [tencent_error(code)]

    with pytest.raises(ChannelUnavailableError, match="throttled"):
        channel.send(a_message())


@pytest.mark.parametrize("code", ["InternalError.Timeout", "InternalError.SendAndRecvFail"])
def test_a_provider_that_lost_its_own_provider_cannot_tell(
    channel: TencentSms, provider: FakeTencent, code: str
) -> None:
    provider.scripted = [tencent_error(code)]

    with pytest.raises(SendUncertainError, match=code):
        channel.send(a_message())


@pytest.mark.parametrize(
    "text",
    [
        PAGE,
        "",
        "{}",
        '{"Response": {}}',
        '{"Response": {"SendStatusSet": []}}',
        '{"Response": {"SendStatusSet": [{"Code": "Ok"}]}}',
    ],
)
def test_an_unreadable_answer_is_no_success(
    channel: TencentSms, provider: FakeTencent, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text)]

    with pytest.raises(SendUncertainError) as uncertain:
        channel.send(a_message())
    assert PHONE not in str(uncertain.value)


def test_a_page_that_refuses_is_for_staff(channel: TencentSms, provider: FakeTencent) -> None:
    provider.scripted = [httpx.Response(404, text=PAGE)]

    assert channel.send(a_message()) == Refused(detail="HTTP 404", failure=Failure.TECHNICAL)


def _listed(serial: str, **changed: object) -> dict[str, object]:
    return {
        "Description": "DELIVRD",
        "CountryCode": "86",
        "SubscriberNumber": PHONE,
        "ReportStatus": "SUCCESS",
        "PhoneNumber": f"+86{PHONE}",
        "SerialNo": serial,
        "UserReceiveTime": int(NOON.timestamp()) + 8,
        "SessionContext": KEY,
        **changed,
    }


def test_receipts_are_asked_for_by_number(channel: TencentSms, provider: FakeTencent) -> None:
    """Source: Tencent Cloud, "单个号码拉取短信下发状态"."""
    channel.send(a_message())
    provider.told = [
        _listed("5000:1"),
        _listed("5000:2", ReportStatus="FAIL", Description="MK:0023", UserReceiveTime=None),
    ]

    assert channel.fetch_receipt(sent("5000:1")) == Receipt(
        provider_ref="5000:1",
        status=DeliveryStatus.DELIVERED,
        provider_at=NOON + timedelta(seconds=8),
    )
    failed = channel.fetch_receipt(sent("5000:2"))
    assert failed is not None
    assert (failed.status, failed.failure) == (DeliveryStatus.FAILED, Failure.TEMPORARY)
    assert provider.request.headers["x-tc-action"] == "PullSmsSendStatusByPhoneNumber"
    assert json.loads(provider.request.content) == {
        "BeginTime": int(NOON.timestamp()) - 60,
        "EndTime": int(NOON.timestamp()) + 1,
        "Limit": 100,
        "Offset": 0,
        "PhoneNumber": f"+86{PHONE}",
        "SmsSdkAppId": "1400006666",
    }


def test_no_more_than_a_week_is_asked_for(
    channel: TencentSms, provider: FakeTencent, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=9))

    assert channel.fetch_receipt(sent("5000:1")) is None
    begin = json.loads(provider.request.content)["BeginTime"]
    assert begin > int((clock.now() - timedelta(days=7)).timestamp())


def test_what_no_carrier_told_of_can_never_be_ruled_out(
    channel: TencentSms, provider: FakeTencent, clock: ManualClock
) -> None:
    with pytest.raises(ChannelUnavailableError, match="yet"):
        channel.look_up(a_message(), since=NOON)
    clock.advance(timedelta(minutes=2))
    with pytest.raises(SendUncertainError):
        channel.look_up(a_message(), since=NOON)
    provider.told = [_listed("5000:7")]
    assert channel.look_up(a_message(), since=NOON) == Accepted(provider_ref="5000:7")


@pytest.mark.parametrize("text", [PAGE, "{}", '{"Response": {}}'])
def test_an_unreadable_answer_to_a_question_means_later(
    channel: TencentSms, provider: FakeTencent, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text), tencent_error("InternalError")]

    for _ in range(2):
        with pytest.raises(ChannelUnavailableError):
            channel.fetch_receipt(sent("5000:1"))


DELIVERED = {
    "user_receive_time": "2026-03-02 12:00:09",
    "nationcode": "86",
    "mobile": PHONE,
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "5000:1",
}


def test_a_call_back_brings_receipts(channel: TencentSms) -> None:
    """Source: Tencent Cloud, "短信下发状态通知"."""
    at = datetime(2026, 3, 2, 4, 0, 9, tzinfo=UTC)
    failed = {**DELIVERED, "report_status": "FAIL", "errmsg": "MK:0001", "sid": "5000:2"}

    assert channel.read_callback(_report([DELIVERED, failed])) == [
        Receipt(provider_ref="5000:1", status=DeliveryStatus.DELIVERED, provider_at=at),
        Receipt(
            provider_ref="5000:2",
            status=DeliveryStatus.FAILED,
            provider_at=at,
            failure=Failure.PERMANENT,
            detail="MK:0001",
        ),
    ]


def test_reordered_and_repeated_call_backs_only_go_forward(channel: TencentSms) -> None:
    failed = {**DELIVERED, "report_status": "FAIL", "errmsg": "UNDELIV"}
    known = DeliveryStatus.ACCEPTED
    moves = []
    for body in ([failed], [failed], [DELIVERED], [failed], [DELIVERED]):
        (receipt,) = channel.read_callback(_report(body))
        assert isinstance(receipt, Receipt)
        moves.append(is_forward(known, receipt.status))
        known = receipt.status if moves[-1] else known

    assert moves == [True, False, True, False, False]
    assert known is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("token", ["", "guessed", TOKEN + " "])
def test_a_forged_call_back_is_refused(channel: TencentSms, token: str) -> None:
    with pytest.raises(UnreadableCallbackError, match="without our token"):
        channel.read_callback(_report([DELIVERED], token))


@pytest.mark.parametrize("body", [{}, [{}], [1], [{**DELIVERED, "sid": ""}]])
def test_a_call_back_of_another_form_is_refused(channel: TencentSms, body: object) -> None:
    with pytest.raises(UnreadableCallbackError, match="not a call-back") as refused:
        channel.read_callback(_report(body))
    assert PHONE not in str(refused.value)
