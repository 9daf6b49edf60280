"""Calls through Tencent Cloud (vms 2020-09-02), which read a wording aloud and take keys.

Source: Tencent Cloud, "指定模板发送语音通知" (SendTtsVoice), "语音通知状态通知",
"语音通知按键通知", "语音送达失败原因通知".

It answers no questions about a call: what became of it comes in call-backs only.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.clock import Clock
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.callbacks import CallbackToken, read_body
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
from pipeline.notify.tencent import COMMON_CODES, TencentApi, international_number
from pipeline.reminder import Receipt

__all__ = ["CODES", "TencentVoice"]

_FORM = AddressForm(
    example=(
        "voice+tencent://SECRET_ID@vms.tencentcloudapi.com?secret_file=FILE&app_id=NUMBER"
        "&callback_token_file=FILE&template.reminder=NUMBER&fields.reminder=FIELD,FIELD"
    ),
    # Without call-backs nobody would ever know whether a call was answered.
    needed=frozenset({"app_id", "callback_token_file", "secret_file"}),
    known=frozenset({"play_times", "region"}),
    has_user=True,
    needs_template=True,
    has_order=True,
    has_keys=True,
)

# Source: Tencent Cloud, "错误码" of vms 2020-09-02 and "语音推送回执错误码" (failure_code).
CODES = {
    **COMMON_CODES,
    **temporary(
        "failure:1",  # Off.
        "failure:2",  # In a call.
        "failure:3",  # Out of reach.
        "failure:5",  # Not answered.
        "failure:6",  # Cannot be reached for the moment.
        "failure:9",  # The line is busy.
        "failure:10",  # Busy.
        "failure:16",  # A service tells of missed calls.
        "failure:18",  # The network is busy.
        "failure:20",  # No answer.
        "result:1",  # Not answered.
    ),
    **permanent(
        "InvalidParameterValue.CalledNumberVerifyFail",
        "failure:4",  # Suspended for arrears.
        "failure:7",  # Suspended.
        "failure:8",  # No such number.
        "failure:13",  # Suspended.
        "failure:15",  # No such number.
        "failure:17",  # Expired.
        "failure:19",  # Takes no calls.
    ),
    **technical(
        "FailedOperation.InsufficientBalanceInVoicePackage",
        "FailedOperation.InvalidJsonParameters",
        "FailedOperation.InvalidParameters",
        "FailedOperation.PhonenumberUnappliedOrExpired",
        "InvalidParameterValue.SdkAppidNotExist",
        "UnauthorizedOperation.SdkAppidIsDisabled",
        "UnauthorizedOperation.ServiceSuspendDueToArrears",
        "UnauthorizedOperation.VoiceSdkAppidVerifyFail",
        "failure:11",  # Other.
        "failure:12",  # We are not allowed to call it.
        "result:2",  # The call went wrong.
    ),
}

_VERSION = "2020-09-02"
_ANSWERED = "0"
_PLAY_TIMES = 2


class _Status(BaseModel):
    call_id: str = Field(alias="CallId", min_length=1)


class _Taken(BaseModel):
    status: _Status = Field(alias="SendStatus")


class _Entry(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    callid: str = Field(min_length=1)


class _Prompt(_Entry):
    result: str
    accept_time: str = ""
    end_calltime: str = ""


class _Key(_Entry):
    keypress: str


class _Failure(_Entry):
    failure_code: str


class _PromptCallback(BaseModel):
    voiceprompt_callback: _Prompt


class _KeyCallback(BaseModel):
    voicekey_callback: _Key


class _FailureCallback(BaseModel):
    voice_failure_callback: _Failure


_Any = _PromptCallback | _KeyCallback | _FailureCallback
_CALLBACK = TypeAdapter[_Any](_Any)


class TencentVoice:
    """Calls with approved wordings. Nothing can be asked about a call."""

    name = "voice"
    is_repeatable = False
    form = _FORM

    def __init__(
        self, address: ChannelAddress, *, clock: Clock, transport: Transport | None = None
    ) -> None:
        """Speak to Tencent Cloud at `address`; `transport` stands in for the network, in tests."""
        self._address = address
        self._clock = clock
        self._play_times = address.number("play_times", _PLAY_TIMES)
        self._codes = Codes(channel=str(address), table=CODES)
        self._api = TencentApi(
            address, version=_VERSION, codes=self._codes, clock=clock, transport=transport
        )
        secret = address.needed_secret("callback_token_file")
        self._token = CallbackToken(channel=str(address), secret=secret)

    def send(self, message: Message) -> SendResult:
        """SendTtsVoice; see `Channel.send`."""
        wording = self._address.wording_of(message)
        if isinstance(wording, Refused):
            return wording
        parameters = {
            "TemplateId": wording.template,
            "TemplateParamSet": list(wording.fields.values()),
            "CalledNumber": international_number(message.phone),
            "VoiceSdkAppid": self._address.options["app_id"],
            "PlayTimes": self._play_times,
            "SessionContext": message.key,
        }
        taken = self._api.hand_over("SendTtsVoice", parameters, _Taken)
        return taken if isinstance(taken, Refused) else Accepted(provider_ref=taken.status.call_id)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """Nothing can be asked about a call; see `Channel.look_up`."""
        raise SendUncertainError(f"{self._address}: nothing can be asked about a call")

    def fetch_receipt(self, sent: Sent) -> Receipt | None:  # noqa: ARG002
        """Receipts come in call-backs only; see `Channel.fetch_receipt`."""
        return None

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """A state, a key, or why a call failed; see `Channel.read_callback`."""
        self._token.check(callback)
        match read_body(callback, _CALLBACK, channel=str(self._address)):
            case _PromptCallback(voiceprompt_callback=prompt):
                return [self._receipt(prompt)]
            case _KeyCallback(voicekey_callback=key):
                answer = self._address.answer_of(key.keypress)
                return [] if answer is None else [Answer(provider_ref=key.callid, text=answer)]
            case _FailureCallback(voice_failure_callback=failure):
                code = f"failure:{failure.failure_code}"
                return [self._codes.failed(failure.callid, code, at=self._clock.now())]

    def _receipt(self, prompt: _Prompt) -> Receipt:
        if prompt.result == _ANSWERED:
            return delivered(prompt.callid, at=self._instant(prompt.accept_time))
        at = self._instant(prompt.end_calltime)
        return self._codes.failed(prompt.callid, f"result:{prompt.result}", at=at)

    def _instant(self, told: str) -> datetime:
        """An instant that is told in seconds; ours where none is."""
        is_told = told.isdecimal() and 0 < len(told) <= 10 and int(told) > 0
        return datetime.fromtimestamp(int(told), UTC) if is_told else self._clock.now()
