"""Providers that answer as documented, behind a transport instead of a network."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import httpx

from pipeline.notify.address import AddressForm, ChannelAddress

SECRET = "made-up-secret"
TOKEN = "made-up-token"

Scripted = httpx.Response | Exception


def a_file(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text + "\n", encoding="utf-8")
    return file


def with_secrets(folder: Path, url: str) -> str:
    """A URL whose `{secret}` and `{token}` are files."""
    secret = a_file(folder, "secret", SECRET)
    token = a_file(folder, "token", TOKEN)
    return url.format(secret=f"secret_file={secret}", token=f"callback_token_file={token}")


def an_address(folder: Path, url: str, form: AddressForm) -> ChannelAddress:
    return ChannelAddress.parse(with_secrets(folder, url), form)


@dataclass
class FakeProvider:
    """Records what is asked, and answers with what a test has scripted, or by itself."""

    scripted: list[Scripted] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    @property
    def request(self) -> httpx.Request:
        """The last one."""
        return self.requests[-1]

    def answer(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.scripted:
            scripted = self.scripted.pop(0)
            if isinstance(scripted, Exception):
                raise scripted
            return scripted
        return self.answer(request)


@dataclass
class FakeGateway(FakeProvider):
    """A gateway of our own form that knows keys."""

    taken: dict[str, str] = field(default_factory=dict)
    states: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            key = json.loads(request.content)["key"]
            self.taken.setdefault(key, f"gw-{len(self.taken) + 1}")
            return httpx.Response(202, json={"id": self.taken[key]})
        key = request.url.params.get("key")
        if key is not None:
            found = {"id": self.taken[key]} if key in self.taken else None
            return _or(found, "unknown_key")
        name = request.url.path.rpartition("/")[2]
        known = {"id": name, "status": "accepted", "at": "2026-03-02T04:00:00Z"}
        found = self.states.get(name, known if name in self.taken.values() else {})
        return _or(found or None, "unknown_id")


def _or(found: Mapping[str, str] | None, code: str) -> httpx.Response:
    return (
        httpx.Response(404, json={"code": code})
        if found is None
        else httpx.Response(200, json=found)
    )


@dataclass
class FakeAliyun(FakeProvider):
    """Both products; what was sent is listed with its state, calls by their number."""

    sent: list[dict[str, str]] = field(default_factory=list)
    states: dict[str, tuple[int, str]] = field(default_factory=dict)
    calls: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = {name: value[0] for name, value in self.asked(request).items()}
        operations: dict[str, Callable[[dict[str, str]], dict[str, object]]] = {
            "SendSms": self._send,
            "QuerySendDetails": self._list,
            "SingleCallByTts": self._call,
            "QueryCallDetailByCallId": self._detail,
        }
        told = operations[request.headers["x-acs-action"]](asked)
        return httpx.Response(200, json={"Code": "OK", "Message": "OK", "RequestId": "R", **told})

    def asked(self, request: httpx.Request) -> dict[str, list[str]]:
        return parse_qs(request.url.query.decode(), strict_parsing=True)

    def _send(self, asked: dict[str, str]) -> dict[str, object]:
        self.sent.append(asked)
        return {"BizId": f"9006195{len(self.sent)}^0"}

    def _list(self, asked: dict[str, str]) -> dict[str, object]:
        found = [one for one in self.sent if one["PhoneNumbers"] == asked["PhoneNumber"]]
        size, page = int(asked["PageSize"]), int(asked["CurrentPage"])
        details = [
            {
                "Content": "【某某交警】...",
                "ErrCode": self.states.get(one["OutId"], (1, ""))[1],
                "OutId": one["OutId"],
                "PhoneNum": one["PhoneNumbers"],
                "ReceiveDate": "2026-03-02 12:00:09",
                "SendDate": "2026-03-02 12:00:01",
                "SendStatus": self.states.get(one["OutId"], (1, ""))[0],
                "TemplateCode": one["TemplateCode"],
            }
            for one in found[(page - 1) * size : page * size]
        ]
        return {"TotalCount": str(len(found)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": details}}

    def _call(self, asked: dict[str, str]) -> dict[str, object]:
        self.sent.append(asked)
        return {"CallId": f"11601235414{len(self.sent)}^10281"}

    def _detail(self, asked: dict[str, str]) -> dict[str, object]:
        detail = self.calls.get(asked["CallId"])
        return {} if detail is None else {"Data": json.dumps(detail)}


@dataclass
class FakeTencent(FakeProvider):
    """Both products; of an SMS is listed what a carrier has told."""

    sent: dict[str, str] = field(default_factory=dict)
    told: list[dict[str, object]] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        match request.headers["x-tc-action"]:
            case "SendSms":
                context = asked["SessionContext"]
                serial = f"5000:{len(self.sent) + 1}"
                self.sent[context] = serial
                status = {"SerialNo": serial, "Fee": 1, "SessionContext": context}
                status |= {"Code": "Ok", "Message": "send success", "IsoCode": "CN"}
                return tencent({"SendStatusSet": [status]})
            case "SendTtsVoice":
                context = asked["SessionContext"]
                self.sent[context] = f"12582bce-{len(self.sent) + 1}"
                status = {"CallId": self.sent[context], "SessionContext": context}
                return tencent({"SendStatus": status})
            case _:
                return tencent({"PullSmsSendStatusSet": self.told})


def tencent(response: Mapping[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"Response": {**response, "RequestId": "R"}})


def tencent_error(code: str) -> httpx.Response:
    return tencent({"Error": {"Code": code, "Message": "13800000001 鄂A12345"}})


def aliyun_error(code: str, status: int = 200) -> httpx.Response:
    told = {"Code": code, "Message": "13800000001 鄂A12345", "RequestId": "R"}
    return httpx.Response(status, json=told)


PAGE = "<html><body>13800000001 鄂A12345</body></html>"
