"""Calls through Alibaba Cloud, against a provider that answers as documented."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pipeline.clock import ManualClock
from pipeline.notify import (
    Accepted,
    Answer,
    Callback,
    ChannelUnavailableError,
    Refused,
    SendUncertainError,
    UnreadableCallbackError,
)
from pipeline.notify.aliyun_voice import CODES, AliyunVoice
from pipeline.reminder import DeliveryStatus, Failure, Receipt
from tests.builders import NOON
from tests.pipeline.notify.contract import FIELDS, PHONE, ChannelContract, a_message, sent
from tests.pipeline.notify.providers import PAGE, TOKEN, FakeAliyun, aliyun_error, an_address

URL = (
    "voice+aliyun://LTAI5tExample@dyvmsapi.aliyuncs.com?{secret}&{token}"
    "&template.reminder=TTS_100001&key.1=&key.2=moving&key.9=not_mine"
)
CALL = "116012354141^10281"
AT = datetime(2026, 3, 2, 4, 0, 9, tzinfo=UTC)


@pytest.fixture
def provider() -> FakeAliyun:
    return FakeAliyun()


@pytest.fixture
def channel(tmp_path: Path, clock: ManualClock, provider: FakeAliyun) -> AliyunVoice:
    return _channel(tmp_path, clock, provider, URL)


def _channel(folder: Path, clock: ManualClock, provider: FakeAliyun, url: str) -> AliyunVoice:
    address = an_address(folder, url, AliyunVoice.form)
    return AliyunVoice(address, clock=clock, transport=provider.transport)


def _report(*entries: object, token: str = TOKEN) -> Callback:
    return Callback(body=json.dumps(entries), query={"token": token})


class TestAliyunVoice(ChannelContract):
    pass


def test_a_call_goes_out_in_the_documented_form(channel: AliyunVoice, provider: FakeAliyun) -> None:
    """Source: Alibaba Cloud, "SingleCallByTts"; its `OutId` has 15 bytes at most."""
    assert channel.send(a_message()) == Accepted(provider_ref=CALL)

    request = provider.request
    asked = {name: value for name, (value,) in provider.asked(request).items()}
    assert request.url.host == "dyvmsapi.aliyuncs.com"
    assert request.headers["x-acs-action"] == "SingleCallByTts"
    assert request.headers["x-acs-version"] == "2017-05-25"
    assert json.loads(asked.pop("TtsParam")) == FIELDS
    assert len(asked.pop("OutId")) == 15
    assert asked == {"CalledNumber": PHONE, "PlayTimes": "2", "TtsCode": "TTS_100001"}


def test_a_number_of_our_own_may_be_shown(
    tmp_path: Path, clock: ManualClock, provider: FakeAliyun
) -> None:
    channel = _channel(tmp_path, clock, provider, URL + "&show_number=057100000000&play_times=3")

    channel.send(a_message())

    asked = provider.asked(provider.request)
    assert (asked["CalledShowNumber"], asked["PlayTimes"]) == (["057100000000"], ["3"])


@pytest.mark.parametrize(("code", "failure"), list(CODES.items()))
def test_a_code_has_its_kind_wherever_it_comes_from(
    channel: AliyunVoice, provider: FakeAliyun, code: str, failure: Failure
) -> None:
    provider.scripted = [aliyun_error(code)]
    provider.calls = {CALL: {"state": code, "endDate": "2026-03-02 12:00:09"}}
    receipt = Receipt(
        provider_ref=CALL,
        status=DeliveryStatus.FAILED,
        provider_at=AT,
        failure=failure,
        detail=code,
    )

    assert channel.send(a_message()) == Refused(detail=code, failure=failure)
    assert channel.fetch_receipt(sent(CALL)) == receipt
    entry = {"call_id": CALL, "status_code": code, "end_time": "2026-03-02 12:00:09"}
    assert channel.read_callback(_report(entry)) == [receipt]


def test_a_call_is_asked_for_by_its_number_and_its_day(
    channel: AliyunVoice, provider: FakeAliyun
) -> None:
    """Source: Alibaba Cloud, "QueryCallDetailByCallId"."""
    provider.calls = {CALL: {"state": "200000", "startDate": "2026-03-02 12:00:09"}}

    receipt = channel.fetch_receipt(sent(CALL))

    assert receipt == Receipt(provider_ref=CALL, status=DeliveryStatus.DELIVERED, provider_at=AT)
    asked = {name: value for name, (value,) in provider.asked(provider.request).items()}
    assert asked == {
        "CallId": CALL,
        "ProdId": "11000000300006",
        "QueryDate": str((int(NOON.timestamp()) - 60) * 1000),
    }


@pytest.mark.parametrize("code", ["200000", "200001", "200008"])
def test_a_call_that_was_answered_is_delivered(channel: AliyunVoice, code: str) -> None:
    entry = {"call_id": CALL, "status_code": code, "start_time": "2026-03-02 12:00:09"}

    assert channel.read_callback(_report(entry)) == [
        Receipt(provider_ref=CALL, status=DeliveryStatus.DELIVERED, provider_at=AT)
    ]


@pytest.mark.parametrize("code", ["200100", "200101", "200102", "200201", ""])
def test_a_call_that_goes_on_is_nothing_yet(
    channel: AliyunVoice, provider: FakeAliyun, code: str
) -> None:
    provider.calls = {CALL: {"state": code}}

    assert channel.read_callback(_report({"call_id": CALL, "status_code": code})) == []
    assert channel.fetch_receipt(sent(CALL)) is None


def test_what_the_carrier_announced_is_more_exact(channel: AliyunVoice) -> None:
    entry = {"call_id": CALL, "status_code": "200005", "early_media_code": "200004"}
    unclear = {**entry, "early_media_code": "200130"}
    answered = {**entry, "status_code": "200000"}

    told = channel.read_callback(_report(entry, unclear, answered))

    assert [(one.detail, one.failure) for one in told if isinstance(one, Receipt)] == [
        ("200004", Failure.PERMANENT),
        ("200005", Failure.TEMPORARY),
        ("", None),
    ]


@pytest.mark.parametrize(
    ("pressed", "text"), [("2", "moving"), ("9", "not_mine"), ("12", "moving"), ("3#", "3#")]
)
def test_a_pressed_key_is_an_answer(channel: AliyunVoice, pressed: str, text: str) -> None:
    """Source: Alibaba Cloud, "VoiceCallReport" and "VoiceReport"."""
    step = {"call_id": CALL, "status_code": "300000", "dtmf": pressed}
    record = {**step, "status_code": "200000", "start_time": "2026-03-02 12:00:09"}
    answer = Answer(provider_ref=CALL, text=text)

    assert channel.read_callback(_report(step)) == [answer]
    assert channel.read_callback(_report(record)) == [
        answer,
        Receipt(provider_ref=CALL, status=DeliveryStatus.DELIVERED, provider_at=AT),
    ]


@pytest.mark.parametrize("pressed", ["", "1", "21", "call me", "2" * 11])
def test_what_is_no_key_is_no_answer(channel: AliyunVoice, pressed: str) -> None:
    step = {"call_id": CALL, "status_code": "300000", "dtmf": pressed}

    assert channel.read_callback(_report(step)) == []


def test_whether_a_silent_provider_called_can_never_be_told(channel: AliyunVoice) -> None:
    with pytest.raises(SendUncertainError, match="not found by our key"):
        channel.look_up(a_message(), since=NOON)


@pytest.mark.parametrize("text", [PAGE, '{"Code": "OK"}', '{"Code": "OK", "CallId": ""}'])
def test_an_unreadable_answer_is_no_success(
    channel: AliyunVoice, provider: FakeAliyun, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text)]

    with pytest.raises(SendUncertainError):
        channel.send(a_message())


@pytest.mark.parametrize("text", [PAGE, '{"Code": "OK", "Data": "<html>"}'])
def test_an_unreadable_answer_to_a_question_means_later(
    channel: AliyunVoice, provider: FakeAliyun, text: str
) -> None:
    provider.scripted = [httpx.Response(200, text=text)]

    with pytest.raises(ChannelUnavailableError):
        channel.fetch_receipt(sent(CALL))


def test_a_forged_call_back_is_refused(channel: AliyunVoice) -> None:
    entry = {"call_id": CALL, "status_code": "200000"}

    with pytest.raises(UnreadableCallbackError, match="without our token"):
        channel.read_callback(_report(entry, token="guessed"))
    with pytest.raises(UnreadableCallbackError, match="not a call-back"):
        channel.read_callback(_report({"status_code": "200000"}))
