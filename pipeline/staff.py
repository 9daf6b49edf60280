"""The people who decide, and what entitles them to."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NewType

from pipeline.errors import PermanentError

__all__ = ["NotQualifiedError", "Qualification", "Reviewer", "ReviewerId", "Role"]

ReviewerId = NewType("ReviewerId", str)
"""A person who is signed in; only `review_ui/auth.py` makes one."""


class NotQualifiedError(PermanentError):
    """This person may not decide cases today."""


class Role(StrEnum):
    """What a person may do; an administrator decides no case."""

    OPERATOR = "operator"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualification:
    """A law-enforcement qualification; `valid_until` is its last day.

    Source: Administrative Penalty Law of China (2021), article 42.
    """

    number: str
    valid_from: date
    valid_until: date

    def is_valid_on(self, day: date) -> bool:
        """Whether it entitles on `day`, a day at the site."""
        return self.valid_from <= day <= self.valid_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """A member of staff."""

    id: ReviewerId
    name: str
    unit: str
    roles: frozenset[Role]
    qualification: Qualification | None = None

    def require_may_decide(self, day: date) -> None:
        """Pass when this person may decide cases on `day`.

        Raises:
            NotQualifiedError: not a reviewer, or no valid qualification.
        """
        if Role.REVIEWER not in self.roles:
            raise NotQualifiedError(f"{self.id} is not a reviewer")
        if self.qualification is None:
            raise NotQualifiedError(f"{self.id} holds no qualification")
        if not self.qualification.is_valid_on(day):
            raise NotQualifiedError(
                f"{self.id}: qualification {self.qualification.number} is valid "
                f"{self.qualification.valid_from} to {self.qualification.valid_until}, not on {day}"
            )
