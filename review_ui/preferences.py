"""What a browser has chosen: language, theme, and whether the demo's guide is hidden."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from review_ui.i18n import Language

__all__ = [
    "GUIDE_COOKIE",
    "LANGUAGE_COOKIE",
    "THEME_COOKIE",
    "Preferences",
    "Theme",
    "language_of",
    "local_path",
    "read_preferences",
]

LANGUAGE_COOKIE = "rf_language"
THEME_COOKIE = "rf_theme"
GUIDE_COOKIE = "rf_guide"


class Theme(StrEnum):
    """Colours of the pages; `auto` follows the machine."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The choices of one browser."""

    language: Language
    theme: Theme
    is_guide_hidden: bool


def language_of(text: str | None) -> Language | None:
    """The language named `text`, or None."""
    return next((one for one in Language if one.value == text), None)


def read_preferences(
    query: Mapping[str, str], cookies: Mapping[str, str], *, default: Language
) -> Preferences:
    """What the address (`?lang=`) and the cookies say; what they do not say is the default."""
    language = language_of(query.get("lang")) or language_of(cookies.get(LANGUAGE_COOKIE))
    theme = next((one for one in Theme if one.value == cookies.get(THEME_COOKIE)), Theme.AUTO)
    return Preferences(
        language=language or default,
        theme=theme,
        is_guide_hidden=cookies.get(GUIDE_COOKIE) == "hidden",
    )


def local_path(text: str, *, default: str = "/") -> str:
    """`text` when it is a path on this host, else `default`: nobody is sent elsewhere."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\"))
    is_plain = all(character.isprintable() and character != "\\" for character in text)
    return text if is_local and is_plain else default
