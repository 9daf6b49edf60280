"""Requests to Tencent Cloud, signed in its version 3 (TC3-HMAC-SHA256).

Source: Tencent Cloud, "签名方法 v3" (signature v3) and "公共错误码" (common error codes).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, Field, SecretStr

from pipeline.clock import Clock
from pipeline.notify.address import ChannelAddress
from pipeline.notify.channel import ChannelUnavailableError, Refused, SendUncertainError
from pipeline.notify.codes import Codes, technical
from pipeline.notify.provider import Provider, ProviderAnswer, Transport
from pipeline.reminder import Failure

__all__ = ["COMMON_CODES", "TencentAccount", "TencentApi", "international_number"]

_ALGORITHM = "TC3-HMAC-SHA256"
_TYPE = "application/json; charset=utf-8"
_SIGNED = "content-type;host;x-tc-action"
_REGION = "ap-guangzhou"

COMMON_CODES = technical(
    "ActionOffline",
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.InvalidSecretId",
    "AuthFailure.MFAFailure",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure",
    "AuthFailure.UnauthorizedOperation",
    "FailedOperation",
    "FailedOperation.ContainSensitiveWord",
    "FailedOperation.FailResolvePacket",
    "FailedOperation.JsonParseFail",
    "FailedOperation.ParametersOtherError",
    "FailedOperation.TemplateIncorrectOrUnapproved",
    "InternalError.RequestTimeException",
    "InternalError.RestApiInterfaceNotExist",
    "InternalError.SigVerificationFail",
    "InvalidAction",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.ContentLengthLimit",
    "InvalidRequest",
    "IpInBlacklist",
    "IpNotInWhitelist",
    "LimitExceeded",
    "LimitExceeded.DeliveryFrequencyLimit",
    "MissingParameter",
    "NoSuchProduct",
    "NoSuchVersion",
    "UnauthorizedOperation",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedRegion",
)
_THROTTLED = "RequestLimitExceeded"
# It gave up waiting for those behind it, who may have taken the message.
_UNCERTAIN = {
    "FailedOperation.AccessUpstreamTimeout",
    "InternalError",
    "InternalError.AccessUpstreamTimeout",
    "InternalError.SendAndRecvFail",
    "InternalError.Timeout",
    "InternalError.UpstreamError",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TencentAccount:
    """Who we are at one product's server.

    Attributes:
        host: The server, as in the header `Host`; its first part names the product.
        version: Of the product's operations.
        region: Where they are done.
        secret_id: The name of our key.
        secret: Our key.
    """

    host: str
    version: str
    region: str
    secret_id: str
    secret: SecretStr

    def sign(self, action: str, body: bytes, *, at: datetime) -> dict[str, str]:
        """The headers of a POST to `/` with a body.

        Args:
            action: The operation.
            body: Its parameters, as JSON.
            at: Now; what is more than five minutes off is refused.
        """
        service, timestamp = self.host.partition(".")[0], str(int(at.timestamp()))
        lines = f"content-type:{_TYPE}\nhost:{self.host}\nx-tc-action:{action.lower()}\n"
        hashed_body = hashlib.sha256(body).hexdigest()
        canonical = "\n".join(["POST", "/", "", lines, _SIGNED, hashed_body])
        day = at.strftime("%Y-%m-%d")
        scope = f"{day}/{service}/tc3_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = "\n".join([_ALGORITHM, timestamp, scope, hashed])
        key = b"TC3" + self.secret.get_secret_value().encode()
        for part in (day, service, "tc3_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return {
            "Authorization": (
                f"{_ALGORITHM} Credential={self.secret_id}/{scope}, "
                f"SignedHeaders={_SIGNED}, Signature={signature}"
            ),
            "Content-Type": _TYPE,
            "Host": self.host,
            "X-TC-Action": action,
            "X-TC-Region": self.region,
            "X-TC-Timestamp": timestamp,
            "X-TC-Version": self.version,
        }


class _Error(BaseModel):
    code: str = Field(alias="Code")


class _Failed(BaseModel):
    error: _Error = Field(alias="Error")


Form = TypeVar("Form", bound=BaseModel)


class _Answer(BaseModel, Generic[Form]):
    response: Form = Field(alias="Response")


class TencentApi:
    """The operations of one product."""

    def __init__(
        self,
        address: ChannelAddress,
        *,
        version: str,
        codes: Codes,
        clock: Clock,
        transport: Transport | None,
    ) -> None:
        """Speak to the product at `address`."""
        self._url = f"{address.origin}/"
        self._account = TencentAccount(
            host=address.host,
            version=version,
            region=address.options.get("region", _REGION),
            secret_id=address.user,
            secret=address.needed_secret("secret_file"),
        )
        self._codes = codes
        self._clock = clock
        self._provider = Provider(str(address), transport=transport)

    def hand_over(
        self, action: str, parameters: Mapping[str, object], form: type[Form]
    ) -> Form | Refused:
        """Give it a message.

        Raises:
            ChannelUnavailableError: certainly not taken; try again later.
            SendUncertainError: perhaps taken.
        """
        body = _json(parameters)
        headers = self._account.sign(action, body, at=self._clock.now())
        answer = self._provider.hand_over(self._url, body=body, headers=headers)
        failed = _code_of(answer)
        if failed is not None:
            return self.refused(failed)
        if not answer.is_good:
            return Refused(detail=f"HTTP {answer.status}", failure=Failure.TECHNICAL)
        taken = answer.read(_Answer[form])  # type: ignore[valid-type]
        if taken is None:
            raise self._provider.unreadable(answer)
        return taken.response

    def refused(self, code: str) -> Refused:
        """What a code says of a message.

        Raises:
            ChannelUnavailableError: certainly not taken; try again later.
            SendUncertainError: perhaps taken.
        """
        if code.startswith(_THROTTLED):
            raise ChannelUnavailableError(f"{self._codes.channel}: throttled")
        if code in _UNCERTAIN:
            raise SendUncertainError(f"{self._codes.channel}: {code}")
        return self._codes.refused(code)

    def ask(self, action: str, parameters: Mapping[str, object], form: type[Form]) -> Form:
        """Ask it something.

        Raises:
            ChannelUnavailableError: no answer; ask again later.
        """
        body = _json(parameters)
        headers = self._account.sign(action, body, at=self._clock.now())
        answer = self._provider.ask("POST", self._url, body=body, headers=headers)
        failed = _code_of(answer)
        found = answer.read(_Answer[form]) if answer.is_good else None  # type: ignore[valid-type]
        if failed is not None:
            self._codes.refused_question(failed)
        if failed is not None or found is None:
            raise self._provider.unknown(answer)
        return found.response


def international_number(phone: str) -> str:
    """A number with its country, as Tencent Cloud asks for it: +8613800000001."""
    if phone.startswith("+"):
        return phone
    return f"+86{phone.removeprefix('0086')}"


def _code_of(answer: ProviderAnswer) -> str | None:
    failed = answer.read(_Answer[_Failed])
    return None if failed is None else failed.response.error.code


def _json(parameters: Mapping[str, object]) -> bytes:
    return json.dumps(parameters, ensure_ascii=False).encode()
