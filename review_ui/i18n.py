"""Texts of the pages in both languages, from texts/<language>.toml."""

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from review_ui.errors import MissingTextError

__all__ = ["Language", "Texts", "load_texts"]

_FOLDER = Path(__file__).parent / "texts"


class Language(StrEnum):
    """Languages of the product; every text exists in all of them."""

    ZH = "zh-CN"
    EN = "en"

    @property
    def other(self) -> "Language":
        """The language that the switch in the header offers."""
        return Language.EN if self is Language.ZH else Language.ZH


class Texts:
    """The texts of one language by dotted key, such as `queue.title`."""

    def __init__(self, language: Language, entries: Mapping[str, str]) -> None:
        """Keep `entries`, whose `{fields}` are filled on use."""
        self.language = language
        self._entries = dict(entries)

    def t(self, key: str, **fields: object) -> str:
        """The text for `key` with its fields filled.

        Raises:
            MissingTextError: there is no such text, or it wants a field that was not given.
        """
        text = self.find(key, **fields)
        if text is None:
            raise MissingTextError(f"no text {key!r} in {self.language}")
        return text

    def find(self, key: str, **fields: object) -> str | None:
        """The text for `key`, or None: for words that come from a rulebook or an older version."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        try:
            return entry.format(**fields)
        except KeyError as exc:
            raise MissingTextError(f"text {key!r} in {self.language} wants field {exc}") from exc


def _flatten(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


@cache
def load_texts(language: Language) -> Texts:
    """The texts of one language, read once."""
    with (_FOLDER / f"{language}.toml").open("rb") as file:
        return Texts(language, dict(_flatten(tomllib.load(file))))
