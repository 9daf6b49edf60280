"""Calls through Alibaba Cloud (Dyvmsapi), which read a wording aloud and take keys.

Source: Alibaba Cloud, "SingleCallByTts", "QueryCallDetailByCallId - 查询指定通话的呼叫详情",
"VoiceReport", "VoiceCallReport", "呼叫状态码" and "运营商回执错误码".
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, Json, TypeAdapter

from pipeline.clock import Clock
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.aliyun import COMMON_CODES, AliyunAnswer, AliyunApi, mainland_number
from pipeline.notify.callbacks import CallbackToken, beijing_time, read_body
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Message,
    Refused,
    SendResult,
    SendUncertainError,
    Sent,
)
from pipeline.notify.codes import Codes, delivered, permanent, technical, temporary
from pipeline.notify.provider import Transport
from pipeline.reminder import Receipt

__all__ = ["CODES", "AliyunVoice"]

_FORM = AddressForm(
    example=(
        "voice+aliyun://ACCESS_KEY_ID@dyvmsapi.aliyuncs.com?secret_file=FILE"
        "&template.reminder=TTS_NUMBER"
    ),
    needed=frozenset({"secret_file"}),
    known=frozenset({"callback_token_file", "play_times", "show_number"}),
    has_user=True,
    needs_template=True,
    has_keys=True,
)

# Source: Alibaba Cloud, "API错误码" of 语音服务, "呼叫状态码" and "运营商回执错误码".
CODES = {
    **COMMON_CODES,
    **temporary(
        "200002",  # Busy.
        "200003",  # Not answered.
        "200005",  # Cannot be reached, or refused.
        "200007",  # Out of reach.
        "200010",  # Off.
        "200111",
        "200112",
        "200113",
        "200120",
        "400",  # The network is busy.
    ),
    **permanent(
        "200004",  # No such number.
        "200011",  # Suspended.
        "200012",  # Calls to it are restricted.
        "200105",
        "200116",
        "482",
        "isv.COMPLAINT_REJECT",
        "isv.MOBILE_NUMBER_ILLEGAL",
    ),
    **technical(
        "200006",
        "200104",
        "200117",
        "200118",
        "200119",
        "200121",
        "476",
        "500",
        "9996",
        "999999",
        "isv.BILLID_NOT_EXIST",
        "isv.DISPLAY_NUMBER_ILLEGAL",
        "isv.MOBILE_COUNT_OVER_LIMIT",
        "isv.TEMPLATE_ILLEGAL",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.TTS_TEMPLATE_ILLEGAL",
        "isv.VOICE_CALL_FAIL",
        "isv.VOICE_CALL_PERIOD_ERROR",
        "isv.VOICE_FILE_ILLEGAL",
        "isv.VOICE_ROBOT_CALLEE_LIMIT",
        "isv.VOICE_ROBOT_NOT_PERIOD",
    ),
}

# Heard to its end; hung up before; heard, but no key was pressed.
_ANSWERED = {"200000", "200001", "200008"}
# Begins, rings, was picked up, goes on, is over, a key. Only the record of the whole call tells
# whether it was heard.
_GOING_ON = {"200100", "200101", "200102", "200103", "200201", "300000", ""}
_UNRECOGNISED = {"200130", "", None}
_NOTIFICATIONS = "11000000300006"
_OUT_ID_CHARACTERS = 15
_PLAY_TIMES = 2


class _Taken(AliyunAnswer):
    call_id: str = Field(alias="CallId", min_length=1)


class _Detail(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    state: str = ""
    end_date: str | None = Field(alias="endDate", default=None)
    start_date: str | None = Field(alias="startDate", default=None)


class _Queried(AliyunAnswer):
    data: Json[_Detail] | None = Field(alias="Data", default=None)


class _Report(BaseModel):
    """One entry of a call-back: the record of a call, or a step of it."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    call_id: str = Field(min_length=1)
    status_code: str
    early_media_code: str | None = None
    dtmf: str | None = None
    status_time: str | None = None
    start_time: str | None = None
    end_time: str | None = None


_REPORTS = TypeAdapter[list[_Report]](list[_Report])


class AliyunVoice:
    """Calls with approved wordings. Whether a call was placed is told by its own number alone."""

    name = "voice"
    is_repeatable = False
    form = _FORM

    def __init__(
        self, address: ChannelAddress, *, clock: Clock, transport: Transport | None = None
    ) -> None:
        """Speak to Alibaba Cloud at `address`; `transport` stands in for the network, in tests."""
        self._address = address
        self._clock = clock
        self._play_times = address.number("play_times", _PLAY_TIMES)
        self._codes = Codes(channel=str(address), table=CODES)
        self._api = AliyunApi(address, codes=self._codes, clock=clock, transport=transport)
        secret = address.secret("callback_token_file")
        self._token = CallbackToken(channel=str(address), secret=secret)

    def send(self, message: Message) -> SendResult:
        """SingleCallByTts; see `Channel.send`."""
        wording = self._address.wording_of(message)
        if isinstance(wording, Refused):
            return wording
        parameters = {
            "CalledNumber": mainland_number(message.phone),
            "OutId": _out_id(message.key),
            "PlayTimes": str(self._play_times),
            "TtsCode": wording.template,
            "TtsParam": json.dumps(wording.fields, ensure_ascii=False),
        }
        show_number = self._address.options.get("show_number")
        if show_number:
            parameters["CalledShowNumber"] = show_number
        taken = self._api.hand_over("SingleCallByTts", parameters, _Taken)
        return taken if isinstance(taken, Refused) else Accepted(provider_ref=taken.call_id)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """Calls are not found by our key; see `Channel.look_up`."""
        raise SendUncertainError(f"{self._address}: calls are not found by our key")

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """QueryCallDetailByCallId; see `Channel.fetch_receipt`."""
        # The call was placed a moment before we say so.
        day = sent.accepted_at - timedelta(minutes=1)
        parameters = {
            "CallId": sent.provider_ref,
            "ProdId": _NOTIFICATIONS,
            "QueryDate": str(int(day.timestamp()) * 1000),
        }
        detail = self._api.ask("QueryCallDetailByCallId", parameters, _Queried).data
        if detail is None:
            return None
        at = beijing_time(detail.start_date) or beijing_time(detail.end_date)
        return self._receipt(sent.provider_ref, detail.state, at)

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """VoiceReport and VoiceCallReport; see `Channel.read_callback`."""
        self._token.check(callback)
        reports = read_body(callback, _REPORTS, channel=str(self._address))
        return [told for report in reports for told in self._told(report)]

    def _told(self, report: _Report) -> Iterator[Receipt | Answer]:
        answer = self._address.answer_of(report.dtmf or "")
        if answer is not None:
            yield Answer(provider_ref=report.call_id, text=answer)
        times = (report.status_time, report.start_time, report.end_time)
        at = next(filter(None, map(beijing_time, times)), None)
        code = report.status_code
        if code not in _ANSWERED | _GOING_ON and report.early_media_code not in _UNRECOGNISED:
            # What the carrier's announcement said, where it was recognised, is more exact.
            code = report.early_media_code or code
        receipt = self._receipt(report.call_id, code, at)
        if receipt is not None:
            yield receipt

    def _receipt(self, call_id: str, code: str, at: datetime | None) -> Receipt | None:
        if code in _GOING_ON:
            return None
        at = at or self._clock.now()
        return delivered(call_id, at=at) if code in _ANSWERED else self._failed(call_id, code, at)

    def _failed(self, call_id: str, code: str, at: datetime) -> Receipt:
        return self._codes.failed(call_id, code, at=at)


def _out_id(key: str) -> str:
    """Our key as an `OutId` of calls, which has 15 bytes at most."""
    return hashlib.sha256(key.encode()).hexdigest()[:_OUT_ID_CHARACTERS]
