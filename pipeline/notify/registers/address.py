"""Where a register is, from one URL that holds no secret."""

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from pipeline.notify.contacts import ContactBookError

__all__ = ["RegisterAddress", "anchored", "scheme_of"]

_FORMS = {
    "csv": "csv:FILE",
    "sql": "sql:SQLALCHEMY-URL?query_file=FILE",
    "https": "https://HOST/PATH?token_file=FILE",
    "http": "https://HOST/PATH?token_file=FILE",
    "table": "table:",
}
_ANY_FORM = f"use {', '.join(dict.fromkeys(_FORMS.values()))} or the path of a CSV file"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
_CACHE = ("cache_none_s", "cache_s", "cache_size")
_KNOWN = {
    "sql": ("password_file", "query_file", "timeout_s", *_CACHE),
    "https": ("ca_file", "timeout_s", "token_file", *_CACHE),
    "http": ("timeout_s", "token_file", *_CACHE),
}
_NEEDED = {"sql": "query_file", "https": "token_file", "http": "token_file"}
_TIMEOUT_S = 2.0
_CACHE_S = 60.0
_CACHE_NONE_S = 10.0
_CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAddress:
    """A register on another machine, and how it is asked.

    Attributes:
        scheme: `sql`, `https` or `http`.
        target: The URL without our options.
        files: The options that name files.
        timeout_s: Seconds to connect, and seconds to wait for an answer.
        cache_s: Seconds for which a contact is kept; 0 for none.
        cache_none_s: Seconds for which it is kept that there is no contact.
        cache_size: The most answers that are kept.
    """

    scheme: str
    target: str
    files: dict[str, Path]
    timeout_s: float = _TIMEOUT_S
    cache_s: float = _CACHE_S
    cache_none_s: float = _CACHE_NONE_S
    cache_size: int = _CACHE_SIZE

    def __str__(self) -> str:
        """The register in messages: no user, no options."""
        return f"register {_shown(self.target)}"

    @classmethod
    def parse(cls, url: str) -> "RegisterAddress":
        """Read a URL of the scheme `sql`, `https` or `http`.

        Options of ours are taken from its query; all others are the register's own.

        Raises:
            ContactBookError: an option is missing or impossible; names it.
        """
        scheme = scheme_of(url)
        rest = url.partition(":")[2] if scheme == "sql" else url
        base, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        ours = {name: options.pop(name) for name in _KNOWN[scheme] if name in options}
        shown = f"register {_shown(base)}"
        if not ours.get(_NEEDED[scheme]):
            raise ContactBookError(f"{shown}: needs ?{_NEEDED[scheme]}=FILE; {_form(scheme)}")
        cache_s = _number(shown, ours, "cache_s", _CACHE_S)
        return cls(
            scheme=scheme,
            target=f"{base}?{urlencode(options)}" if options else base,
            files={name: Path(told) for name, told in ours.items() if name.endswith("_file")},
            timeout_s=_number(shown, ours, "timeout_s", _TIMEOUT_S, least=0.01),
            cache_s=cache_s,
            cache_none_s=_number(shown, ours, "cache_none_s", min(_CACHE_NONE_S, cache_s)),
            cache_size=int(_number(shown, ours, "cache_size", _CACHE_SIZE, least=1)),
        )


def scheme_of(url: str) -> str:
    """How a register is opened: `csv`, also for a plain path, `sql`, `https`, `http` or `table`.

    Raises:
        ContactBookError: empty, or a URL of another kind.
    """
    found = _SCHEME.match(url)
    scheme = found[1] if found else ""
    if scheme in _FORMS:
        return scheme
    if not url or "://" in url:
        # The rest of an address that is none may hold a password.
        raise ContactBookError(f"contacts {scheme!r}: {_ANY_FORM}")
    return "csv"


def anchored(url: str, folder: Path) -> str:
    """The same register with its files' relative paths beginning at `folder`."""
    scheme = scheme_of(url)
    if scheme == "csv":
        return str(folder / url.removeprefix("csv:"))
    base, _, query = url.partition("?")
    if not query:
        return url
    options = [
        (name, str(folder / told) if told and name in _KNOWN.get(scheme, ()) else told)
        if name.endswith("_file")
        else (name, told)
        for name, told in parse_qsl(query, keep_blank_values=True)
    ]
    return f"{base}?{urlencode(options, safe='/')}"


def _form(scheme: str) -> str:
    return f"use {_FORMS[scheme]}"


def _shown(base: str) -> str:
    scheme, _, rest = base.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _number(
    shown: str, options: dict[str, str], name: str, default: float, *, least: float = 0.0
) -> float:
    try:
        number = float(options.get(name, default))
    except ValueError:
        number = -1.0
    if not isfinite(number) or number < least:
        raise ContactBookError(f"{shown}: {name}: give a number, {least:g} or more")
    return number
