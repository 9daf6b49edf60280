"""Requests to Alibaba Cloud, signed in its version 3 (ACS3-HMAC-SHA256).

Source: Alibaba Cloud, "V3版本请求体&签名机制" (request structure and signature mechanism V3).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic import BaseModel, Field, SecretStr

from pipeline.clock import Clock
from pipeline.notify.address import ChannelAddress
from pipeline.notify.channel import ChannelUnavailableError, Refused
from pipeline.notify.codes import Codes, technical
from pipeline.notify.provider import Provider, Transport
from pipeline.reminder import Failure

__all__ = ["COMMON_CODES", "AliyunAccount", "AliyunAnswer", "AliyunApi", "mainland_number"]

_ALGORITHM = "ACS3-HMAC-SHA256"
_NO_BODY = hashlib.sha256(b"").hexdigest()
_VERSION = "2017-05-25"
_THROTTLED = "Throttling"
_OK = "OK"

# Source: Alibaba Cloud, "国内消息API错误码", "API错误码" of 语音服务 and "公共错误码".
COMMON_CODES = technical(
    "Forbidden.RAM",
    "IncompleteSignature",
    "InvalidAccessKeyId.Inactive",
    "InvalidAccessKeyId.NotFound",
    "InvalidAction.NotFound",
    "InvalidTimeStamp.Expired",
    "InvalidVersion",
    "MissingParameter",
    "SignatureDoesNotMatch",
    "SignatureNonceUsed",
    "isp.RAM_PERMISSION_DENY",
    "isp.SYSTEM_ERROR",
    "isv.ACCOUNT_ABNORMAL",
    "isv.ACCOUNT_NOT_EXISTS",
    "isv.AMOUNT_NOT_ENOUGH",
    "isv.BLACK_KEY_CONTROL_LIMIT",
    "isv.BUSINESS_LIMIT_CONTROL",
    "isv.INVALID_PARAMETERS",
    "isv.OUT_OF_SERVICE",
    "isv.PARAM_LENGTH_LIMIT",
    "isv.PARAM_NOT_SUPPORT_URL",
    "isv.PRODUCT_UNSUBSCRIBE",
    "isv.PRODUCT_UN_SUBSCRIPT",
    "isv.TEMPLATE_MISSING_PARAMETERS",
)


class AliyunAnswer(BaseModel):
    """What every operation answers, errors included."""

    code: str = Field(alias="Code")


Form = TypeVar("Form", bound=AliyunAnswer)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What to put on the wire: the query of a POST to `/`, which has no body, and its headers."""

    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunAccount:
    """Who we are at one product's server.

    Attributes:
        host: The server, as in the header `Host`.
        version: Of the product's operations.
        key_id: AccessKey ID.
        secret: AccessKey secret.
    """

    host: str
    version: str
    key_id: str
    secret: SecretStr

    def sign(
        self, action: str, parameters: Mapping[str, str], *, at: datetime, nonce: str
    ) -> SignedRequest:
        """Sign an operation with its parameters.

        Args:
            action: The operation.
            parameters: Its own; they stand in the query.
            at: Now; what is more than 15 minutes off is refused.
            nonce: Never used before.
        """
        names = sorted(parameters)
        query = "&".join(f"{_quoted(name)}={_quoted(parameters[name])}" for name in names)
        headers = {
            "host": self.host,
            "x-acs-action": action,
            "x-acs-content-sha256": _NO_BODY,
            "x-acs-date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": nonce,
            "x-acs-version": self.version,
        }
        signed = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = "\n".join(["POST", "/", query, lines, signed, _NO_BODY])
        to_sign = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = self.secret.get_secret_value().encode()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        authorization = (
            f"{_ALGORITHM} Credential={self.key_id},SignedHeaders={signed},Signature={signature}"
        )
        return SignedRequest(query=query, headers={**headers, "authorization": authorization})


class AliyunApi:
    """The operations of one product."""

    def __init__(
        self, address: ChannelAddress, *, codes: Codes, clock: Clock, transport: Transport | None
    ) -> None:
        """Speak to the product at `address`."""
        self._url = address.origin
        self._account = AliyunAccount(
            host=address.host,
            version=_VERSION,
            key_id=address.user,
            secret=address.needed_secret("secret_file"),
        )
        self._codes = codes
        self._clock = clock
        self._provider = Provider(str(address), transport=transport)

    def hand_over(
        self, action: str, parameters: Mapping[str, str], form: type[Form]
    ) -> Form | Refused:
        """Give it a message.

        Raises:
            ChannelUnavailableError: certainly not taken; try again later.
            SendUncertainError: perhaps taken.
        """
        request = self._sign(action, parameters)
        answer = self._provider.hand_over(self._at(request), headers=request.headers)
        told = answer.read(AliyunAnswer)
        if told is None and not answer.is_good:
            return Refused(detail=f"HTTP {answer.status}", failure=Failure.TECHNICAL)
        if told is None:
            raise self._provider.unreadable(answer)
        if told.code.startswith(_THROTTLED):
            raise ChannelUnavailableError(f"{self._codes.channel}: throttled")
        if told.code != _OK:
            return self._codes.refused(told.code)
        taken = answer.read(form)
        if taken is None:
            raise self._provider.unreadable(answer)
        return taken

    def ask(self, action: str, parameters: Mapping[str, str], form: type[Form]) -> Form:
        """Ask it something.

        Raises:
            ChannelUnavailableError: no answer; ask again later.
        """
        request = self._sign(action, parameters)
        answer = self._provider.ask("POST", self._at(request), headers=request.headers)
        told = answer.read(AliyunAnswer)
        found = answer.read(form) if answer.is_good and told and told.code == _OK else None
        if found is None:
            if told is not None:
                self._codes.refused_question(told.code)
            raise self._provider.unknown(answer)
        return found

    def _sign(self, action: str, parameters: Mapping[str, str]) -> SignedRequest:
        now = self._clock.now()
        return self._account.sign(action, parameters, at=now, nonce=uuid4().hex)

    def _at(self, request: SignedRequest) -> str:
        return f"{self._url}/?{request.query}"


def mainland_number(phone: str) -> str:
    """The eleven digits of a number in China, as Alibaba Cloud asks for them."""
    for prefix in ("+86", "0086"):
        phone = phone.removeprefix(prefix)
    return phone


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
