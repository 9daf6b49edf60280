"""Channels to a driver's phone, contacts and wording, alerts to staff; channels by URL."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from pipeline.clock import Clock
from pipeline.errors import PermanentError
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.aliyun_sms import AliyunSms
from pipeline.notify.aliyun_voice import AliyunVoice
from pipeline.notify.channel import (
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
)
from pipeline.notify.channels import Channels
from pipeline.notify.contacts import (
    Contact,
    ContactBook,
    ContactBookError,
    RegisterUnavailableError,
)
from pipeline.notify.http_gateway import HTTP_SCHEMES, HttpGateway
from pipeline.notify.phones import PhonesChannel
from pipeline.notify.registers import CsvContactBook, open_contacts
from pipeline.notify.staff import LoggedAlerts, StaffAlerts
from pipeline.notify.tencent_sms import TencentSms
from pipeline.notify.tencent_voice import TencentVoice

__all__ = [
    "Accepted",
    "Answer",
    "Callback",
    "Channel",
    "ChannelUnavailableError",
    "Channels",
    "Contact",
    "ContactBook",
    "ContactBookError",
    "CsvContactBook",
    "Message",
    "Refused",
    "RegisterUnavailableError",
    "SendUncertainError",
    "Sent",
    "StaffAlerts",
    "UnreadableCallbackError",
    "open_channel",
    "open_contacts",
    "open_staff_alerts",
]


class _Adapter(Protocol):
    """Opens channels of one kind of address."""

    form: AddressForm

    def __call__(self, address: ChannelAddress, *, clock: Clock) -> Channel: ...


_PHONES = "phones:FOLDER?delivered_after_s=2"
_ADAPTERS: Mapping[str, _Adapter] = {
    **dict.fromkeys(HTTP_SCHEMES, HttpGateway),
    "sms+aliyun": AliyunSms,
    "sms+tencent": TencentSms,
    "voice+aliyun": AliyunVoice,
    "voice+tencent": TencentVoice,
}
_WEB_PUSH = "push+webpush"


def open_channel(url: str, *, clock: Clock) -> Channel:
    """Open the channel at `url`; docs/channels.md has the options of each.

    Args:
        url: `phones:FOLDER?delivered_after_s=2` (left out: receipts only from the page), or an
            address that begins with `sms+aliyun`, `sms+tencent`, `voice+aliyun`, `voice+tencent`,
            `push+webpush`, or with `sms+https`, `voice+https`, `push+https`.
        clock: Tells when what we sign goes out.

    Raises:
        PermanentError: the URL names no channel that this version knows, a file cannot be read, or
            the extra `push` is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme == "phones":
        return _phones(url, clock)
    adapter = _web_push() if scheme == _WEB_PUSH else _ADAPTERS.get(scheme)
    if adapter is None:
        known = ", ".join(sorted({*_ADAPTERS, _WEB_PUSH}))
        raise PermanentError(f"channel {scheme!r}: use {_PHONES}, or one of {known}")
    return adapter(ChannelAddress.parse(url, adapter.form), clock=clock)


def open_staff_alerts(file: Path | None) -> StaffAlerts:
    """How staff are told: by the addresses in `file`, one to a line; without a file by the log.

    Raises:
        PermanentError: the file cannot be read, a line of it is no address, or the extra `alerts`
            is not installed.
    """
    if file is None:
        return LoggedAlerts()
    try:
        from pipeline.notify.staff_apprise import AppriseAlerts
    except ModuleNotFoundError as exc:
        raise PermanentError(
            f"alerts to staff: {exc.name} is missing: pip install 'remindfirst[alerts]'"
        ) from exc
    return AppriseAlerts(file)


def _phones(url: str, clock: Clock) -> PhonesChannel:
    parts = urlsplit(url)
    if not parts.path:
        raise PermanentError(f"channel {url!r}: use {_PHONES}")
    after = parse_qs(parts.query).get("delivered_after_s", [None])[0]
    return PhonesChannel(
        Path(parts.path),
        clock=clock,
        delivered_after=None if after is None else timedelta(seconds=float(after)),
    )


def _web_push() -> _Adapter:
    try:
        from pipeline.notify.web_push import WebPush
    except ModuleNotFoundError as exc:
        raise PermanentError(
            f"channel {_WEB_PUSH}: {exc.name} is missing: pip install 'remindfirst[push]'"
        ) from exc
    return WebPush
