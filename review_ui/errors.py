"""Errors of the web pages."""

from datetime import datetime

__all__ = [
    "CsrfError",
    "MissingTextError",
    "NotSignedInError",
    "PortInUseError",
    "ReviewUiError",
    "SignInBrakedError",
    "SignInRefusedError",
]


class ReviewUiError(Exception):
    """Base of everything the web pages raise on purpose."""


class MissingTextError(ReviewUiError):
    """A page asks for a text that no text file has."""


class NotSignedInError(ReviewUiError):
    """The page is for staff, and nobody is signed in."""


class CsrfError(ReviewUiError):
    """A form came without the token of this browser."""


class SignInRefusedError(ReviewUiError):
    """Unknown person or wrong password; the two are never told apart."""


class SignInBrakedError(ReviewUiError):
    """Too many wrong passwords for this name."""

    def __init__(self, until: datetime) -> None:
        """Say when the next try is heard."""
        super().__init__(f"no further try before {until}")
        self.until = until


class PortInUseError(ReviewUiError):
    """Another program listens on the wanted port."""
