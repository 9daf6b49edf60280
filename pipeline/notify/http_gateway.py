"""A gateway of our own documented form: an operator's for SMS or voice, a city's app.

Its form is in docs/channels.md: signed JSON in both directions, and a key with each message.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.clock import Clock
from pipeline.notify.address import AddressForm, ChannelAddress
from pipeline.notify.callbacks import read_body
from pipeline.notify.channel import (
    Accepted,
    Answer,
    Callback,
    Message,
    Refused,
    SendResult,
    Sent,
)
from pipeline.notify.codes import Codes, delivered, permanent, technical, temporary
from pipeline.notify.provider import Provider, Transport
from pipeline.notify.signed_body import BodySigner
from pipeline.reminder import Failure, Receipt

__all__ = ["CODES", "HTTP_SCHEMES", "HttpGateway"]

_FORM = AddressForm(
    example="sms+https://HOST/PATH?secret_file=FILE",
    needed=frozenset({"secret_file"}),
    known=frozenset({"knows_keys", "callback_window_s"}),
)
HTTP_SCHEMES = tuple(
    f"{kind}+{scheme}" for kind in ("sms", "voice", "push") for scheme in ("https", "http")
)
"""Schemes of its URLs; http only where the gateway is on this machine."""

_WINDOW_S = 300
_NOT_FOUND = 404

_Form = TypeVar("_Form", bound=BaseModel)

CODES = {
    **temporary("phone_off", "busy", "no_answer", "expired"),
    **permanent("no_such_number", "suspended_number", "blocked", "opted_out", "device_gone"),
    **technical("signature", "balance", "limit", "template", "invalid", "internal"),
}


class _Status(StrEnum):
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


class _Taken(BaseModel):
    id: str = Field(min_length=1, max_length=200)


class _NotTaken(BaseModel):
    code: str


class _State(BaseModel):
    """What became of a message; `code` says why it failed."""

    id: str
    status: _Status
    at: AwareDatetime
    code: str = "internal"


class _Told(BaseModel):
    """What a driver answered."""

    model_config = ConfigDict(extra="forbid")

    id: str
    answer: str = Field(min_length=1, max_length=200)
    at: AwareDatetime


_EVENTS = TypeAdapter[list[_State | _Told]](list[_State | _Told])


class HttpGateway:
    """Hands messages to a gateway over HTTP."""

    form = _FORM

    def __init__(
        self,
        address: ChannelAddress,
        *,
        clock: Clock,
        transport: Transport | None = None,
    ) -> None:
        """Speak to the gateway at `address`; `transport` stands in for the network, in tests."""
        self.name = address.kind
        self.is_repeatable = address.is_on("knows_keys")
        self._address = address
        self._url = address.origin + address.path
        self._provider = Provider(str(address), transport=transport)
        self._signer = BodySigner(
            channel=str(address),
            secret=address.needed_secret("secret_file"),
            clock=clock,
            window=timedelta(seconds=address.number("callback_window_s", _WINDOW_S)),
        )
        self._codes = Codes(channel=str(address), table=CODES)

    def send(self, message: Message) -> SendResult:
        """POST it; see `Channel.send`."""
        wording = self._address.wording_of(message)
        if isinstance(wording, Refused):
            return wording
        body = json.dumps(
            {
                "key": message.key,
                "to": message.phone,
                "text": message.text,
                "template": wording.template,
                "fields": wording.fields,
            },
            ensure_ascii=False,
        ).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": message.key,
            **self._signer.headers(body),
        }
        answer = self._provider.hand_over(self._url, body=body, headers=headers)
        if not answer.is_good:
            not_taken = answer.read(_NotTaken)
            if not_taken is None:
                return Refused(detail=f"HTTP {answer.status}", failure=Failure.TECHNICAL)
            return self._codes.refused(not_taken.code)
        taken = answer.read(_Taken)
        if taken is None:
            raise self._provider.unreadable(answer)
        return Accepted(provider_ref=taken.id)

    def look_up(self, message: Message, *, since: datetime) -> Accepted | None:  # noqa: ARG002
        """GET by key; see `Channel.look_up`."""
        taken = self._get(f"?{urlencode({'key': message.key})}", _Taken, unless="unknown_key")
        return None if taken is None else Accepted(provider_ref=taken.id)

    def fetch_receipt(self, sent: Sent) -> Receipt | None:
        """GET by the gateway's own id; see `Channel.fetch_receipt`."""
        state = self._get(f"/{quote(sent.provider_ref, safe='')}", _State, unless="unknown_id")
        return None if state is None else self._receipt(sent.provider_ref, state)

    def read_callback(self, callback: Callback) -> Sequence[Receipt | Answer]:
        """A signed array of states and answers; see `Channel.read_callback`."""
        self._signer.check(callback)
        told: list[Receipt | Answer] = []
        for event in read_body(callback, _EVENTS, channel=str(self._address)):
            if isinstance(event, _Told):
                told.append(Answer(provider_ref=event.id, text=event.answer))
            elif receipt := self._receipt(event.id, event):
                told.append(receipt)
        return told

    def _get(self, target: str, form: type[_Form], *, unless: str) -> _Form | None:
        """What stands at a target; None where the gateway says `unless`, and only there."""
        answer = self._provider.ask("GET", self._url + target, headers=self._signer.headers(b""))
        found = answer.read(form) if answer.is_good else None
        if found is not None:
            return found
        not_taken = answer.read(_NotTaken)
        if answer.status == _NOT_FOUND and not_taken is not None and not_taken.code == unless:
            return None
        # A page of some proxy that says 404 says nothing of a message.
        raise self._provider.unknown(answer)

    def _receipt(self, provider_ref: str, state: _State) -> Receipt | None:
        match state.status:
            case _Status.ACCEPTED:
                return None
            case _Status.DELIVERED:
                return delivered(provider_ref, at=state.at)
            case _Status.FAILED:
                return self._codes.failed(provider_ref, state.code, at=state.at)
