"""A register behind an HTTP service: one question for each plate.

`GET URL?plate=PLATE` with `Authorization: Bearer TOKEN` is answered with status 200 and JSON:

    {"contact": {"phone": "13800000001", "opted_out": false, "vehicle_class": "car",
                 "colour": "white", "push": {"endpoint": "https://...", "keys": {...}}}}

or `{"contact": null}` where the register knows none. `vehicle_class`, `colour` and `push` may be
left out. Everything else, 404 and redirections too, means that nobody knows: a wrong path must not
look like a city without contacts.
"""

import json
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import httpx

from pipeline.notify.contacts import Contact, ContactBookError, RegisterUnavailableError
from pipeline.notify.registers.address import RegisterAddress
from pipeline.notify.registers.answer import contact_from

__all__ = ["HttpsContactBook"]

# It logs every address at INFO, and ours hold plates.
logging.getLogger("httpx").setLevel(logging.WARNING)

_LOCAL = {"127.0.0.1", "::1", "localhost"}
_LARGEST_ANSWER = 64 * 1024
_FIXES = {
    401: "; is the token right?",
    403: "; is the token right?",
    404: '; is the path right? no contact is said as {"contact": null}',
}


class HttpsContactBook:
    """Asks a service; see this module's first words for what it must answer."""

    def __init__(self, address: RegisterAddress) -> None:
        """Be ready to ask; the service need not answer yet.

        Raises:
            ContactBookError: a file cannot be read, or the URL would send plates in the clear.
        """
        self._register = str(address)
        self._url = _checked(address)
        self._token_file = address.files["token_file"]
        try:
            _token(self._token_file)
        except ValueError as exc:
            raise ContactBookError(f"{address}: token_file {self._token_file}: {exc}") from exc
        self._timeout_s = address.timeout_s
        self._client = httpx.Client(
            verify=_trusted(self._register, address.files.get("ca_file")),
            timeout=address.timeout_s,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def find(self, plate_text: str) -> Contact | None:
        """The contact of a plate; see `ContactBook.find`."""
        try:
            # Read each time, so that another token needs no new start.
            token = _token(self._token_file)
            status, body = self._get(plate_text, token)
        except ValueError as exc:
            raise RegisterUnavailableError(f"{self._register}: the token: {exc}") from exc
        except (httpx.HTTPError, OSError) as exc:
            # The words of a library may quote the address, which holds the plate.
            kind = type(exc).__name__
        else:
            if status != httpx.codes.OK:
                told = f"answered {status}{_FIXES.get(status, '')}"
                raise RegisterUnavailableError(f"{self._register}: {told}")
            return self._read(body)
        raise RegisterUnavailableError(f"{self._register}: no answer ({kind})")

    def _get(self, plate_text: str, token: str) -> tuple[int, bytes]:
        # The client's own limit is for each piece, so one that drips needs another.
        until_s = monotonic() + 2 * self._timeout_s
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        url = self._url.copy_merge_params({"plate": plate_text})
        body = b""
        with self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                return answer.status_code, b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST_ANSWER:
                    raise RegisterUnavailableError(
                        f"{self._register}: its answer is longer than {_LARGEST_ANSWER} bytes"
                    )
                if monotonic() > until_s:
                    raise httpx.ReadTimeout("too slow")
        return answer.status_code, body

    def _read(self, body: bytes) -> Contact | None:
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if not isinstance(told, Mapping) or "contact" not in told:
            raise RegisterUnavailableError(
                f"{self._register}: its answer cannot be read: not JSON with a field contact"
            )
        contact = told["contact"]
        if contact is None:
            return None
        if not isinstance(contact, Mapping):
            raise RegisterUnavailableError(
                f"{self._register}: its answer cannot be read: contact is no object"
            )
        return contact_from(self._register, contact)


def _checked(address: RegisterAddress) -> httpx.URL:
    try:
        url = httpx.URL(address.target)
    except httpx.InvalidURL as exc:
        raise ContactBookError(f"{address}: no URL; use https://HOST/PATH") from exc
    if url.userinfo:
        raise ContactBookError(f"{address}: no secret in a URL; use ?token_file=FILE")
    if not url.host or (address.scheme == "http" and url.host not in _LOCAL):
        raise ContactBookError(f"{address}: use https://HOST/PATH; http only on this machine")
    return url


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="ascii").strip()
    except OSError as exc:
        raise ValueError(exc.strerror) from exc
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise ValueError("it must hold one word of ASCII characters")
    return token


def _trusted(register: str, ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        is_other = isinstance(exc, ssl.SSLError)
        why = "not a certificate in PEM" if is_other else exc.strerror
        raise ContactBookError(f"{register}: ca_file {ca_file}: {why}") from exc
