"""What a provider's codes mean: tables of the documented ones; any other is for staff to see."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.notify.channel import Refused
from pipeline.reminder import DeliveryStatus, Failure, Receipt

__all__ = ["Codes", "delivered", "permanent", "technical", "temporary"]

log = logging.getLogger(__name__)

_CODE = re.compile(r"[A-Za-z0-9_.:\-]{1,80}")
_NUMBER = re.compile(r"\d{7}")


def temporary(*codes: str) -> dict[str, Failure]:
    """Codes after which another try may reach the phone."""
    return dict.fromkeys(codes, Failure.TEMPORARY)


def permanent(*codes: str) -> dict[str, Failure]:
    """Codes after which this number is not reached in this way."""
    return dict.fromkeys(codes, Failure.PERMANENT)


def technical(*codes: str) -> dict[str, Failure]:
    """Codes after which staff must look."""
    return dict.fromkeys(codes, Failure.TECHNICAL)


def delivered(provider_ref: str, *, at: datetime) -> Receipt:
    """A message that reached the phone."""
    return Receipt(provider_ref=provider_ref, status=DeliveryStatus.DELIVERED, provider_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The codes of one provider, and what we say of a message because of one.

    Attributes:
        channel: Its name in messages.
        table: The documented codes; any other is technical, and staff are told.
    """

    channel: str
    table: Mapping[str, Failure]

    def refused(self, code: str) -> Refused:
        """The provider does not take a message."""
        return Refused(detail=_shown(code), failure=self._failure(code))

    def failed(self, provider_ref: str, code: str, *, at: datetime) -> Receipt:
        """A message that was taken did not reach the phone."""
        return Receipt(
            provider_ref=provider_ref,
            status=DeliveryStatus.FAILED,
            provider_at=at,
            failure=self._failure(code),
            detail=_shown(code),
        )

    def refused_question(self, code: str) -> None:
        """Tell staff that the provider does not even answer; a message is not harmed."""
        extra = {"channel": self.channel, "code": _shown(code)}
        log.warning("provider refused a question", extra=extra)

    def _failure(self, code: str) -> Failure:
        failure = self.table.get(code)
        if failure is None:
            extra = {"channel": self.channel, "code": _shown(code)}
            log.error("unknown code of a provider", extra=extra)
            return Failure.TECHNICAL
        return failure


def _shown(code: str) -> str:
    """The code, where it may be recorded: what looks like the number of a phone is not."""
    return code if _CODE.fullmatch(code) and not _NUMBER.search(code) else "unreadable code"
