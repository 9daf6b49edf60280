"""What a register on another machine says of one plate."""

import json
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from pipeline.events.violation import VehicleClass
from pipeline.notify.contacts import (
    Contact,
    RegisterUnavailableError,
    parse_colour,
    parse_phone,
    parse_push,
)

__all__ = ["RegisterAnswer", "contact_from"]


def _known_class(told: object) -> object:
    """Another word than ours counts as not said: it must not stop a reminder."""
    return told if isinstance(told, str) and told in set(VehicleClass) else None


def _as_text(told: object) -> object:
    return json.dumps(told) if isinstance(told, Mapping) else told


class RegisterAnswer(BaseModel):
    """One contact, as an HTTP service or a query tells it; more fields may stand there.

    Attributes:
        phone: Empty or null where the register knows none.
        opted_out: Must be there, so that a slip in its name is noticed; null means no.
        vehicle_class: One of our classes.
        colour: In the register's words.
        push: A browser's subscription, as an object or as its JSON text.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, coerce_numbers_to_str=True
    )

    phone: str | None
    opted_out: bool | None
    vehicle_class: Annotated[VehicleClass | None, BeforeValidator(_known_class)] = None
    colour: str | None = None
    push: Annotated[str | None, BeforeValidator(_as_text)] = None

    def contact(self) -> Contact | None:
        """The contact; None where there is no phone.

        Raises:
            ValueError: the phone, the colour or the subscription is none.
        """
        if not (self.phone or "").strip():
            return None
        return Contact(
            phone=parse_phone(self.phone or ""),
            is_opted_out=bool(self.opted_out),
            vehicle_class=self.vehicle_class,
            colour=parse_colour(self.colour or ""),
            push=parse_push(self.push or ""),
        )

    @classmethod
    def read(cls, told: Mapping[str, object]) -> Self:
        """Check the fields' types.

        Raises:
            ValueError: something is missing or of another type; the words quote no value.
        """
        try:
            return cls.model_validate(told)
        except ValidationError as exc:
            errors = exc.errors(include_input=False, include_url=False, include_context=False)
            places = {".".join(map(str, error["loc"])): error["msg"] for error in errors}
        raise ValueError("; ".join(f"{place}: {said}" for place, said in places.items()))


def contact_from(register: str, told: Mapping[str, object]) -> Contact | None:
    """The contact that a register's fields tell of.

    Raises:
        RegisterUnavailableError: nobody can read them; names the fields, never their values.
    """
    try:
        return RegisterAnswer.read(told).contact()
    except ValueError as exc:
        raise RegisterUnavailableError(f"{register}: its answer cannot be read: {exc}") from exc
