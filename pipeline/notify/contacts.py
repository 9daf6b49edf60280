"""Plate to registered contact, and who does not want to be reminded."""

import json
import re
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from pipeline.errors import PermanentError, RetryableError
from pipeline.events.violation import VehicleClass

__all__ = [
    "COLOUR_LENGTH",
    "Contact",
    "ContactBook",
    "ContactBookError",
    "RegisterUnavailableError",
    "mask_phone",
    "parse_colour",
    "parse_phone",
    "parse_push",
]

COLOUR_LENGTH = 40
"""The most characters that the name of a colour may have."""

_FILLING = re.compile(r"[\s()-]")
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_SHORT = 8


class ContactBookError(PermanentError):
    """A register, or what is needed to ask it, cannot be used as it is given."""


class RegisterUnavailableError(RetryableError):
    """A register did not answer, or nobody can read what it said: who has a contact is not known.

    Its words name the register and the reason, never a plate or a phone.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to remind, and what the register says of the vehicle; nothing personal prints itself.

    Attributes:
        phone: The number.
        is_opted_out: Does not want to be reminded.
        is_doubtful: Whoever was reminded said that the vehicle is not theirs.
        vehicle_class: As registered; None where the register does not say.
        colour: As registered, in the register's words; None where it does not say.
        push: A browser's subscription to push messages, as its JSON text.
    """

    phone: SecretStr
    is_opted_out: bool = False
    is_doubtful: bool = False
    vehicle_class: VehicleClass | None = None
    colour: str | None = None
    push: SecretStr | None = None

    @property
    def masked(self) -> str:
        """The number as pages may show it."""
        return mask_phone(self.phone.get_secret_value())


class ContactBook(Protocol):
    """A register of vehicle contacts; it may be asked by several threads."""

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; None when the register knows none.

        Raises:
            RegisterUnavailableError: the register cannot tell now.
        """
        ...


def mask_phone(phone: str) -> str:
    """First three and last two digits: 138******01; of a short number only the last two."""
    head = phone[:3] if len(phone) >= _SHORT else ""
    return f"{head}{'*' * (len(phone) - len(head) - 2)}{phone[-2:]}"


def parse_phone(raw: str) -> SecretStr:
    """A number without what people put between its digits.

    Raises:
        ValueError: it is none; the words do not repeat it.
    """
    phone = _FILLING.sub("", raw)
    if not _PHONE.fullmatch(phone):
        raise ValueError("the phone is no number" if phone else "no phone")
    return SecretStr(phone)


def parse_push(raw: str) -> SecretStr | None:
    """A browser's subscription; None for an empty text.

    Raises:
        ValueError: it is none; the words do not repeat it.
    """
    if not raw.strip():
        return None
    try:
        subscription = json.loads(raw)
    except ValueError:
        subscription = None
    match subscription:
        case {"endpoint": str()}:
            return SecretStr(json.dumps(subscription, sort_keys=True))
        case _:
            raise ValueError("push is not the JSON of a browser's subscription")


def parse_colour(raw: str) -> str | None:
    """A colour in the register's words; None for an empty text.

    Raises:
        ValueError: no colour has such a long name.
    """
    colour = raw.strip()
    if len(colour) > COLOUR_LENGTH:
        raise ValueError(f"the colour has more than {COLOUR_LENGTH} characters")
    return colour or None
