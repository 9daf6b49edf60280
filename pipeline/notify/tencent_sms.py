"""SMS through Tencent Cloud (sms 2021-01-11).

Source: Tencent Cloud, "发送短信" (SendSms), "单个号码拉取短信下发状态"
(PullSmsSendStatusByPhoneNumber), "短信下发状态通知" (call-backs).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field, TypeAdapter

from pipeline.clock import Clock
from pipeline.notify.absence import Absence
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.callbacks import CallbackToken, beijing_time, read_body
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    ChannelUnavailableError,
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

__all__ = ["CODES", "TencentSms"]

_FORM = AddressForm(
    example=(
        "sms+tencent://SECRET_ID@sms.tencentcloudapi.com?secret_file=FILE&app_id=NUMBER"
        "&sign_name=NAME&template.reminder=NUMBER&fields.reminder=FIELD,FIELD"
    ),
    needed=frozenset({"app_id", "secret_file", "sign_name"}),
    known=frozenset({"callback_token_file", "region"}),
    has_user=True,
    needs_template=True,
    has_order=True,
)

# Source: Tencent Cloud, "错误码" of sms 2021-01-11 and "短信发送与回执状态错误码"; what carriers
# say comes through unchanged: China Mobile, "短信网关返回信息状态代码说明".
CODES = {
    **COMMON_CODES,
    **temporary("002", "EXPIRED", "MK:0010", "MK:0023", "UNDELIV"),
    **permanent(
        "CB:0001",
        "CB:0053",
        "DB:0101",
        "DB:0102",
        "DB:0144",
        "DBBLACK",
        "FailedOperation.PhoneNumberInBlacklist",
        "FailedOperation.PhoneNumberOnBlacklist",
        "InvalidParameterValue.IncorrectPhoneNumber",
        "MBBLACK",
        "MK:0001",
        "MK:0005",
        "MK:0013",
    ),
    **technical(
        "-106",
        "FailedOperation.ForbidAddMarketingTemplates",
        "FailedOperation.InsufficientBalanceInSmsPackage",
        "FailedOperation.MarketingSendTimeConstraint",
        "FailedOperation.MissingSignature",
        "FailedOperation.NotEnterpriseCertification",
        "FailedOperation.OtherError",
        "FailedOperation.SignatureIncorrectOrUnapproved",
        "InternalError.JsonParseFail",
        "InternalError.OtherError",
        "InternalError.SigFieldMissing",
        "InternalError.UnknownError",
        "InvalidParameter.AppidAndBizId",
        "InvalidParameter.DirtyWordFound",
        "InvalidParameter.InvalidParameters",
        "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
        "InvalidParameterValue.SdkAppIdNotExist",
        "InvalidParameterValue.TemplateParameterFormatError",
        "InvalidParameterValue.TemplateParameterLengthLimit",
        "LimitExceeded.AppDailyLimit",
        "LimitExceeded.DailyLimit",
        "LimitExceeded.PhoneNumberCountLimit",
        "LimitExceeded.PhoneNumberDailyLimit",
        "LimitExceeded.PhoneNumberOneHourLimit",
        "LimitExceeded.PhoneNumberSameContentDailyLimit",
        "LimitExceeded.PhoneNumberThirtySecondLimit",
        "MissingParameter.EmptyPhoneNumberSet",
        "NOROUTER",
        "REJECTD",
        "UNKNOWN",
        "UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny",
        "UnauthorizedOperation.RequestIpNotInWhitelist",
        "UnauthorizedOperation.RequestPermissionDeny",
        "UnauthorizedOperation.SdkAppIdIsDisabled",
        "UnauthorizedOperation.SerivceSuspendDueToArrears",  # Its own spelling.
        "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
        "UnsupportedOperation.",
        "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
        "UnsupportedOperation.UnsuportedRegion",  # Its own spelling.
    ),
}

_VERSION = "2021-01-11"
_OK, _SUCCESS = "Ok", "SUCCESS"
_MOST = 100
# Only what a carrier has told of is listed, so what is not listed may still be on its way.
_TOLD_WITHIN = timedelta(minutes=2)
_KEPT = timedelta(days=7) - timedelta(minutes=1)


class _Status(BaseModel):
    serial: str = Field(alias="SerialNo", default="")
    code: str = Field(alias="Code")


class _Taken(BaseModel):
    statuses: list[_Status] = Field(alias="SendStatusSet", min_length=1, max_length=1)


class _Listed(BaseModel):
    serial: str = Field(alias="SerialNo")
    status: str = Field(alias="ReportStatus")
    code: str = Field(alias="Description", default="")
    received: int | None = Field(alias="UserReceiveTime", default=None)
    context: str | None = Field(alias="SessionContext", default=None)


class _AllListed(BaseModel):
    listed: list[_Listed] = Field(alias="PullSmsSendStatusSet")


class _Report(BaseModel):
    """One entry of a call-back."""

    sid: str = Field(min_length=1)
    report_status: str
    errmsg: str = ""
    user_receive_time: str | None = None


_REPORTS = TypeAdapter[list[_Report]](list[_Report])


class TencentSms:
    """SMS with approved wordings; a message that is sent twice arrives twice."""

    name = "sms"
    is_repeatable = False
    form = _FORM

    def __init__(
        self, address: ChannelAddress, *, clock: Clock, transport: Transport | None = None
    ) -> None:
        """Speak to Tencent Cloud at `address`; `transport` stands in for the network, in tests."""
        self._address = address
        self._clock = clock
        self._absence = Absence()
        self._codes = Codes(channel=str(address), table=CODES)
        self._api = TencentApi(
            address, version=_VERSION, codes=self._codes, clock=clock, transport=transport
        )
        secret = address.secret("callback_token_file")
        self._token = CallbackToken(channel=str(address), secret=secret)

    def send(self, message: Message) -> SendResult:
        """SendSms; see `Channel.send`."""
        wording = self._address.wording_of(message)
        if isinstance(wording, Refused):
            return wording
        parameters = {
            "PhoneNumberSet": [international_number(message.phone)],
            "SmsSdkAppId": self._address.options["app_id"],
            "SignName": self._address.options["sign_name"],
            "TemplateId": wording.template,
            "TemplateParamSet": list(wording.fields.values()),
            "SessionContext": message.key,
        }
        self._absence.ends(message.key)
        taken = self._api.hand_over("SendSms", parameters, _Taken)
        if isinstance(taken, Refused):
            return taken
        status = taken.statuses[0]
        if status.code != _OK:
            return self._api.refused(status.code)
        if not status.serial:
            raise SendUncertainError(f"{self._address}: taken, but without a number")
        return Accepted(provider_ref=status.serial)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:
        """PullSmsSendStatusByPhoneNumber, by our key as `SessionContext`; see `Channel.look_up`."""
        for one in self._listed(message.phone, since):
            if one.context == message.key:
                self._absence.ends(message.key)
                return Accepted(provider_ref=one.serial)
        if self._absence.lasts(message.key, now=self._clock.now()) < _TOLD_WITHIN:
            raise ChannelUnavailableError(f"{self._address}: no carrier has told of it yet")
        raise SendUncertainError(f"{self._address}: no carrier has told of it")

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """PullSmsSendStatusByPhoneNumber, by `SerialNo`; see `Channel.fetch_receipt`."""
        for one in self._listed(sent.phone, sent.accepted_at):
            if one.serial == sent.provider_ref:
                at = None if one.received is None else datetime.fromtimestamp(one.received, UTC)
                return self._receipt(one.serial, one.status, one.code, at)
        return None

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """The array of a status call-back; see `Channel.read_callback`."""
        self._token.check(callback)
        return [
            self._receipt(
                one.sid, one.report_status, one.errmsg, beijing_time(one.user_receive_time)
            )
            for one in read_body(callback, _REPORTS, channel=str(self._address))
        ]

    def _listed(self, phone: str, since: datetime) -> list[_Listed]:
        now = self._clock.now()
        # It was taken a moment before we say so; what is older than a week is not asked for.
        begin = max(since - timedelta(minutes=1), now - _KEPT)
        parameters = {
            "BeginTime": int(begin.timestamp()),
            "EndTime": int(now.timestamp()) + 1,
            "Limit": _MOST,
            "Offset": 0,
            "PhoneNumber": international_number(phone),
            "SmsSdkAppId": self._address.options["app_id"],
        }
        return self._api.ask("PullSmsSendStatusByPhoneNumber", parameters, _AllListed).listed

    def _receipt(self, serial: str, status: str, code: str, at: datetime | None) -> Receipt:
        if status == _SUCCESS:
            return delivered(serial, at=at or self._clock.now())
        return self._codes.failed(serial, code, at=at or self._clock.now())
