"""HTTP to a provider: its time-outs, and what a failure says of a message. httpx lives here."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pipeline.notify.channel import ChannelUnavailableError, SendUncertainError

__all__ = ["Provider", "ProviderAnswer", "Transport"]

Transport = httpx.BaseTransport
"""Stands in for the network, in tests."""

Form = TypeVar("Form", bound=BaseModel)

# 3 s to connect, 10 s in all where the provider is silent: well within the minute of a claim.
_TIMEOUT = httpx.Timeout(7.0, connect=3.0)
_TOTAL_S = 10.0
# A connection that was kept may be closed at the other end just as a message goes out on it, and
# nobody could tell whether it was taken.
_LIMITS = httpx.Limits(max_keepalive_connections=0)
_MOST_BYTES = 256 * 1024
_BUSY = {408, 425, 429}
_GATEWAY_TIMEOUT = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What a provider answered: 2xx or 4xx."""

    status: int
    text: str = field(repr=False)

    @property
    def is_good(self) -> bool:
        """Whether the status says that all went well."""
        return httpx.codes.is_success(self.status)

    def read(self, form: type[Form]) -> Form | None:
        """The body as JSON of a form; None when it is something else, such as a page."""
        try:
            return form.model_validate_json(self.text)
        except ValidationError:
            return None


class Provider:
    """One provider's server. Messages of errors name the channel and the status, nothing more."""

    def __init__(self, channel: str, *, transport: Transport | None = None) -> None:
        """Speak to a provider as `channel`, which is its name in messages.

        Args:
            channel: Its name in messages.
            transport: Stands in for the network, in tests.
        """
        self._channel = channel
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            limits=_LIMITS,
            headers={"Accept-Encoding": "identity", "Connection": "close"},
            transport=transport,
        )

    def hand_over(
        self, url: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> ProviderAnswer:
        """Give the provider a message, with POST; 2xx or 4xx come back.

        Raises:
            ChannelUnavailableError: certainly not taken; try again later.
            SendUncertainError: perhaps taken.
        """
        try:
            answer = self._exchange("POST", url, body, headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise ChannelUnavailableError(f"{self._channel}: cannot connect") from exc
        except httpx.RequestError as exc:
            raise self._uncertain(f"no answer ({type(exc).__name__})") from exc
        if answer.status == _GATEWAY_TIMEOUT:
            # Whoever stands before the provider gave up waiting for it.
            raise self._uncertain(f"HTTP {answer.status}")
        self._check(answer)
        return answer

    def ask(
        self, method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> ProviderAnswer:
        """Ask the provider something; 2xx or 4xx come back.

        Raises:
            ChannelUnavailableError: no answer; ask again later.
        """
        try:
            answer = self._exchange(method, url, body, headers)
        except httpx.RequestError as exc:
            raise ChannelUnavailableError(
                f"{self._channel}: no answer ({type(exc).__name__})"
            ) from exc
        self._check(answer)
        return answer

    def unreadable(self, answer: ProviderAnswer) -> SendUncertainError:
        """The error for a good status without a readable body: perhaps taken."""
        return SendUncertainError(f"{self._channel}: HTTP {answer.status}, unreadable answer")

    def unknown(self, answer: ProviderAnswer) -> ChannelUnavailableError:
        """The error for an answer that does not answer what was asked."""
        return ChannelUnavailableError(f"{self._channel}: HTTP {answer.status}, unreadable answer")

    def _check(self, answer: ProviderAnswer) -> None:
        is_client_error = httpx.codes.is_client_error(answer.status)
        if answer.is_good or (is_client_error and answer.status not in _BUSY):
            return
        raise ChannelUnavailableError(f"{self._channel}: HTTP {answer.status}")

    def _uncertain(self, what: str) -> SendUncertainError:
        return SendUncertainError(f"{self._channel}: {what}")

    def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> ProviderAnswer:
        ends_at = time.monotonic() + _TOTAL_S
        request = self._client.build_request(method, url, content=body, headers=headers)
        response = self._client.send(request, stream=True)
        try:
            received = bytearray()
            for part in response.iter_bytes():
                received += part
                if len(received) > _MOST_BYTES:
                    received.clear()
                    break
                if time.monotonic() > ends_at:
                    raise httpx.ReadTimeout("too slow", request=request)
        finally:
            response.close()
        return ProviderAnswer(
            status=response.status_code, text=received.decode("utf-8", errors="replace")
        )
