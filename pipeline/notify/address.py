"""Where a provider is and how to get in, from one URL that holds no secret."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from pipeline.errors import PermanentError
from pipeline.notify.channel import Message, Refused
from pipeline.reminder import Failure

__all__ = ["AddressForm", "ChannelAddress", "Wording"]

log = logging.getLogger(__name__)

_TEMPLATE, _FIELDS, _KEY = "template.", "fields.", "key."
_REMINDER = "reminder"
_PRESSED = re.compile(r"[0-9*#]{1,10}")
_LOCAL = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressForm:
    """What the URLs of one kind of channel look like.

    Attributes:
        example: A whole URL, for messages.
        needed: Options that must be there.
        known: Options that may be.
        has_user: Whether we are somebody there, told before the `@`.
        needs_template: Whether the provider takes approved wordings only, so that
            `template.reminder` must be there.
        has_order: Whether it takes the fields of a wording by their place, so that
            `fields.reminder` must be there too.
        has_host: Whether the URL names a server.
        has_keys: Whether a driver may press keys, so that `key.N` has a meaning.
    """

    example: str
    needed: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    has_user: bool = False
    needs_template: bool = False
    has_order: bool = False
    has_host: bool = True
    has_keys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A message as a provider with approved wordings takes it; fields in the provider's order."""

    template: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAddress:
    """A provider and our place there.

    Attributes:
        form: Of its URL.
        scheme: As in the URL: `sms+aliyun`.
        origin: Scheme, host and port of the server: `https://dysmsapi.aliyuncs.com`.
        host: What stands in the header `Host`.
        path: What follows the host, without a slash at its end.
        user: Who we are there; empty where nobody asks.
        options: The rest of the URL, without the templates.
        templates: Our names of wordings to the provider's.
        fields: Our names of wordings to the names of their fields, in the provider's order.
        keys: What a driver presses to what it means; empty where it tells us nothing.
    """

    form: AddressForm
    scheme: str
    origin: str
    host: str
    path: str
    user: str
    options: Mapping[str, str]
    templates: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The address in messages."""
        return f"channel {self.scheme} {self.host}".rstrip()

    @property
    def kind(self) -> str:
        """How it reaches a driver: sms, voice or push."""
        return self.scheme.partition("+")[0]

    def number(self, name: str, default: int) -> int:
        """An option that is a whole number above zero.

        Raises:
            PermanentError: it is something else.
        """
        value = self.options.get(name, str(default))
        if not value.isdecimal() or int(value) < 1:
            raise PermanentError(f"{self}: {name}: give a number, 1 or more")
        return int(value)

    def is_on(self, name: str) -> bool:
        """An option that is `true` or `false`; left out, it is false.

        Raises:
            PermanentError: it is something else.
        """
        value = self.options.get(name, "false")
        if value not in {"true", "false"}:
            raise PermanentError(f"{self}: {name}: use true or false")
        return value == "true"

    def secret(self, name: str) -> SecretStr | None:
        """What is in the file that an option names; None where the option is left out.

        Raises:
            PermanentError: the file cannot be read, or nothing is in it.
        """
        file = self.options.get(name)
        if file is None:
            return None
        try:
            text = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            said = exc.strerror if isinstance(exc, OSError) else "not a text"
            raise PermanentError(f"{self}: {name} {file}: {said}") from exc
        if not text:
            raise PermanentError(f"{self}: {name} {file}: nothing is in it")
        return SecretStr(text)

    def needed_secret(self, name: str) -> SecretStr:
        """What is in the file that an option names.

        Raises:
            PermanentError: no such option or file, or nothing is in it.
        """
        secret = self.secret(name)
        if secret is None:
            raise PermanentError(f"{self}: needs ?{name}=FILE")
        return secret

    def wording_of(self, message: Message) -> Wording | Refused:
        """What to tell the provider instead of the text; refused where the URL has no word for it.

        Where nothing is said of its fields, all of them are told by name.
        """
        name = message.template
        template = self.templates.get(name, "" if self.form.needs_template else name)
        if not template:
            return self._unworded(f"{_TEMPLATE}{name}: not in the channel's URL")
        names = self.fields.get(name, None if self.form.has_order else tuple(message.fields))
        if names is None:
            return self._unworded(f"{_FIELDS}{name}: not in the channel's URL")
        missing = [one for one in names if one not in message.fields]
        if missing:
            return self._unworded(f"{_FIELDS}{name}: a message has no field {missing[0]!r}")
        return Wording(template=template, fields={one: message.fields[one] for one in names})

    def _unworded(self, detail: str) -> Refused:
        log.error("no wording for a message", extra={"channel": str(self), "detail": detail})
        return Refused(detail=detail, failure=Failure.TECHNICAL)

    def answer_of(self, pressed: str) -> str | None:
        """What a driver means who pressed keys, at last; None where it means nothing."""
        if not _PRESSED.fullmatch(pressed):
            return None
        return self.keys.get(pressed, self.keys.get(pressed[-1], pressed)) or None

    @classmethod
    def parse(cls, url: str, form: AddressForm) -> "ChannelAddress":
        """Read `SCHEME://[USER@]HOST[:PORT][/PATH][?OPTION=VALUE&...]`.

        Raises:
            PermanentError: another form, an unknown or missing option, or a secret in the URL.
                What may be a secret is never repeated.
        """
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
        shown = f"channel {parts.scheme}://{host}"
        if ":" in user or (user and not form.has_user):
            raise PermanentError(f"{shown}: no secret in a URL; use {form.example}")
        if bool(host) != form.has_host or bool(user) != form.has_user or parts.fragment:
            raise PermanentError(f"{shown}: use {form.example}")
        scheme = "http" if parts.scheme.endswith("+http") else "https"
        if scheme == "http" and parts.hostname not in _LOCAL:
            raise PermanentError(f"{shown}: without TLS only on this machine; use {form.example}")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        templates, fields = _taken(options, _TEMPLATE), _taken(options, _FIELDS)
        keys = _taken(options, _KEY) if form.has_keys else {}
        _check(shown, form, options)
        if form.needs_template and not templates.get(_REMINDER):
            raise PermanentError(f"{shown}: needs ?{_TEMPLATE}{_REMINDER}=...; use {form.example}")
        if form.has_order and _REMINDER not in fields:
            raise PermanentError(f"{shown}: needs ?{_FIELDS}{_REMINDER}=...; use {form.example}")
        return cls(
            form=form,
            scheme=parts.scheme,
            origin=f"{scheme}://{host}" if host else "",
            host=host,
            path=parts.path.rstrip("/"),
            user=user,
            options=options,
            templates=templates,
            fields={
                name: tuple(one for one in value.split(",") if one)
                for name, value in fields.items()
            },
            keys=keys,
        )


def _taken(options: dict[str, str], prefix: str) -> dict[str, str]:
    names = [name for name in options if name.startswith(prefix)]
    return {name.removeprefix(prefix): options.pop(name) for name in names}


def _check(shown: str, form: AddressForm, options: Mapping[str, str]) -> None:
    unknown = sorted(set(options) - form.needed - form.known)
    if unknown:
        raise PermanentError(
            f"{shown}: option {unknown[0]!r} has no meaning here; "
            f"known: {', '.join(sorted(form.needed | form.known))}"
        )
    missing = sorted(name for name in form.needed if not options.get(name))
    if missing:
        raise PermanentError(f"{shown}: needs ?{missing[0]}=...; use {form.example}")
