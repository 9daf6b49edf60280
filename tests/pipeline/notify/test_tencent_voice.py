"""Calls through Tencent Cloud, against a provider that answers as documented."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from pipeline.clock import ManualClock
from pipeline.notify import (
    Accepted,
    Answer,
    Callback,
    Refused,
    SendUncertainError,
    UnreadableCallbackError,
)
from pipeline.notify.tencent_voice import CODES, TencentVoice
from pipeline.reminder import DeliveryStatus, Failure, Receipt
from tests.builders import NOON
from tests.pipeline.notify.contract import FIELDS, PHONE, ChannelContract, a_message, sent
from tests.pipeline.notify.providers import PAGE, TOKEN, FakeTencent, an_address, tencent_error

URL = (
    "voice+tencent://AKIDz8Example@vms.tencentcloudapi.com?{secret}&{token}&app_id=1400006666"
    "&template.reminder=4356&fields.reminder=plate,place&key.1=moving"
)
CALL = "12582bce-1"


@pytest.fixture
def provider() -> FakeTencent:
    return FakeTencent()


@pytest.fixture
def channel(tmp_path: Path, clock: ManualClock, provider: FakeTencent) -> TencentVoice:
    address = an_address(tmp_path, URL, TencentVoice.form)
    return TencentVoice(address, clock=clock, transport=provider.transport)


def _callback(kind: str, token: str = TOKEN, **told: object) -> Callback:
    told = {"callid": CALL, "call_from": "", "mobile": PHONE, "nationcode": "86", **told}
    return Callback(body=json.dumps({kind: told}), query={"token": token})


class TestTencentVoice(ChannelContract):
    pass


def test_a_call_goes_out_in_the_documented_form(
    channel: TencentVoice, provider: FakeTencent
) -> None:
    """Source: Tencent Cloud, "指定模板发送语音通知"."""
    assert channel.send(a_message()) == Accepted(provider_ref=CALL)

    request = provider.request
    assert json.loads(request.content) == {
        "TemplateId": "4356",
        "TemplateParamSet": [FIELDS["plate"], FIELDS["place"]],
        "CalledNumber": f"+86{PHONE}",
        "VoiceSdkAppid": "1400006666",
        "PlayTimes": 2,
        "SessionContext": "reminder:1:1",
    }
    assert request.headers["x-tc-action"] == "SendTtsVoice"
    assert request.headers["x-tc-version"] == "2020-09-02"
    assert "/2026-03-02/vms/tc3_request" in request.headers["authorization"]


@pytest.mark.parametrize(("code", "failure"), [one for one in CODES.items() if ":" not in one[0]])
def test_a_refusal_comes_with_its_kind(
    channel: TencentVoice, provider: FakeTencent, code: str, failure: Failure
) -> None:
    provider.scripted = [tencent_error(code)]

    assert channel.send(a_message()) == Refused(detail=code, failure=failure)


def test_a_call_that_was_answered_is_delivered(channel: TencentVoice) -> None:
    """Source: Tencent Cloud, "语音通知状态通知"."""
    told = {"result": "0", "accept_time": str(int(NOON.timestamp()) + 8), "fee": "1"}

    assert channel.read_callback(_callback("voiceprompt_callback", **told)) == [
        Receipt(
            provider_ref=CALL,
            status=DeliveryStatus.DELIVERED,
            provider_at=NOON + timedelta(seconds=8),
        )
    ]


@pytest.mark.parametrize(
    ("result", "failure"),
    [("1", Failure.TEMPORARY), ("2", Failure.TECHNICAL), ("9", Failure.TECHNICAL)],
)
@pytest.mark.parametrize("end", ["", "0", "soon"])
def test_a_call_that_was_not_answered_failed(
    channel: TencentVoice, result: str, failure: Failure, end: str
) -> None:
    callback = _callback("voiceprompt_callback", result=result, end_calltime=end)

    assert channel.read_callback(callback) == [
        Receipt(
            provider_ref=CALL,
            status=DeliveryStatus.FAILED,
            provider_at=NOON,
            failure=failure,
            detail=f"result:{result}",
        )
    ]


@pytest.mark.parametrize(
    ("code", "failure"), [one for one in CODES.items() if one[0].startswith("failure:")]
)
def test_why_a_call_failed_is_told_by_itself(
    channel: TencentVoice, code: str, failure: Failure
) -> None:
    """Source: Tencent Cloud, "语音送达失败原因通知"."""
    number = int(code.removeprefix("failure:"))

    (receipt,) = channel.read_callback(
        _callback("voice_failure_callback", failure_code=number, failure_reason=PHONE)
    )

    assert isinstance(receipt, Receipt)
    assert (receipt.failure, receipt.detail) == (failure, code)


def test_a_pressed_key_is_an_answer(channel: TencentVoice) -> None:
    """Source: Tencent Cloud, "语音通知按键通知"."""
    assert channel.read_callback(_callback("voicekey_callback", keypress="1")) == [
        Answer(provider_ref=CALL, text="moving")
    ]
    assert channel.read_callback(_callback("voicekey_callback", keypress="")) == []


def test_nothing_can_be_asked_about_a_call(channel: TencentVoice, provider: FakeTencent) -> None:
    assert channel.fetch_receipt(sent(CALL)) is None
    with pytest.raises(SendUncertainError, match="nothing can be asked"):
        channel.look_up(a_message(), since=NOON)
    assert not provider.requests


@pytest.mark.parametrize("text", [PAGE, "{}", '{"Response": {"SendStatus": {"CallId": ""}}}'])
def test_an_unreadable_answer_is_no_success(
    channel: TencentVoice, provider: FakeTencent, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text)]

    with pytest.raises(SendUncertainError):
        channel.send(a_message())


def test_a_forged_call_back_is_refused(channel: TencentVoice) -> None:
    with pytest.raises(UnreadableCallbackError, match="without our token"):
        channel.read_callback(_callback("voiceprompt_callback", token="guessed", result="0"))
    with pytest.raises(UnreadableCallbackError, match="not a call-back"):
        channel.read_callback(_callback("voicecode_callback", result="0"))
