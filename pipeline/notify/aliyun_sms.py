"""SMS through Alibaba Cloud (Dysmsapi).

Source: Alibaba Cloud, "SendSms - 发送短信", "QuerySendDetails - 查询短信发送详情", "SmsReport".

A message is known by our key, the `OutId`: only it stands in the answer to every question and in
call-backs too. Alibaba Cloud's own number, the `BizId`, is logged for its support.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from pydantic import BaseModel, Field, TypeAdapter

from pipeline.clock import Clock
from pipeline.notify.absence import Absence
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.aliyun import COMMON_CODES, AliyunAnswer, AliyunApi, mainland_number
from pipeline.notify.callbacks import BEIJING, CallbackToken, beijing_time, read_body
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    ChannelUnavailableError,
    Message,
    Refused,
    SendResult,
    Sent,
)
from pipeline.notify.codes import Codes, delivered, permanent, technical, temporary
from pipeline.notify.provider import Transport
from pipeline.reminder import Receipt

__all__ = ["CODES", "AliyunSms"]

log = logging.getLogger(__name__)

_FORM = AddressForm(
    example=(
        "sms+aliyun://ACCESS_KEY_ID@dysmsapi.aliyuncs.com?secret_file=FILE&sign_name=NAME"
        "&template.reminder=SMS_NUMBER"
    ),
    needed=frozenset({"secret_file", "sign_name"}),
    known=frozenset({"callback_token_file"}),
    has_user=True,
    needs_template=True,
)

# Source: Alibaba Cloud, "国内消息API错误码" and "回执错误码" (delivery receipt error codes).
CODES = {
    **COMMON_CODES,
    **temporary(
        "MOBILE_NOT_ON_SERVICE",  # Off, out of reach, suspended or not a number: it does not say.
        "MOBLLE_TERMINAL_ERROR",  # Its own spelling: the phone's memory or card is full.
        "REQUEST_SUCCESS",  # The carrier sent no receipt.
    ),
    **permanent(
        "INVALID_NUMBER",
        "MOBILE_ACCOUNT_ABNORMAL",
        "MOBILE_IN_BLACK",
        "SP_NOT_BY_INTER_SMS",
        "USER_REJECT",
        "isv.MOBILE_NUMBER_ILLEGAL",
    ),
    **technical(
        "CONTENT_ERROR",
        "CONTENT_KEYWORD",
        "IS_CLOSE",
        "MOBILE_SEND_LIMIT",
        "NO_ROUTE",
        "PARAMS_ILLEGAL",
        "PORT_NOT_REGISTERED",
        "SIGNATURE_BLACKLIST",
        "SP_UNKNOWN_ERROR",
        "isv.CODE_ERROR",
        "isv.CODE_EXCEED_LIMIT",
        "isv.DAY_LIMIT_CONTROL",
        "isv.DENY_IP_RANGE",
        "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
        "isv.EXTEND_CODE_ERROR",
        "isv.INVALID_JSON_PARAM",
        "isv.MOBILE_COUNT_OVER_LIMIT",
        "isv.MONTH_LIMIT_CONTROL",
        "isv.ONE_CODE_MULTIPLE_SIGN",
        "isv.SIGN_SOURCE_ILLEGAL",
        "isv.SIGN_STATE_ILLEGAL",
        "isv.SMS_CONTENT_ILLEGAL",
        "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
        "isv.SMS_SIGN_ILLEGAL",
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.UNSUPPORTED_CONTENT",
    ),
}

_FAILED, _DELIVERED = 2, 3
_PAGE, _MOST_PAGES = 50, 20
# A message that was just taken may not be listed yet.
_LISTED_WITHIN = timedelta(minutes=2)


class _Taken(AliyunAnswer):
    biz_id: str = Field(alias="BizId")


class _Detail(BaseModel):
    status: int = Field(alias="SendStatus")
    code: str = Field(alias="ErrCode", default="")
    out_id: str = Field(alias="OutId", default="")
    received: str | None = Field(alias="ReceiveDate", default=None)


class _Details(BaseModel):
    details: list[_Detail] = Field(alias="SmsSendDetailDTO")


class _Listed(AliyunAnswer):
    total: int = Field(alias="TotalCount")
    found: _Details = Field(alias="SmsSendDetailDTOs")


class _Report(BaseModel):
    """One entry of a call-back."""

    success: bool
    err_code: str
    out_id: str = ""
    report_time: str | None = None


_REPORTS = TypeAdapter[list[_Report]](list[_Report])


class AliyunSms:
    """SMS with approved wordings; a message that is sent twice arrives twice."""

    name = "sms"
    is_repeatable = False
    form = _FORM

    def __init__(
        self, address: ChannelAddress, *, clock: Clock, transport: Transport | None = None
    ) -> None:
        """Speak to Alibaba Cloud at `address`; `transport` stands in for the network, in tests."""
        self._address = address
        self._clock = clock
        self._absence = Absence()
        self._codes = Codes(channel=str(address), table=CODES)
        self._api = AliyunApi(address, codes=self._codes, clock=clock, transport=transport)
        secret = address.secret("callback_token_file")
        self._token = CallbackToken(channel=str(address), secret=secret)

    def send(self, message: Message) -> SendResult:
        """SendSms; see `Channel.send`."""
        wording = self._address.wording_of(message)
        if isinstance(wording, Refused):
            return wording
        parameters = {
            "OutId": message.key,
            "PhoneNumbers": mainland_number(message.phone),
            "SignName": self._address.options["sign_name"],
            "TemplateCode": wording.template,
            "TemplateParam": json.dumps(wording.fields, ensure_ascii=False),
        }
        self._absence.ends(message.key)
        taken = self._api.hand_over("SendSms", parameters, _Taken)
        if isinstance(taken, Refused):
            return taken
        log.info("message taken", extra={"key": message.key, "biz_id": taken.biz_id})
        return Accepted(provider_ref=message.key)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:
        """QuerySendDetails by number, day and `OutId`; see `Channel.look_up`."""
        now = self._clock.now()
        for detail in self._details(message.phone, since, now):
            if detail.out_id == message.key:
                self._absence.ends(message.key)
                return Accepted(provider_ref=message.key)
        if self._absence.lasts(message.key, now=now) < _LISTED_WITHIN:
            raise ChannelUnavailableError(f"{self._address}: perhaps not listed yet")
        return None

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """QuerySendDetails by number, day and `OutId`; see `Channel.fetch_receipt`."""
        # It was taken a moment before we say so, perhaps the day before.
        earliest = sent.accepted_at - timedelta(minutes=1)
        for detail in self._details(sent.phone, earliest, sent.accepted_at):
            if detail.out_id == sent.provider_ref:
                return self._receipt(detail)
        return None

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """SmsReport; see `Channel.read_callback`."""
        self._token.check(callback)
        reports = read_body(callback, _REPORTS, channel=str(self._address))
        # Whoever shares our account may send without an id.
        return [self._reported(one) for one in reports if one.out_id]

    def _details(self, phone: str, since: datetime, until: datetime) -> Iterator[_Detail]:
        """What was sent to a number on the days from one instant to another.

        Raises:
            ChannelUnavailableError: not all that is counted is listed.
        """
        day, last = since.astimezone(BEIJING).date(), until.astimezone(BEIJING).date()
        while day <= last:
            yield from self._details_of(phone, day)
            day += timedelta(days=1)

    def _details_of(self, phone: str, day: date) -> Iterator[_Detail]:
        listed = 0
        for page in range(1, _MOST_PAGES + 1):
            parameters = {
                "CurrentPage": str(page),
                "PageSize": str(_PAGE),
                "PhoneNumber": mainland_number(phone),
                "SendDate": day.strftime("%Y%m%d"),
            }
            answer = self._api.ask("QuerySendDetails", parameters, _Listed)
            yield from answer.found.details
            listed += len(answer.found.details)
            if listed >= answer.total:
                return
            if not answer.found.details:
                break
        # Alibaba Cloud is known to count messages that it does not list.
        raise ChannelUnavailableError(f"{self._address}: not all messages are listed")

    def _receipt(self, detail: _Detail) -> Receipt | None:
        at = beijing_time(detail.received) or self._clock.now()
        if detail.status == _DELIVERED:
            return delivered(detail.out_id, at=at)
        is_failed = detail.status == _FAILED
        return self._codes.failed(detail.out_id, detail.code, at=at) if is_failed else None

    def _reported(self, report: _Report) -> Receipt:
        at = beijing_time(report.report_time) or self._clock.now()
        if report.success:
            return delivered(report.out_id, at=at)
        return self._codes.failed(report.out_id, report.err_code, at=at)
